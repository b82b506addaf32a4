#include "llm/model_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/digest.h"
#include "base/rng.h"
#include "base/text.h"
#include "llm/asking.h"
#include "llm/judge_batches.h"
#include "llm/judge_talk.h"
#include "llm/make_judge.h"
#include "llm/model_arm.h"

// A sample is judged batch by batch, one conversation each. An answer that
// does not hold what was asked for is asked for once more. A batch in which
// the hidden anchors are scored wrongly is asked once more from the start, in
// another order; then the judge is not to be believed, and the sample is lost.
// Nothing of a lost sample counts but its price.

namespace coppice::llm {
namespace {

constexpr std::chrono::seconds kBatchLimit{300};
constexpr int kBatchTries = 2;
constexpr int kOutputTokens = 4000;  // a model may think first
constexpr int kTokensPerItem = 250;
// Streams of random numbers, so that no two orders are drawn from one.
constexpr std::int64_t kBatchesPerGroup = 1 << 24;
constexpr std::int64_t kGroupsPerSample = 1 << 10;

using Scores = std::map<std::string, ItemScore>;  // by id

// The calls of one sample. What is on record belongs to samples that were
// taken before: each one is judged anew.
class NewCalls final : public CallLog {
 public:
  explicit NewCalls(CallLog& log) : log_(log) {}

  // The next conversation counts its turns from 0.
  void Begin() { begun_ = turns_; }

  const Answered* Past(int) const override { return nullptr; }
  Task<bool> Ask(Asked asked) override {
    asked.turn += begun_;
    turns_ = asked.turn + 1;
    co_return co_await log_.Ask(std::move(asked));
  }
  void Answer(Answered answered) override {
    answered.turn += begun_;
    log_.Answer(std::move(answered));
  }
  bool closed() const override { return log_.closed(); }

 private:
  CallLog& log_;
  int begun_ = 0;
  int turns_ = 0;
};

// What a batch came to.
struct BatchEnd {
  std::vector<ItemScore> scores;  // in the order of its entries, if any
  std::string lost;
  std::string cause;
};

class ModelJudge final : public Judge {
 public:
  ModelJudge(std::unique_ptr<Endpoint> endpoint, JudgeParts parts)
      : spec_(parts.spec),
        endpoint_(std::move(endpoint)),
        clock_(parts.clock),
        requests_(parts.requests),
        rubric_(std::move(parts.rubric)),
        strata_rubrics_(std::move(parts.strata_rubrics)),
        drawn_(std::move(parts.drawn)) {
    std::set<std::string> fields;
    for (const std::string& name : spec::JudgeNames(spec_)) {
      if (auto field = spec::FieldOf(name)) fields.insert(std::move(*field));
    }
    fields_.assign(fields.begin(), fields.end());
  }

  Task<Judged> Score(JudgeRequest request, CallLog& log) override;
  const Draws& drawn() const override { return drawn_; }

 private:
  // Items that one rubric is for.
  struct Group {
    JudgeTask task;
    std::vector<BatchEntry> items;
  };

  std::vector<Group> Due(const std::vector<DrawnItem>& drawn,
                         const JudgeRequest& request, Scores& known) const;
  const std::string& RubricOf(const std::string& bucket) const;
  Task<BatchEnd> AskBatch(const JudgeTask& task,
                          std::vector<BatchEntry> entries, NewCalls& log);
  Task<BatchEnd> AskOnce(const JudgeTask& task,
                         const std::vector<BatchEntry>& entries, NewCalls& log,
                         Instant deadline);
  Task<Heard> Hear(Asking& asking, const std::vector<Utterance>& said,
                   CallLog& log, Instant deadline);
  static std::string KeyOf(const JudgeTask& task, const std::string& text) {
    return Sha256Hex(task.rubric + '\0' + text);
  }

  // Constant after construction.
  const spec::Spec& spec_;
  const std::unique_ptr<Endpoint> endpoint_;
  Clock& clock_;
  Semaphore& requests_;
  const std::string rubric_;
  const std::vector<std::string> strata_rubrics_;  // "" = the common one
  std::vector<std::string> fields_;

  // What it has seen.
  Draws drawn_;
  std::unordered_map<std::string, ItemScore> seen_;  // by rubric and text
};

const std::string& ModelJudge::RubricOf(const std::string& bucket) const {
  const std::vector<spec::Stratum>& strata = spec_.judge->strata;
  for (std::size_t i = 0; i < strata.size(); ++i) {
    if (strata[i].bucket == bucket && !strata_rubrics_[i].empty()) {
      return strata_rubrics_[i];
    }
  }
  return rubric_;
}

// The drawn items that the candidate has and whose score is not known, by
// rubric. What is known goes into `known`.
std::vector<ModelJudge::Group> ModelJudge::Due(
    const std::vector<DrawnItem>& drawn, const JudgeRequest& request,
    Scores& known) const {
  std::map<std::string_view, const JudgeItem*> items;
  for (const JudgeItem& item : request.items) items[item.id] = &item;
  std::vector<Group> groups;
  for (const DrawnItem& wanted : drawn) {
    const auto found = items.find(wanted.id);
    if (found == items.end()) continue;
    const std::string& rubric = RubricOf(wanted.bucket);
    auto group = std::ranges::find_if(
        groups, [&](const Group& g) { return g.task.rubric == rubric; });
    if (group == groups.end()) {
      groups.push_back({{rubric, spec::ScaleOf(spec_), fields_}, {}});
      group = std::prev(groups.end());
    }
    const std::string& text = found->second->text;
    const auto before = seen_.find(KeyOf(group->task, text));
    if (!request.fresh && before != seen_.end()) {
      known[wanted.id] = before->second;
    } else {
      group->items.push_back({wanted.id, text, std::nullopt});
    }
  }
  return groups;
}

Task<Judged> ModelJudge::Score(JudgeRequest request, CallLog& log) {
  Judged judged;
  if (drawn_.first.empty()) {
    Result<Draws> draws = DrawItems(*spec_.judge, request.items);
    if (!draws) {
      judged.lost = draws.error().Text();
      co_return judged;
    }
    drawn_ = std::move(*draws);
  }
  const std::vector<DrawnItem>& drawn =
      request.second ? drawn_.second : drawn_.first;
  if (drawn.empty()) {
    judged.lost = "the base has no items left for a second draw";
    co_return judged;
  }
  Scores scores;
  double shift = 0;
  int anchors = 0;
  NewCalls calls(log);
  std::int64_t stream = request.sample * kGroupsPerSample * kBatchesPerGroup;
  for (Group& group : Due(drawn, request, scores)) {
    stream += kBatchesPerGroup;
    for (std::vector<BatchEntry>& batch :
         MakeBatches(*spec_.judge, std::move(group.items), stream)) {
      BatchEnd end = co_await AskBatch(group.task, batch, calls);
      if (end.scores.empty()) {
        judged.lost = std::move(end.lost);
        judged.cause = std::move(end.cause);
        co_return judged;
      }
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (batch[i].known) {
          shift += end.scores[i].score - *batch[i].known;
          ++anchors;
          continue;
        }
        seen_.insert_or_assign(KeyOf(group.task, batch[i].text), end.scores[i]);
        scores[batch[i].id] = std::move(end.scores[i]);
      }
    }
  }
  judged.metrics = Aggregate(spec_, drawn, scores);
  if (anchors > 0) judged.metrics["judge_anchor_shift"] = shift / anchors;
  co_return judged;
}

Task<BatchEnd> ModelJudge::AskBatch(const JudgeTask& task,
                                    std::vector<BatchEntry> entries,
                                    NewCalls& log) {
  const Instant deadline = clock_.Now() + kBatchLimit;
  BatchEnd end;
  for (int tries = 0; tries < kBatchTries; ++tries) {
    // A list read backwards is another order for every pair in it; the scores
    // are put back.
    if (tries > 0) std::ranges::reverse(entries);
    end = co_await AskOnce(task, entries, log, deadline);
    if (end.scores.empty()) co_return end;
    const auto off = AnchorsOff(entries, end.scores, task.scale);
    if (tries > 0) std::ranges::reverse(end.scores);
    if (!off) co_return end;
    end.scores.clear();
    end.lost = fmt::format("the judge is not to be believed: {}", *off);
  }
  co_return end;
}

// One conversation: the question, and once more if the answer is none.
Task<BatchEnd> ModelJudge::AskOnce(const JudgeTask& task,
                                   const std::vector<BatchEntry>& entries,
                                   NewCalls& log, Instant deadline) {
  log.Begin();
  Call call;
  call.temperature = 0;
  call.schema = AnswerSchema(task);
  call.max_output_tokens =
      kOutputTokens + kTokensPerItem * static_cast<int>(entries.size());
  const auto seed = static_cast<std::uint64_t>(spec_.judge->seed);
  Asking asking({.endpoint = *endpoint_,
                 .clock = clock_,
                 .requests = requests_,
                 .log = log,
                 .model = spec_.judge->model,
                 .request_limit = kBatchLimit,
                 .deadline = deadline,
                 .backoff = Rng::Stream(seed, 0, "judge backoff")},
                std::move(call));
  std::vector<Utterance> said = JudgePrompt(task, entries);
  BatchEnd end;
  for (int tries = 0; tries < 2; ++tries) {
    const Heard heard = co_await Hear(asking, said, log, deadline);
    if (heard.unavailable) {
      end.cause = heard.unavailable->cause;
      end.lost = fmt::format("the judge cannot be asked: {} {}", end.cause,
                             heard.unavailable->reason);
      co_return end;
    }
    if (heard.too_long || !heard.refusal.empty()) {
      end.lost = fmt::format(
          "the judge gives no answer: {}",
          heard.too_long ? "its context is too short for a batch; lower "
                           "judge.batch_size"
                         : heard.refusal);
      co_return end;
    }
    std::string wrong = fmt::format("it is {}", heard.stop);
    if (heard.stop == "complete") {
      auto scores = ReadScores(heard.text, task, entries.size());
      if (auto* all = std::get_if<std::vector<ItemScore>>(&scores)) {
        end.scores = std::move(*all);
        co_return end;
      }
      wrong = std::get<std::string>(scores);
    }
    end.lost = fmt::format("the judge gives no valid answer: {}", wrong);
    if (!heard.text.empty()) said.push_back({Speaker::kAssistant, heard.text});
    said.push_back({Speaker::kUser,
                    fmt::format("That is no valid answer: {}. Answer again "
                                "with the whole JSON object and nothing else.",
                                wrong)});
  }
  co_return end;
}

// An outage is waited for as long as the batch may take.
Task<Heard> ModelJudge::Hear(Asking& asking, const std::vector<Utterance>& said,
                             CallLog& log, Instant deadline) {
  while (true) {
    Heard heard = co_await asking.Ask(said, "judge");
    const bool out = heard.unavailable && heard.unavailable->cause == "outage";
    if (!out || log.closed()) co_return heard;
    const auto next = endpoint_->breaker().RestsUntil(clock_.Now());
    if (!next || *next >= deadline) co_return heard;
    while (clock_.Now() < *next && !log.closed()) {
      co_await clock_.SleepFor(std::chrono::seconds(1));
    }
  }
}

Error Unpriced(const std::string& model) {
  return Error{.code = ErrorCode::kCheck,
               .what = fmt::format("judge.max_cost_usd cannot be kept: the "
                                   "price of {} is not known",
                                   model),
               .cause = "it is neither in --prices nor in the table of models",
               .next =
                   "give --prices FILE, or set judge.max_cost_usd: null and "
                   "budget.max_tokens"};
}

}  // namespace

std::unique_ptr<Judge> MakeModelJudge(std::unique_ptr<Endpoint> endpoint,
                                      JudgeParts parts) {
  return std::make_unique<ModelJudge>(std::move(endpoint), std::move(parts));
}

Result<MadeJudge> MakeJudge(const spec::Spec& spec, const ProposerParts& parts,
                            std::string rubric,
                            std::vector<std::string> strata_rubrics,
                            Draws drawn) {
  spec::ModelArm arm;
  arm.model = spec.judge->model;
  Result<MadeEndpoint> made = MakeEndpoint(arm, "judge", parts);
  if (!made) return made.error();
  const bool capped = spec.judge->max_cost_usd || spec.budget.max_cost_usd;
  if (capped && !made->endpoint->profile().price && !parts.offline) {
    return Unpriced(arm.model);
  }
  MadeJudge judge;
  judge.description = std::move(made->description);
  judge.endpoint = made->endpoint.get();
  judge.judge = MakeModelJudge(std::move(made->endpoint),
                               {.spec = spec,
                                .clock = parts.clock,
                                .requests = parts.requests,
                                .rubric = std::move(rubric),
                                .strata_rubrics = std::move(strata_rubrics),
                                .drawn = std::move(drawn)});
  return judge;
}

}  // namespace coppice::llm

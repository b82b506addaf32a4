#include "llm/model_judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/digest.h"
#include "llm/judge_batches.h"
#include "llm/judge_seat.h"
#include "llm/make_judge.h"
#include "llm/model_arm.h"

// A sample is judged batch by batch, by each model of the panel in turn. The
// panel's judgement of an item is the median of theirs, and none of them may be
// left out: what two of three say is another instrument than what three say, so
// a sample that one of them does not judge is lost.

namespace coppice::llm {
namespace {

// Streams of random numbers, so that no two orders are drawn from one.
constexpr std::int64_t kBatchesPerGroup = 1 << 24;
constexpr std::int64_t kGroupsPerSample = 1 << 10;

using Scores = std::map<std::string, ItemScore>;  // by id

class ModelJudge final : public Judge {
 public:
  ModelJudge(std::vector<std::unique_ptr<Endpoint>> endpoints, JudgeParts parts)
      : spec_(parts.spec),
        rubric_(std::move(parts.rubric)),
        strata_rubrics_(std::move(parts.strata_rubrics)),
        drawn_(std::move(parts.drawn)) {
    std::set<std::string> fields;
    for (const std::string& name : spec::JudgeNames(spec_)) {
      if (auto field = spec::FieldOf(name)) fields.insert(std::move(*field));
    }
    fields_.assign(fields.begin(), fields.end());
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      seats_.push_back(std::make_unique<JudgeSeat>(
          std::move(endpoints[i]),
          JudgeSeat::Parts{.model = spec_.judge->models[i],
                           .seed = spec_.judge->seed,
                           .clock = parts.clock,
                           .requests = parts.requests}));
    }
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
  Task<BatchEnd> AskAll(const JudgeTask& task,
                        const std::vector<BatchEntry>& batch, JudgeCalls& log);
  static std::string KeyOf(const JudgeTask& task, const BatchEntry& entry) {
    return Sha256Hex(task.rubric + '\0' + entry.text + '\0' + entry.against);
  }

  // Constant after construction.
  const spec::Spec& spec_;
  const std::string rubric_;
  const std::vector<std::string> strata_rubrics_;  // "" = the common one
  std::vector<std::string> fields_;
  std::vector<std::unique_ptr<JudgeSeat>> seats_;

  // What it has seen.
  Draws drawn_;
  std::unordered_map<std::string, ItemScore> seen_;  // by rubric and texts
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
      groups.push_back({{.rubric = rubric,
                         .scale = spec::ScaleOf(spec_),
                         .fields = fields_,
                         .pairs = spec::JudgesPairs(*spec_.judge)},
                        {}});
      group = std::prev(groups.end());
    }
    BatchEntry entry{
        .id = wanted.id, .text = found->second->text, .against = wanted.text};
    const auto before = seen_.find(KeyOf(group->task, entry));
    if (!request.fresh && before != seen_.end()) {
      known[wanted.id] = before->second;
    } else {
      group->items.push_back(std::move(entry));
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
  JudgeCalls calls(log);
  std::int64_t stream = request.sample * kGroupsPerSample * kBatchesPerGroup;
  for (Group& group : Due(drawn, request, scores)) {
    stream += kBatchesPerGroup;
    for (std::vector<BatchEntry>& batch :
         MakeBatches(*spec_.judge, std::move(group.items), stream)) {
      BatchEnd end = co_await AskAll(group.task, batch, calls);
      if (end.scores.empty()) {
        judged.lost = std::move(end.lost);
        judged.cause = std::move(end.cause);
        co_return judged;
      }
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (batch[i].known) {
          if (group.task.pairs) continue;
          shift += end.scores[i].score - *batch[i].known;
          ++anchors;
          continue;
        }
        seen_.insert_or_assign(KeyOf(group.task, batch[i]), end.scores[i]);
        scores[batch[i].id] = std::move(end.scores[i]);
      }
    }
  }
  judged.metrics = Aggregate(spec_, drawn, scores);
  if (anchors > 0) judged.metrics["judge_anchor_shift"] = shift / anchors;
  co_return judged;
}

Task<BatchEnd> ModelJudge::AskAll(const JudgeTask& task,
                                  const std::vector<BatchEntry>& batch,
                                  JudgeCalls& log) {
  std::vector<std::vector<ItemScore>> said;
  for (const std::unique_ptr<JudgeSeat>& seat : seats_) {
    BatchEnd end = co_await seat->Judge(task, batch, log);
    if (end.scores.empty()) {
      if (seats_.size() > 1) end.lost = seat->model() + ": " + end.lost;
      co_return end;
    }
    said.push_back(std::move(end.scores));
  }
  co_return BatchEnd{.scores = Middle(said), .lost = {}, .cause = {}};
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

std::unique_ptr<Judge> MakeModelJudge(
    std::vector<std::unique_ptr<Endpoint>> endpoints, JudgeParts parts) {
  return std::make_unique<ModelJudge>(std::move(endpoints), std::move(parts));
}

Result<MadeJudge> MakeJudge(const spec::Spec& spec, const ProposerParts& parts,
                            std::string rubric,
                            std::vector<std::string> strata_rubrics,
                            Draws drawn) {
  const bool capped = spec.judge->max_cost_usd || spec.budget.max_cost_usd;
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  std::vector<std::string> descriptions;
  for (const std::string& model : spec.judge->models) {
    spec::ModelArm arm;
    arm.model = model;
    Result<MadeEndpoint> made = MakeEndpoint(arm, "judge", parts);
    if (!made) return made.error();
    if (capped && !made->endpoint->profile().price && !parts.offline) {
      return Unpriced(model);
    }
    descriptions.push_back(std::move(made->description));
    endpoints.push_back(std::move(made->endpoint));
  }
  MadeJudge judge;
  judge.description = fmt::format("{}", fmt::join(descriptions, "; "));
  judge.judge = MakeModelJudge(std::move(endpoints),
                               {.spec = spec,
                                .clock = parts.clock,
                                .requests = parts.requests,
                                .rubric = std::move(rubric),
                                .strata_rubrics = std::move(strata_rubrics),
                                .drawn = std::move(drawn)});
  return judge;
}

}  // namespace coppice::llm

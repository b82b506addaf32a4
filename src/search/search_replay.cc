#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "search/search.h"

// A search made again from another's records, offline (`run --replay`). What
// came from outside is taken from the record at its place: answers, samples,
// what the user said, which arm was free. What this program decides is decided
// again at the same place: where to grow, what an answer's edits are, the
// commit, whether it is better, who wins; and has to come out the same. It is
// the code of a resumed search, which finds everything on record. The order of
// records fixes the state before each decision, so the number of workers plays
// no part.

namespace coppice::search {
namespace {

// Ends a replay; what differs is in the text.
struct Differs : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Phases passed when they passed before; nothing is ever measured.
class NoSession final : public eval::Session {
 public:
  Task<eval::Sample> Measure(eval::SampleRequest request) override {
    throw Differs(fmt::format("this program wants a further {} sample",
                              Name(request.phase)));
    co_return eval::Sample{};
  }
  Task<eval::Diagnosis> Diagnose() override {
    throw Differs("this program wants a further diagnosis");
    co_return eval::Diagnosis{};
  }
  int slot() const override { return 0; }
};

class NoEvaluator final : public eval::Evaluator {
 public:
  Task<eval::Opened> Open(const eval::Target&) override {
    eval::Opened opened;
    opened.session = std::make_unique<NoSession>();
    co_return opened;
  }
};

std::string Plan(const Selected& s) {
  std::string text = fmt::format("{} on", Name(s.op));
  for (AttemptId parent : s.parents) text += fmt::format(" {}", parent.value());
  return text + fmt::format(" in chain {}{}", s.chain,
                            s.history_withheld ? ", history withheld" : "");
}

std::string AskedText(const std::vector<llm::Utterance>& parts) {
  std::string text;
  for (const llm::Utterance& part : parts) text += part.text + '\0';
  return text;
}

bool IsOwnDecision(const Evaluated& e) {
  return MayBeImproved(e.outcome) || e.outcome == Outcome::kDegenerate;
}

}  // namespace

// The base is taken over: it was measured before anything was decided.
Task<Result<void>> Search::Replay(std::vector<search::Record> source) {
  NoEvaluator nobody;
  replay_ = Replaying{};
  measurer_ = std::make_unique<Measurer>(Measurer::Parts{
      parts_.executor, nobody, state_, nullptr, nullptr, parts_.evaluations,
      parts_.open_sessions, [this](Event e) { RecordDecision(std::move(e)); },
      [](const std::string&, const std::string& detail) {
        throw Differs(detail);
      }});
  draining_ = true;  // nobody is asked
  std::map<std::int64_t, std::vector<AttemptId>> prompts_due;
  for (const search::Record& record : source) {
    const auto* asked = std::get_if<Asked>(&record.event);
    if (asked != nullptr && asked->seen > 0) {
      prompts_due[asked->seen].push_back(asked->attempt);
    }
  }
  std::optional<Error> error;
  for (const search::Record& record : source) {
    if (std::holds_alternative<Started>(record.event)) continue;
    replay_->at = record.at;
    replay_->expected = &record.event;
    replay_->recorded = false;
    try {
      if (auto due = prompts_due.find(state_.last_seq());
          due != prompts_due.end()) {
        co_await BuildPrompts(due->second);
      }
      co_await Redo(record);
    } catch (const Differs& differs) {
      error = Error{.code = ErrorCode::kConflict,
                    .what = fmt::format("the replay differs at record {} ({})",
                                        record.seq, KindOf(record.event)),
                    .cause = differs.what(),
                    .next =
                        "the spec, the repository or the program is not "
                        "the one of the run"};
    }
    if (error) break;
  }
  co_await Flush();
  if (!state_.tree().empty()) co_await Publish();
  replay_.reset();
  if (error) co_return *error;
  co_return Ok();
}

Task<void> Search::Redo(const search::Record& record) {
  const Event& event = record.event;
  if (const auto* selected = std::get_if<Selected>(&event)) {
    if (selected->arm != "patch") RedoSelection(*selected);
    Record(event);
  } else if (const auto* asked = std::get_if<Asked>(&event)) {
    RedoPrompt(*asked);
    Record(event);
  } else if (const auto* made = std::get_if<Committed>(&event)) {
    co_await RedoCommit(*made);
  } else if (const auto* rejected = std::get_if<Rejected>(&event)) {
    co_await RedoRejection(*rejected);
  } else if (const auto* evaluated = std::get_if<Evaluated>(&event)) {
    // What a failed sample has decided stands on record.
    const bool failed = std::ranges::any_of(
        state_.samples_of(evaluated->node),
        [](const Sampled& s) { return s.sample.failure.has_value(); });
    const bool own =
        evaluated->node.value() != 0 && !failed && IsOwnDecision(*evaluated);
    if (own && !state_.Info(evaluated->node)->evaluated) {
      co_await measurer_->Evaluate(evaluated->node);
    } else {
      Record(event);
    }
  } else if (std::holds_alternative<Final>(event)) {
    const Consumption used = state_.Used(replay_->at);
    co_await measurer_->Race(
        budget_->FinalSamples(used, state_.noise().repeats));
  } else {
    Record(event);
  }
  if (replay_->expected != nullptr && !replay_->recorded) {
    throw Differs("this program came to no decision here");
  }
  if (state_.last_seq() != record.seq) {
    throw Differs("this program records something more here");
  }
}

void Search::RedoSelection(const Selected& wanted) {
  const std::optional<Expansion> mine = Choose(wanted.chain);
  if (!mine) throw Differs("the policy has nothing to try");
  Selected own = wanted;
  own.op = mine->op;
  own.history_withheld = mine->history_withheld;
  own.parents.clear();
  for (NodeId parent : mine->parents) {
    own.parents.push_back(state_.tree()[parent].attempt);
  }
  if (Plan(own) == Plan(wanted)) return;
  throw Differs(fmt::format("attempt {} was \"{}\", the policy now says \"{}\"",
                            wanted.attempt.value(), Plan(wanted), Plan(own)));
}

// Every prompt is a function of the records up to the one it names.
Task<void> Search::BuildPrompts(std::vector<AttemptId> attempts) {
  for (AttemptId attempt : attempts) {
    const auto key = std::pair(state_.last_seq(), attempt);
    if (replay_->prompts.contains(key)) continue;
    if (state_.Info(attempt) == nullptr) {
      throw Differs(
          fmt::format("attempt {} is asked about before it is "
                      "selected",
                      attempt.value()));
    }
    Result<llm::Request> request = co_await expander_->MakeRequest(attempt);
    if (!request) throw Differs(request.error().Text());
    std::vector<llm::Utterance> parts;
    for (const llm::PromptSection& section : request->prompt) {
      parts.push_back({llm::Speaker::kUser, section.text});
    }
    replay_->prompts.emplace(key, AskedText(parts));
  }
}

void Search::RedoPrompt(const Asked& wanted) {
  auto built = replay_->prompts.find(std::pair(wanted.seen, wanted.attempt));
  if (built == replay_->prompts.end()) return;
  // A server that found it too long got less of it.
  const InfoView info = state_.Info(wanted.attempt);
  for (const Turn& turn : info->turns) {
    const bool cut =
        turn.answered && turn.answered->stop.starts_with("failed: context");
    if (cut || (turn.answered && turn.answered->stop == "failed: too_large")) {
      return;
    }
  }
  if (!AskedText(wanted.prompt).starts_with(built->second)) {
    throw Differs(fmt::format("the prompt of attempt {} is another one",
                              wanted.attempt.value()));
  }
}

Task<void> Search::RedoCommit(const Committed& wanted) {
  const InfoView info = state_.Info(wanted.attempt);
  // The root, and patches from outside, stand in the record alone.
  if (info == nullptr || info->selected.arm == "patch" ||
      wanted.attempt.value() == 0) {
    if (wanted.attempt.value() != 0) lost_objects_ = {wanted};
    Record(wanted);
    co_await RestoreObjects();
    co_return;
  }
  const bool committed = co_await Make(wanted.attempt);
  if (!committed) throw Differs("this program makes no commit here");
  const auto node = state_.tree().Find(wanted.attempt);
  const ObjectId mine = state_.tree()[*node].commit;
  if (mine != wanted.commit) {
    throw Differs(fmt::format("node {} was commit {} and is {} now",
                              wanted.attempt.value(), wanted.commit.Hex(),
                              mine.Hex()));
  }
}

// An answer that came to nothing must come to the same nothing. Without an
// answer (the request failed) there is nothing to decide.
Task<void> Search::RedoRejection(const Rejected& wanted) {
  const InfoView info = state_.Info(wanted.attempt);
  const bool merge = info->selected.op == Operator::kMerge;
  const bool answered =
      !info->turns.empty() && info->turns.back().answered &&
      !info->turns.back().answered->stop.starts_with("failed");
  const Arm* arm = expander_->FindArm(info->selected.arm);
  const bool drawn = arm != nullptr && arm->proposer->redraws();
  if (!merge && !answered && !drawn) {
    Record(wanted);
    co_return;
  }
  const bool committed = co_await Make(wanted.attempt);
  if (committed || !state_.Info(wanted.attempt)->rejected) {
    throw Differs(fmt::format("attempt {} was rejected ({})",
                              wanted.attempt.value(), wanted.reason));
  }
}

// What a decision of this program comes to in a replay: it must be the
// recorded one, and the record goes on with its words (times, logs).
void Search::RecordDecision(Event mine) {
  const Event& wanted = *replay_->expected;
  if (mine.index() != wanted.index()) {
    throw Differs(
        fmt::format("this program records \"{}\" here", KindOf(mine)));
  }
  if (const auto* own = std::get_if<Evaluated>(&mine)) {
    const auto& theirs = std::get<Evaluated>(wanted);
    if (own->outcome != theirs.outcome || own->value != theirs.value) {
      throw Differs(fmt::format("node {} was {} ({}) and is {} ({}) now",
                                theirs.node.value(), Name(theirs.outcome),
                                theirs.reason, Name(own->outcome),
                                own->reason));
    }
  }
  if (const auto* own = std::get_if<Final>(&mine)) {
    const auto& theirs = std::get<Final>(wanted);
    if (own->winner != theirs.winner || own->confirmed != theirs.confirmed) {
      throw Differs(fmt::format("the winner was {} and is {} now",
                                theirs.winner.value(), own->winner.value()));
    }
  }
  Record(wanted);
}

}  // namespace coppice::search

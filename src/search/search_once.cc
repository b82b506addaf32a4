#include <fmt/format.h>

#include <utility>

#include "search/search.h"

// What is asked of a search besides the whole of it: to end what is open, to
// measure again, to make one attempt.

namespace coppice::search {

Task<Ending> Search::Finish() {
  co_await RestoreObjects();
  CloseOpenCalls();
  TaskGroup growing(parts_.executor);
  for (AttemptId open : state_.Open()) growing.Spawn(Grow(open));
  co_await growing.Join();
  co_await Flush();
  if (!ending_) ending_ = Ending{"evaluated", "what was open has ended", 0};
  Ending ending = Close();
  // There was no race, so there is nothing to confirm or not.
  if (ending.exit == 3 || ending.exit == 4) ending.exit = 0;
  co_return ending;
}

Task<Result<Ending>> Search::Remeasure(std::vector<AttemptId> nodes,
                                       int samples, SamplePhase phase) {
  for (AttemptId attempt : nodes) {
    const std::optional<NodeId> node = state_.tree().Find(attempt);
    if (!node || !state_.tree()[*node].value) {
      co_return Error{
          .code = ErrorCode::kUsage,
          .what = fmt::format("attempt {} has no value to measure again",
                              attempt.value()),
          .next = "see `coppice top` for those that have"};
    }
  }
  co_await RestoreObjects();
  co_await measurer_->Remeasure(std::move(nodes), samples, phase);
  if (!ending_) ending_ = Ending{"remeasured", "the samples are taken", 0};
  Ending ending = Close();
  if (ending.exit == 3 || ending.exit == 4) ending.exit = 0;
  co_return ending;
}

Task<bool> Search::Sample(AttemptId node) {
  if (!lost_objects_.empty()) co_await RestoreObjects();
  const auto taken = co_await measurer_->Again(node, SamplePhase::kConfirm);
  co_return taken != Measurer::Taken::kNone;
}

void Search::Rest() { measurer_->Rest(); }

Task<Result<AttemptId>> Search::Step(StepRequest request) {
  co_await RestoreObjects();
  CloseOpenCalls();
  std::optional<Expansion> expansion;
  if (request.parent) {
    std::optional<NodeId> node = state_.tree().Find(*request.parent);
    if (!node) {
      co_return Error{
          .code = ErrorCode::kNotFound,
          .what = fmt::format("attempt {} is no node", request.parent->value()),
          .next = "see `coppice tree`"};
    }
    const Node& parent = state_.tree()[*node];
    expansion.emplace();
    expansion->parents = {*node};
    expansion->chain = parent.chain;
    expansion->op = *node == state_.tree().root() ? Operator::kDraft
                    : parent.outcome && MayBeDebugged(*parent.outcome)
                        ? Operator::kDebug
                        : Operator::kImprove;
  } else {
    Rng rng = Rng::Stream(static_cast<std::uint64_t>(state_.start().seed),
                          state_.next_attempt().value(), "policy");
    expansion = policy_->Select(state_.View(0), rng);
    if (!expansion) {
      expansion.emplace();
      expansion->parents = {state_.tree().root()};
      expansion->op = Operator::kDraft;
    }
  }
  std::string name;
  if (request.proposal) {
    name = "patch";
    given_ = std::move(request.proposal);
  } else if (expansion->op != Operator::kMerge) {
    const auto reading = request.idea.empty() ? Expander::Reading::kAny
                                              : Expander::Reading::kPrompt;
    const Arm* arm = expander_->ChooseArm(expansion->op, reading);
    if (arm == nullptr) {
      co_return Error{
          .code = ErrorCode::kUsage,
          .what = fmt::format("no proposer can do {}", Name(expansion->op))};
    }
    name = arm->name;
  }
  const AttemptId attempt =
      Select(*expansion, std::move(name), std::move(request.idea));
  if (!request.measured.empty()) {
    Noted note;
    note.kind = "measured_elsewhere";
    note.attempt = attempt;
    note.text = std::move(request.measured);
    Record(std::move(note));
  }
  TaskGroup growing(parts_.executor);
  growing.Spawn(Grow(attempt));
  co_await growing.Join();
  co_await Flush();
  co_return attempt;
}

}  // namespace coppice::search

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "search/measurer.h"

// Questions to the host rather than to a candidate: is it still as fast as it
// was, is it still able to measure at all, and what do nodes measure now?

namespace coppice::search {
namespace {

constexpr double kLargeDrift = 0.10;

// What canaries are compared with: the baseline as the run began, not as it has
// become by meeting contenders, or else a host that changed would soon look as
// it always has. A user who resumes after a drift accepts the last canary.
double Undrifted(const State& state) {
  const NodeSamples* samples = state.measurements().Samples(AttemptId(0));
  if (samples == nullptr) return 0;
  const std::vector<double> canaries = samples->Scores(SamplePhase::kCanary);
  if (!canaries.empty()) return canaries.back();
  std::vector<double> scores = samples->Scores(SamplePhase::kBaseline);
  return scores.empty() ? 0 : state.measurements().Aggregate(std::move(scores));
}

}  // namespace

std::string Described(const eval::Failure& failure) {
  std::string text = failure.reason;
  const std::string last = LastLines(failure.tail, 1);
  if (!last.empty()) text += fmt::format(", \"{}\"", OneLine(last, 120));
  if (!failure.log.empty()) text += fmt::format(" (log: {})", failure.log);
  return text;
}

Task<void> Measurer::Canary() {
  const AttemptId root(0);
  Semaphore::Permit turn = co_await contenders_.Acquire();
  if (abandoned_) co_return;
  const State& state = parts_.state;
  if (!undrifted_) undrifted_ = Undrifted(state);
  const double before = *undrifted_;
  eval::SampleRequest request;
  request.phase = SamplePhase::kCanary;
  request.index = NextIndex(root, SamplePhase::kCanary);
  std::optional<eval::Sample> sample = co_await MeasureHeld(root, 1, request);
  if (!sample) co_return;
  if (sample->failure) {
    parts_.pause("drift",
                 "the baseline fails now: " + Described(*sample->failure));
    co_return;
  }
  const auto score = state.measurements().Score(sample->metrics);
  Sampled sampled;
  sampled.node = root;
  sampled.sample = std::move(*sample);
  parts_.record(std::move(sampled));
  const double drift = score ? std::abs(*score - before) : 0;
  const double tau = Threshold(state.spec().metric, state.noise(), before, 1);
  if (drift <= tau || drift == 0) {
    drifted_ = 0;
    co_return;
  }
  Noted note;
  note.kind = "canary";
  note.text = fmt::format("the baseline measured {} now and {} before",
                          FormatShort(*score), FormatShort(before));
  const std::string text = note.text;
  parts_.record(std::move(note));
  drifted_ = drift > kLargeDrift * std::abs(before) ? drifted_ + 1 : 0;
  if (drifted_ >= 2) parts_.pause("drift", text + ", for the second time");
}

Task<void> Measurer::Remeasure(std::vector<AttemptId> nodes, int samples,
                               SamplePhase phase) {
  for (int i = 0; i < samples; ++i) {
    for (AttemptId node : std::vector<AttemptId>(nodes)) {
      const Taken taken = co_await Again(node, phase);
      if (taken == Taken::kNone) co_return;
      if (taken == Taken::kFailed) std::erase(nodes, node);
    }
  }
  held_.clear();
}

Task<Measurer::Taken> Measurer::Again(AttemptId node, SamplePhase phase) {
  eval::SampleRequest request;
  request.phase = phase;
  request.index = NextIndex(node, phase);
  std::optional<eval::Sample> sample = co_await MeasureHeld(
      node, static_cast<std::size_t>(parts_.open_sessions), request);
  if (!sample) co_return Taken::kNone;
  const bool failed = sample->failure.has_value();
  Sampled sampled;
  sampled.node = node;
  sampled.sample = std::move(*sample);
  parts_.record(std::move(sampled));
  co_return failed ? Taken::kFailed : Taken::kYes;
}

Task<void> Measurer::CheckEnvironment() {
  const AttemptId root(0);
  Semaphore::Permit turn = co_await contenders_.Acquire();
  if (abandoned_) co_return;
  held_.clear();
  const std::vector<AttemptId> failures = parts_.state.environment_failures();
  if (failures.size() < 3) co_return;
  const std::string reason = parts_.state.Info(failures.back())->reason.str();
  eval::Target target;
  target.attempt = root;
  target.commit = parts_.state.base();
  eval::Opened opened = co_await parts_.evaluator.Open(target);
  if (abandoned_) co_return;
  bool healthy = !opened.failure;
  if (healthy) {
    eval::SampleRequest request;
    request.phase = SamplePhase::kCanary;
    request.index = NextIndex(root, SamplePhase::kCanary);
    const eval::Sample sample = co_await opened.session->Measure(request);
    if (abandoned_) co_return;
    healthy = !sample.failure;
  }
  if (!healthy) {
    parts_.pause("environment", reason);
    co_return;
  }
  Noted note;
  note.kind = "environment_ok";
  note.text = "the base still measures; the failures are the candidates' own";
  parts_.record(std::move(note));
}

}  // namespace coppice::search

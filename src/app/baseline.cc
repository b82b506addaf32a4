#include "app/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "app/cluster.h"
#include "base/text.h"
#include "eval/environment_error.h"
#include "report/views.h"
#include "search/decide.h"

namespace coppice::app {
namespace {

constexpr int kBaselineSamples = 5;

// R at which a given effect would stand above the noise term of τ(R).
int RepeatsFor(double effect, double noise) {
  return static_cast<int>(std::ceil(std::pow(6 * noise / effect, 2)));
}

eval::BaselineLock LockOf(const Project& project, const Workbench& bench,
                          const Baseline& baseline) {
  eval::BaselineLock lock;
  lock.base = project.base;
  lock.digest = bench.measuring_digest();
  for (const vcs::TreeEntry& entry : project.files) {
    if (std::ranges::binary_search(project.scope.immutable_files, entry.path)) {
      lock.immutable[entry.path] = entry.blob.Hex();
    }
  }
  for (const eval::Sample& sample : baseline.samples) {
    lock.samples.push_back(sample.metrics);
  }
  for (const eval::Sample& sample : baseline.holdout) {
    lock.holdout.push_back(sample.metrics);
  }
  const eval::BaselineReport& report = baseline.report;
  lock.median = report.median;
  lock.noise_mode = report.deterministic ? "deterministic"
                    : report.relative    ? "relative"
                                         : "absolute";
  lock.sigma = report.sigma;
  for (const spec::Gate& gate : project.spec().metric.gates) {
    const auto& metrics = baseline.samples.front().metrics;
    if (auto found = metrics.find(gate.name); found != metrics.end()) {
      lock.gates[gate.name] = found->second;
    }
  }
  lock.duration_ms = static_cast<std::int64_t>(report.seconds * 1000);
  lock.environment = bench.environment();
  return lock;
}

std::vector<eval::Sample> Recorded(
    SamplePhase phase, const std::vector<std::map<std::string, double>>& all,
    double seconds) {
  std::vector<eval::Sample> samples;
  for (const auto& metrics : all) {
    eval::Sample sample;
    sample.phase = phase;
    sample.index = static_cast<int>(samples.size());
    sample.metrics = metrics;
    sample.seconds = seconds;
    samples.push_back(std::move(sample));
  }
  return samples;
}

// The transcript beside the log, the rest in the lock file.
Result<void> KeepJudging(const Project& project, Workbench& bench,
                         eval::BaselineLock& lock) {
  if (bench.judge() == nullptr) return Ok();
  const PreflightCalls& calls = *bench.judge_calls();
  lock.judged = eval::JudgedBase{.drawn = {},
                                 .second_draw = {},
                                 .texts = {},
                                 .usd = calls.usage().usd,
                                 .input = calls.usage().input,
                                 .output = calls.usage().output};
  auto keep = [&](const std::vector<llm::DrawnItem>& drawn, auto& into) {
    for (const llm::DrawnItem& item : drawn) {
      into.emplace_back(item.bucket, item.id);
      if (!item.text.empty()) lock.judged->texts[item.id] = item.text;
    }
  };
  keep(bench.judge()->drawn().first, lock.judged->drawn);
  keep(bench.judge()->drawn().second, lock.judged->second_draw);
  return report::WriteWhole(project.NameDir() / "check" / "judge.md",
                            calls.transcript());
}

// What the build of the base has left, here or on a node.
Task<Result<void>> LookAtBuilt(const Project& project, Workbench& bench,
                               Baseline& baseline) {
  if (bench.cluster() != nullptr) {
    baseline.checkout = bench.cluster()->checkout();
    co_return Ok();
  }
  Result<std::filesystem::path> checkout =
      co_await bench.workspaces().BaseCheckout();
  if (!checkout) co_return checkout.error();
  baseline.checkout = LookAtCheckout(*checkout, project.TrackedPaths(),
                                     project.spec().evaluation.copy);
  co_return Ok();
}

}  // namespace

Result<std::optional<Baseline>> UsableBaseline(
    const Project& project, const Workbench& bench,
    std::vector<std::string>& why_not) {
  Result<std::optional<eval::BaselineLock>> read =
      eval::ReadLock(project.LockFile());
  if (!read) return read.error();
  if (!*read) {
    why_not.push_back("it was never measured");
    return std::optional<Baseline>();
  }
  why_not = eval::Mismatch(**read, project.base, bench.measuring_digest(),
                           bench.environment());
  if (!why_not.empty()) return std::optional<Baseline>();
  return std::optional(BaselineFrom(project.spec(), std::move(**read)));
}

Baseline BaselineFrom(const spec::Spec& spec, eval::BaselineLock lock) {
  Baseline baseline;
  baseline.lock = std::move(lock);
  const double seconds = static_cast<double>(baseline.lock.duration_ms) / 1000;
  baseline.samples =
      Recorded(SamplePhase::kBaseline, baseline.lock.samples, seconds);
  baseline.holdout =
      Recorded(SamplePhase::kHoldout, baseline.lock.holdout, seconds);
  baseline.report = eval::Summarise(spec, baseline.samples);
  return baseline;
}

Result<void> JudgeBaseline(const spec::Spec& spec, const Baseline& baseline) {
  for (const eval::Sample& sample : baseline.samples) {
    auto failed = search::FailedGate(spec.metric, sample.metrics);
    if (!failed) continue;
    return Error{.code = ErrorCode::kCheck,
                 .what = "the base itself does not pass a gate: " + *failed,
                 .next =
                     "change metric.gates, or start from a base that "
                     "passes"};
  }
  const eval::BaselineReport& report = baseline.report;
  const search::NoiseModel noise{.sigma = report.sigma,
                                 .relative = report.relative,
                                 .repeats = spec.evaluation.repeats.value_or(
                                     report.deterministic ? 1 : 5)};
  if (spec.metric.min_improvement.kind == spec::MinImprovement::Kind::kAuto ||
      noise.sigma == 0) {
    return Ok();
  }
  const double effect = search::Effect(spec.metric, noise, report.median);
  const double term = 6 * noise.Noise(report.median) / std::sqrt(noise.repeats);
  if (effect >= term || effect <= 0) return Ok();
  return Error{
      .code = ErrorCode::kCheck,
      .what = fmt::format(
          "the measurement is too noisy for min_improvement {}: with {} "
          "repeats only gains above {} can be told from noise",
          FormatShort(effect), noise.repeats, FormatShort(term)),
      .cause = fmt::format(
          "noise {} of the baseline",
          FormatPercent(noise.Noise(report.median) / std::abs(report.median))),
      .next = fmt::format("evaluation.repeats: {}, or a larger "
                          "min_improvement",
                          RepeatsFor(effect, noise.Noise(report.median)))};
}

Task<Result<Baseline>> MeasureBaseline(Project& project, Workbench& bench) {
  Baseline baseline;
  baseline.measured_now = true;
  eval::Target target;
  target.commit = project.base;
  eval::Opened opened =
      co_await bench.judged(Workbench::Judging::kFresh).Open(target);
  auto explain = [&](const eval::Failure& failure) {
    return eval::ExplainBaselineFailure(
        project.spec(), failure, project.home.work_dir, project.TrackedPaths());
  };
  if (opened.failure) co_return explain(*opened.failure);
  const int count =
      std::max(kBaselineSamples, project.spec().evaluation.repeats.value_or(0));
  for (int i = 0; i < count; ++i) {
    eval::SampleRequest request;
    request.phase = SamplePhase::kBaseline;
    request.index = i;
    eval::Sample sample = co_await opened.session->Measure(request);
    if (sample.failure) co_return explain(*sample.failure);
    baseline.samples.push_back(std::move(sample));
  }
  for (int i = 0; project.spec().evaluation.holdout && i < count; ++i) {
    eval::SampleRequest request;
    request.phase = SamplePhase::kHoldout;
    request.index = i;
    eval::Sample sample = co_await opened.session->Measure(request);
    if (sample.failure) co_return explain(*sample.failure);
    baseline.holdout.push_back(std::move(sample));
  }
  opened.session.reset();
  baseline.report = eval::Summarise(project.spec(), baseline.samples);
  Result<void> judged = JudgeBaseline(project.spec(), baseline);
  if (!judged) co_return judged.error();
  Result<void> looked = co_await LookAtBuilt(project, bench, baseline);
  if (!looked) co_return looked.error();
  if (!baseline.checkout.left.empty()) {
    const CleanValue clean = co_await MeasureClean(
        project.spec(), bench, project.base, baseline.samples);
    if (clean.failure) co_return explain(*clean.failure);
    baseline.clean = clean.value;
    judged = JudgeClean(project.spec(), clean, baseline.checkout.left);
    if (!judged) co_return judged.error();
  }
  baseline.lock = LockOf(project, bench, baseline);
  Result<void> judging = KeepJudging(project, bench, baseline.lock);
  if (!judging) co_return judging.error();
  baseline.lock.habits = bench.habits();
  baseline.lock.units = bench.units();
  std::error_code ignored;
  std::filesystem::create_directories(project.NameDir(), ignored);
  Result<void> written = eval::WriteLock(project.LockFile(), baseline.lock);
  if (!written) co_return written.error();
  co_return baseline;
}

}  // namespace coppice::app

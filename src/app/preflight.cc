#include "app/preflight.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace coppice::app {
namespace {

void Warn(std::vector<std::string>& warnings, const Project& project) {
  const spec::Spec& spec = project.spec();
  if (spec.checks.empty() && spec.metric.gates.empty()) {
    warnings.push_back(
        "nothing but the metric decides: a fast wrong answer would win; set "
        "checks or metric.gates");
  }
  if (!spec.evaluation.sandbox) {
    warnings.push_back(
        "evaluation.sandbox: none: candidate code can read everything this "
        "account can read, and use the network");
  }
}

std::string SandboxLine(const Workbench& bench, const Isolation& isolation) {
  return fmt::format("sandbox    {}, {} evaluated at a time", isolation.name,
                     bench.evaluations());
}

std::string BaselineLine(const spec::Spec& spec, const Baseline& baseline) {
  const eval::BaselineReport& report = baseline.report;
  const int repeats =
      spec.evaluation.repeats.value_or(report.deterministic ? 1 : 5);
  const double noise =
      report.relative ? report.sigma * std::abs(report.median) : report.sigma;
  return fmt::format(
      "baseline   {} = {}, {}; {} samples of {}{}", spec.metric.name,
      FormatShort(report.median, 5),
      report.deterministic
          ? std::string("deterministic")
          : fmt::format(
                "noise {} ({:.1f} %), {} pairs to confirm a gain",
                FormatShort(noise, 2),
                report.median == 0 ? 0 : 100 * noise / std::abs(report.median),
                repeats),
      report.values.size(), FormatDuration(report.seconds),
      baseline.measured_now ? "" : " (from baseline.lock)");
}

std::string ForecastLine(const search::Forecast& forecast) {
  return fmt::format(
      "forecast   this budget buys about {} node{}, in about {}; limit: {}",
      forecast.nodes, forecast.nodes == 1 ? "" : "s",
      FormatDuration(forecast.hours * 3600), forecast.limit);
}

std::vector<std::string> Findings(const Preflight& p, const Workbench& bench,
                                  const Isolation& isolation) {
  const Project& project = p.project;
  std::vector<std::string> lines;
  lines.push_back(fmt::format("base       {:.10} of {}", project.base.Hex(),
                              project.home.work_dir.string()));
  lines.push_back(fmt::format(
      "scope      {} file{} may change ({}), {} may not",
      project.scope.mutable_files.size(),
      project.scope.mutable_files.size() == 1 ? "" : "s",
      OneLine(fmt::format("{}", fmt::join(project.scope.mutable_files, ", ")),
              60),
      project.scope.immutable_files.size()));
  lines.push_back(SandboxLine(bench, isolation));
  lines.push_back(BaselineLine(project.spec(), p.baseline));
  lines.push_back(ForecastLine(p.forecast));
  return lines;
}

}  // namespace

Result<Preflight> RunPreflight(const Global& global, const std::string& spec,
                               Overrides overrides, bool trial,
                               bool measure_anew, int& interrupted) {
  if (trial) {
    for (const auto& [key, value] : Overrides{{"budget.max_nodes", "4"},
                                              {"budget.max_hours", "1"},
                                              {"budget.max_cost_usd", "5"},
                                              {"parallel.evaluations", "1"}}) {
      overrides.insert(overrides.begin(), {key, value});
    }
  }
  Result<Project> project = OpenProject(global, spec, overrides);
  if (!project) return project.error();
  Preflight preflight;
  preflight.project = std::move(*project);
  Project& own = preflight.project;
  Workbench::Options options;
  options.run = "check";
  options.run_directory = own.NameDir() / "check";
  Result<std::unique_ptr<Workbench>> made =
      Workbench::Make(own, std::move(options));
  if (!made) return made.error();
  Workbench& bench = **made;

  std::vector<std::string> why_not;
  Result<std::optional<Baseline>> usable = UsableBaseline(own, bench, why_not);
  if (!usable) return usable.error();
  if (*usable && !measure_anew) {
    preflight.baseline = std::move(**usable);
    Result<void> judged = JudgeBaseline(own.spec(), preflight.baseline);
    if (!judged) return judged.error();
  } else {
    if (global.output != OutputMode::kJson) {
      Say("measuring the baseline ...");
    }
    std::optional<Result<Baseline>> measured;
    auto measure = [&]() -> Task<void> {
      measured = co_await MeasureBaseline(own, bench);
    };
    bench.Run(measure(), [&](int signal, int) {
      interrupted = 128 + signal;
      bench.sandbox().CancelAll();
    });
    if (!*measured) return measured->error();
    preflight.baseline = std::move(**measured);
  }
  preflight.forecast = search::ForecastRun(
      own.spec(), preflight.baseline.report.seconds, bench.evaluations());
  preflight.warnings = own.warnings;
  const auto& report = preflight.baseline.report;
  preflight.warnings.insert(preflight.warnings.end(), report.warnings.begin(),
                            report.warnings.end());
  preflight.warnings.insert(preflight.warnings.end(),
                            preflight.forecast.warnings.begin(),
                            preflight.forecast.warnings.end());
  Warn(preflight.warnings, own);
  preflight.findings = Findings(preflight, bench, bench.sandbox().isolation());
  return preflight;
}

void PrintPreflight(const Global& global, const Preflight& preflight) {
  if (global.output == OutputMode::kJson) return;
  for (const std::string& line : preflight.findings) Print(line);
  for (const std::string& warning : preflight.warnings) {
    Say("warning: " + warning);
  }
}

int Check(const Global& global, const CheckOptions& options) {
  int interrupted = 0;
  Result<Preflight> preflight = RunPreflight(
      global, options.spec, options.overrides, false, true, interrupted);
  if (interrupted != 0) return interrupted;
  if (!preflight) return Fail(global, preflight.error());
  PrintPreflight(global, *preflight);
  if (global.output == OutputMode::kJson) {
    const Baseline& baseline = preflight->baseline;
    Json json{{"ok", true},
              {"name", preflight->project.spec().name},
              {"base", preflight->project.base.Hex()},
              {"baseline", Json::parse(eval::FormatLock(baseline.lock))},
              {"forecast",
               {{"nodes", preflight->forecast.nodes},
                {"hours", preflight->forecast.hours},
                {"limit", preflight->forecast.limit}}},
              {"warnings", preflight->warnings}};
    Print(DumpCanonical(json));
  } else {
    Print("ready: `coppice run`");
  }
  return kDone;
}

}  // namespace coppice::app

#include "app/preflight.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "app/first_prompt.h"
#include "app/models.h"
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

// With the prices that the table of models knows, for the forecast.
spec::Spec Priced(spec::Spec spec, const Workbench& bench) {
  constexpr double kPerMillion = 1e6;  // picodollars a token
  for (const llm::NamedProposer& arm : bench.proposers()) {
    if (arm.endpoint == nullptr || !arm.endpoint->profile().price) continue;
    const spec::TokenPrice& known = *arm.endpoint->profile().price;
    for (spec::Proposer& proposer : spec.proposers) {
      auto* model = std::get_if<spec::ModelArm>(&proposer.arm);
      if (model == nullptr || proposer.name != arm.name) continue;
      model->price = spec::Price{
          .input = static_cast<double>(known.input) / kPerMillion,
          .output = static_cast<double>(known.output) / kPerMillion};
    }
  }
  return spec;
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
  for (const llm::NamedProposer& arm : bench.proposers()) {
    if (!arm.description.empty()) {
      lines.push_back("model      " + arm.description);
    }
  }
  lines.push_back(SandboxLine(bench, isolation));
  lines.push_back(BaselineLine(project.spec(), p.baseline));
  lines.push_back(ForecastLine(p.forecast));
  return lines;
}

}  // namespace

Result<Preflight> RunPreflight(const Global& global, PreflightOptions options,
                               int& interrupted) {
  Overrides& overrides = options.overrides;
  if (options.trial) {
    for (const auto& [key, value] : Overrides{{"budget.max_nodes", "4"},
                                              {"budget.max_hours", "1"},
                                              {"budget.max_cost_usd", "5"},
                                              {"parallel.evaluations", "1"}}) {
      overrides.insert(overrides.begin(), {key, value});
    }
  }
  Result<Project> project = OpenProject(global, options.spec, overrides);
  if (!project) return project.error();
  Preflight preflight;
  preflight.project = std::move(*project);
  Project& own = preflight.project;
  if (global.output != OutputMode::kJson) {
    for (const std::string& notice : own.notices) Say(notice);
  }
  Workbench::Options setup;
  setup.run = "check";
  setup.run_directory = own.NameDir() / "check";
  setup.models = global.models;
  Result<std::unique_ptr<Workbench>> made =
      Workbench::Make(own, std::move(setup));
  if (!made) return made.error();
  Workbench& bench = **made;
  auto run = [&](Task<void> task) {
    bench.Run(std::move(task), [&](int signal, int) {
      interrupted = 128 + signal;
      bench.CancelAll();
    });
  };

  if (options.probe) {
    std::optional<Result<void>> answered;
    auto probe = [&]() -> Task<void> {
      answered = co_await ProbeModels(bench.proposers());
    };
    run(probe());
    if (!*answered) return answered->error();
  }
  std::vector<std::string> why_not;
  Result<std::optional<Baseline>> usable = UsableBaseline(own, bench, why_not);
  if (!usable) return usable.error();
  if (*usable && !options.measure_anew) {
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
    run(measure());
    if (!*measured) return measured->error();
    preflight.baseline = std::move(**measured);
  }
  preflight.forecast = search::ForecastRun(Priced(own.spec(), bench),
                                           preflight.baseline.report.seconds,
                                           bench.evaluations());
  preflight.warnings = own.warnings;
  const auto& report = preflight.baseline.report;
  preflight.warnings.insert(preflight.warnings.end(), report.warnings.begin(),
                            report.warnings.end());
  preflight.warnings.insert(preflight.warnings.end(),
                            preflight.forecast.warnings.begin(),
                            preflight.forecast.warnings.end());
  Warn(preflight.warnings, own);
  preflight.findings = Findings(preflight, bench, bench.sandbox().isolation());
  if (options.show_prompt) {
    Result<std::string> prompt = FirstPrompt(own, bench, preflight.baseline);
    if (!prompt) return prompt.error();
    preflight.first_prompt = std::move(*prompt);
  }
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
  PreflightOptions how;
  how.spec.file = options.spec;
  how.overrides = options.overrides;
  how.measure_anew = true;
  how.probe = !options.no_model;
  how.show_prompt = options.show_prompt;
  Result<Preflight> preflight =
      RunPreflight(global, std::move(how), interrupted);
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
  } else if (options.show_prompt) {
    Print(preflight->first_prompt.empty() ? "no proposer reads a prompt"
                                          : preflight->first_prompt);
  } else {
    Print("ready: `coppice run`");
  }
  return kDone;
}

}  // namespace coppice::app

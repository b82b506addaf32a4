#include "app/preflight.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cluster_check.h"
#include "app/first_prompt.h"
#include "app/load_probe.h"
#include "app/models.h"
#include "app/preflight_findings.h"

namespace coppice::app {
namespace {

using Notice = std::function<void(const std::string&)>;

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

// The lock file's baseline, or a new one.
Task<Result<void>> TakeBaseline(Project& project, Workbench& bench, bool anew,
                                const Notice& notice, Baseline& baseline) {
  std::vector<std::string> why_not;
  Result<std::optional<Baseline>> usable =
      UsableBaseline(project, bench, why_not);
  if (!usable) co_return usable.error();
  if (*usable && !anew) {
    baseline = std::move(**usable);
    co_return JudgeBaseline(project.spec(), baseline);
  }
  if (bench.cluster() != nullptr) {
    Result<void> fit = co_await CheckCluster(project.spec());
    if (!fit) co_return fit;
    bench.cluster()->evaluator().Listen(
        {.submitted = nullptr, .outage = [notice](const auto& why) {
           notice(why ? "waiting: " + *why : "the cluster answers again");
         }});
  }
  notice("measuring the baseline ...");
  Result<Baseline> measured = co_await MeasureBaseline(project, bench);
  if (!measured) co_return measured.error();
  baseline = std::move(*measured);
  co_return Ok();
}

// How many evaluations at once are honest, unless the lock file knows.
Task<Result<void>> TakeSlots(const Project& project, Workbench& bench,
                             int wanted, const Notice& notice,
                             Baseline& baseline) {
  if (wanted <= 1 || baseline.lock.slots.tried >= wanted) co_return Ok();
  std::vector<eval::Sample> alone;
  if (baseline.measured_now) alone = baseline.samples;
  Result<eval::SlotsTried> slots = co_await ProbeLoad(
      project.spec(), bench, project.base, std::move(alone), wanted, notice);
  if (!slots) co_return slots.error();
  baseline.lock.slots = std::move(*slots);
  co_return eval::WriteLock(project.LockFile(), baseline.lock);
}

// What needs commands: models asked, the base measured alone and by several at
// once, and what cannot be better tried.
Task<Result<void>> Measure(Preflight& preflight, Workbench& bench,
                           const PreflightOptions& options, int wanted,
                           const Notice& notice) {
  Project& project = preflight.project;
  Baseline& baseline = preflight.baseline;
  Result<void> done = Ok();
  if (options.probe) done = co_await ProbeModels(bench.proposers());
  if (!done) co_return done;
  done = co_await TakeBaseline(project, bench, options.measure_anew, notice,
                               baseline);
  if (!done) co_return done;
  done = co_await TakeSlots(project, bench, wanted, notice, baseline);
  if (!done || !options.null_test) co_return done;
  notice("null test: trees that cannot be better ...");
  Result<NullResult> null_test = co_await RunNullTest(project, bench, baseline);
  if (!null_test) co_return null_test.error();
  preflight.null_test = std::move(*null_test);
  co_return Ok();
}

// Evaluations at once that the probe has to try.
int Wanted(const spec::Spec& spec, int load) {
  if (load == 0) return WantedAtOnce(spec);
  return spec.evaluation.exclusive.empty() ? load : 1;
}

Overrides TrialOverrides() {
  return {{"budget.max_nodes", "4"},
          {"budget.max_hours", "1"},
          {"budget.max_cost_usd", "5"},
          {"parallel.evaluations", "1"}};
}

}  // namespace

Result<Preflight> RunPreflight(const Global& global, PreflightOptions options,
                               int& interrupted) {
  if (options.trial) {
    const Overrides trial = TrialOverrides();
    options.overrides.insert(options.overrides.begin(), trial.begin(),
                             trial.end());
  }
  Result<Project> project =
      OpenProject(global, options.spec, options.overrides);
  if (!project) return project.error();
  Preflight preflight;
  preflight.project = std::move(*project);
  Project& own = preflight.project;
  const Notice notice = [quiet = global.output ==
                                 OutputMode::kJson](const std::string& line) {
    if (!quiet) Say(line);
  };
  for (const std::string& line : own.notices) notice(line);
  const int wanted = Wanted(own.spec(), options.load);
  Workbench::Options setup;
  setup.run = "check";
  setup.run_directory = own.NameDir() / "check";
  setup.models = global.models;
  setup.require_isolation = global.require_isolation;
  setup.sessions = wanted;
  Result<std::unique_ptr<Workbench>> made =
      Workbench::Make(own, std::move(setup));
  if (!made) return made.error();
  Workbench& bench = **made;
  Result<void> done = Ok();
  auto measure = [&]() -> Task<void> {
    done = co_await Measure(preflight, bench, options, wanted, notice);
  };
  bench.Run(measure(), [&](int signal, int) {
    interrupted = 128 + signal;
    bench.CancelAll();
  });
  if (!done) return done.error();
  const Baseline& baseline = preflight.baseline;
  const eval::SlotsTried& slots = baseline.lock.slots;
  preflight.at_once = AtOnce(own.spec(), slots);
  preflight.forecast = search::ForecastRun(
      Priced(own.spec(), bench), baseline.report.seconds,
      NeedsTimingLock(own.spec(), slots) ? 1 : preflight.at_once);
  Result<void> room = RefuseFullDisk(preflight, bench);
  if (!room) return room.error();
  preflight.findings = FindingsOf(
      preflight, bench, options.details ? Detail::kFull : Detail::kBrief);
  preflight.warnings = WarningsOf(preflight, bench);
  if (const Cluster* cluster = bench.cluster()) {
    for (std::string& line : ClusterLines(own.spec(), *cluster)) {
      preflight.findings.push_back(std::move(line));
    }
    for (std::string& warning : ClusterWarnings(*cluster)) {
      preflight.warnings.push_back(std::move(warning));
    }
  }
  preflight.hints = HintsOf(own.spec());
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
  how.details = true;
  how.load = options.load;
  how.null_test = options.null_test;
  Result<Preflight> preflight =
      RunPreflight(global, std::move(how), interrupted);
  if (interrupted != 0) return interrupted;
  if (!preflight) return Fail(global, preflight.error());
  PrintPreflight(global, *preflight);
  if (preflight->null_test) {
    const NullResult& null_test = *preflight->null_test;
    if (global.output != OutputMode::kJson) {
      for (const std::string& line : NullLines(null_test)) Print(line);
    }
    Result<void> judged = JudgeNullTest(null_test);
    if (!judged) return Fail(global, judged.error());
  }
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
              {"evaluations", preflight->at_once},
              {"warnings", preflight->warnings},
              {"hints", preflight->hints}};
    Print(DumpCanonical(json));
    return kDone;
  }
  for (const std::string& hint : preflight->hints) Say("hint: " + hint);
  if (options.show_prompt) {
    Print(preflight->first_prompt.empty() ? "no proposer reads a prompt"
                                          : preflight->first_prompt);
  } else {
    Print("ready: `coppice run`");
  }
  return kDone;
}

}  // namespace coppice::app

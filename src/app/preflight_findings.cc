#include "app/preflight_findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/statvfs.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "app/load_verdict.h"
#include "app/static_scan.h"
#include "base/text.h"
#include "report/baseline.h"
#include "search/decide_power.h"

namespace coppice::app {
namespace {

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;
constexpr int kManyCheckouts = 12;

// "label      text"; a label that was said is not said again.
class Lines {
 public:
  void Add(std::string_view label, std::string_view text) {
    lines_.push_back(
        fmt::format("{:<11}{}", label == last_ ? "" : label, text));
    last_ = label;
  }
  std::vector<std::string> Take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
  std::string last_;
};

std::string ScopeText(const spec::ResolvedScope& scope) {
  return fmt::format(
      "{} file{} may change ({}), {} may not", scope.mutable_files.size(),
      scope.mutable_files.size() == 1 ? "" : "s",
      OneLine(fmt::format("{}", fmt::join(scope.mutable_files, ", ")), 60),
      scope.immutable_files.size());
}

std::string BaselineText(const spec::Spec& spec, const Baseline& baseline) {
  const eval::BaselineReport& report = baseline.report;
  const bool minimize = spec.metric.direction == spec::Direction::kMinimize;
  return fmt::format("{} = {} ({}), {} samples of {}{}", spec.metric.name,
                     FormatShort(report.median, 5),
                     minimize ? "minimize" : "maximize", report.values.size(),
                     FormatDuration(report.seconds),
                     baseline.measured_now ? "" : ", from baseline.lock");
}

search::NoiseModel NoiseOf(const spec::Spec& spec,
                           const eval::BaselineReport& report) {
  return {.sigma = report.sigma,
          .relative = report.relative,
          .repeats =
              spec.evaluation.repeats.value_or(report.deterministic ? 1 : 5)};
}

std::string NoiseText(const search::NoiseModel& noise, double median) {
  if (noise.sigma == 0) return "none, all samples are equal";
  const double one = noise.Noise(median);
  const double share = median == 0 ? 0 : 100 * one / std::abs(median);
  return fmt::format("{} ({:.1f} %)", FormatShort(one, 2), share);
}

std::string JudgedText(const eval::JudgedBase& judged) {
  return fmt::format(
      "{} item{} a sample; judging the base took {} tokens, {} "
      "USD",
      judged.drawn.size(), judged.drawn.size() == 1 ? "" : "s",
      judged.input + judged.output, FormatShort(judged.usd, 3));
}

std::string CleanText(const Baseline& baseline) {
  return fmt::format(
      "{} without what a build left ({})", FormatShort(*baseline.clean, 5),
      OneLine(fmt::format("{}", fmt::join(baseline.checkout.left, ", ")), 60));
}

// Of the file system that slots are on; nothing if it cannot be asked.
std::optional<std::uint64_t> FreeForSlots() {
  struct statvfs disk{};
  if (statvfs(CacheDirectory().c_str(), &disk) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
}

// Whole ones. Overlays hold changed files only, but for one checkout that must
// be clean.
int Checkouts(const Preflight& preflight, const Workbench& bench) {
  return bench.overlay() ? 2 : preflight.at_once + 2;
}

std::uint64_t SlotBytes(const Preflight& preflight, const Workbench& bench) {
  return preflight.baseline.checkout.bytes *
         static_cast<std::uint64_t>(Checkouts(preflight, bench));
}

std::string MegabytesText(std::uint64_t bytes) {
  const double mb = static_cast<double>(bytes) / kMegabyte;
  return mb < 1000 ? fmt::format("{} MB", FormatShort(mb, 2))
                   : fmt::format("{} GB", FormatShort(mb / 1024, 3));
}

std::string ForecastText(const search::Forecast& forecast) {
  std::string text = fmt::format(
      "this budget buys about {} node{}, in about {}", forecast.nodes,
      forecast.nodes == 1 ? "" : "s", FormatDuration(forecast.hours * 3600));
  constexpr double kWorthAClock = 0.25;
  if (forecast.hours >= kWorthAClock && forecast.hours < 24) {
    const time_t end =
        time(nullptr) + static_cast<time_t>(forecast.hours * 3600);
    struct tm local{};
    localtime_r(&end, &local);
    text += fmt::format(", until {:02}:{:02}", local.tm_hour, local.tm_min);
  }
  return text + "; limit: " + forecast.limit;
}

}  // namespace

std::vector<std::string> FindingsOf(const Preflight& p, const Workbench& bench,
                                    Detail detail) {
  const Project& project = p.project;
  const spec::Spec& spec = project.spec();
  const Isolation& isolation = bench.isolation();
  Lines lines;
  lines.Add("base", fmt::format("{:.10} of {}", project.base.Hex(),
                                project.home.work_dir.string()));
  lines.Add("scope", ScopeText(project.scope));
  for (const llm::NamedProposer& arm : bench.proposers()) {
    if (!arm.description.empty()) lines.Add("model", arm.description);
  }
  if (!bench.judge_description().empty()) {
    lines.Add("judge", bench.judge_description());
  }
  lines.Add("sandbox", isolation.name);
  if (detail == Detail::kFull) {
    for (const std::string& line : isolation.lines) lines.Add("sandbox", line);
    if (!isolation.lacks.empty()) {
      lines.Add("sandbox", fmt::format("for L{}: {}", isolation.level + 1,
                                       isolation.lacks));
    }
  }
  lines.Add("baseline", BaselineText(spec, p.baseline));
  if (const auto& judged = p.baseline.lock.judged) {
    lines.Add("judged", JudgedText(*judged));
  }
  if (p.baseline.clean) lines.Add("clean", CleanText(p.baseline));
  const search::NoiseModel noise = NoiseOf(spec, p.baseline.report);
  const double median = p.baseline.report.median;
  if (std::string impact = report::ImpactText(spec, median); !impact.empty()) {
    lines.Add("in use", std::move(impact));
  } else if (spec.usage != spec::Usage{}) {
    lines.Add("in use",
              "usage says nothing here: it is for a metric to minimize whose "
              "name ends in a unit of time (seconds, parse_ms), with "
              "calls_per_day");
  }
  lines.Add("noise", NoiseText(noise, median));
  lines.Add("detects", search::SensitivityText(spec.metric, noise, median));
  lines.Add("slots", SlotsText(spec, p.baseline.lock.slots));
  if (const auto free = FreeForSlots(); p.baseline.measured_now && free) {
    lines.Add("disk",
              fmt::format("slots need {}, {} are free at {}",
                          MegabytesText(SlotBytes(p, bench)),
                          MegabytesText(*free), CacheDirectory().string()));
  }
  lines.Add("forecast", ForecastText(p.forecast));
  return lines.Take();
}

std::vector<std::string> WarningsOf(const Preflight& p,
                                    const Workbench& bench) {
  const Project& project = p.project;
  const spec::Spec& spec = project.spec();
  std::vector<std::string> warnings = project.warnings;
  auto add = [&](const std::vector<std::string>& more) {
    warnings.insert(warnings.end(), more.begin(), more.end());
  };
  if (spec.checks.empty() && spec.metric.gates.empty()) {
    warnings.push_back(
        "nothing but the metric decides: a fast wrong answer would win; set "
        "checks or metric.gates");
  } else if (spec.checks.empty()) {
    warnings.push_back(
        "no command tests whether the result is still right; set checks");
  }
  if (spec.evaluation.wrap) {
    warnings.push_back(
        "evaluation.wrap: what contains candidate code is the wrapper; coppice "
        "itself can promise no more than it does under sandbox: none");
  }
  const bool own_ports = HasOwnPorts(spec, bench.isolation());
  const ScanInput scan = InputOf(project, own_ports);
  for (const std::string& place :
       PrintersOfMetric(scan, project.scope.mutable_files)) {
    warnings.push_back(fmt::format(
        "{} may change and prints {} itself: a candidate could print what it "
        "likes; let a file under scope.immutable measure it",
        place, spec.metric.name));
  }
  add(p.baseline.report.warnings);
  add(ScanForCollisions(scan));
  if (std::string slots = DishonestSlots(spec, p.baseline.lock.slots);
      !slots.empty()) {
    warnings.push_back(std::move(slots));
  }
  if (const int checkouts = Checkouts(p, bench); checkouts > kManyCheckouts) {
    warnings.push_back(fmt::format(
        "slots are {} whole checkouts here ({}), because overlays cannot be "
        "used{}; `coppice gc --slots` frees them when no run is going on",
        checkouts, MegabytesText(SlotBytes(p, bench)),
        spec.evaluation.wrap ? " under evaluation.wrap" : ""));
  }
  add(p.forecast.warnings);
  return warnings;
}

std::vector<std::string> HintsOf(const spec::Spec& spec) {
  std::vector<std::string> hints;
  if (!spec.evaluation.holdout) {
    hints.push_back(
        "no evaluation.holdout: a gain on the data that is searched on may be "
        "none elsewhere");
  }
  if (spec.metric.gates.empty() && spec.metric.guards.empty()) {
    hints.push_back(
        "no metric.gates and metric.guards: the metric may be bought with "
        "anything else, such as memory");
  }
  return hints;
}

Result<void> RefuseFullDisk(const Preflight& p, const Workbench& bench) {
  const std::optional<std::uint64_t> free = FreeForSlots();
  const std::uint64_t wanted = SlotBytes(p, bench);
  if (!p.baseline.measured_now || !free || *free > wanted) return Ok();
  return Error{.code = ErrorCode::kCheck,
               .what = fmt::format("slots need {} and only {} are free",
                                   MegabytesText(wanted), MegabytesText(*free)),
               .where = CacheDirectory().string(),
               .next =
                   "`coppice gc --slots`, a smaller parallel.evaluations, or "
                   "XDG_CACHE_HOME on another disk"};
}

}  // namespace coppice::app

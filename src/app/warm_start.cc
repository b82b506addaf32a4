#include "app/warm_start.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

constexpr double kAllowed = 0.02;
constexpr std::size_t kPairs = 5;

bool Differ(const eval::BaselineReport& warm, double clean) {
  const double noise = warm.sigma * (warm.relative ? std::abs(warm.median) : 1);
  const auto n = static_cast<double>(warm.values.size());
  return std::abs(clean - warm.median) >
         std::max(kAllowed * std::abs(warm.median), 6 * noise / std::sqrt(n));
}

}  // namespace

BuiltCheckout LookAtCheckout(const fs::path& checkout,
                             const std::set<std::string>& tracked,
                             const std::vector<std::string>& copied) {
  BuiltCheckout built;
  std::set<std::string> directories;  // with tracked or copied files below
  auto add = [&](const std::string& path) {
    for (fs::path at = fs::path(path).parent_path(); !at.empty();
         at = at.parent_path()) {
      if (!directories.insert(at).second) break;
    }
  };
  for (const std::string& path : tracked) add(path);
  for (const std::string& path : copied) add(path);
  auto is_copied = [&](const std::string& path) {
    return std::ranges::any_of(
        copied, [&](const std::string& copy) { return GlobMatch(copy, path); });
  };
  std::error_code error;
  constexpr auto kOptions = fs::directory_options::skip_permission_denied;
  for (auto it = fs::recursive_directory_iterator(checkout, kOptions, error);
       !error && it != fs::recursive_directory_iterator();
       it.increment(error)) {
    struct stat st{};
    if (lstat(it->path().c_str(), &st) != 0) continue;
    built.bytes += static_cast<std::uint64_t>(st.st_blocks) * 512;
    const std::string path = it->path().lexically_relative(checkout);
    const std::string above = fs::path(path).parent_path();
    const bool known = S_ISDIR(st.st_mode) ? directories.contains(path)
                                           : tracked.contains(path);
    const bool topmost = above.empty() || directories.contains(above);
    if (known || !topmost || is_copied(path)) continue;
    built.left.push_back(S_ISDIR(st.st_mode) ? path + "/" : path);
  }
  std::ranges::sort(built.left);
  return built;
}

namespace {

// Values of the base; where one cannot be taken, `result` says why.
class BaseSampler {
 public:
  BaseSampler(const spec::Spec& spec, Workbench& bench, ObjectId base,
              const std::vector<eval::Sample>& reference)
      : spec_(spec), bench_(bench), base_(base), reference_(reference) {}

  // From a checkout of its own.
  Task<bool> TakeClean(std::vector<double>& values, CleanValue& result) {
    eval::Opened opened;
    const bool ready = co_await Open(true, opened, result);
    if (!ready) co_return false;
    co_return co_await Measure(*opened.session, values, result);
  }
  // From a slot where it was measured before.
  Task<bool> TakeWarm(std::vector<double>& values, CleanValue& result) {
    if (!used_.session) {
      const bool ready = co_await Open(false, used_, result);
      if (!ready) co_return false;
      std::vector<double> first;
      const bool taken = co_await Measure(*used_.session, first, result);
      if (!taken) co_return false;
    }
    co_return co_await Measure(*used_.session, values, result);
  }

 private:
  Task<bool> Open(bool clean, eval::Opened& opened, CleanValue& result) {
    eval::Target target;
    target.commit = base_;
    target.clean = clean;
    opened = co_await bench_.judged(Workbench::Judging::kFresh).Open(target);
    result.failure = opened.failure;
    co_return !result.failure;
  }
  Task<bool> Measure(eval::Session& session, std::vector<double>& values,
                     CleanValue& result) {
    eval::SampleRequest request;
    request.phase = SamplePhase::kBaseline;
    request.index = static_cast<int>(values.size());
    const std::vector<eval::Sample> sample{co_await session.Measure(request)};
    result.failure = sample.front().failure;
    if (result.failure) co_return false;
    values.push_back(
        eval::ValuesAgainst(spec_.metric, sample, reference_).front());
    co_return true;
  }

  const spec::Spec& spec_;
  Workbench& bench_;
  const ObjectId base_;
  const std::vector<eval::Sample>& reference_;
  eval::Opened used_;
};

bool Apart(const std::vector<double>& a, const std::vector<double>& b) {
  const auto [low_a, high_a] = std::ranges::minmax(a);
  const auto [low_b, high_b] = std::ranges::minmax(b);
  return high_a < low_b || high_b < low_a;
}

}  // namespace

Task<CleanValue> MeasureClean(const spec::Spec& spec, Workbench& bench,
                              ObjectId base,
                              const std::vector<eval::Sample>& warm) {
  eval::BaselineReport report = eval::Summarise(spec, warm);
  BaseSampler sampler(spec, bench, base, warm);
  CleanValue result;
  result.warm = report.median;
  std::vector<double> clean;
  bool taken = co_await sampler.TakeClean(clean, result);
  if (!taken) co_return result;
  result.value = clean.front();
  result.differs = Differ(report, result.value);
  if (!result.differs || report.deterministic) co_return result;
  clean.clear();
  report.values.clear();
  for (std::size_t i = 0; i < kPairs; ++i) {
    taken = co_await sampler.TakeWarm(report.values, result);
    if (taken) taken = co_await sampler.TakeClean(clean, result);
    if (!taken) co_return result;
  }
  result.value = eval::Median(clean);
  result.warm = report.median = eval::Median(report.values);
  result.differs = Apart(clean, report.values) && Differ(report, result.value);
  co_return result;
}

Result<void> JudgeClean(const spec::Spec& spec, const CleanValue& clean,
                        const std::vector<std::string>& left) {
  if (!clean.differs) return Ok();
  const std::vector<std::string>& keep =
      spec.evaluation.keep.empty() ? left : spec.evaluation.keep;
  return Error{
      .code = ErrorCode::kCheck,
      .what = fmt::format(
          "the base measures {} = {} in a slot that was used before and {} in "
          "a clean checkout",
          spec.metric.name, FormatShort(clean.warm, 5),
          FormatShort(clean.value, 5)),
      .cause =
          fmt::format("what stays between nodes changes the result: {}",
                      OneLine(fmt::format("{}", fmt::join(keep, ", ")), 200)),
      .next =
          "let evaluation.build make whatever the measurement reads, or keep "
          "only what does not matter: evaluation.keep"};
}

}  // namespace coppice::app

#include "app/load_probe.h"

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <optional>
#include <span>

#include "base/text.h"
#include "eval/phase_failure.h"

// Five rounds a level. In each, all sessions take one sample at once, every
// session in the slot that it keeps; the seeds of a round are equal. A level
// ends as soon as the rounds that are left could not save it, since a probe of
// a slow evaluation costs hours otherwise.

namespace coppice::app {
namespace {

using eval::LoadLevel;
using eval::Sample;

constexpr std::size_t kRounds = 5;

Error Interrupted() {
  return Error{.code = ErrorCode::kLost, .what = std::string(eval::kCancelled)};
}

bool WasCancelled(const std::optional<eval::Failure>& failure) {
  return failure && failure->reason == eval::kCancelled;
}

class LoadProbe {
 public:
  LoadProbe(const spec::Spec& spec, Workbench& bench, ObjectId base,
            std::vector<Sample> solo)
      : spec_(spec), bench_(bench), solo_(std::move(solo)) {
    target_.commit = base;
  }

  // Five samples alone, unless there are some.
  Task<Result<void>> MeasureAlone();
  Task<Result<LoadLevel>> Try(int at_once);

  const std::vector<Sample>& solo() const { return solo_; }
  bool times() const { return times_; }

 private:
  using Round = std::vector<Sample>;

  // The first failure on the way to a sample; the sessions stay open.
  Task<std::optional<eval::Failure>> Open(int count);
  Task<Round> Measure(int index);
  bool IsLost(std::vector<Round> rounds) const;
  void LookForTime(const std::vector<Round>& rounds);

  const spec::Spec& spec_;
  Workbench& bench_;
  eval::Target target_;
  std::vector<Sample> solo_;
  std::vector<eval::Opened> opened_;
  bool times_ = false;
};

Task<std::optional<eval::Failure>> LoadProbe::Open(int count) {
  opened_.clear();
  opened_.resize(static_cast<std::size_t>(count));
  TaskGroup group(co_await asio::this_coro::executor);
  auto open = [&](eval::Opened& into) -> Task<void> {
    into = co_await bench_.judged(Workbench::Judging::kKnown).Open(target_);
  };
  for (eval::Opened& into : opened_) group.Spawn(open(into));
  co_await group.Join();
  std::optional<eval::Failure> failure;
  for (const eval::Opened& one : opened_) {
    if (one.failure && !WasCancelled(failure)) failure = one.failure;
  }
  co_return failure;
}

Task<LoadProbe::Round> LoadProbe::Measure(int index) {
  Round round(opened_.size());
  eval::SampleRequest request;
  request.phase = SamplePhase::kBaseline;
  request.index = index;
  TaskGroup group(co_await asio::this_coro::executor);
  auto measure = [&](eval::Session& session, Sample& into) -> Task<void> {
    into = co_await session.Measure(request);
  };
  for (std::size_t i = 0; i < opened_.size(); ++i) {
    group.Spawn(measure(*opened_[i].session, round[i]));
  }
  co_await group.Join();
  co_return round;
}

Task<Result<void>> LoadProbe::MeasureAlone() {
  if (solo_.empty()) {
    std::optional<eval::Failure> failure = co_await Open(1);
    for (std::size_t i = 0; i < kRounds && !failure; ++i) {
      Round round = co_await Measure(static_cast<int>(i));
      failure = round.front().failure;
      solo_.push_back(std::move(round.front()));
    }
    opened_.clear();
    if (WasCancelled(failure)) co_return Interrupted();
    if (failure) {
      co_return Error{.code = ErrorCode::kCheck,
                      .what =
                          "the base could be measured before and cannot "
                          "be now: " +
                          failure->reason,
                      .cause = failure->tail,
                      .next = "`coppice check`"};
    }
  }
  LookForTime({});
  co_return Ok();
}

void LoadProbe::LookForTime(const std::vector<Round>& rounds) {
  std::vector<Sample> all = solo_;
  for (const Round& round : rounds) {
    all.insert(all.end(), round.begin(), round.end());
  }
  times_ = times_ || MeasuresTime(spec_.metric, bench_.units(), all);
}

// Not even if all rounds that are left were as good as those alone?
bool LoadProbe::IsLost(std::vector<Round> rounds) const {
  const std::size_t at_once = rounds.front().size();
  while (rounds.size() < kRounds) {
    Round& round = rounds.emplace_back();
    for (std::size_t i = 0; i < at_once; ++i) {
      round.push_back(solo_[i % solo_.size()]);
    }
  }
  return !JudgeLoad(spec_, solo_, rounds, times_).fault.empty();
}

Task<Result<LoadLevel>> LoadProbe::Try(int at_once) {
  const std::optional<eval::Failure> failure = co_await Open(at_once);
  if (WasCancelled(failure)) co_return Interrupted();
  if (failure) {
    co_return LoadLevel{
        .at_once = at_once,
        .fault = fmt::format("{} at once do not get as far as a sample: {}",
                             at_once, OneLine(failure->reason, 200))};
  }
  std::vector<Round> rounds;
  while (rounds.size() < kRounds) {
    Round round = co_await Measure(static_cast<int>(rounds.size()));
    for (const Sample& sample : round) {
      if (WasCancelled(sample.failure)) co_return Interrupted();
    }
    rounds.push_back(std::move(round));
    LookForTime(rounds);
    if (IsLost(rounds)) break;
  }
  opened_.clear();
  co_return JudgeLoad(spec_, solo_, rounds, times_);
}

}  // namespace

Task<Result<eval::SlotsTried>> ProbeLoad(
    const spec::Spec& spec, Workbench& bench, ObjectId base,
    std::vector<Sample> solo, int wanted,
    std::function<void(const std::string&)> say) {
  LoadProbe probe(spec, bench, base, std::move(solo));
  Result<void> alone = co_await probe.MeasureAlone();
  if (!alone) co_return alone.error();
  eval::SlotsTried slots;
  slots.tried = wanted;
  for (int at_once = wanted; at_once > 1; at_once /= 2) {
    say(fmt::format("measuring {} at once ...", at_once));
    Result<LoadLevel> level = co_await probe.Try(at_once);
    if (!level) co_return level.error();
    const bool honest = level->fault.empty();
    slots.levels.push_back(std::move(*level));
    if (!honest) continue;
    slots.honest = at_once;
    break;
  }
  slots.times = probe.times();
  std::vector<double> seconds;
  for (const Sample& sample : probe.solo()) seconds.push_back(sample.seconds);
  slots.solo_seconds = eval::Median(std::move(seconds));
  slots.solo_median = eval::Median(
      eval::ValuesAgainst(spec.metric, probe.solo(), probe.solo()));
  co_return slots;
}

}  // namespace coppice::app

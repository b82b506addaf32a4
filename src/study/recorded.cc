#include "study/recorded.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

// Resampling a run. A child of a solution at quality q and depth d is one of
// the attempts of its kind (draft, improvement, repair, tune, merge), drawn
// evenly from the k whose parents were most alike: nearest in quality, as a
// share of the range seen, plus half of that in depth. k is a quarter of them,
// between 5 and 50, and all as like as the k-th: few enough to follow how gains
// dry up towards the top, enough not to replay single strokes of luck.
//
// Where all values have one sign, qualities are logarithms: a gain of 10 % is
// as likely at 2 s as it was at 20 s, and no time falls below 0.
//
// What a failed child would have been is drawn from the working ones; a repair
// shows it, and works as often as repairs did.

namespace coppice::study {
namespace {

constexpr int kFewest = 20;  // attempts that make a model
constexpr double kDepthWeight = .5;
constexpr double kUnknownRepair = .5;  // where no repair is on record

}  // namespace

RecordedRun::Kind RecordedRun::KindOf(Operator op, bool from_root) {
  if (op == Operator::kDebug) return kRepair;
  if (op == Operator::kMerge) return kMerge;
  if (from_root) return kDraft;
  return op == Operator::kTune ? kTune : kImprove;
}

double RecordedRun::Quality(double metric) const {
  return relative_ ? sign_ * side_ * std::log(std::abs(metric))
                   : sign_ * metric;
}

double RecordedRun::Metric(double quality) const {
  return relative_ ? side_ * std::exp(sign_ * side_ * quality)
                   : sign_ * quality;
}

std::optional<double> RecordedRun::QualityOf(const search::State& state,
                                             NodeId node) const {
  const search::Node& known = state.tree()[node];
  if (!known.value || !known.outcome || !MayBeImproved(*known.outcome)) {
    return std::nullopt;
  }
  return Quality(*known.value);
}

Result<RecordedRun> RecordedRun::Read(const search::State& state) {
  const search::SolutionTree& tree = state.tree();
  RecordedRun run;
  run.sign_ = spec::Sign(state.spec().metric.direction);
  int above = 0;
  int not_above = 0;
  for (std::uint32_t id = 0; id < tree.size(); ++id) {
    const std::optional<double> value = tree[NodeId(id)].value;
    if (!value) continue;
    if (*value == 0) ++above, ++not_above;
    if (*value > 0) ++above;
    if (*value < 0) ++not_above;
  }
  run.relative_ = above == 0 || not_above == 0;
  run.side_ = above > 0 ? 1 : -1;
  const std::optional<double> baseline = run.QualityOf(state, tree.root());
  if (baseline) {
    run.baseline_ = run.best_ = *baseline;
    for (AttemptId attempt : state.order_of_completion()) {
      run.Add(state, attempt);
    }
  }
  if (run.attempts() < kFewest || run.working_[kDraft].empty()) {
    return Error{
        .code = ErrorCode::kUsage,
        .what = fmt::format("run {} has {} attempts to draw from, {} of them "
                            "drafts that work; {} and one are needed",
                            state.run(), run.attempts(),
                            run.working_[kDraft].size(), kFewest),
        .next =
            "let it go on (`coppice resume`), or simulate with "
            "--landscape"};
  }
  const double value = run.Metric(run.best_);
  const double noise = state.noise().Noise(value);
  run.noise_ = run.relative_ ? noise / std::abs(value) : noise;
  double largest = 0;
  for (const RecordedAttempt& seen : run.all_) {
    if (seen.works) largest = std::max(largest, seen.gain);
    run.deepest_ = std::max(run.deepest_, seen.depth);
  }
  run.most_ = run.best_ + largest;
  return run;
}

void RecordedRun::Add(const search::State& state, AttemptId attempt) {
  const search::SolutionTree& tree = state.tree();
  const search::Attempt& known = *tree.FindAttempt(attempt);
  if (!known.outcome || *known.outcome == Outcome::kCancelled ||
      *known.outcome == Outcome::kDeferred || known.parents.empty()) {
    return;
  }
  // What a repair grows from is what the failed node grew from.
  NodeId parent = known.parents.front();
  while (parent != tree.root() && !QualityOf(state, parent)) {
    parent = *tree.FirstParent(parent);
  }
  const std::optional<double> from = QualityOf(state, parent);
  const search::InfoView info = state.Info(attempt);
  if (!from || info == nullptr) return;
  std::optional<double> quality;
  if (known.node) quality = QualityOf(state, *known.node);
  const auto index = static_cast<std::uint32_t>(all_.size());
  all_.push_back({.outcome = *known.outcome,
                  .works = quality.has_value(),
                  .depth = static_cast<double>(tree[parent].depth),
                  .from = *from,
                  .gain = quality ? *quality - *from : 0,
                  .proposing = info->propose_seconds,
                  .evaluating = info->measure_seconds});
  const Kind kind = KindOf(known.op, known.parents.front() == tree.root());
  by_kind_[kind].push_back(index);
  if (quality) {
    working_[kind].push_back(index);
    best_ = std::max(best_, *quality);
  }
}

const std::vector<std::uint32_t>& RecordedRun::Like(Kind kind) const {
  for (Kind other : {kind, kImprove, kTune, kDraft}) {
    if (!working_[other].empty()) return by_kind_[other];
  }
  return by_kind_[kDraft];
}

std::uint32_t RecordedRun::Draw(const std::vector<std::uint32_t>& among,
                                const Truth& parent, bool working,
                                Rng& rng) const {
  const double range = std::max(best_ - baseline_, 1e-300);
  std::vector<std::pair<double, std::uint32_t>> near;
  for (std::uint32_t index : among) {
    const RecordedAttempt& seen = all_[index];
    if (working && !seen.works) continue;
    near.emplace_back(
        std::abs(seen.from - parent.quality) / range +
            kDepthWeight * std::abs(seen.depth - parent.depth) / deepest_,
        index);
  }
  std::ranges::sort(near);
  std::size_t count =
      std::min(near.size(), std::clamp<std::size_t>(near.size() / 4, 5, 50));
  // All that are as like as the last one.
  while (count < near.size() && near[count].first == near[count - 1].first) {
    ++count;
  }
  return near[rng.Below(count)].second;
}

void RecordedRun::Grow(Operator op, std::span<const Truth> parents, Truth& made,
                       Rng& rng) const {
  const Truth& parent = parents.front();
  const Kind kind = KindOf(op, parent.root);
  if (kind == kRepair && by_kind_[kRepair].empty()) {
    made.works = rng.Chance(kUnknownRepair);
    return;
  }
  const auto& among = kind == kRepair ? by_kind_[kRepair] : Like(kind);
  made.code = Draw(among, parent, false, rng);
  const RecordedAttempt& seen = all_[made.code];
  made.works = seen.works;
  made.failure = seen.outcome;
  if (kind == kRepair) return;  // what was hidden
  const double gain =
      seen.works ? seen.gain : all_[Draw(among, parent, true, rng)].gain;
  made.quality = std::min(most_, parent.quality + gain);
}

std::string RecordedRun::Mix() const {
  std::array<int, kKinds> tried{};
  int failed = 0;
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    tried[kind] = static_cast<int>(by_kind_[kind].size());
    failed += tried[kind] - static_cast<int>(working_[kind].size());
  }
  return fmt::format(
      "{} drafts, {} improvements, {} repairs, {} tunes, {} merges; {:.0f} % "
      "failed",
      tried[kDraft], tried[kImprove], tried[kRepair], tried[kTune],
      tried[kMerge], 100. * failed / attempts());
}

Result<Landscape> RecordedLandscape(const search::State& state) {
  Result<RecordedRun> run = RecordedRun::Read(state);
  if (!run) return run.error();
  Landscape landscape;
  landscape.name = state.run();
  landscape.about = "resampled: " + run->Mix();
  landscape.ancestry = "the journal of the run; a resampling model";
  landscape.optimum = run->most();
  landscape.target = run->best();
  landscape.start = run->baseline();
  landscape.recorded = std::make_shared<const RecordedRun>(std::move(*run));
  return landscape;
}

}  // namespace coppice::study

#include "search/decide.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"

namespace coppice::search {
namespace {

constexpr NoiseModel kExact{.sigma = 0, .relative = true, .repeats = 1};
// noise(100) = 1, so τ(5) = 6/√5 = 2.68 and τ(1) = 6.
constexpr NoiseModel kNoisy{.sigma = 0.01, .relative = true, .repeats = 5};
constexpr NoiseModel kNoisyOnce{.sigma = 0.01, .relative = true, .repeats = 1};

spec::Spec Minimize() {
  spec::Spec spec;
  spec.metric.name = "seconds";
  return spec;
}

Contest Against100(double screen, const std::vector<double>& candidate = {},
                   double best = 100) {
  Contest contest{.screen = screen, .best_value = 100};
  for (double x : candidate) contest.confirm.push_back({x, best});
  return contest;
}

bool Has(const Decision& decision, const std::string& flag) {
  return std::ranges::count(decision.flags, flag) > 0;
}

// ---- One row a branch of SPEC §5, both directions --------------------------

struct Row {
  const char* name;
  NoiseModel noise;
  std::optional<double> screen;
  std::vector<double> confirm;  // of the candidate, against 100
  std::optional<NextMeasurement> next;
  Outcome outcome;
  const char* reason;  // a part of it
};

const std::vector<Row>& Rows() {
  static const std::vector<Row> rows{
      {"nothing yet", kNoisy, {}, {}, NextMeasurement::kScreen, {}, ""},
      {"exact and equal", kExact, 100, {}, {}, Outcome::kValid, "gain 0% <="},
      {"exact and worse", kExact, 101, {}, {}, Outcome::kValid, "<= noise 0%"},
      {"exact and better",
       kExact,
       99,
       {},
       {},
       Outcome::kImproved,
       "improved: 100 -> 99 (gain 1% > threshold 0% over one sample)"},
      {"within the noise",
       kNoisy,
       99,
       {},
       {},
       Outcome::kValid,
       "gain 1% <= noise 1%"},
      {"worse", kNoisy, 120, {}, {}, Outcome::kValid, "gain -20% <="},
      {"a contender", kNoisy, 98, {}, NextMeasurement::kConfirmPair, {}, ""},
      {"one good pair",
       kNoisy,
       98,
       {90},
       NextMeasurement::kConfirmPair,
       {},
       ""},
      {"one bad pair",
       kNoisy,
       98,
       {105},
       NextMeasurement::kConfirmPair,
       {},
       ""},
      {"hopeless after two",
       kNoisy,
       98,
       {105, 95},
       {},
       Outcome::kInconclusive,
       "hopeless after 2 pairs: gain 0% <= 0"},
      {"good after two",
       kNoisy,
       98,
       {105, 94},
       NextMeasurement::kConfirmPair,
       {},
       ""},
      {"four pairs",
       kNoisy,
       98,
       {90, 90, 90, 90},
       NextMeasurement::kConfirmPair,
       {},
       ""},
      {"gain below the threshold",
       kNoisy,
       98,
       {98, 98, 98, 102, 103},
       {},
       Outcome::kInconclusive,
       "gain 2% <= threshold 2.68% and better in 3 of 5 fresh pairs, "
       "signed-rank p 0.69"},
      {"no gain",
       kNoisy,
       98,
       {99, 99, 101, 101, 101},
       {},
       Outcome::kInconclusive,
       "gain -1% <= threshold 2.68% over 5 fresh pairs"},
      {"promising below the threshold",
       kNoisy,
       98,
       {98, 98, 98, 98, 98},
       NextMeasurement::kConfirmPair,
       {},
       ""},
      {"confirmed",
       kNoisy,
       98,
       {97, 97, 97, 97, 97},
       {},
       Outcome::kImproved,
       "improved: 100 -> 97 (gain 3% > threshold 2.68% over 5 fresh pairs)"},
      {"one repeat, above the threshold",
       kNoisyOnce,
       93,
       {},
       {},
       Outcome::kImproved,
       "gain 7% > threshold 6% over one sample"},
      {"one repeat, below the threshold",
       kNoisyOnce,
       95,
       {},
       {},
       Outcome::kInconclusive,
       "gain 5% <= threshold 6% over one sample"},
  };
  return rows;
}

// The same question with every number negated and the direction turned.
spec::Spec Mirror(spec::Spec spec) {
  auto turn = [](spec::Direction d) {
    return d == spec::Direction::kMinimize ? spec::Direction::kMaximize
                                           : spec::Direction::kMinimize;
  };
  spec.metric.direction = turn(spec.metric.direction);
  if (spec.metric.range) {
    spec.metric.range = {-spec.metric.range->second, -spec.metric.range->first};
  }
  return spec;
}

Contest Mirror(Contest contest) {
  if (contest.screen) contest.screen = -*contest.screen;
  contest.best_value = -contest.best_value;
  for (auto* pairs : {&contest.confirm, &contest.holdout}) {
    for (Pair& pair : *pairs) pair = {-pair.candidate, -pair.best};
  }
  return contest;
}

TEST_CASE("MC-29 every branch of the rule has its answer and its reason") {
  for (const Row& row : Rows()) {
    CAPTURE(row.name);
    Contest contest = Against100(0, row.confirm);
    contest.screen = row.screen;
    const Decision d = Decide(Minimize(), row.noise, contest);
    CHECK(d.next == row.next);
    if (!row.next) CHECK(d.outcome == row.outcome);
    CAPTURE(d.reason);
    CHECK(d.reason.find(row.reason) != std::string::npos);

    const Decision mirrored =
        Decide(Mirror(Minimize()), row.noise, Mirror(contest));
    CHECK(mirrored.next == row.next);
    if (!row.next) CHECK(mirrored.outcome == row.outcome);
  }
}

TEST_CASE("more than half of the pairs must be positive") {
  // The median gain is 3, but three of six pairs went the other way.
  NoiseModel noise = kNoisy;
  noise.repeats = 6;
  Contest contest{.screen = 90, .best_value = 100};
  contest.confirm = {{90, 96}, {90, 96}, {97, 96},
                     {96, 96}, {96, 96}, {90, 96}};
  const Decision d = Decide(Minimize(), noise, contest);
  CHECK(d.outcome == Outcome::kInconclusive);
  CHECK(d.reason == "better in 3 of 6 pairs, more than half needed");
}

TEST_CASE("a coin of seed and candidate says who goes first in a pair") {
  spec::Spec spec = Minimize();
  int first = 0;
  int changes = 0;
  for (int candidate = 1; candidate <= 200; ++candidate) {
    Contest contest = Against100(95);
    contest.candidate = AttemptId(candidate);
    bool before = false;
    for (int i = 0; i < 5; ++i) {
      const Decision d = Decide(spec, kNoisy, contest);
      CHECK(d.enters_confirm == (i == 0));
      CHECK(d.candidate_first == Decide(spec, kNoisy, contest).candidate_first);
      first += d.candidate_first ? 1 : 0;
      changes += i > 0 && d.candidate_first != before ? 1 : 0;
      before = d.candidate_first;
      contest.confirm.push_back({95, 100});
    }
  }
  CHECK(std::abs(first - 500) < 60);
  CHECK(std::abs(changes - 400) < 60);
}

TEST_CASE("a contender that waited is looked at against the best of now") {
  Contest contest = Against100(95);
  CHECK(Decide(Minimize(), kNoisy, contest).next);
  contest.best_value = 94;
  CHECK(Decide(Minimize(), kNoisy, contest).outcome == Outcome::kValid);
  // Once pairs are taken only they count.
  contest.confirm = {{80, 94}};
  CHECK(Decide(Minimize(), kNoisy, contest).next ==
        NextMeasurement::kConfirmPair);
}

TEST_CASE("one repeat on a noisy metric leaves the best unconfirmed") {
  CHECK(Has(Decide(Minimize(), kNoisyOnce, Against100(90)), "unconfirmed"));
  CHECK_FALSE(Has(Decide(Minimize(), kExact, Against100(90)), "unconfirmed"));
  CHECK_FALSE(
      Has(Decide(Minimize(), kNoisy, Against100(90, {90, 90, 90, 90, 90})),
          "unconfirmed"));
}

TEST_CASE("the smallest gain worth keeping raises the threshold") {
  using Kind = spec::MinImprovement::Kind;
  spec::Spec spec = Minimize();
  CHECK(Effect(spec.metric, kExact, -50) == 0);
  CHECK(Effect(spec.metric, kNoisy, -50) == doctest::Approx(0.25));
  spec.metric.min_improvement = {.kind = Kind::kAbsolute, .value = 4};
  CHECK(Effect(spec.metric, kExact, -50) == 4);
  CHECK(Threshold(spec.metric, kNoisy, 100, 5) == 4);
  CHECK(Threshold(spec.metric, kNoisy, 100, 1) == doctest::Approx(6));
  CHECK(Decide(spec, kExact, Against100(96)).outcome == Outcome::kInconclusive);
  CHECK(Decide(spec, kExact, Against100(95)).outcome == Outcome::kImproved);
  spec.metric.min_improvement = {.kind = Kind::kRelative, .value = 0.1};
  CHECK(Effect(spec.metric, kExact, -50) == 5);
  CHECK(Decide(spec, kNoisy, Against100(90, {91, 91, 91, 91, 91})).outcome ==
        Outcome::kInconclusive);
}

TEST_CASE("an effect below the noise needs the repeats that would show it") {
  using Kind = spec::MinImprovement::Kind;
  spec::Metric metric = Minimize().metric;
  CHECK_FALSE(RepeatsNeeded(metric, kNoisy, 100));
  metric.min_improvement = {.kind = Kind::kAbsolute, .value = 2};
  CHECK(RepeatsNeeded(metric, kNoisy, 100) == 9);
  CHECK_FALSE(RepeatsNeeded(metric, kExact, 100));
  metric.min_improvement.value = 2.7;
  CHECK_FALSE(RepeatsNeeded(metric, kNoisy, 100));
  metric.min_improvement.value = 1e-9;
  CHECK(RepeatsNeeded(metric, kNoisy, 100) == 1'000'000);
}

// ---- Gates and guards ------------------------------------------------------

TEST_CASE("a gate that fails is named with its value and its bound") {
  using spec::Comparison;
  struct {
    Comparison comparison;
    double holds;
    double fails;
    const char* text;
  } const rows[] = {
      {Comparison::kGe, 0.95, 0.93, "recall: 0.93 >= 0.95 fails"},
      {Comparison::kLe, 0.95, 0.96, "recall: 0.96 <= 0.95 fails"},
      {Comparison::kGt, 0.96, 0.95, "recall: 0.95 > 0.95 fails"},
      {Comparison::kLt, 0.94, 0.95, "recall: 0.95 < 0.95 fails"},
      {Comparison::kEq, 0.95, 0.94, "recall: 0.94 == 0.95 fails"},
      {Comparison::kNe, 0.94, 0.95, "recall: 0.95 != 0.95 fails"}};
  for (const auto& row : rows) {
    spec::Spec spec = Minimize();
    spec.metric.gates = {
        {.name = "recall", .comparison = row.comparison, .bound = 0.95}};
    CHECK_FALSE(FailedGate(spec.metric, {{"recall", row.holds}}));
    CHECK(FailedGate(spec.metric, {{"recall", row.fails}}) == row.text);
    CHECK(FailedGate(spec.metric, {}));
    Contest contest = Against100(50);
    contest.screen_metrics = {{"recall", row.fails}};
    const Decision d = Decide(spec, kExact, contest);
    CHECK(d.outcome == Outcome::kDegenerate);
    CHECK(d.reason == std::string("gate ") + row.text);
  }
}

TEST_CASE("a guard bounds the regression against the baseline") {
  spec::Spec spec = Minimize();
  auto guard = [&](spec::Direction direction, double most, bool relative) {
    spec.metric.guards = {{.name = "mb",
                           .direction = direction,
                           .max_regression = most,
                           .relative = relative}};
  };
  auto failed = [&](double now, double before) {
    return FailedGuard(spec.metric, {{"mb", now}}, {{"mb", before}});
  };
  guard(spec::Direction::kMinimize, 0.1, true);
  CHECK_FALSE(failed(88, 80));
  CHECK(failed(89, 80) == "mb: 89 <= 88 fails (baseline 80)");
  CHECK(failed(-71, -80));
  CHECK_FALSE(failed(-72, -80));
  guard(spec::Direction::kMaximize, 0.25, true);
  CHECK_FALSE(failed(60, 80));
  CHECK(failed(59, 80) == "mb: 59 >= 60 fails (baseline 80)");
  guard(spec::Direction::kMinimize, 5, false);
  CHECK_FALSE(failed(85, 80));
  CHECK(failed(86, 80));
  CHECK(FailedGuard(spec.metric, {}, {{"mb", 1}}) == "mb: not reported");
  CHECK(FailedGuard(spec.metric, {{"mb", 1}}, {}) ==
        "mb: not reported by the baseline");
}

TEST_CASE("a guard is checked on the screen and again on the fresh samples") {
  spec::Spec spec = Minimize();
  spec.metric.guards = {{.name = "mb", .max_regression = 0.1}};
  Contest contest = Against100(90);
  contest.baseline_numbers = {{"mb", 80}};
  contest.screen_metrics = {{"mb", 95}};
  Decision d = Decide(spec, kNoisy, contest);
  CHECK(d.outcome == Outcome::kDegenerate);
  CHECK(d.reason == "guard mb: 95 <= 88 fails (baseline 80)");

  contest.screen_metrics = {{"mb", 80}};
  contest.confirm.assign(5, {90, 100});
  contest.confirm_numbers = {{"mb", 95}};
  d = Decide(spec, kNoisy, contest);
  CHECK(d.outcome == Outcome::kInconclusive);
  CHECK(d.reason == "guard mb: 95 <= 88 fails (baseline 80)");
  contest.confirm_numbers = {{"mb", 88}};
  CHECK(Decide(spec, kNoisy, contest).outcome == Outcome::kImproved);
}

// ---- Holdout ---------------------------------------------------------------

TEST_CASE("a confirmed contender must not be worse on the holdout") {
  spec::Spec spec = Minimize();
  spec.evaluation.holdout = spec::Holdout{.command = "holdout"};
  Contest contest = Against100(90, {90, 90, 90, 90, 90});
  contest.holdout_sigma = 0.01;
  for (int i = 0; i < 5; ++i) {
    const Decision d = Decide(spec, kNoisy, contest);
    CHECK(d.next == NextMeasurement::kHoldoutPair);
    CHECK(d.candidate_first == (i % 2 == 0));
    contest.holdout.push_back({91, 100});
  }
  Decision d = Decide(spec, kNoisy, contest);
  CHECK(d.outcome == Outcome::kImproved);
  CHECK(d.flags.empty());

  SUBCASE("less than half of the gain there is overfit") {
    contest.holdout.assign(5, {96, 100});
    d = Decide(spec, kNoisy, contest);
    CHECK(d.outcome == Outcome::kImproved);
    CHECK(Has(d, "overfit"));
  }
  SUBCASE("slightly worse is within its noise") {
    contest.holdout.assign(5, {102, 100});
    CHECK(Decide(spec, kNoisy, contest).outcome == Outcome::kImproved);
  }
  SUBCASE("clearly worse is inconclusive") {
    contest.holdout.assign(5, {103, 100});
    d = Decide(spec, kNoisy, contest);
    CHECK(d.outcome == Outcome::kInconclusive);
    CHECK(d.reason == "holdout worse: gain -3% < -2.68%");
    CHECK(Has(d, "overfit"));
  }
  SUBCASE("an unconfirmed one never gets there") {
    contest.confirm.assign(5, {101, 100});
    CHECK_FALSE(Decide(spec, kNoisy, contest).next);
  }
}

// ---- Too good to be true ---------------------------------------------------

TEST_CASE("FM-19 a suspicious screen sample must be reproduced, even once") {
  const Decision jump = Decide(Minimize(), kExact, Against100(5));
  CHECK(jump.next == NextMeasurement::kConfirmPair);
  CHECK(jump.enters_confirm);
  CHECK(Has(jump, "suspicious"));

  const Decision shown = Decide(Minimize(), kExact, Against100(5, {5}));
  CHECK(shown.outcome == Outcome::kImproved);
  CHECK(Has(shown, "suspicious"));

  const Decision not_shown = Decide(Minimize(), kExact, Against100(5, {100}));
  CHECK(not_shown.outcome == Outcome::kInconclusive);
  CHECK(not_shown.reason.starts_with("not reproduced: gain 0% <="));
}

TEST_CASE("FM-19 suspicious is a jump of ten times or a value on a bound") {
  auto suspicious = [](double screen, double best, spec::Direction direction,
                       std::optional<std::pair<double, double>> range = {}) {
    spec::Spec spec = Minimize();
    spec.metric.direction = direction;
    spec.metric.range = range;
    Contest contest{.screen = screen, .best_value = best};
    return Has(Decide(spec, kExact, contest), "suspicious");
  };
  constexpr auto kDown = spec::Direction::kMinimize;
  constexpr auto kUp = spec::Direction::kMaximize;
  CHECK_FALSE(suspicious(10, 100, kDown));
  CHECK(suspicious(9.9, 100, kDown));
  CHECK(suspicious(0, 100, kDown));
  CHECK(suspicious(-1, 100, kDown));
  CHECK_FALSE(suspicious(1000, 100, kUp));
  CHECK(suspicious(1001, 100, kUp));
  CHECK(suspicious(-9, -100, kUp));
  CHECK_FALSE(suspicious(-1000, -100, kDown));
  CHECK(suspicious(-1001, -100, kDown));
  CHECK_FALSE(suspicious(3, 0, kUp));
  CHECK(suspicious(1, 0.9, kUp, std::pair(0.0, 1.0)));
  CHECK_FALSE(suspicious(0.99, 0.9, kUp, std::pair(0.0, 1.0)));
  // No contender, nothing to suspect.
  CHECK_FALSE(suspicious(0, 0.9, kUp, std::pair(0.0, 1.0)));
}

// ---- Properties ------------------------------------------------------------

TEST_CASE("turning the metric upside down changes no decision") {
  using Kind = spec::MinImprovement::Kind;
  Rng rng(7);
  std::map<Outcome, int> seen;
  for (int i = 0; i < 20'000; ++i) {
    spec::Spec spec = Minimize();
    if (rng.Chance(0.5)) spec.metric.direction = spec::Direction::kMaximize;
    if (rng.Chance(0.3)) spec.metric.range = {-100, 200};
    if (rng.Chance(0.3)) {
      spec.metric.min_improvement = {.kind = Kind::kRelative, .value = 0.02};
    }
    if (rng.Chance(0.3)) spec.evaluation.holdout = spec::Holdout{};
    const NoiseModel noise{.sigma = rng.Chance(0.3) ? 0 : 0.02,
                           .relative = rng.Chance(0.7),
                           .repeats = 1 + static_cast<int>(rng.Below(5))};
    const double center = rng.Chance(0.9) ? 100 : -3;
    auto draw = [&] { return center * (1 + 0.05 * rng.Normal()); };
    Contest contest{.best_value = draw(), .holdout_sigma = 0.02};
    if (rng.Chance(0.95)) contest.screen = draw();
    if (contest.screen && rng.Chance(0.05)) *contest.screen *= 30;
    if (contest.screen) {
      const bool lucky = rng.Chance(0.5);
      for (std::uint64_t n = rng.Below(6); n > 0; --n) {
        contest.confirm.push_back({lucky ? *contest.screen : draw(), draw()});
      }
    }
    for (std::uint64_t n = rng.Below(6); n > 0; --n) {
      contest.holdout.push_back({draw(), draw()});
    }
    const Decision d = Decide(spec, noise, contest);
    const Decision m = Decide(Mirror(spec), noise, Mirror(contest));
    REQUIRE(d.next == m.next);
    REQUIRE(d.candidate_first == m.candidate_first);
    REQUIRE(d.flags == m.flags);
    if (d.next) continue;
    REQUIRE(d.outcome == m.outcome);
    REQUIRE_FALSE(d.reason.empty());
    ++seen[d.outcome];
  }
  CHECK(seen[Outcome::kValid] > 1000);
  CHECK(seen[Outcome::kInconclusive] > 1000);
  CHECK(seen[Outcome::kImproved] > 1000);
}

}  // namespace
}  // namespace coppice::search

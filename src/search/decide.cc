#include "search/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "search/decide_pairs.h"
#include "search/decide_suspicion.h"

// SPEC §5, in its order: screen, gates and guards, contender or not, R fresh
// pairs with a stop after two bad ones, threshold and majority and guards,
// holdout. Gains are turned so that positive is better; a lucky sample that
// made a contender is never part of what confirms it.
//
// A gain that R pairs show but that stays below the threshold is not given up
// while it is promising: further pairs are taken until a signed-rank test
// (decide_pairs.cc) proves it or it loses its promise. What such a test proves
// is that the candidate is better at all; that it is better by enough is said
// by min_improvement, which its gain has to exceed as well. Where R is 1 the
// user has asked for one sample and gets one.

namespace coppice::search {
namespace {

constexpr double kAutoEffect = 0.005;  // of |v(best)|
constexpr double kNoiseFactor = 6;
constexpr std::size_t kHopelessPairs = 2;

std::string_view Symbol(spec::Comparison comparison) {
  switch (comparison) {
    case spec::Comparison::kGe:
      return ">=";
    case spec::Comparison::kLe:
      return "<=";
    case spec::Comparison::kGt:
      return ">";
    case spec::Comparison::kLt:
      return "<";
    case spec::Comparison::kEq:
      return "==";
    case spec::Comparison::kNe:
      return "!=";
  }
  return "?";
}

bool Holds(double x, spec::Comparison comparison, double bound) {
  switch (comparison) {
    case spec::Comparison::kGe:
      return x >= bound;
    case spec::Comparison::kLe:
      return x <= bound;
    case spec::Comparison::kGt:
      return x > bound;
    case spec::Comparison::kLt:
      return x < bound;
    case spec::Comparison::kEq:
      return x == bound;
    case spec::Comparison::kNe:
      return x != bound;
  }
  return false;
}

// One decision in the making.
class Decider {
 public:
  Decider(const spec::Spec& spec, const NoiseModel& noise,
          const Contest& contest)
      : spec_(spec),
        noise_(noise),
        contest_(contest),
        sign_(spec::Sign(spec.metric.direction)) {}

  Decision Decide() const {
    if (!contest_.screen) return {.next = NextMeasurement::kScreen};
    if (auto failed = FailedGate(spec_.metric, contest_.screen_metrics)) {
      return {.outcome = Outcome::kDegenerate, .reason = "gate " + *failed};
    }
    if (auto failed = FailedGuard(spec_.metric, contest_.screen_metrics,
                                  contest_.baseline_numbers)) {
      return {.outcome = Outcome::kDegenerate, .reason = "guard " + *failed};
    }
    if (contest_.confirm.empty()) {
      const double gain = sign_ * (*contest_.screen - contest_.best_value);
      const double noise = noise_.Noise(contest_.best_value);
      if (gain <= std::max(noise, 0.0)) {
        return {.outcome = Outcome::kValid,
                .reason = fmt::format("screen {} against {}: gain {} <= noise "
                                      "{}",
                                      FormatShort(*contest_.screen),
                                      FormatShort(contest_.best_value),
                                      Share(gain), Share(noise))};
      }
    }
    Decision decision = Contend();
    AddFlags(decision);
    return decision;
  }

 private:
  Decision Contend() const {
    const std::vector<Pair>& pairs = contest_.confirm;
    const std::size_t needed = PairsNeeded();
    if (pairs.size() >= kHopelessPairs && needed > kHopelessPairs) {
      const double gain = Gain(std::span(pairs).first(kHopelessPairs));
      if (gain <= 0) {
        return Inconclusive(fmt::format("hopeless after {} pairs: gain {} <= 0",
                                        kHopelessPairs, Share(gain)));
      }
    }
    if (pairs.size() < needed) return NextPair();
    const Standing standing = Stand();
    if (standing.promising) return NextPair();
    if (!standing.against.empty()) return Inconclusive(standing.against);
    if (spec_.evaluation.holdout) {
      const std::size_t held = contest_.holdout.size();
      if (held < Repeats()) {
        return {.next = NextMeasurement::kHoldoutPair,
                .candidate_first = held % 2 == 0};
      }
      if (auto reason = HoldoutWorse()) return Inconclusive(*reason);
    }
    if (auto unseen = UnseenOutside(spec_, contest_, ContestGain())) {
      return Inconclusive(*unseen);
    }
    return Improved(standing.proven);
  }

  Decision NextPair() const {
    const std::size_t taken = contest_.confirm.size();
    return {.next = NextMeasurement::kConfirmPair,
            .candidate_first =
                CandidateFirst(spec_.search.seed, contest_.candidate, taken),
            .enters_confirm = taken == 0};
  }

  // Where R pairs or more leave the candidate: worth further ones, or with a
  // reason against it, or else confirmed.
  struct Standing {
    bool promising = false;
    std::string against;
    std::string proven;  // how, as "gain 3% > threshold 2.7%"
  };

  // Step 4.
  Standing Stand() const {
    const std::size_t taken = contest_.confirm.size();
    const PairTest test = ContestTest(static_cast<int>(Repeats()));
    if (contest_.more_pairs && taken > Repeats() && !IsLook(test, taken) &&
        static_cast<int>(taken) < test.last) {
      return {.promising = true};
    }
    const double gain = ContestGain();
    const double threshold = Tau();
    Standing standing = gain > threshold ? StandAbove(gain, threshold)
                                         : StandBelow(gain, threshold, test);
    if (standing.proven.empty()) return standing;
    const auto& numbers =
        taken == 0 ? contest_.screen_metrics : contest_.confirm_numbers;
    if (auto failed =
            FailedGuard(spec_.metric, numbers, contest_.baseline_numbers)) {
      standing.against = "guard " + *failed;
    }
    return standing;
  }

  Standing StandAbove(double gain, double threshold) const {
    const std::size_t taken = contest_.confirm.size();
    const std::size_t positive = CountPositive(PairGains());
    if (taken > 0 && 2 * positive <= taken) {
      return {.against =
                  fmt::format("better in {} of {} pairs, more than half needed",
                              positive, taken)};
    }
    return {.proven = fmt::format("gain {} > threshold {} over {}", Share(gain),
                                  Share(threshold), Evidence())};
  }

  // What the pairs prove all the same. Where the threshold is the smallest
  // gain worth keeping there is nothing to prove.
  Standing StandBelow(double gain, double threshold,
                      const PairTest& test) const {
    const std::string below =
        fmt::format("gain {} <= threshold {} over {}", Share(gain),
                    Share(threshold), Evidence());
    const double effect = Effect(spec_.metric, noise_, contest_.best_value);
    if (Repeats() == 1 || gain <= 0 || threshold <= effect) {
      return {.against = below};
    }
    const std::vector<double> gains = PairGains();
    const Weighed weighed = Weigh(test, gains);
    if (weighed.proof == Proof::kMore) {
      if (contest_.more_pairs) return {.promising = true};
      return {.against = below + ": promising, but no time for more pairs"};
    }
    const std::string pairs = fmt::format(
        "better in {} of {} fresh pairs, signed-rank p {}",
        CountPositive(gains), gains.size(), FormatShort(weighed.chance, 2));
    if (weighed.proof == Proof::kNone) {
      return {.against = fmt::format("gain {} <= threshold {} and {}",
                                     Share(gain), Share(threshold), pairs)};
    }
    if (gain <= effect) {
      return {.against = fmt::format("gain {} <= min_improvement {}, though {}",
                                     Share(gain), Share(effect), pairs)};
    }
    return {.proven = fmt::format("gain {}: {}", Share(gain), pairs)};
  }

  std::vector<double> PairGains() const {
    std::vector<double> gains;
    for (const Pair& pair : contest_.confirm) {
      gains.push_back(sign_ * (pair.candidate - pair.best));
    }
    return gains;
  }

  // Step 5: worse than the best on data the search has never seen.
  std::optional<std::string> HoldoutWorse() const {
    const double best = Side(contest_.holdout, &Pair::best);
    const double gain = Gain(contest_.holdout);
    NoiseModel noise = noise_;
    noise.sigma = contest_.holdout_sigma;
    const double threshold =
        Threshold(spec_.metric, noise, best, static_cast<int>(Repeats()));
    if (gain >= -threshold) return std::nullopt;
    return fmt::format("holdout worse: gain {} < -{}", ShareOf(gain, best),
                       ShareOf(threshold, best));
  }

  Decision Improved(const std::string& proven) const {
    const bool paired = !contest_.confirm.empty();
    const double before =
        paired ? Side(contest_.confirm, &Pair::best) : contest_.best_value;
    const double after =
        paired ? Side(contest_.confirm, &Pair::candidate) : *contest_.screen;
    return {
        .outcome = Outcome::kImproved,
        .reason = fmt::format("improved: {} -> {} ({})", FormatShort(before),
                              FormatShort(after), proven)};
  }

  Decision Inconclusive(std::string reason) const {
    if (TooGoodToBeTrue(spec_.metric, *contest_.screen, contest_.best_value)) {
      reason = "not reproduced: " + reason;
    }
    return {.outcome = Outcome::kInconclusive, .reason = std::move(reason)};
  }

  void AddFlags(Decision& decision) const {
    if (Suspicious()) decision.flags.emplace_back("suspicious");
    if (decision.next) return;
    if (decision.outcome == Outcome::kImproved && Repeats() == 1 &&
        noise_.sigma > 0) {
      decision.flags.emplace_back("unconfirmed");
    }
    if (!contest_.holdout.empty() && HoldoutShare() < 0.5) {
      decision.flags.emplace_back("overfit");
    }
  }

  // The part of the gain that the holdout shows too.
  double HoldoutShare() const {
    auto fraction = [](double gain, double base) {
      return base == 0 ? gain : gain / std::abs(base);
    };
    const double held =
        fraction(Gain(contest_.holdout), Side(contest_.holdout, &Pair::best));
    return held / fraction(ContestGain(), contest_.best_value);
  }

  bool Suspicious() const {
    return TooGoodToBeTrue(spec_.metric, *contest_.screen,
                           contest_.best_value) ||
           TooEven() || UnseenOutside(spec_, contest_, ContestGain());
  }

  // A metric that was noisy until now.
  bool TooEven() const {
    return Repeats() > 1 && contest_.confirm.size() >= Repeats() &&
           OnlyOneVaries(std::span(contest_.confirm).first(Repeats()));
  }

  std::size_t Repeats() const {
    return static_cast<std::size_t>(std::max(1, noise_.repeats));
  }

  // One repeat decides by the screen sample, unless that one is too good to be
  // believed: then a clean checkout has to show it once more, as it has to
  // show once more what is too even.
  std::size_t PairsNeeded() const {
    if (Repeats() > 1) return TooEven() ? 2 * Repeats() : Repeats();
    return Suspicious() || !contest_.confirm.empty() ? 1 : 0;
  }

  double Side(std::span<const Pair> pairs, double Pair::* side) const {
    std::vector<double> values;
    for (const Pair& pair : pairs) values.push_back(pair.*side);
    return Aggregate(spec_.evaluation.aggregation, std::move(values));
  }

  double Gain(std::span<const Pair> pairs) const {
    return sign_ * (Side(pairs, &Pair::candidate) - Side(pairs, &Pair::best));
  }

  double ContestGain() const {
    if (!contest_.confirm.empty()) return Gain(contest_.confirm);
    return sign_ * (*contest_.screen - contest_.best_value);
  }

  double Tau() const {
    return Threshold(spec_.metric, noise_, contest_.best_value,
                     static_cast<int>(Repeats()));
  }

  std::string Evidence() const {
    const std::size_t pairs = contest_.confirm.size();
    if (pairs == 0) return "one sample";
    return fmt::format("{} fresh pair{}", pairs, pairs == 1 ? "" : "s");
  }

  std::string Share(double amount) const {
    return ShareOf(amount, contest_.best_value);
  }

  const spec::Spec& spec_;
  const NoiseModel& noise_;
  const Contest& contest_;
  const int sign_;
};

}  // namespace

std::string ShareOf(double amount, double base) {
  if (base == 0) return FormatShort(amount);
  return FormatShort(100 * amount / std::abs(base), 3) + "%";
}

double NoiseModel::Noise(double value) const {
  return relative ? sigma * std::abs(value) : sigma;
}

double Effect(const spec::Metric& metric, const NoiseModel& noise,
              double best) {
  switch (metric.min_improvement.kind) {
    case spec::MinImprovement::Kind::kAuto:
      return noise.sigma == 0 ? 0 : kAutoEffect * std::abs(best);
    case spec::MinImprovement::Kind::kAbsolute:
      return metric.min_improvement.value;
    case spec::MinImprovement::Kind::kRelative:
      return metric.min_improvement.value * std::abs(best);
  }
  return 0;
}

double Threshold(const spec::Metric& metric, const NoiseModel& noise,
                 double best, int repeats) {
  const double noise_term =
      kNoiseFactor * noise.Noise(best) / std::sqrt(std::max(1, repeats));
  return std::max(Effect(metric, noise, best), noise_term);
}

std::optional<int> RepeatsNeeded(const spec::Metric& metric,
                                 const NoiseModel& noise, double best) {
  constexpr double kMost = 1e6;  // more than anybody will wait for
  const double effect = Effect(metric, noise, best);
  if (metric.min_improvement.kind == spec::MinImprovement::Kind::kAuto ||
      effect <= 0 || Threshold(metric, noise, best, noise.repeats) <= effect) {
    return std::nullopt;
  }
  const double root = kNoiseFactor * noise.Noise(best) / effect;
  return static_cast<int>(std::min(kMost, std::ceil(root * root)));
}

Decision Decide(const spec::Spec& spec, const NoiseModel& noise,
                const Contest& contest) {
  return Decider(spec, noise, contest).Decide();
}

std::optional<std::string> FailedGate(
    const spec::Metric& metric, const std::map<std::string, double>& numbers) {
  for (const spec::Gate& gate : metric.gates) {
    auto found = numbers.find(gate.name);
    if (found == numbers.end()) {
      return fmt::format("{}: not reported, {} {} needed", gate.name,
                         Symbol(gate.comparison), FormatNumber(gate.bound));
    }
    if (!Holds(found->second, gate.comparison, gate.bound)) {
      return fmt::format("{}: {} {} {} fails", gate.name,
                         FormatNumber(found->second), Symbol(gate.comparison),
                         FormatNumber(gate.bound));
    }
  }
  return std::nullopt;
}

std::optional<std::string> FailedGuard(
    const spec::Metric& metric, const std::map<std::string, double>& numbers,
    const std::map<std::string, double>& baseline) {
  for (const spec::Guard& guard : metric.guards) {
    auto now = numbers.find(guard.name);
    auto before = baseline.find(guard.name);
    if (now == numbers.end() || before == baseline.end()) {
      return fmt::format("{}: not reported{}", guard.name,
                         now == numbers.end() ? "" : " by the baseline");
    }
    const int sign = spec::Sign(guard.direction);
    const double scale = guard.relative ? std::abs(before->second) : 1;
    const double bound = before->second - sign * guard.max_regression * scale;
    if (sign * (now->second - bound) < 0) {
      return fmt::format("{}: {} {} {} fails (baseline {})", guard.name,
                         FormatShort(now->second),
                         sign > 0 ? ">=" : "<=", FormatShort(bound),
                         FormatShort(before->second));
    }
  }
  return std::nullopt;
}

}  // namespace coppice::search

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "report/verify_audit.h"
#include "report/verify_best.h"
#include "report/verify_scores.h"
#include "spec/load.h"

// Outcomes from the samples (SPEC §5). Checked is what must hold of each
// outcome, not the way that the search came to it: the value and the noise are
// those of the samples; what failed has a failing sample; what is valid was no
// better than the noise; what is improved passed its gates, had its pairs, and
// either beat the threshold in most of them or beat chance.

namespace coppice::report {
namespace {

// Of all looks at one contest together.
constexpr double kContestChance = 0.002;
constexpr double kNoiseFactor = 6;
constexpr double kAutoEffect = 0.005;

struct Duel {
  double candidate = 0;
  double best = 0;
};

bool Near(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b)) + 1e-12;
}

bool Near(std::optional<double> a, std::optional<double> b) {
  return a.has_value() == b.has_value() && (!a || Near(*a, *b));
}

std::optional<double> MaybeAt(const Json& body, const char* key) {
  auto found = body.find(key);
  if (found == body.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::string Shown(std::optional<double> x) {
  return x ? fmt::format("{}", *x) : "none";
}

bool Holds(double x, const spec::Gate& gate) {
  switch (gate.comparison) {
    case spec::Comparison::kGe:
      return x >= gate.bound;
    case spec::Comparison::kLe:
      return x <= gate.bound;
    case spec::Comparison::kGt:
      return x > gate.bound;
    case spec::Comparison::kLt:
      return x < gate.bound;
    case spec::Comparison::kEq:
      return x == gate.bound;
    case spec::Comparison::kNe:
      return x != gate.bound;
  }
  return false;
}

// How likely coins put no more weight against the candidate than these signed
// differences do: all signs of the ranks 1..n counted.
double SignedRankChance(std::vector<double> gains) {
  std::ranges::sort(gains, [](double a, double b) {
    return std::abs(a) != std::abs(b) ? std::abs(a) < std::abs(b) : a > b;
  });
  std::size_t against = 0;
  for (std::size_t i = 0; i < gains.size(); ++i) {
    if (!(gains[i] > 0)) against += i + 1;
  }
  const std::size_t all = gains.size() * (gains.size() + 1) / 2;
  std::vector<double> ways(all + 1, 0.0);
  ways[0] = 1;
  for (std::size_t rank = 1; rank <= gains.size(); ++rank) {
    for (std::size_t s = all + 1; s-- > rank;) ways[s] += ways[s - rank];
  }
  double below = 0;
  for (std::size_t s = 0; s <= against; ++s) below += ways[s];
  return below / std::exp2(static_cast<double>(gains.size()));
}

class DecisionAudit final : public Audit {
 public:
  explicit DecisionAudit(const Court& court) : court_(court), best_(court) {}

  void See(const AuditRow& see) override {
    seq_ = see.row.seq;
    const std::string& kind = see.row.kind;
    if (kind == "started") Start(see.body);
    if (scores_ == nullptr) return;
    if (kind == "selected") Select(see.body);
    if (kind == "sampled") Sample(see.body);
    if (kind == "evaluated") Evaluate(see.body);
    if (kind == "noted" && WordAt(see.body, "kind") == "race") fresh_.clear();
    if (kind == "final") Final(see.body);
    best_.See(see, *scores_);
  }

  void End() override { best_.End(); }

 private:
  void Wrong(std::string what) const {
    court_.Blame(seq_, "decisions", std::move(what));
  }

  void Start(const Json& body) {
    Result<spec::Spec> spec = spec::SpecFromJson(TextAt(court_, body, "spec"));
    if (!spec) return Wrong("the spec cannot be read");
    spec_ = std::move(*spec);
    scores_ = std::make_unique<CheckedScores>(spec_);
    best_.Start(spec_);
  }

  void Select(const Json& body) {
    const Json& parents = body["parents"];
    if (!parents.empty()) {
      parent_[IntegerAt(body, "attempt")] = parents[0].get<std::int64_t>();
    }
    fresh_.clear();
  }

  void Sample(const Json& body) {
    const std::int64_t node = IntegerAt(body, "node");
    CheckedSample sample;
    sample.phase = WordAt(body, "phase");
    sample.index = IntegerAt(body, "sample");
    sample.versus = IntegerAt(body, "versus", -1);
    sample.cached = FlagAt(body, "cached");
    auto failure = body.find("failure");
    const bool failed = failure != body.end() && failure->is_object();
    if (failed) sample.failure = WordAt(*failure, "outcome");
    sample.failed = failed || WordAt(body, "verdict") != "ok";
    if (sample.failed != failed) Wrong("a verdict without its failure");
    for (const auto& [name, value] : body["metrics"].items()) {
      if (value.is_number()) sample.metrics[name] = value.get<double>();
    }
    if (sample.phase == "final" && !sample.failed) {
      if (auto score = scores_->Score(sample)) fresh_[node].push_back(*score);
    }
    scores_->Add(node, std::move(sample));
  }

  void Evaluate(const Json& body) {
    const std::int64_t node = IntegerAt(body, "node");
    const std::string outcome = WordAt(body, "outcome");
    const std::optional<double> value = MaybeAt(body, "value");
    static const std::set<std::string> kMeasured{"baseline", "improved",
                                                 "valid", "inconclusive"};
    const bool measured = kMeasured.contains(outcome);
    if (outcome == "cancelled" || outcome == "deferred") return;
    if (measured != value.has_value()) {
      Wrong(fmt::format("{} and the value is {}", outcome, Shown(value)));
    }
    if (value && !Near(value, scores_->Value(node))) {
      Wrong(fmt::format("value {}, the samples say {}", *value,
                        Shown(scores_->Value(node))));
    }
    CheckNoise(NumberAt(body, "sigma"));
    if (outcome == "baseline") return;
    if (!measured) return CheckFailure(node, body, outcome);
    CheckGain(node, body, *value);
    CheckMeasured(node, outcome, NumberAt(body, "sigma"));
  }

  // From scratch, which costs the whole run: ever more seldom.
  void CheckNoise(double said) {
    const int skip = ++evaluations_ / 256 + 1;
    if (evaluations_ % skip != 0) return;
    const double sigma = scores_->Sigma();
    if (!Near(said, sigma)) {
      Wrong(fmt::format("sigma {}, the samples say {}", said, sigma));
    }
  }

  const CheckedSample* Screen(std::int64_t node) const {
    for (const CheckedSample& s : scores_->Of(node)) {
      if (s.phase == "screen" && !s.failed) return &s;
    }
    return nullptr;
  }

  void CheckFailure(std::int64_t node, const Json& body,
                    const std::string& outcome) const {
    const auto& samples = scores_->Of(node);
    const std::string reason = WordAt(body, "reason");
    if (!samples.empty() && samples.back().failed &&
        samples.back().failure != outcome) {
      Wrong(fmt::format("{}, but its last sample says {}", outcome,
                        samples.back().failure));
    }
    const bool failed = std::ranges::any_of(samples, &CheckedSample::failed);
    const CheckedSample* screen = Screen(node);
    if (screen == nullptr || failed) return;
    if (outcome == "degenerate" && reason.starts_with("gate ")) {
      if (PassesGates(*screen)) Wrong("every gate holds on its sample");
    } else if (outcome != "degenerate") {
      Wrong(outcome + ", but all its samples are good");
    }
  }

  bool PassesGates(const CheckedSample& sample) const {
    return std::ranges::all_of(spec_.metric.gates, [&](const auto& gate) {
      auto number = sample.metrics.find(gate.name);
      return number != sample.metrics.end() && Holds(number->second, gate);
    });
  }

  bool PassesGuards(const CheckedSample& sample) const {
    return std::ranges::all_of(spec_.metric.guards, [&](const auto& guard) {
      auto now = sample.metrics.find(guard.name);
      const auto before = scores_->Number(0, guard.name);
      if (now == sample.metrics.end() || !before) return false;
      const int sign = spec::Sign(guard.direction);
      const double allowed =
          guard.max_regression * (guard.relative ? std::abs(*before) : 1);
      return sign * (now->second - *before) >= -allowed * (1 + 1e-12) - 1e-12;
    });
  }

  void CheckGain(std::int64_t node, const Json& body, double value) const {
    auto gain = body.find("gain");
    if (gain == body.end() || !gain->is_object()) {
      return Wrong("a value without a gain");
    }
    auto check = [&](const char* name, std::int64_t other) {
      const double reference = scores_->Value(other).value_or(0);
      const double difference = Sign() * (value - reference);
      const double share =
          reference == 0 ? 0 : difference / std::abs(reference);
      if (!Near(NumberAt(*gain, name), share)) {
        Wrong(fmt::format("gain on {} {}, the values say {}", name,
                          NumberAt(*gain, name), share));
      }
    };
    check("baseline", 0);
    check("best", best_.OfChainOf(node));
    if (auto parent = parent_.find(node); parent != parent_.end()) {
      check("parent", parent->second);
    }
  }

  void CheckMeasured(std::int64_t node, const std::string& outcome,
                     double sigma) const {
    const CheckedSample* screen = Screen(node);
    if (screen == nullptr) return Wrong(outcome + " without a screen sample");
    if (!PassesGates(*screen)) Wrong(outcome + " though a gate fails");
    if (!PassesGuards(*screen)) Wrong(outcome + " though a guard fails");
    const std::int64_t best = best_.OfChainOf(node);
    const double reference = scores_->Value(best).value_or(0);
    const double gain = Sign() * (*scores_->Score(*screen) - reference);
    const double noise =
        scores_->Relative() ? sigma * std::abs(reference) : sigma;
    const std::vector<Duel> pairs = Pairs(node, best);
    if (outcome == "valid" && pairs.empty() &&
        gain > noise + 1e-9 * std::abs(reference)) {
      Wrong(
          fmt::format("valid, but {} better than node {}, beyond the noise "
                      "{}",
                      gain, best, noise));
    }
    if (outcome == "valid" && !pairs.empty()) {
      Wrong("valid after it met the best in fresh pairs");
    }
    if (outcome != "improved") return;
    double effect = kAutoEffect * std::abs(reference) * (sigma == 0 ? 0 : 1);
    const spec::MinImprovement& least = spec_.metric.min_improvement;
    if (least.kind == spec::MinImprovement::Kind::kAbsolute) {
      effect = least.value;
    } else if (least.kind == spec::MinImprovement::Kind::kRelative) {
      effect = least.value * std::abs(reference);
    }
    CheckImproved(pairs, gain, effect, noise);
  }

  void CheckImproved(const std::vector<Duel>& pairs, double screen_gain,
                     double effect, double noise) const {
    const int repeats = std::max(1, scores_->Repeats());
    const double threshold =
        std::max(effect, kNoiseFactor * noise / std::sqrt(repeats));
    if (pairs.empty()) {
      if (repeats > 1) Wrong("improved without a fresh pair");
      if (!(screen_gain > threshold)) Wrong("improved below the threshold");
      return;
    }
    if (static_cast<int>(pairs.size()) < repeats) {
      Wrong(
          fmt::format("improved after {} of {} pairs", pairs.size(), repeats));
    }
    std::vector<double> mine, theirs, gains;
    for (const Duel& pair : pairs) {
      mine.push_back(pair.candidate);
      theirs.push_back(pair.best);
      gains.push_back(Sign() * (pair.candidate - pair.best));
    }
    const double gain =
        Sign() * (scores_->Aggregate(mine) - scores_->Aggregate(theirs));
    const auto won =
        std::ranges::count_if(gains, [](double g) { return g > 0; });
    const bool clear =
        gain > threshold && 2 * won > static_cast<std::ptrdiff_t>(gains.size());
    const bool proven =
        repeats > 1 && SignedRankChance(gains) <= kContestChance;
    if (!(gain > effect) || (!clear && !proven)) {
      Wrong(
          fmt::format("improved by {} over {} pairs, {} of them won, where "
                      "{} are needed",
                      gain, gains.size(), won, threshold));
    }
  }

  std::vector<Duel> Pairs(std::int64_t node, std::int64_t best) const {
    auto side = [&](std::int64_t of, std::int64_t versus) {
      std::vector<double> scores;
      for (const CheckedSample& s : scores_->Of(of)) {
        if (s.phase != "confirm" || s.versus != versus || s.failed) continue;
        if (auto score = scores_->Score(s)) scores.push_back(*score);
      }
      return scores;
    };
    const std::vector<double> mine = side(node, best);
    const std::vector<double> theirs = side(best, node);
    std::vector<Duel> pairs;
    for (std::size_t i = 0; i < std::min(mine.size(), theirs.size()); ++i) {
      pairs.push_back({mine[i], theirs[i]});
    }
    return pairs;
  }

  // The winner's claim is made of the fresh samples of this final alone.
  void Final(const Json& body) {
    const auto fresh = std::exchange(fresh_, {});
    const std::int64_t winner = IntegerAt(body, "winner");
    std::map<std::int64_t, std::vector<double>> told;
    for (const Json& finalist : body.value("finalists", Json::array())) {
      auto& values = told[IntegerAt(finalist, "node")];
      for (const Json& value : finalist["values"]) {
        values.push_back(value.get<double>());
      }
    }
    for (const auto& [node, values] : told) {
      auto taken = fresh.find(node);
      if (taken == fresh.end() ? !values.empty() : taken->second != values) {
        Wrong(fmt::format("the final's values of node {} are not its samples",
                          node));
      }
    }
    const bool confirmed = FlagAt(body, "confirmed");
    if (winner != 0 && !told.contains(winner)) Wrong("the winner did not race");
    if (confirmed && winner == 0) Wrong("the baseline cannot win over itself");
    if (winner == 0 || told[winner].empty() || told[0].empty()) return;
    // The last two meet side by side: what one has more than the other is of
    // earlier rungs.
    const std::size_t met = std::min(told[winner].size(), told[0].size());
    auto value = [&](std::vector<double> all) {
      all.resize(met);
      return scores_->Aggregate(std::move(all));
    };
    const double before = value(told[0]);
    const double gain = Sign() * (value(told[winner]) - before);
    const double share = before == 0 ? gain : gain / std::abs(before);
    if (!Near(NumberAt(body, "gain"), share)) {
      Wrong(fmt::format("the final claims {}, its samples say {}",
                        NumberAt(body, "gain"), share));
    }
    if (confirmed && !(gain > 0)) Wrong("confirmed without a gain");
  }

  int Sign() const { return spec::Sign(spec_.metric.direction); }

  const Court court_;
  std::int64_t seq_ = 0;
  spec::Spec spec_;
  std::unique_ptr<CheckedScores> scores_;
  CheckedBest best_;
  std::map<std::int64_t, std::int64_t> parent_;
  std::map<std::int64_t, std::vector<double>> fresh_;  // of this final
  int evaluations_ = 0;
};

}  // namespace

std::unique_ptr<Audit> AuditDecisions(const Court& court) {
  return std::make_unique<DecisionAudit>(court);
}

}  // namespace coppice::report

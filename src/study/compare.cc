#include "study/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"

namespace coppice::study {
namespace {

constexpr std::uint64_t kSeed =
    8;  // of every resampling: same facts, same text

// Seeds of which every arm has a winner that was measured afresh.
std::set<int> WholeSeeds(const Comparison& comparison) {
  std::map<int, std::size_t> count;
  for (const SearchFacts& search : comparison.searches) {
    if (search.value) ++count[search.seed];
  }
  std::set<int> seeds;
  for (const auto& [seed, searches] : count) {
    if (searches == comparison.study.arms.size()) seeds.insert(seed);
  }
  return seeds;
}

// "local/qwen", "claude-code", "edits": what proposes, without its settings.
std::string NameOf(const Json& proposer) {
  for (const char* kind : {"model", "agent", "command"}) {
    if (proposer.contains(kind)) return proposer[kind];
  }
  return "edits";
}

std::vector<Step> StepsOf(const SearchFacts& search, spec::Equalize resource) {
  std::vector<Step> steps;
  for (const CurvePoint& point : search.curve) {
    const double at = Of(point, resource);
    if (!steps.empty() && steps.back().at == at) {
      steps.back().value = point.best;
    } else {
      steps.push_back({at, point.best});
    }
  }
  return steps;
}

// Independent chains of all seeds, as the order-statistic estimator wants them:
// the winner is picked by what the decision rule saw, and that is also all that
// is known of what it is worth.
std::vector<double> BestOfChains(const ArmFacts& arm, int sign) {
  std::vector<double> sums;
  for (const SearchFacts* search : arm.searches) {
    std::vector<ChainResult> chains;
    for (double best : search->chain_bests) {
      chains.push_back({sign * best, best});
    }
    sums.resize(std::max(sums.size(), chains.size()), 0);
    for (std::size_t k = 1; k <= chains.size(); ++k) {
      sums[k - 1] += BestOf(chains, k);
    }
  }
  for (double& sum : sums) sum /= static_cast<double>(arm.searches.size());
  return sums;
}

ArmFacts ArmOf(const Comparison& comparison, const spec::StudyArm& arm,
               const std::set<int>& seeds) {
  ArmFacts facts;
  facts.name = arm.name;
  facts.says = Says(arm);
  for (int seed : seeds) {
    for (const SearchFacts& search : comparison.searches) {
      if (search.arm != arm.name || search.seed != seed) continue;
      facts.searches.push_back(&search);
      facts.values.push_back(*search.value);
      const auto steps = StepsOf(search, comparison.study.equalize);
      facts.areas.push_back(AreaUnder(steps, 0, comparison.study.total));
    }
  }
  if (facts.values.empty()) return facts;
  facts.mean = Mean(facts.values);
  facts.median = Median(facts.values);
  facts.interval = MeanInterval(facts.values, kSeed);
  facts.area = Mean(facts.areas);
  facts.chains = static_cast<int>(facts.searches.front()->chain_bests.size());
  if (facts.chains > 1) facts.best_of = BestOfChains(facts, comparison.sign);
  return facts;
}

std::vector<double> Signed(std::vector<double> values, int sign) {
  for (double& value : values) value *= sign;
  return values;
}

Difference DifferenceOf(const Comparison& comparison, std::size_t a,
                        std::size_t b) {
  const int sign = comparison.sign;
  const ArmFacts& left = comparison.arms[a];
  const ArmFacts& right = comparison.arms[b];
  Difference difference{.a = a, .b = b};
  difference.paired =
      Compare(Signed(left.values, sign), Signed(right.values, sign), kSeed);
  difference.area =
      Compare(Signed(left.areas, sign), Signed(right.areas, sign), kSeed);
  difference.seeds_needed =
      SeedsNeeded(difference.paired.mean, difference.paired.deviation);
  return difference;
}

}  // namespace

std::string Says(const spec::StudyArm& arm) {
  std::string says;
  for (const auto& [key, text] : arm.keys) {
    const Json value = Json::parse(text);
    std::string shown = value.is_string() ? value.get<std::string>() : text;
    if (key == "proposers") {
      shown.clear();
      for (const Json& proposer : value) {
        shown += (shown.empty() ? "" : " and ") + NameOf(proposer);
      }
    }
    says += fmt::format("{}{}: {}", says.empty() ? "" : ", ",
                        key.substr(key.find('.') + 1), shown);
  }
  return says.empty() ? "as the spec says" : says;
}

double Of(const CurvePoint& point, spec::Equalize resource) {
  switch (resource) {
    case spec::Equalize::kNodes:
      return point.nodes;
    case spec::Equalize::kCost:
      return point.cost_usd;
    case spec::Equalize::kTokens:
      return static_cast<double>(point.tokens);
    case spec::Equalize::kHours:
      return point.hours;
  }
  return point.nodes;
}

void Conclude(Comparison& comparison) {
  const std::set<int> seeds = WholeSeeds(comparison);
  comparison.arms.clear();
  comparison.differences.clear();
  for (const spec::StudyArm& arm : comparison.study.arms) {
    comparison.arms.push_back(ArmOf(comparison, arm, seeds));
  }
  if (seeds.empty()) return;
  std::vector<double> p;
  for (std::size_t a = 0; a < comparison.arms.size(); ++a) {
    for (std::size_t b = a + 1; b < comparison.arms.size(); ++b) {
      comparison.differences.push_back(DifferenceOf(comparison, a, b));
      p.push_back(comparison.differences.back().paired.sign_p);
    }
  }
  const std::vector<double> raised = Holm(p);
  for (std::size_t i = 0; i < raised.size(); ++i) {
    comparison.differences[i].holm_p = raised[i];
  }
}

std::vector<std::size_t> Comparison::Ranking() const {
  std::vector<std::size_t> order(arms.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const double left = sign * arms[a].mean, right = sign * arms[b].mean;
    return left > right || (left == right && a < b);
  });
  return order;
}

Spread SpreadOf(const Comparison& comparison, spec::Equalize resource) {
  Spread spread;
  bool first = true;
  for (const SearchFacts& search : comparison.searches) {
    const double used = Of(search.used, resource);
    spread.least = first ? used : std::min(spread.least, used);
    spread.greatest = first ? used : std::max(spread.greatest, used);
    first = false;
  }
  return spread;
}

double UnitOf(const Comparison& comparison, spec::Equalize resource) {
  double unit = 0;
  for (const SearchFacts& search : comparison.searches) {
    unit = std::max(unit, Of(search.largest, resource));
  }
  return unit;
}

std::vector<BandPoint> BandOf(const ArmFacts& arm, spec::Equalize resource,
                              double until) {
  constexpr int kPoints = 40;
  std::vector<std::vector<Step>> curves;
  for (const SearchFacts* search : arm.searches) {
    curves.push_back(StepsOf(*search, resource));
  }
  std::vector<BandPoint> band;
  if (curves.empty() || until <= 0) return band;
  for (int i = 0; i <= kPoints; ++i) {
    BandPoint point{.at = until * i / kPoints};
    std::vector<double> values;
    for (const auto& curve : curves) {
      values.push_back(ValueAt(curve, point.at));
    }
    point.mean = Mean(values);
    constexpr int kFewResamples = 500;
    point.interval = values.size() > 1
                         ? MeanInterval(values, kSeed, kFewResamples)
                         : Interval{point.mean, point.mean};
    band.push_back(point);
  }
  return band;
}

}  // namespace coppice::study

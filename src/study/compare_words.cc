#include "study/compare_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"
#include "study/compare_report.h"

namespace coppice::study {
namespace {

constexpr int kManySeeds = 1000;  // more than anybody will pay for
constexpr std::size_t kFewPairs = 3;

std::string Range(const Interval& interval) {
  return fmt::format("{} to {}", FormatShort(interval.low),
                     FormatShort(interval.high));
}

template <class F>
double MeanOf(const ArmFacts& arm, F value) {
  std::vector<double> values;
  for (const SearchFacts* search : arm.searches) {
    values.push_back(static_cast<double>(value(*search)));
  }
  return values.empty() ? 0 : Mean(values);
}

// How a search ended, or that it goes on.
std::string Ended(const SearchFacts& search, spec::Equalize equal) {
  constexpr std::string_view kTotals[] = {"max_nodes", "max_cost_usd",
                                          "max_tokens", "share"};
  const std::string& reason = search.ended;
  if (reason.empty()) return "not yet";
  if (reason == kTotals[static_cast<int>(equal)]) return "at its total";
  if (reason == "max_cost_usd") return "out of money";
  if (reason == "study") return "with the others";
  std::string text = reason;
  std::ranges::replace(text, '_', ' ');
  return text;
}

// Of time, as people say it; a study of small tasks lasts less than a second.
std::string Span(double hours) {
  constexpr double kShort = 10;
  const double seconds = hours * 3600;
  return seconds < kShort ? FormatShort(seconds, 2) + "s"
                          : FormatDuration(seconds);
}

// "a, b and c"
std::string List(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool last = i + 1 == names.size();
    text += (i == 0 ? "" : last ? " and " : ", ") + names[i];
  }
  return text;
}

std::size_t SeedsOf(const Comparison& comparison) {
  return comparison.arms.empty() ? 0 : comparison.arms.front().values.size();
}

// What the base measured beside the winners, seed by seed.
std::vector<double> BaseBeside(const Comparison& comparison) {
  std::vector<double> again;
  for (const SearchFacts& search : comparison.searches) {
    if (!search.base.empty()) again.push_back(Median(search.base));
  }
  return again;
}

// Against the base of the same hours, if it was measured.
std::string Percent(const Comparison& comparison, double value) {
  const std::vector<double> again = BaseBeside(comparison);
  const double base = again.empty() ? comparison.baseline : Mean(again);
  if (base == 0) return "";
  return FormatPercent(comparison.sign * (value - base) / std::abs(base));
}

}  // namespace

std::string Amount(spec::Equalize resource, double amount) {
  if (resource == spec::Equalize::kHours) return Span(amount);
  const bool money = resource == spec::Equalize::kCost;
  return FormatShort(amount) + (money ? " USD" : "");
}

std::string_view Called(spec::Equalize resource) {
  if (resource == spec::Equalize::kNodes) return "attempts";
  return resource == spec::Equalize::kHours ? "work" : spec::Name(resource);
}

Table ArmsTable(const Comparison& comparison) {
  Table table{.head = {"arm", comparison.metric + " of the winner",
                       "95 % interval", "on the base", "median",
                       "area under the curve", "claimed"}};
  for (std::size_t i : comparison.Ranking()) {
    const ArmFacts& arm = comparison.arms[i];
    if (arm.values.empty()) continue;
    const double claimed =
        MeanOf(arm, [](const SearchFacts& s) { return s.claimed; });
    table.rows.push_back({arm.name, FormatShort(arm.mean), Range(arm.interval),
                          Percent(comparison, arm.mean),
                          FormatShort(arm.median), FormatShort(arm.area),
                          FormatShort(claimed)});
  }
  return table;
}

Table UseTable(const Comparison& comparison) {
  Table table{.head = {"arm", "attempts", "USD", "tokens", "work", "wall clock",
                       "taken from the cache"}};
  for (const ArmFacts& arm : comparison.arms) {
    if (arm.searches.empty()) continue;
    auto mean = [&](auto value) { return FormatShort(MeanOf(arm, value)); };
    table.rows.push_back(
        {arm.name, mean([](const SearchFacts& s) { return s.used.nodes; }),
         mean([](const SearchFacts& s) { return s.used.cost_usd; }),
         mean([](const SearchFacts& s) { return s.used.tokens; }),
         Span(MeanOf(arm, [](const SearchFacts& s) { return s.used.hours; })),
         Span(MeanOf(arm, [](const SearchFacts& s) { return s.wall_hours; })),
         mean([](const SearchFacts& s) { return s.cached; })});
  }
  return table;
}

Table TreeTable(const Comparison& comparison) {
  Table table{.head = {"arm", "depth of the winner", "deepest", "mean depth",
                       "drafts", "most visits of a node",
                       "in flight at selection", "at most"}};
  for (const ArmFacts& arm : comparison.arms) {
    if (arm.searches.empty()) continue;
    auto mean = [&](auto value) { return FormatShort(MeanOf(arm, value), 3); };
    table.rows.push_back(
        {arm.name, mean([](const SearchFacts& s) { return s.winner_depth; }),
         mean([](const SearchFacts& s) { return s.deepest; }),
         mean([](const SearchFacts& s) { return s.mean_depth; }),
         mean([](const SearchFacts& s) { return s.drafts; }),
         mean([](const SearchFacts& s) { return s.most_visits; }),
         mean([](const SearchFacts& s) { return s.mean_in_flight; }),
         mean([](const SearchFacts& s) { return s.most_in_flight; })});
  }
  return table;
}

Table DifferencesTable(const Comparison& comparison) {
  Table table{.head = {"arms", "difference", "95 % interval", "seeds won",
                       "sign test p", "p (Holm)", "verdict"}};
  for (const Difference& d : comparison.differences) {
    const bool first = d.paired.mean >= 0;
    const ArmFacts& better = comparison.arms[first ? d.a : d.b];
    const ArmFacts& worse = comparison.arms[first ? d.b : d.a];
    const double sign = first ? 1 : -1;
    const Interval interval{
        first ? d.paired.interval.low : -d.paired.interval.high,
        first ? d.paired.interval.high : -d.paired.interval.low};
    std::string verdict = better.name + " is better";
    if (!d.paired.Decided()) {
      verdict =
          fmt::format("{} seeds cannot tell these apart", SeedsOf(comparison));
      if (d.seeds_needed > kManySeeds) {
        verdict += fmt::format("; not even {} might", kManySeeds);
      } else if (d.seeds_needed) {
        verdict += fmt::format("; about {} might", *d.seeds_needed);
      }
    }
    table.rows.push_back(
        {better.name + " - " + worse.name, FormatShort(sign * d.paired.mean),
         Range(interval),
         fmt::format("{} : {}", first ? d.paired.wins : d.paired.losses,
                     first ? d.paired.losses : d.paired.wins),
         FormatShort(d.paired.sign_p, 3), FormatShort(d.holm_p, 3), verdict});
  }
  return table;
}

Table SeedsTable(const Comparison& comparison) {
  const spec::Equalize equal = comparison.study.equalize;
  const bool nodes = equal == spec::Equalize::kNodes;
  Table table{.head = {"arm", "seed", "winner", "measured again", "spread",
                       "samples", "claimed", "attempts"}};
  if (!nodes) table.head.emplace_back(Called(equal));
  table.head.emplace_back("ended");
  table.head.emplace_back("run");
  for (const SearchFacts& s : comparison.searches) {
    const auto [low, high] =
        s.fresh.empty() ? std::pair(0.0, 0.0)
                        : std::pair(*std::ranges::min_element(s.fresh),
                                    *std::ranges::max_element(s.fresh));
    std::vector<std::string> row{s.arm,
                                 std::to_string(s.seed),
                                 fmt::format("#{}", s.winner),
                                 s.value ? FormatShort(*s.value) : "-",
                                 s.fresh.empty() ? "-" : Range({low, high}),
                                 std::to_string(s.fresh.size()),
                                 FormatShort(s.claimed),
                                 std::to_string(s.used.nodes)};
    if (!nodes) row.push_back(Amount(equal, Of(s.used, equal)));
    row.push_back(Ended(s, equal));
    row.push_back(s.run);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table SplitTable(const Comparison& comparison) {
  std::vector<const ArmFacts*> arms;
  for (const ArmFacts& arm : comparison.arms) {
    if (!arm.values.empty()) arms.push_back(&arm);
  }
  std::ranges::sort(arms, {}, &ArmFacts::chains);
  Table table{.head = {"chains", "arm", comparison.metric, "95 % interval"}};
  if (arms.empty() || arms.back()->chains == 1) return {};
  for (const ArmFacts* arm : arms) {
    table.rows.push_back({std::to_string(arm->chains), arm->name,
                          FormatShort(arm->mean), Range(arm->interval)});
  }
  return table;
}

std::string BaseLine(const Comparison& comparison) {
  const std::vector<double> again = BaseBeside(comparison);
  std::string text = fmt::format("the base: {} (noise of a sample: {})",
                                 FormatShort(comparison.baseline),
                                 FormatShort(comparison.noise));
  if (again.empty()) return text;
  const auto [low, high] = std::ranges::minmax(again);
  return text + fmt::format(
                    "; measured again beside the winners, seed by "
                    "seed: {}",
                    low == high ? FormatShort(low) : Range({low, high}));
}

std::string Equalised(const Comparison& comparison) {
  const spec::Study& study = comparison.study;
  const spec::Equalize equal = study.equalize;
  const Spread spread = SpreadOf(comparison, equal);
  const double unit = UnitOf(comparison, equal);
  const bool nodes = equal == spec::Equalize::kNodes;
  const bool hours = equal == spec::Equalize::kHours;
  std::string text = fmt::format(
      "Held equal: {}{} ({} for each search; used {} to {}", spec::Name(equal),
      hours ? " of work" : "", Amount(equal, study.total),
      Amount(equal, spread.least), Amount(equal, spread.greatest));
  if (!nodes) {
    text += fmt::format(
        "; {} {}",
        hours ? "the longest attempt took" : "a call was reserved at up to",
        Amount(equal, unit));
  }
  text += ").";
  if (comparison.finished && spread.greatest - spread.least >= unit &&
      spread.greatest > spread.least) {
    text += fmt::format(
        " Not equal in the end: searches differ by {}; `ended` says why.",
        Amount(equal, spread.greatest - spread.least));
  }
  std::vector<std::string> others;
  for (spec::Equalize other :
       {spec::Equalize::kNodes, spec::Equalize::kCost, spec::Equalize::kTokens,
        spec::Equalize::kHours}) {
    const Spread used = SpreadOf(comparison, other);
    if (other == equal || used.greatest == 0) continue;
    others.push_back(fmt::format("{} {} to {}", Called(other),
                                 Amount(other, used.least),
                                 Amount(other, used.greatest)));
  }
  if (others.empty()) return text;
  return text + fmt::format(" Not held equal: {}.", fmt::join(others, ", "));
}

std::vector<std::string> Remarks(const Comparison& comparison) {
  const spec::Study& study = comparison.study;
  std::vector<std::string> remarks{
      fmt::format("Values are those of {} fresh sample{} of each winner, taken "
                  "in turns across the arms after their searches and outside "
                  "the total; what a search claimed is beside them.",
                  study.remeasure, study.remeasure == 1 ? "" : "s"),
      "Differences are paired by seed; positive: the first arm is better. The "
      "interval is a bootstrap of the mean; where it covers 0 nothing is "
      "claimed. p is that of a sign test, also raised for the number of pairs "
      "(Holm).",
      "N slots are another search, not the same one faster: what is selected "
      "while others are under way is selected knowing less. In-flight counts, "
      "depth and visits say how much.",
      "Proposers take turns by weight (no bandit), a target or a plateau stops "
      "no arm, a measurement or an answer that another arm had first is "
      "charged as if it were made again.",
      "Work is the time of proposing, evaluating and judging, whether or not "
      "at "
      "the same time; the wall clock is that of searches that share their "
      "slots, and says nothing of an arm alone."};
  if (const std::size_t pairs = comparison.differences.size();
      pairs > kFewPairs) {
    remarks.push_back(
        fmt::format("One interval in 20 leaves out 0 by chance: with {} pairs "
                    "p (Holm) is the one to trust.",
                    pairs));
  }
  return remarks;
}

std::vector<std::string> Verdicts(const Comparison& comparison) {
  const std::size_t seeds = SeedsOf(comparison);
  if (seeds == 0) {
    return {"undecided: no seed is whole yet"};
  }
  const std::size_t first = comparison.Ranking().front();
  std::vector<std::string> verdicts, undecided, beaten, others;
  for (const Difference& d : comparison.differences) {
    const bool better = d.paired.mean >= 0;
    const std::string& a = comparison.arms[better ? d.a : d.b].name;
    const std::string& b = comparison.arms[better ? d.b : d.a].name;
    const bool decided = d.paired.Decided();
    if (decided) {
      verdicts.push_back(fmt::format("{} is better than {}", a, b));
    } else {
      undecided.push_back(fmt::format(
          "{} and {}: {} seeds cannot tell these apart", a, b, seeds));
    }
    if (d.a != first && d.b != first) continue;
    (decided ? beaten : others)
        .push_back(comparison.arms[d.a == first ? d.b : d.a].name);
  }
  if (undecided.size() > kFewPairs) {
    undecided = {fmt::format("{} of {} pairs: {} seeds cannot tell them apart",
                             undecided.size(), comparison.differences.size(),
                             seeds)};
  }
  verdicts.insert(verdicts.end(), undecided.begin(), undecided.end());
  const std::string& best = comparison.arms[first].name;
  std::string verdict =
      fmt::format("{} is better than every other arm ({} seeds)", best, seeds);
  if (!others.empty()) {
    verdict = fmt::format(
        "undecided: {} has the best mean; {} seeds {} {}", best, seeds,
        beaten.empty() ? std::string("do not tell it from")
                       : fmt::format("tell it from {}, not from", List(beaten)),
        List(others));
  }
  verdicts.insert(verdicts.begin(), std::move(verdict));
  return verdicts;
}

}  // namespace coppice::study

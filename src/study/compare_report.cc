#include "study/compare_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "study/compare_words.h"

namespace coppice::study {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string Cell(const std::string& text) {
  std::string cell;
  for (char c : OneLine(text, 200)) {
    if (c == '|' || c == '<' || c == '*' || c == '_' || c == '`') cell += '\\';
    cell += c;
  }
  return cell;
}

std::string MarkdownTable(const Table& table) {
  auto row = [](const std::vector<std::string>& cells) {
    std::string line = "|";
    for (const std::string& cell : cells) line += " " + Cell(cell) + " |";
    return line + "\n";
  };
  std::string text = row(table.head);
  text += "|";
  for (std::size_t i = 0; i < table.head.size(); ++i) text += "---|";
  text += "\n";
  for (const auto& cells : table.rows) text += row(cells);
  return text + "\n";
}

OrderedJson JsonOf(const Interval& interval) {
  return OrderedJson::array({interval.low, interval.high});
}

OrderedJson JsonOf(const SearchFacts& s) {
  OrderedJson json;
  json["arm"] = s.arm;
  json["seed"] = s.seed;
  json["run"] = s.run;
  json["ended"] = s.ended;
  json["winner"] = s.winner;
  json["value"] = s.value ? OrderedJson(*s.value) : OrderedJson();
  json["fresh"] = s.fresh;
  json["base"] = s.base;
  json["claimed"] = s.claimed;
  json["nodes"] = s.used.nodes;
  json["cost_usd"] = s.used.cost_usd;
  json["tokens"] = s.used.tokens;
  json["hours"] = s.used.hours;
  json["wall_hours"] = s.wall_hours;
  json["winner_depth"] = s.winner_depth;
  json["deepest"] = s.deepest;
  json["mean_depth"] = s.mean_depth;
  json["drafts"] = s.drafts;
  json["most_visits"] = s.most_visits;
  json["in_flight"] = {{"mean", s.mean_in_flight}, {"most", s.most_in_flight}};
  json["cached"] = s.cached;
  json["outcomes"] = s.outcomes;
  json["chain_bests"] = s.chain_bests;
  return json;
}

OrderedJson JsonOf(const ArmFacts& arm) {
  OrderedJson json;
  json["name"] = arm.name;
  json["keys"] = arm.says;
  json["values"] = arm.values;
  json["mean"] = arm.mean;
  json["median"] = arm.median;
  json["interval"] = JsonOf(arm.interval);
  json["areas"] = arm.areas;
  json["area"] = arm.area;
  json["chains"] = arm.chains;
  json["best_of_chains"] = arm.best_of;
  return json;
}

OrderedJson JsonOf(const Comparison& comparison, const Difference& d) {
  OrderedJson json;
  json["a"] = comparison.arms[d.a].name;
  json["b"] = comparison.arms[d.b].name;
  json["difference"] = d.paired.mean;
  json["interval"] = JsonOf(d.paired.interval);
  json["decided"] = d.paired.Decided();
  json["wins"] = d.paired.wins;
  json["losses"] = d.paired.losses;
  json["ties"] = d.paired.ties;
  json["sign_p"] = d.paired.sign_p;
  json["holm_p"] = d.holm_p;
  json["seeds_needed"] =
      d.seeds_needed ? OrderedJson(*d.seeds_needed) : OrderedJson();
  json["area_difference"] = d.area.mean;
  json["area_interval"] = JsonOf(d.area.interval);
  return json;
}

// The order-statistic estimator: K chains of equal length from the same
// searches.
std::string BestOfLines(const Comparison& comparison) {
  std::string text;
  for (const ArmFacts& arm : comparison.arms) {
    if (arm.best_of.empty()) continue;
    std::vector<std::string> points;
    for (std::size_t k = 1; k <= arm.best_of.size();
         k = k < 5 ? k + 1 : k * 2) {
      points.push_back(
          fmt::format("{}: {}", k, FormatShort(arm.best_of[k - 1])));
    }
    text += fmt::format(
        "- {} has {} chains; the best of K of them is expected "
        "to show {}\n",
        arm.name, arm.chains, fmt::join(points, ", "));
  }
  return text.empty() ? text : text + "\n";
}

// What each arm is, and what all of them are held against.
std::string ArmLines(const Comparison& comparison) {
  std::string text;
  for (const ArmFacts& arm : comparison.arms) {
    text += fmt::format("- {}: {}\n", arm.name, Cell(arm.says));
  }
  return text + fmt::format("- {}\n\n", Cell(BaseLine(comparison)));
}

}  // namespace

std::string CompareMarkdown(const Comparison& comparison) {
  const std::vector<std::string> verdicts = Verdicts(comparison);
  std::string md = fmt::format("# Study {}\n\n", comparison.study.name);
  md += fmt::format("**{}**\n\n", Cell(verdicts.front()));
  if (!comparison.finished) {
    md += fmt::format(
        "The study is not finished: {} of {} searches were looked at; `coppice "
        "compare FILE --resume` goes on.\n\n",
        comparison.searches.size(), comparison.planned);
  }
  md += Equalised(comparison) + "\n\n";
  auto section = [&md](const char* title, const Table& table,
                       const std::string& more = {}) {
    if (table.rows.empty()) return;
    md += fmt::format("## {}\n\n", title) + MarkdownTable(table) + more;
  };
  section("Arms", ArmsTable(comparison), ArmLines(comparison));
  section("Differences", DifferencesTable(comparison));
  section("Split of the budget over chains", SplitTable(comparison),
          BestOfLines(comparison));
  section("What each used", UseTable(comparison));
  section("What parallelism changed", TreeTable(comparison));
  section("Every search", SeedsTable(comparison));
  md += "## How to read this\n\n";
  for (const std::string& remark : Remarks(comparison)) {
    md += fmt::format("- {}\n", remark);
  }
  return md;
}

std::string CompareJson(const Comparison& comparison) {
  const spec::Study& study = comparison.study;
  OrderedJson json;
  json["format"] = 1;
  json["study"] = study.name;
  json["id"] = comparison.id;
  json["spec"] = comparison.spec_name;
  json["finished"] = comparison.finished;
  json["equalize"] = spec::Name(study.equalize);
  json["total"] = study.total;
  json["unit"] = UnitOf(comparison, study.equalize);
  json["seeds"] = study.seeds;
  json["remeasure"] = study.remeasure;
  json["metric"] = comparison.metric;
  json["direction"] = comparison.sign > 0 ? "maximize" : "minimize";
  json["baseline"] = comparison.baseline;
  json["verdicts"] = Verdicts(comparison);
  json["arms"] = OrderedJson::array();
  for (const ArmFacts& arm : comparison.arms) {
    json["arms"].push_back(JsonOf(arm));
  }
  json["differences"] = OrderedJson::array();
  for (const Difference& d : comparison.differences) {
    json["differences"].push_back(JsonOf(comparison, d));
  }
  json["searches"] = OrderedJson::array();
  for (const SearchFacts& search : comparison.searches) {
    json["searches"].push_back(JsonOf(search));
  }
  return json.dump() + "\n";
}

std::string CurvesTsv(const Comparison& comparison) {
  std::string text = "arm\tseed\tnodes\tcost_usd\ttokens\thours\tbest\n";
  for (const SearchFacts& search : comparison.searches) {
    for (const CurvePoint& point : search.curve) {
      text +=
          fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", search.arm, search.seed,
                      point.nodes, FormatNumber(point.cost_usd), point.tokens,
                      FormatShort(point.hours, 6), FormatNumber(point.best));
    }
  }
  return text;
}

}  // namespace coppice::study

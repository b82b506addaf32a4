#include "app/simulate_answer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/line_chart.h"
#include "base/text.h"

namespace coppice::app {
namespace {

using study::Answer;
using study::Question;
using study::Standing;

std::size_t NameWidth(const Question& question) {
  std::size_t width = 6;
  for (const study::Contender& row : question.contenders) {
    width = std::max(width, row.name.size());
  }
  return width;
}

bool Many(const Asked& asked) { return asked.question.landscapes.size() > 1; }

// A score with the digits that its size asks for.
std::string Score(const Asked& asked, double score) {
  if (Many(asked)) return fmt::format("{:.1f}", score);
  return std::abs(score) < 10 ? fmt::format("{:.3f}", score)
                              : FormatShort(score);
}

std::string Signed(const Asked& asked, double difference) {
  const std::string text = Score(asked, std::abs(difference));
  return (difference < 0 ? "-" : "+") + text;
}

std::string_view Verdict(const study::PairedDifference& difference) {
  if (!difference.Decided()) return "cannot tell";
  return difference.mean > 0 ? "better" : "worse";
}

std::string Heading(const Asked& asked) {
  const Question& q = asked.question;
  std::vector<std::string> names;
  for (const study::Landscape& landscape : q.landscapes) {
    names.push_back(landscape.name);
  }
  std::string text = fmt::format(
      "{} attempts, {} workers, noise {}, seeds {} to {}; {}: {}\n", q.nodes,
      q.workers, FormatShort(q.noise), q.first_seed,
      q.first_seed + static_cast<std::uint64_t>(q.seeds) - 1,
      Many(asked) ? fmt::format("{} landscapes", names.size()) : "landscape",
      fmt::join(names, " "));
  for (const std::string& note : asked.notes) text += Wrap(note, 79) + "\n";
  if (Many(asked)) {
    text +=
        "score: what is chosen, as it truly is, in percent of the best row on "
        "each\nlandscape; ";
  } else if (!asked.unit.empty()) {
    text += fmt::format("score: {} of what is chosen; ", asked.unit);
  } else {
    text += "score: what is chosen, as it truly is (baseline .2, optimum 1); ";
  }
  return text + "+- is half a 95 % interval; wall in " +
         (asked.unit.empty() ? "median evaluation times" : "seconds") + "\n\n";
}

std::string Rows(const Asked& asked, const std::vector<Standing>& standings) {
  const Question& q = asked.question;
  const std::size_t width = NameWidth(q);
  const std::string first = q.contenders.front().name;
  std::string text = fmt::format(
      "{:{}}  {:>16} {:>8}  {:<32} {:>7} {:>6} {:>7} {:>6}\n", "policy", width,
      "score", "target", "against " + OneLine(first, 22), "wall", "depth",
      "drafts", "slots");
  for (std::size_t i = 0; i < standings.size(); ++i) {
    const Standing& s = standings[i];
    std::string against = "-";
    if (i > 0) {
      const study::PairedDifference& d = s.to_first;
      against = fmt::format("{} [{}, {}] {}", Signed(asked, d.mean),
                            Signed(asked, d.interval.low),
                            Signed(asked, d.interval.high), Verdict(d));
    }
    const double half = (s.interval.high - s.interval.low) / 2;
    text += fmt::format(
        "{:{}}  {:>9} +-{:>5} {:>6.0f} %  {:<32} {:>7.1f} {:>6.1f} {:>5.0f} "
        "% {:>4.0f} %\n",
        q.contenders[i].name, width, Score(asked, s.mean), Score(asked, half),
        100 * s.solved, against, s.time, s.depth, 100 * s.drafts, 100 * s.busy);
  }
  return text;
}

// True quality on each landscape.
std::string Columns(const Asked& asked, const Answer& answer) {
  const Question& q = asked.question;
  const std::size_t width = NameWidth(q);
  std::string text = fmt::format("\n{:{}} ", "true quality", width);
  for (const study::Landscape& landscape : q.landscapes) {
    text += fmt::format(" {:>12}", landscape.name);
  }
  text += "\n";
  for (std::size_t i = 0; i < q.contenders.size(); ++i) {
    text += fmt::format("{:{}} ", q.contenders[i].name,
                        std::max<std::size_t>(width, 12));
    for (std::size_t c = 0; c < q.landscapes.size(); ++c) {
      const study::Cell& cell = answer.cells[i][c];
      text += fmt::format(" {:>6.3f} {:>3.0f} %", study::Mean(cell.truth),
                          100. * static_cast<double>(cell.solved) / q.seeds);
    }
    text += "\n";
  }
  return text;
}

std::vector<std::size_t> Splits(const Question& question) {
  std::vector<std::size_t> splits;
  for (std::size_t i = 0; i < question.contenders.size(); ++i) {
    if (question.contenders[i].split > 0) splits.push_back(i);
  }
  std::ranges::sort(
      splits, {}, [&](std::size_t i) { return question.contenders[i].split; });
  return splits;
}

// Score over the number of chains; no series: nothing to draw.
LineChart SplitChart(const Asked& asked,
                     const std::vector<Standing>& standings) {
  const Question& q = asked.question;
  LineChart chart{
      .title = fmt::format("Score by number of chains, {} attempts", q.nodes),
      .x_label = "K chains of budget / K attempts",
      .y_label = "score",
      .log_x = true};
  const std::vector<std::size_t> splits = Splits(q);
  if (splits.size() < 2) return chart;
  ChartSeries series{.name = "independent chains"};
  for (const std::size_t i : splits) {
    series.points.push_back({.x = static_cast<double>(q.contenders[i].split),
                             .y = standings[i].mean,
                             .low = standings[i].interval.low,
                             .high = standings[i].interval.high});
  }
  chart.series.push_back(std::move(series));
  return chart;
}

LineChart CurveChart(const Asked& asked, const Answer& answer,
                     std::optional<std::size_t> landscape) {
  const Question& q = asked.question;
  LineChart chart{.title = "Best so far, true quality",
                  .x_label = "finished attempts",
                  .log_x = true};
  if (landscape) chart.title += ": " + q.landscapes[*landscape].name;
  for (std::size_t i = 0; i < q.contenders.size(); ++i) {
    ChartSeries series{.name = q.contenders[i].name};
    for (const study::ProgressPoint& p :
         study::CurveOf(q, answer, i, landscape)) {
      series.points.push_back({.x = p.at,
                               .y = p.mean,
                               .low = p.mean - p.half,
                               .high = p.mean + p.half});
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

// Which numbers of chains no other is better than, as far as seeds can tell.
std::string BestSplit(const Question& q,
                      const std::vector<Standing>& standings) {
  const std::vector<std::size_t> splits = Splits(q);
  if (splits.size() < 2) return "";
  const std::size_t best = *std::ranges::max_element(
      splits, {}, [&](std::size_t i) { return standings[i].mean; });
  std::vector<std::string> even;
  for (const std::size_t i : splits) {
    if (i == best) continue;
    const auto difference =
        study::Compare(standings[best].scores, standings[i].scores, 0, 2000);
    if (!difference.Decided()) even.push_back(q.contenders[i].name);
  }
  std::string text = fmt::format("\nBest split: {}", q.contenders[best].name);
  if (!even.empty()) {
    text += fmt::format("; {} seeds cannot tell it from {}", q.seeds,
                        fmt::join(even, ", "));
  }
  return text + "\n";
}

Json DifferenceJson(const study::PairedDifference& d) {
  Json json{{"mean", d.mean},          {"low", d.interval.low},
            {"high", d.interval.high}, {"wins", d.wins},
            {"losses", d.losses},      {"ties", d.ties},
            {"sign_p", d.sign_p},      {"verdict", Verdict(d)}};
  const auto seeds = study::SeedsNeeded(d.mean, d.deviation);
  json["seeds_needed"] = seeds ? Json(*seeds) : Json();
  return json;
}

Json RowJson(const Asked& asked, const Answer& answer, const Standing& standing,
             std::size_t row) {
  const Question& q = asked.question;
  Json json{{"policy", q.contenders[row].name},
            {"score", standing.mean},
            {"low", standing.interval.low},
            {"high", standing.interval.high},
            {"target", standing.solved},
            {"target_low", standing.solved_interval.low},
            {"target_high", standing.solved_interval.high},
            {"wall", standing.time},
            {"depth", standing.depth},
            {"drafts", standing.drafts},
            {"slots_busy", standing.busy},
            {"claimed_too_much", standing.claimed},
            {"to_first", DifferenceJson(standing.to_first)},
            {"landscapes", Json::object()}};
  if (q.contenders[row].split > 0) json["chains"] = q.contenders[row].split;
  for (std::size_t c = 0; c < q.landscapes.size(); ++c) {
    const study::Cell& cell = answer.cells[row][c];
    const study::Interval interval = study::MeanInterval(cell.truth, 0, 2000);
    json["landscapes"][q.landscapes[c].name] = {
        {"quality", study::Mean(cell.truth)},
        {"low", interval.low},
        {"high", interval.high},
        {"claimed", study::Mean(cell.claimed)},
        {"target", static_cast<double>(cell.solved) / q.seeds},
        {"wall", study::Mean(cell.time)},
        {"depth", study::Mean(cell.depth)}};
    Json curve = Json::array();
    for (const study::ProgressPoint& p : study::CurveOf(q, answer, row, c)) {
      curve.push_back({p.at, p.mean, p.half});
    }
    json["landscapes"][q.landscapes[c].name]["curve"] = std::move(curve);
  }
  return json;
}

}  // namespace

std::string AnswerText(const Asked& asked, const Answer& answer, bool plot) {
  const std::vector<Standing> standings =
      study::Summarise(asked.question, answer);
  std::string text = Heading(asked) + Rows(asked, standings);
  if (Many(asked)) text += Columns(asked, answer);
  text += BestSplit(asked.question, standings);
  if (!plot) return text;
  text += "\n" + ChartText(CurveChart(asked, answer, std::nullopt));
  const LineChart splits = SplitChart(asked, standings);
  if (!splits.series.empty()) text += "\n" + ChartText(splits);
  return text;
}

std::string AnswerJson(const Asked& asked, const Answer& answer) {
  const Question& q = asked.question;
  const std::vector<Standing> standings = study::Summarise(q, answer);
  Json json{{"nodes", q.nodes},           {"workers", q.workers},
            {"noise", q.noise},           {"seeds", q.seeds},
            {"first_seed", q.first_seed}, {"final_share", q.final_share},
            {"notes", asked.notes},       {"landscapes", Json::array()},
            {"rows", Json::array()}};
  for (const study::Landscape& landscape : q.landscapes) {
    json["landscapes"].push_back(
        {{"name", landscape.name},
         {"about", landscape.about},
         {"ancestry", landscape.ancestry},
         {"optimum", landscape.optimum},
         {"target", landscape.target},
         {"resampled", landscape.recorded != nullptr}});
  }
  for (std::size_t i = 0; i < standings.size(); ++i) {
    json["rows"].push_back(RowJson(asked, answer, standings[i], i));
  }
  return DumpCanonical(json);
}

std::string AnswerSvg(const Asked& asked, const Answer& answer) {
  std::vector<LineChart> charts;
  for (std::size_t c = 0; c < asked.question.landscapes.size(); ++c) {
    charts.push_back(CurveChart(asked, answer, c));
  }
  LineChart splits =
      SplitChart(asked, study::Summarise(asked.question, answer));
  if (!splits.series.empty()) charts.push_back(std::move(splits));
  return ChartsSvg(charts, charts.size() > 4 ? 3 : 2);
}

}  // namespace coppice::app

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "study/compare_report.h"
#include "study/compare_words.h"

// One static page: no scripts, nothing fetched, everything that comes from a
// file escaped.

namespace coppice::study {
namespace {

constexpr const char* kColours[] = {"#1b6ca8", "#c4501b", "#2e8540", "#8a3ffc",
                                    "#b28600", "#9f1853", "#007d79", "#6f6f6f"};
constexpr double kBegins = 0.1;  // of the resource; heights are told from here
constexpr double kWidth = 640, kHeight = 300, kLeft = 70, kBottom = 40;

std::string Escape(std::string_view text) {
  std::string out;
  for (char c : Sanitize(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string HtmlTable(const Table& table) {
  std::string html = "<table><tr>";
  for (const std::string& cell : table.head) {
    html += "<th>" + Escape(cell) + "</th>";
  }
  html += "</tr>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (const std::string& cell : row) html += "<td>" + Escape(cell) + "</td>";
    html += "</tr>\n";
  }
  return html + "</table>\n";
}

// Maps a rectangle of numbers onto the picture.
struct Scale {
  double right = 1;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void Cover(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double X(double at) const { return kLeft + at / right * (kWidth - kLeft); }
  double Y(double value) const {
    const double range = high > low ? high - low : 1;
    return (kHeight - kBottom) * (1 - (value - low) / range) + 5;
  }
};

// `right`: what stands at the end of the axis below.
std::string Axes(const Scale& scale, const std::string& right,
                 const std::string& below) {
  const double floor = kHeight - kBottom + 5;
  std::string svg = fmt::format(
      "<path d='M{0:.1f} 5V{1:.1f}H{2:.1f}' fill='none' stroke='#888'/>", kLeft,
      floor, kWidth);
  auto label = [&](double x, double y, const char* anchor,
                   const std::string& text) {
    svg += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='{}'>{}</text>",
                       x, y, anchor, Escape(text));
  };
  label(kLeft - 6, scale.Y(scale.high) + 8, "end", FormatShort(scale.high));
  label(kLeft - 6, scale.Y(scale.low), "end", FormatShort(scale.low));
  label(kLeft, floor + 16, "middle", "0");
  label(kWidth - 4, floor + 16, "end", right);
  label((kLeft + kWidth) / 2, floor + 30, "middle", below);
  return svg;
}

std::string Band(const std::vector<BandPoint>& band, const Scale& scale,
                 const char* colour) {
  std::string line, area;
  for (const BandPoint& point : band) {
    line += fmt::format("{}{:.1f} {:.1f}", line.empty() ? "M" : "L",
                        scale.X(point.at), scale.Y(point.mean));
    area += fmt::format("{}{:.1f} {:.1f}", area.empty() ? "M" : "L",
                        scale.X(point.at), scale.Y(point.interval.low));
  }
  for (auto point = band.rbegin(); point != band.rend(); ++point) {
    area += fmt::format("L{:.1f} {:.1f}", scale.X(point->at),
                        scale.Y(point->interval.high));
  }
  return fmt::format(
      "<path d='{}Z' fill='{}' opacity='.13'/>"
      "<path d='{}' fill='none' stroke='{}' stroke-width='2'/>\n",
      area, colour, line, colour);
}

// Best so far over a resource, all arms.
std::string Curves(const Comparison& comparison, spec::Equalize resource) {
  const double most = SpreadOf(comparison, resource).greatest;
  if (!(most > 0)) return "";
  std::vector<std::vector<BandPoint>> bands;
  // Bands reach beyond what there is, and the first few attempts gain more than
  // all others: the picture need not show either.
  Scale scale{.right = most};
  for (const ArmFacts& arm : comparison.arms) {
    bands.push_back(BandOf(arm, resource, most));
    for (const BandPoint& point : bands.back()) {
      if (point.at >= kBegins * most) scale.Cover(point.mean);
    }
  }
  if (scale.low > scale.high) return "";
  const double margin = (scale.high - scale.low) / 8;
  scale.low -= margin;
  scale.high += margin;
  for (auto& band : bands) {
    for (BandPoint& point : band) {
      point.mean = std::clamp(point.mean, scale.low, scale.high);
      point.interval.low =
          std::clamp(point.interval.low, scale.low, scale.high);
      point.interval.high =
          std::clamp(point.interval.high, scale.low, scale.high);
    }
  }
  std::string svg =
      fmt::format("<svg viewBox='0 0 {} {}' role='img'>", kWidth, kHeight);
  svg += Axes(
      scale, Amount(resource, most),
      fmt::format("{} (best so far: {})", Called(resource), comparison.metric));
  for (std::size_t i = 0; i < bands.size(); ++i) {
    svg += Band(bands[i], scale, kColours[i % std::size(kColours)]);
  }
  return svg + "</svg>\n";
}

std::string Legend(const Comparison& comparison) {
  std::string html = "<p>";
  for (std::size_t i = 0; i < comparison.arms.size(); ++i) {
    const ArmFacts& arm = comparison.arms[i];
    html += fmt::format(
        "<span style='color:{}'>&#9632;</span> <b>{}</b> {} &nbsp; ",
        kColours[i % std::size(kColours)], Escape(arm.name), Escape(arm.says));
  }
  return html + "</p>\n";
}

// Values over K, those of the arms with so many chains.
std::string SplitCurve(const Comparison& comparison) {
  std::vector<const ArmFacts*> arms;
  Scale scale{.right = 1};
  for (const ArmFacts& arm : comparison.arms) {
    if (arm.values.empty()) continue;
    arms.push_back(&arm);
    scale.right = std::max(scale.right, static_cast<double>(arm.chains));
    scale.Cover(arm.mean);
    for (double value : arm.values) scale.Cover(value);
  }
  if (scale.right == 1) return "";
  std::ranges::sort(arms, {}, &ArmFacts::chains);
  std::string svg =
      fmt::format("<svg viewBox='0 0 {} {}' role='img'>", kWidth, kHeight);
  svg += Axes(scale, FormatShort(scale.right),
              "chains (dots: seeds; bars: means)");
  for (const ArmFacts* arm : arms) {
    const double x = scale.X(arm->chains) - 8;
    for (double value : arm->values) {
      svg += fmt::format(
          "<circle cx='{:.1f}' cy='{:.1f}' r='2.5' "
          "fill='#1b6ca8' opacity='.5'/>",
          x, scale.Y(value));
    }
    svg += fmt::format(
        "<path d='M{:.1f} {:.1f}h12' stroke='#c4501b' "
        "stroke-width='3'/><text x='{:.1f}' y='{:.1f}'>{}"
        "</text>\n",
        x - 6, scale.Y(arm->mean), x + 8, scale.Y(arm->mean) + 4,
        Escape(arm->name));
  }
  return svg + "</svg>\n";
}

constexpr const char* kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem "
    "auto;padding:0 1rem;color:#222}table{border-collapse:collapse;margin:"
    "1rem 0;font-size:13px}td,th{border-bottom:1px solid #ddd;padding:.25rem "
    ".6rem;text-align:left}td:first-child{white-space:nowrap}svg{width:100%;"
    "max-width:640px;font:11px "
    "sans-serif}.verdict{font-size:1.15rem;border-left:4px solid #1b6ca8;"
    "padding:.4rem 1rem;background:#f3f7fb}";

}  // namespace

std::string CompareHtml(const Comparison& comparison) {
  const std::vector<std::string> verdicts = Verdicts(comparison);
  const std::string name = Escape(comparison.study.name);
  std::string html = fmt::format(
      "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
      "<meta http-equiv='Content-Security-Policy' content=\"default-src "
      "'none'; style-src 'unsafe-inline'\">"
      "<title>study {}</title><style>{}</style></head><body>\n"
      "<h1>Study {}</h1>\n<p class='verdict'>{}</p>\n",
      name, kStyle, name, Escape(verdicts.front()));
  if (!comparison.finished) {
    html += fmt::format("<p><b>Not finished:</b> {} of {} searches.</p>\n",
                        comparison.searches.size(), comparison.planned);
  }
  html += "<p>" + Escape(Equalised(comparison)) + "</p>\n";
  html += Legend(comparison);
  for (spec::Equalize resource :
       {comparison.study.equalize, spec::Equalize::kNodes,
        spec::Equalize::kCost, spec::Equalize::kHours}) {
    const bool again = resource == comparison.study.equalize &&
                       html.find("<svg") != std::string::npos;
    if (!again) html += Curves(comparison, resource);
  }
  auto section = [&](const char* title, const Table& table) {
    if (table.rows.empty()) return;
    html += fmt::format("<h2>{}</h2>\n", title) + HtmlTable(table);
  };
  section("Arms", ArmsTable(comparison));
  html += "<p>" + Escape(BaseLine(comparison)) + "</p>\n";
  section("Differences", DifferencesTable(comparison));
  section("Split of the budget over chains", SplitTable(comparison));
  html += SplitCurve(comparison);
  section("What each used", UseTable(comparison));
  section("What parallelism changed", TreeTable(comparison));
  section("Every search", SeedsTable(comparison));
  html += "<h2>How to read this</h2><ul>\n";
  for (const std::string& remark : Remarks(comparison)) {
    html += "<li>" + Escape(remark) + "</li>\n";
  }
  return html + "</ul>\n</body></html>\n";
}

}  // namespace coppice::study

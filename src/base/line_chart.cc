#include "base/line_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/text.h"

namespace coppice {
namespace {

constexpr double kWidth = 430;  // of a panel, with its labels
constexpr double kHeight = 330;
constexpr double kLeft = 56;
constexpr double kRight = 16;
constexpr double kTop = 34;
constexpr double kBottom = 44;
constexpr double kLegendLine = 17;

// Okabe and Ito's colours, told apart by colour-blind eyes too; then dashed.
constexpr std::array<std::string_view, 8> kColours{
    "#0072b2", "#d55e00", "#009e73", "#cc79a7",
    "#e69f00", "#56b4e9", "#000000", "#8c8c00"};

std::string Escaped(std::string_view text) {
  std::string safe;
  for (char c : text) {
    if (c == '&')
      safe += "&amp;";
    else if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else if (c == '"')
      safe += "&quot;";
    else
      safe += c;
  }
  return safe;
}

std::string_view Colour(std::size_t series) {
  return kColours[series % kColours.size()];
}

std::string Dashes(std::size_t series) {
  if (series < kColours.size()) return "";
  return series < 2 * kColours.size() ? " stroke-dasharray=\"6 3\""
                                      : " stroke-dasharray=\"2 3\"";
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void Take(double x) {
    low = std::min(low, x);
    high = std::max(high, x);
  }
  // Never empty, never a single point.
  void Settle() {
    if (!(low <= high)) low = 0, high = 1;
    if (low == high) {
      const double more = low == 0 ? 1 : std::abs(low) / 10;
      low -= more;
      high += more;
    }
  }
};

// A round step that divides the range into about `parts`: 1, 2 or 5 times a
// power of ten.
double RoundStep(const Range& range, double parts) {
  const double raw = (range.high - range.low) / parts;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (double factor : {1., 2., 5.}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

// Where the numbers of a chart lie in [0, 1] × [0, 1].
class Axes {
 public:
  explicit Axes(const LineChart& chart) : log_(chart.log_x) {
    for (const ChartSeries& series : chart.series) {
      for (const ChartPoint& point : series.points) {
        x_.Take(Scaled(point.x));
        y_.Take(point.low);
        y_.Take(point.high);
      }
    }
    x_.Settle();
    y_.Settle();
  }
  double X(double x) const { return (Scaled(x) - x_.low) / (x_.high - x_.low); }
  double Y(double y) const { return (y - y_.low) / (y_.high - y_.low); }
  const Range& y() const { return y_; }

  std::vector<double> XTicks() const {
    std::vector<double> ticks;
    if (!log_) return Ticks(x_);
    for (double power = std::floor(x_.low); power <= x_.high; ++power) {
      for (double factor : {1., 3.}) {
        const double tick = factor * std::pow(10, power);
        if (Scaled(tick) >= x_.low && Scaled(tick) <= x_.high) {
          ticks.push_back(tick);
        }
      }
    }
    return ticks;
  }
  std::vector<double> YTicks() const { return Ticks(y_); }

 private:
  double Scaled(double x) const { return log_ ? std::log10(x) : x; }
  static std::vector<double> Ticks(const Range& range) {
    std::vector<double> ticks;
    const double step = RoundStep(range, 5);
    for (double at = std::ceil(range.low / step); at * step <= range.high;
         ++at) {
      ticks.push_back(at * step);
    }
    return ticks;
  }

  const bool log_;
  Range x_;
  Range y_;
};

std::string Text(double x, double y, std::string_view words,
                 std::string_view more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}{}>{}</text>\n", x, y,
                     more.empty() ? "" : " ", more, Escaped(words));
}

// One chart with its legend; upper left corner at (x, y).
class Panel {
 public:
  Panel(const LineChart& chart, double x, double y)
      : chart_(chart), axes_(chart), left_(x + kLeft), top_(y + kTop) {}

  std::string Svg() const {
    std::string svg =
        Text(left_ - kLeft + 8, top_ - 16, chart_.title, "class=\"title\"");
    svg += Grid();
    for (std::size_t i = 0; i < chart_.series.size(); ++i) svg += Curve(i);
    return svg + Legend();
  }

 private:
  static constexpr double kAcross = kWidth - kLeft - kRight;
  static constexpr double kDown = kHeight - kTop - kBottom;

  double X(double x) const { return left_ + kAcross * axes_.X(x); }
  double Y(double y) const { return top_ + kDown * (1 - axes_.Y(y)); }

  std::string Grid() const {
    std::string svg;
    auto line = [&svg](double x1, double y1, double x2, double y2) {
      svg += fmt::format(
          "<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"#e4e4e4\"/>\n", x1,
          y1, x2, y2);
    };
    for (double tick : axes_.YTicks()) {
      line(left_, Y(tick), left_ + kAcross, Y(tick));
      svg += Text(left_ - 6, Y(tick) + 4, FormatShort(tick),
                  "text-anchor=\"end\"");
    }
    for (double tick : axes_.XTicks()) {
      line(X(tick), top_, X(tick), top_ + kDown);
      svg += Text(X(tick), top_ + kDown + 15, FormatShort(tick),
                  "text-anchor=\"middle\"");
    }
    svg += Text(left_ + kAcross / 2, top_ + kDown + 32, chart_.x_label,
                "text-anchor=\"middle\"");
    return svg + Text(left_, top_ - 3, chart_.y_label, "class=\"small\"");
  }

  std::string Curve(std::size_t index) const {
    const std::vector<ChartPoint>& points = chart_.series[index].points;
    std::string line;
    std::string above;
    std::string below;
    bool band = false;
    for (const ChartPoint& point : points) {
      line += fmt::format("{}{:.1f},{:.1f}", line.empty() ? "" : " ",
                          X(point.x), Y(point.y));
      above += fmt::format("{:.1f},{:.1f} ", X(point.x), Y(point.high));
      below = fmt::format("{:.1f},{:.1f} ", X(point.x), Y(point.low)) + below;
      band = band || point.low < point.high;
    }
    std::string svg;
    if (band) {
      svg += fmt::format(
          "<polygon points=\"{}{}\" fill=\"{}\" fill-opacity=\".12\"/>\n",
          above, below, Colour(index));
    }
    return svg + fmt::format(
                     "<polyline points=\"{}\" fill=\"none\" "
                     "stroke=\"{}\" stroke-width=\"1.8\"{}/>\n",
                     line, Colour(index), Dashes(index));
  }

  std::string Legend() const {
    std::string svg;
    double y = top_ + kDown + kBottom + 6;
    for (std::size_t i = 0; i < chart_.series.size(); ++i) {
      const double x = left_ + (i % 2 == 0 ? 0 : kAcross / 2);
      svg += fmt::format(
          "<path d=\"M{:.1f} {:.1f}h22\" stroke=\"{}\" "
          "stroke-width=\"2.5\"{}/>\n",
          x, y - 4, Colour(i), Dashes(i));
      svg += Text(x + 28, y, chart_.series[i].name);
      if (i % 2 == 1) y += kLegendLine;
    }
    return svg;
  }

  const LineChart& chart_;
  const Axes axes_;
  const double left_;
  const double top_;
};

std::string Label(std::string_view text, std::size_t width) {
  return fmt::format("{:>{}}", text, width);
}

}  // namespace

std::string ChartsSvg(const std::vector<LineChart>& charts, int columns) {
  std::size_t names = 0;
  for (const LineChart& chart : charts) {
    names = std::max(names, chart.series.size());
  }
  const auto across = static_cast<std::size_t>(std::max(1, columns));
  const double height =
      kHeight + kLegendLine * static_cast<double>((names + 1) / 2) + 8;
  const std::size_t rows = (charts.size() + across - 1) / across;
  const double wide =
      kWidth * static_cast<double>(std::min(across, charts.size()));
  const double high = height * static_cast<double>(rows);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" "
      "width=\"{0}\" height=\"{1}\" role=\"img\">\n"
      "<style>text{{font:12px sans-serif;fill:#333}}"
      ".title{{font:bold 14px sans-serif}}.small{{font-size:10px}}</style>\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
      wide, high);
  for (std::size_t i = 0; i < charts.size(); ++i) {
    svg += Panel(charts[i], kWidth * static_cast<double>(i % across),
                 height * static_cast<double>(i / across))
               .Svg();
  }
  return svg + "</svg>\n";
}

std::string ChartText(const LineChart& chart, int width, int height) {
  const Axes axes(chart);
  std::vector<std::string> rows(
      static_cast<std::size_t>(height),
      std::string(static_cast<std::size_t>(width), ' '));
  auto place = [](double share, int cells) {
    const double cell = std::lround(share * (cells - 1));
    return static_cast<std::size_t>(std::clamp(cell, 0., cells - 1.));
  };
  // Backwards, so that the first of those that meet is seen.
  for (std::size_t s = chart.series.size(); s-- > 0;) {
    const auto letter = static_cast<char>('A' + static_cast<int>(s % 26));
    for (const ChartPoint& point : chart.series[s].points) {
      rows[place(1 - axes.Y(point.y), height)][place(axes.X(point.x), width)] =
          letter;
    }
  }
  constexpr std::size_t kLabel = 9;
  std::string text = chart.title + "\n";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::string label;
    if (row == 0) label = FormatShort(axes.y().high);
    if (row + 1 == rows.size()) label = FormatShort(axes.y().low);
    rows[row].erase(rows[row].find_last_not_of(' ') + 1);
    text += fmt::format("{} |{}\n", Label(label, kLabel), rows[row]);
  }
  std::string ticks(static_cast<std::size_t>(width), ' ');
  std::size_t next = 0;
  for (double tick : axes.XTicks()) {
    const std::string number = FormatShort(tick);
    const std::size_t at = place(axes.X(tick), width);
    if (at < next || at + number.size() > ticks.size()) continue;
    ticks.replace(at, number.size(), number);
    next = at + number.size() + 2;
  }
  ticks.erase(ticks.find_last_not_of(' ') + 1);
  text +=
      fmt::format("{} +{}\n{}  {}\n{}  {}\n", Label("", kLabel),
                  std::string(static_cast<std::size_t>(width), '-'),
                  Label("", kLabel), ticks, Label("", kLabel), chart.x_label);
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    text += fmt::format("{} {}\n",
                        static_cast<char>('A' + static_cast<int>(s % 26)),
                        chart.series[s].name);
  }
  return text;
}

}  // namespace coppice

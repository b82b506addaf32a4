#include "noise_picture.h"

#include <fmt/format.h>

namespace coppice::bench {
namespace {

constexpr double kTop = 60;
constexpr double kBottom = 330;
constexpr std::string_view kOld = "#9a9a9a";
constexpr std::string_view kNew = "#1f6fb2";
constexpr std::string_view kLimit = "#c0392b";

std::string Text(double x, double y, std::string_view words,
                 std::string_view more = "") {
  return fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" {}>{}</text>\n", x, y,
                     more, words);
}

std::string Line(double x1, double y1, double x2, double y2,
                 std::string_view style) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n",
      x1, y1, x2, y2, style);
}

// A panel: where its numbers lie on the page.
struct Panel {
  double left, right;
  double most_x, most_y;
  double X(double x) const { return left + (right - left) * x / most_x; }
  double Y(double y) const { return kBottom - (kBottom - kTop) * y / most_y; }
};

std::string Grid(const Panel& panel, double step) {
  std::string svg;
  for (double y = 0; y <= panel.most_y; y += step) {
    svg += Line(panel.left, panel.Y(y), panel.right, panel.Y(y),
                "stroke=\"#e4e4e4\"");
    svg += Text(panel.left - 6, panel.Y(y) + 4, fmt::format("{} %", y),
                "text-anchor=\"end\"");
  }
  return svg;
}

std::string Curve(const Panel& panel, const std::vector<Found>& power,
                  double Found::* share, std::string_view style) {
  std::string points = fmt::format("{:.1f},{:.1f}", panel.X(0), panel.Y(0));
  for (const Found& found : power) {
    points += fmt::format(" {:.1f},{:.1f}", panel.X(found.gain),
                          panel.Y(found.*share));
  }
  return fmt::format("<polyline fill=\"none\" points=\"{}\" {}/>\n", points,
                     style);
}

std::string PowerPanel(const Errors& errors) {
  const Panel panel{.left = 60, .right = 400, .most_x = 5, .most_y = 100};
  std::string svg =
      Text(60, 24, "Real gains found", "class=\"title\"") +
      Text(60, 42, "share of candidates that end improved, by their true gain");
  svg += Grid(panel, 20);
  for (int gain = 0; gain <= 5; ++gain) {
    svg += Text(panel.X(gain), kBottom + 18, fmt::format("{}σ", gain),
                "text-anchor=\"middle\"");
  }
  auto stroke = [](std::string_view colour, std::string_view more) {
    return fmt::format("stroke=\"{}\" {}", colour, more);
  };
  svg += Curve(panel, errors.power, &Found::before,
               stroke(kOld, "stroke-width=\"2.5\" stroke-dasharray=\"7 4\""));
  svg += Curve(panel, errors.power, &Found::contender,
               stroke(kNew, "stroke-width=\"1.5\" stroke-dasharray=\"2 3\""));
  svg += Curve(panel, errors.power, &Found::after,
               stroke(kNew, "stroke-width=\"2.5\""));
  const auto sample = [&](double y, std::string_view style,
                          std::string_view words) {
    return Line(60, y, 90, y, style) + Text(98, y + 4, words);
  };
  svg += sample(368,
                stroke(kOld,
                       "stroke-width=\"2.5\" "
                       "stroke-dasharray=\"7 4\""),
                "R = 5 pairs and the threshold alone");
  svg += sample(388, stroke(kNew, "stroke-width=\"2.5\""),
                "as shipped: more pairs while promising");
  svg += sample(408,
                stroke(kNew,
                       "stroke-width=\"1.5\" "
                       "stroke-dasharray=\"2 3\""),
                "the same, once it is through the screen");
  return svg;
}

std::string ClaimsPanel(const Errors& errors) {
  const auto shapes = static_cast<double>(errors.after.size());
  const Panel panel{.left = 480, .right = 820, .most_x = shapes, .most_y = 6};
  std::string svg =
      Text(480, 24, "False claims", "class=\"title\"") +
      Text(480, 42, "runs of 100 equal candidates with any improved node");
  svg += Grid(panel, 1);
  auto bar = [&](double at, double percent, std::string_view colour) {
    return fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"14\" height=\"{:.1f}\" "
        "fill=\"{}\"/>\n",
        at, panel.Y(percent), kBottom - panel.Y(percent), colour);
  };
  for (std::size_t i = 0; i < errors.after.size(); ++i) {
    const double middle = panel.X(static_cast<double>(i) + 0.5);
    svg += bar(middle - 15, errors.before[i].percent, kOld);
    svg += bar(middle + 1, errors.after[i].percent, kNew);
    svg += Text(middle, kBottom + 18, errors.after[i].shape,
                "text-anchor=\"middle\" class=\"small\"");
  }
  svg += Line(panel.left, panel.Y(5), panel.right, panel.Y(5),
              fmt::format("stroke=\"{}\" stroke-width=\"1.5\"", kLimit));
  svg += Text(panel.right, panel.Y(5) - 5, "bound for normal and spiky noise",
              fmt::format("text-anchor=\"end\" style=\"fill:{}\"", kLimit));
  return svg;
}

}  // namespace

std::string Picture(const Errors& errors) {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 850 425\" "
         "width=\"850\" height=\"425\" role=\"img\" "
         "aria-label=\"False claims and power of the decision rule\">\n"
         "<style>text{font:12px sans-serif;fill:#333}"
         ".title{font:bold 15px sans-serif}.small{font-size:10px}</style>\n"
         "<rect width=\"850\" height=\"425\" fill=\"#fff\"/>\n" +
         PowerPanel(errors) + ClaimsPanel(errors) + "</svg>\n";
}

}  // namespace coppice::bench

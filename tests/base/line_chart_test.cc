#include "base/line_chart.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace coppice {
namespace {

LineChart Rising() {
  LineChart chart{.title = "a < b & c", .x_label = "attempts", .log_x = true};
  chart.series.push_back(
      {.name = "up", .points = {{1, 0, 0, 0}, {100, 5, 4, 6}}});
  chart.series.push_back(
      {.name = "flat", .points = {{1, 2, 2, 2}, {100, 2, 2, 2}}});
  return chart;
}

std::ptrdiff_t Count(const std::string& text, std::string_view what) {
  std::ptrdiff_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a chart has a line a series and a band where there is one") {
  const std::string svg = ChartsSvg({Rising()});
  CHECK(Count(svg, "<polyline") == 2);
  CHECK(Count(svg, "<polygon") == 1);
  CHECK(svg.find("a &lt; b &amp; c") != std::string::npos);
  CHECK(svg == ChartsSvg({Rising()}));
  CHECK(Count(ChartsSvg({Rising(), Rising(), Rising()}, 2), "<polyline") == 6);
}

TEST_CASE("as text the highest stands on top, the first of two in front") {
  const std::string text = ChartText(Rising(), 40, 10);
  const std::size_t a = text.find('A');
  const std::size_t b = text.find('B');
  CHECK(a < b);  // the end of the rising one is above the flat one
  CHECK(text.find("A up\nB flat\n") != std::string::npos);
  CHECK(text.find("attempts") != std::string::npos);
}

TEST_CASE("charts of nothing, one point or equal values are still charts") {
  LineChart chart{.title = "none"};
  CHECK(ChartsSvg({chart}).find("nan") == std::string::npos);
  chart.series.push_back({.name = "one", .points = {{3, 7, 7, 7}}});
  CHECK(ChartsSvg({chart}).find("nan") == std::string::npos);
  CHECK(ChartsSvg({chart}).find("inf") == std::string::npos);
  CHECK(ChartText(chart).find('A') != std::string::npos);
  CHECK(ChartsSvg({}).starts_with("<svg"));
}

}  // namespace coppice

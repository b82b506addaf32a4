#pragma once

#include <string>
#include <utility>
#include <vector>

namespace coppice {

// A few curves over one axis, to look at: as SVG for reports and documents, as
// text for a terminal.

struct ChartPoint {
  double x = 0;
  double y = 0;
  double low = 0;  // of a band around y; equal to y: no band
  double high = 0;
};

struct ChartSeries {
  std::string name;
  std::vector<ChartPoint> points;  // rising x
};

struct LineChart {
  std::string title;
  std::string x_label, y_label;
  bool log_x = false;  // all x > 0
  std::vector<ChartSeries> series;
};

// One panel a chart, side by side, `columns` in a row. Bytes depend on the
// charts alone.
std::string ChartsSvg(const std::vector<LineChart>& charts, int columns = 2);

// The series as letters A, B, ... where several meet the first stands; a line
// for each letter's name follows.
std::string ChartText(const LineChart& chart, int width = 72, int height = 14);

}  // namespace coppice

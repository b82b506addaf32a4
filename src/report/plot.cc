#include "report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"

namespace coppice::report {
namespace {

// A canvas whose rows run from the highest value to the lowest.
class Canvas {
 public:
  Canvas(const PlotStyle& style, double low, double high, std::size_t points)
      : style_(style),
        low_(low),
        high_(high),
        points_(points),
        span_(std::clamp<std::size_t>(style.width / points, 1, 4)),
        columns_(std::min(style.width, points * span_)),
        rows_(style.height, std::string(columns_, ' ')) {}

  void Put(std::size_t point, double value, char mark) {
    rows_[RowOf(value)][ColumnOf(point)] = mark;
  }
  // The same up to where the next point stands.
  void PutLine(std::size_t point, double value, char mark) {
    const std::size_t end = std::min(ColumnOf(point) + span_, columns_);
    for (std::size_t column = ColumnOf(point); column < end; ++column) {
      rows_[RowOf(value)][column] = mark;
    }
  }

  std::string Text() const {
    std::string text;
    for (std::size_t row = 0; row < rows_.size(); ++row) {
      const bool labelled = row == 0 || row + 1 == rows_.size();
      const double value = row == 0 ? high_ : low_;
      std::string line = rows_[row];
      line.erase(line.find_last_not_of(' ') + 1);
      text += fmt::format("{} |{}\n",
                          Right(labelled ? FormatShort(value) : "", 10), line);
    }
    const std::string last = std::to_string(points_ - 1);
    return text + fmt::format("{} +{}\n{} 0{}\n", std::string(10, ' '),
                              std::string(columns_, '-'), std::string(11, ' '),
                              Right(last, columns_ > 1 ? columns_ - 1 : 1));
  }

 private:
  std::size_t RowOf(double value) const {
    const double share =
        (high_ - std::clamp(value, low_, high_)) / (high_ - low_);
    return static_cast<std::size_t>(
        std::lround(share * static_cast<double>(style_.height - 1)));
  }
  std::size_t ColumnOf(std::size_t point) const {
    return point * columns_ / points_;
  }

  const PlotStyle style_;
  const double low_;
  const double high_;
  const std::size_t points_;
  const std::size_t span_;  // columns of one point
  const std::size_t columns_;
  std::vector<std::string> rows_;
};

}  // namespace

std::vector<double> BestSoFar(const search::State& state) {
  std::vector<double> values;
  const std::optional<double> baseline = ValueOf(state, AttemptId(0));
  if (!baseline) return values;
  const int sign = spec::Sign(state.spec().metric.direction);
  // Within a chain the last confirmed node is its best, whatever the values
  // became since; the run's best is the best of the chains'.
  std::vector<double> chains(state.chains().size(), *baseline);
  values.push_back(*baseline);
  for (AttemptId attempt : state.order_of_completion()) {
    const search::Node* node = NodeOf(state, attempt);
    if (node != nullptr && node->outcome == Outcome::kImproved && node->value) {
      chains[static_cast<std::size_t>(node->chain)] = *node->value;
    }
    values.push_back(*std::ranges::max_element(
        chains, {}, [sign](double value) { return sign * value; }));
  }
  return values;
}

std::string PlotText(const search::State& state, const PlotStyle& style) {
  const std::vector<double> best = BestSoFar(state);
  if (best.size() < 2) return "nothing to plot yet\n";
  auto [low, high] = std::ranges::minmax(best);
  const double margin =
      low == high ? std::max(std::abs(low) * 0.05, 1e-12) : (high - low) / 4;
  low -= margin;
  high += margin;
  Canvas canvas(style, low, high, best.size());
  std::size_t point = 0;
  for (AttemptId attempt : state.order_of_completion()) {
    ++point;
    const std::optional<double> value = ComparableValue(state, attempt);
    if (value) canvas.Put(point, *value, '.');
  }
  for (std::size_t i = 0; i < best.size(); ++i) canvas.PutLine(i, best[i], '#');
  return fmt::format("{}, best so far (#) and other measured nodes (.)\n{}",
                     Safe(state.spec().metric.name, 40), canvas.Text());
}

}  // namespace coppice::report

#include "app/watch_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/words.h"

// The screen as a function of a model and a size.
//
//   narrow: header, curve, running, tree, arms, events, footer, one below the
//   other; wide: header, then curve above tree on the left, running above arms
//   above events on the right, footer.

namespace coppice::app {
namespace {

using report::Columns;
using Row = WatchModel::Row;

constexpr std::size_t kWide = 100;
constexpr std::size_t kLabel = 9;  // columns left of the curve

// At most `width` columns, "…" where cut.
std::string Clip(const std::string& text, std::size_t width) {
  if (Columns(text) <= width) return text;
  if (width == 0) return "";
  std::size_t end = 0;
  std::size_t columns = 0;
  while (end < text.size()) {
    std::size_t next = end + 1;
    while (next < text.size() && (text[next] & 0xC0) == 0x80) ++next;
    if (++columns == width) break;
    end = next;
  }
  return text.substr(0, end) + "…";
}

std::size_t WidthOf(const WatchLine& line) {
  std::size_t columns = 0;
  for (const WatchSpan& span : line) columns += Columns(span.text);
  return columns;
}

// Adds what still fits.
void Add(WatchLine& line, std::size_t width, Tone tone,
         const std::string& text) {
  const std::size_t used = WidthOf(line);
  if (used >= width || text.empty()) return;
  line.push_back({tone, Clip(text, width - used)});
}

void Pad(WatchLine& line, std::size_t width, Tone tone = Tone::kPlain) {
  const std::size_t used = WidthOf(line);
  if (used < width) line.push_back({tone, std::string(width - used, ' ')});
}

WatchLine Title(std::string_view name, const std::string& note, bool focus,
                std::size_t width) {
  WatchLine line;
  Add(line, width, focus ? Tone::kTitle : Tone::kDim,
      fmt::format("{} {} ", focus ? "▸─" : "──", name));
  if (!note.empty()) Add(line, width, Tone::kDim, note + " ");
  std::string rule;
  for (std::size_t i = WidthOf(line); i < width; ++i) rule += "─";
  Add(line, width, Tone::kDim, rule);
  return line;
}

WatchLine Header(const WatchModel& model, std::size_t width) {
  WatchLine line;
  Add(line, width, Tone::kBar,
      fmt::format(" {}  {}  {}  {}", model.name, model.run, model.state,
                  model.elapsed));
  Pad(line, width, Tone::kBar);
  return line;
}

// "[████····] 34/100  eta 40m (max_nodes)  limited by evaluation  ..."
WatchLine Progress(const WatchModel& model, std::size_t width) {
  WatchLine line;
  if (model.total && *model.total > 0) {
    const std::size_t cells = width >= kWide ? 20 : 10;
    const auto full = static_cast<std::size_t>(std::clamp<double>(
        static_cast<double>(cells) * model.finished / *model.total, 0,
        static_cast<double>(cells)));
    std::string bar;
    for (std::size_t i = 0; i < cells; ++i) bar += i < full ? "█" : "·";
    Add(line, width, model.state_tone, bar);
    Add(line, width, Tone::kPlain,
        fmt::format(" {}/{}", model.finished, *model.total));
  } else {
    Add(line, width, Tone::kPlain, fmt::format("{} nodes", model.finished));
  }
  auto fact = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    Add(line, width, Tone::kDim, fmt::format("  {} ", name));
    Add(line, width, Tone::kPlain, value);
  };
  fact("cost", model.cost);
  fact("slots", model.slots);
  fact("limit", model.limiting);
  fact("left ≤", model.eta);
  return line;
}

WatchLine Result(const WatchModel& model, std::size_t width) {
  WatchLine line;
  Add(line, width, model.best.empty() ? Tone::kPlain : Tone::kGood,
      model.result);
  if (!model.best.empty()) {
    Add(line, width, Tone::kPlain, "  best " + model.best);
  } else {
    Add(line, width, Tone::kDim, "  nothing confirmed is better yet");
  }
  return line;
}

// One row of the curve: what stands in each column.
struct Cell {
  Tone tone = Tone::kPlain;
  const char* text = " ";
};

class Curve {
 public:
  Curve(const WatchModel& model, std::size_t width, std::size_t height)
      : model_(model),
        columns_(width > kLabel + 2 ? width - kLabel - 2 : 1),
        rows_(height) {
    const auto [low, high] = std::ranges::minmax(model.best_so_far);
    const double margin =
        low == high ? std::max(std::abs(low) * 0.05, 1e-12) : (high - low) / 6;
    low_ = low - margin;
    high_ = high + margin;
    cells_.assign(rows_, std::vector<Cell>(columns_));
    DrawDots();
    DrawBest();
  }

  std::vector<WatchLine> Lines() const {
    std::vector<WatchLine> lines;
    for (std::size_t row = 0; row < rows_; ++row) {
      std::string label;
      if (row == 0) label = FormatShort(high_);
      if (row + 1 == rows_) label = FormatShort(low_);
      WatchLine line{
          {Tone::kDim, report::Right(Clip(label, kLabel), kLabel) + " │"}};
      for (const Cell& cell : cells_[row]) {
        if (line.back().tone != cell.tone) line.push_back({cell.tone, ""});
        line.back().text += cell.text;
      }
      lines.push_back(std::move(line));
    }
    return lines;
  }

 private:
  std::size_t points() const { return model_.best_so_far.size(); }
  std::size_t RowOf(double value) const {
    const double share =
        (high_ - std::clamp(value, low_, high_)) / (high_ - low_);
    return static_cast<std::size_t>(
        std::lround(share * static_cast<double>(rows_ - 1)));
  }
  // Few points are drawn four columns apart at most.
  std::size_t ColumnOf(std::size_t point) const {
    const std::size_t span = std::clamp<std::size_t>(columns_ / points(), 1, 4);
    const std::size_t used = std::min(columns_, span * points());
    return std::min(point * used / points(), columns_ - 1);
  }

  void DrawDots() {
    for (std::size_t i = 0; i < model_.measured.size(); ++i) {
      if (!model_.measured[i]) continue;
      cells_[RowOf(*model_.measured[i])][ColumnOf(i)] = {Tone::kDim, "·"};
    }
  }
  void DrawBest() {
    for (std::size_t i = 0; i < points(); ++i) {
      const std::size_t row = RowOf(model_.best_so_far[i]);
      const std::size_t end =
          i + 1 < points() ? ColumnOf(i + 1) : ColumnOf(i) + 1;
      for (std::size_t c = ColumnOf(i); c < std::max(end, ColumnOf(i) + 1);
           ++c) {
        cells_[row][c] = {Tone::kGood, "━"};
      }
    }
  }

  const WatchModel& model_;
  const std::size_t columns_, rows_;
  double low_ = 0, high_ = 1;
  std::vector<std::vector<Cell>> cells_;
};

using Block = std::vector<WatchLine>;

Block CurveBlock(const WatchModel& model, std::size_t width,
                 std::size_t height) {
  Block block;
  if (height < 3 || width < kLabel + 4) return block;
  block.push_back(
      Title("best so far",
            fmt::format("({}, {})", model.metric,
                        model.minimize ? "less is better" : "more is better"),
            false, width));
  if (model.best_so_far.size() < 2) {
    block.push_back({{Tone::kDim, Clip("no attempt has ended yet", width)}});
    return block;
  }
  for (WatchLine& line : Curve(model, width, height - 1).Lines()) {
    block.push_back(std::move(line));
  }
  return block;
}

enum class From { kStart, kEnd };

// A title and as many rows as fit, scrolled.
Block ListBlock(std::string_view name, const std::vector<Row>& rows,
                std::size_t width, std::size_t height, From from, bool focus,
                std::size_t* scroll) {
  Block block;
  if (height < 2) return block;
  const std::size_t room = height - 1;
  const std::size_t hidden = rows.size() > room ? rows.size() - room : 0;
  std::size_t offset = 0;
  if (scroll != nullptr) {
    *scroll = std::min(*scroll, hidden);
    offset = *scroll;
  }
  const std::size_t first = from == From::kStart ? offset : hidden - offset;
  std::string note;
  if (hidden > 0 && scroll != nullptr) {
    note = fmt::format("{}-{} of {}", first + 1,
                       std::min(first + room, rows.size()), rows.size());
  }
  block.push_back(Title(name, note, focus, width));
  for (std::size_t i = first; i < std::min(first + room, rows.size()); ++i) {
    block.push_back({{rows[i].tone, Clip(rows[i].text, width)}});
  }
  return block;
}

void Fill(Block& block, std::size_t height) { block.resize(height); }

void Append(Block& to, Block more) {
  for (WatchLine& line : more) to.push_back(std::move(line));
}

// Runs one list panel that can be scrolled.
Block Panel(const WatchModel& model, WatchPanel panel, std::size_t width,
            std::size_t height, WatchUi& ui) {
  const bool focus = ui.focus == panel;
  std::size_t* scroll = &ui.scroll[static_cast<std::size_t>(panel)];
  Block block;
  switch (panel) {
    case WatchPanel::kTree:
      block = ListBlock("tree", model.tree, width, height, From::kStart, focus,
                        scroll);
      break;
    case WatchPanel::kEvents:
      block = ListBlock("events", model.events, width, height, From::kEnd,
                        focus, scroll);
      break;
    case WatchPanel::kArms:
      block = ListBlock("arms  share, attempts, cost", model.arms, width,
                        height, From::kStart, focus, scroll);
      break;
  }
  Fill(block, height);
  return block;
}

std::vector<Row> RunningRows(const WatchModel& model) {
  if (!model.running.empty()) return model.running;
  return {{Tone::kDim, "nothing is under way"}};
}

Block Running(const WatchModel& model, std::size_t width, std::size_t height) {
  Block block = ListBlock("under way", RunningRows(model), width, height,
                          From::kStart, false, nullptr);
  Fill(block, height);
  return block;
}

Block Narrow(const WatchModel& model, std::size_t width, std::size_t height,
             WatchUi& ui) {
  const std::size_t running =
      std::min<std::size_t>(RunningRows(model).size() + 1, 4);
  const std::size_t arms = std::min<std::size_t>(model.arms.size() + 1, 3);
  const std::size_t curve = std::clamp<std::size_t>(height / 4, 3, 12);
  const std::size_t fixed = running + arms + curve;
  const std::size_t rest = height > fixed ? height - fixed : 0;
  const std::size_t events = std::clamp<std::size_t>(rest * 2 / 5, 2, 12);
  const std::size_t tree = rest > events ? rest - events : 0;
  Block block = CurveBlock(model, width, curve);
  Fill(block, curve);
  Append(block, Running(model, width, running));
  Append(block, Panel(model, WatchPanel::kTree, width, tree, ui));
  Append(block, Panel(model, WatchPanel::kArms, width, arms, ui));
  Append(block, Panel(model, WatchPanel::kEvents, width, events, ui));
  Fill(block, height);
  return block;
}

Block Wide(const WatchModel& model, std::size_t width, std::size_t height,
           WatchUi& ui) {
  const std::size_t left = width * 11 / 20;
  const std::size_t right = width - left - 1;
  const std::size_t curve = std::clamp<std::size_t>(height / 3, 4, 16);
  Block block = CurveBlock(model, left, curve);
  Fill(block, curve);
  Append(block, Panel(model, WatchPanel::kTree, left,
                      height > curve ? height - curve : 0, ui));
  Fill(block, height);
  const std::size_t running = std::min<std::size_t>(
      RunningRows(model).size() + 1, std::max<std::size_t>(3, height / 3));
  const std::size_t arms = std::min<std::size_t>(
      model.arms.size() + 1, std::max<std::size_t>(2, height / 4));
  const std::size_t used = running + arms;
  Block beside = Running(model, right, running);
  Append(beside, Panel(model, WatchPanel::kArms, right, arms, ui));
  Append(beside, Panel(model, WatchPanel::kEvents, right,
                       height > used ? height - used : 0, ui));
  Fill(beside, height);
  for (std::size_t i = 0; i < height; ++i) {
    Pad(block[i], left + 1);
    for (WatchSpan& span : beside[i]) block[i].push_back(std::move(span));
  }
  return block;
}

WatchLine Footer(const WatchModel& model, std::size_t width,
                 const WatchUi& ui) {
  WatchLine line;
  if (!ui.prompt.empty()) {
    Add(line, width, Tone::kWarn, ui.prompt);
  } else {
    Add(line, width, Tone::kDim,
        model.state == "paused" ? "q quit  tab panel  ↑↓ scroll  p go on"
                                : "q quit  tab panel  ↑↓ scroll  p pause");
    if (!model.notice.empty())
      Add(line, width, Tone::kWarn, "  " + model.notice);
  }
  return line;
}

}  // namespace

std::vector<WatchLine> DrawWatch(const WatchModel& model, std::size_t width,
                                 std::size_t height, WatchUi& ui) {
  constexpr std::size_t kFrame = 4;  // header, progress, result, footer
  Block screen{Header(model, width), Progress(model, width),
               Result(model, width)};
  if (height > kFrame) {
    const std::size_t room = height - kFrame;
    Append(screen, width >= kWide ? Wide(model, width, room, ui)
                                  : Narrow(model, width, room, ui));
  }
  Fill(screen, height == 0 ? 0 : height - 1);
  if (height > 0) screen.push_back(Footer(model, width, ui));
  return screen;
}

std::string TextOf(const WatchLine& line) {
  std::string text;
  for (const WatchSpan& span : line) text += span.text;
  return text;
}

}  // namespace coppice::app

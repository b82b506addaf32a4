#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "app/watch_model.h"

namespace coppice::app {

struct WatchSpan {
  Tone tone = Tone::kPlain;
  std::string text;
};
using WatchLine = std::vector<WatchSpan>;

enum class WatchPanel { kTree, kEvents, kArms };
inline constexpr std::size_t kWatchPanels = 3;

// What the user does with the screen.
struct WatchUi {
  WatchPanel focus = WatchPanel::kTree;
  // Rows scrolled away from where each panel begins (events: from its end).
  std::array<std::size_t, kWatchPanels> scroll{};
  std::string prompt;  // in the footer, instead of the keys
};

// The whole screen: `height` lines of at most `width` columns. From 100
// columns on in two columns. `ui.scroll` is taken back to what there is.
std::vector<WatchLine> DrawWatch(const WatchModel& model, std::size_t width,
                                 std::size_t height, WatchUi& ui);
// A line without its tones.
std::string TextOf(const WatchLine& line);

}  // namespace coppice::app

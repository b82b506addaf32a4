#include "app/watch_view.h"

#include <doctest/doctest.h>

#include <string>

#include "app/watch_model.h"
#include "report/words.h"
#include "support/sample_run.h"

namespace coppice::app {
namespace {

WatchModel ModelOf(const search::State& state) {
  report::StatusExtra extra;
  extra.alive = true;
  extra.slots_total = 2;
  return MakeWatchModel(state, state.last_at() + std::chrono::seconds(30),
                        extra);
}

std::string ScreenOf(const WatchModel& model, std::size_t width,
                     std::size_t height, WatchUi& ui) {
  std::string text;
  for (const WatchLine& line : DrawWatch(model, width, height, ui)) {
    text += TextOf(line) + '\n';
  }
  return text;
}

std::size_t CountOf(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("the screen has every line it should and none too wide") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const WatchModel model = ModelOf(*state);
  for (std::size_t width : {1U, 7U, 40U, 79U, 80U, 99U, 100U, 120U, 300U}) {
    for (std::size_t height : {1U, 3U, 5U, 10U, 24U, 40U, 100U}) {
      CAPTURE(width);
      CAPTURE(height);
      WatchUi ui;
      const auto lines = DrawWatch(model, width, height, ui);
      CHECK(lines.size() == height);
      for (const WatchLine& line : lines) {
        CHECK(report::Columns(TextOf(line)) <= width);
      }
    }
  }
}

TEST_CASE("what somebody wants to know at a glance is on 80 by 24") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const WatchModel model = ModelOf(*state);
  WatchUi ui;
  const std::string screen = ScreenOf(model, 80, 24, ui);
  CAPTURE(screen);
  for (const std::string& part :
       {model.name, model.run, model.state, model.result, std::string("#11"),
        std::string("best so far"), std::string("best path"),
        std::string("under way"), std::string("q quit")}) {
    CAPTURE(part);
    CHECK(screen.find(part) != std::string::npos);
  }
  CHECK(screen.find('\x1b') == std::string::npos);
}

TEST_CASE("an attempt under way is shown with its phase and its age") {
  const auto records = testing::FruitfulRun();
  const auto state = testing::Fold(records, testing::BeforeTheFinal(records));
  const WatchModel model = ModelOf(*state);
  REQUIRE_FALSE(model.running.empty());
  WatchUi ui;
  const std::string screen = ScreenOf(model, 120, 40, ui);
  CAPTURE(screen);
  CHECK(screen.find(model.running[0].text.substr(0, 20)) != std::string::npos);
  CHECK(screen.find("running") != std::string::npos);
}

TEST_CASE("scrolling moves the focused panel and stops at its end") {
  const auto state = testing::Fold(testing::FruitfulRun());
  WatchModel model = ModelOf(*state);
  for (int i = 0; i < 100; ++i) {
    model.events.push_back({Tone::kPlain, "event " + std::to_string(i) + "."});
  }
  WatchUi ui;
  ui.focus = WatchPanel::kEvents;
  CHECK(ScreenOf(model, 80, 24, ui).find("event 99.") != std::string::npos);
  ui.scroll[static_cast<std::size_t>(WatchPanel::kEvents)] = 1;
  CHECK(ScreenOf(model, 80, 24, ui).find("event 99.") == std::string::npos);
  ui.scroll[static_cast<std::size_t>(WatchPanel::kEvents)] = 100000;
  CHECK(ScreenOf(model, 80, 24, ui).find("event 0.") != std::string::npos);
  CHECK(ui.scroll[static_cast<std::size_t>(WatchPanel::kEvents)] < 100);
}

TEST_CASE("the curve is one line of the best over all columns it has") {
  WatchModel model;
  model.metric = "cost";
  for (int i = 0; i < 40; ++i) {
    model.best_so_far.push_back(100 - i / 10);
    model.measured.emplace_back(100 - i / 10);
  }
  WatchUi ui;
  const std::string screen = ScreenOf(model, 60, 30, ui);
  CAPTURE(screen);
  CHECK(CountOf(screen, "━") == 40);
}

}  // namespace coppice::app

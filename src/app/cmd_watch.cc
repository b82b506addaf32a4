#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <deque>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/commands.h"
#include "app/watch_follow.h"
#include "app/watch_model.h"
#include "app/watch_screen.h"
#include "report/progress.h"
#include "search/directive.h"

// watch: a run looked at while it goes on, from anywhere. On a terminal it is
// the whole screen until `q`; elsewhere a line for each piece of news until
// the run is at rest.

namespace coppice::app {
namespace {

constexpr auto kLook = std::chrono::milliseconds(500);
constexpr std::int64_t kLookBack = 400;  // records
constexpr std::size_t kMostEvents = 1000;

int WatchJson(const Global& global, Follower& run) {
  auto see = [](const search::State& state, const search::Record& record) {
    auto event = report::ProgressJson(state, record);
    if (event) Print(report::DumpLine(*event));
  };
  Result<void> read = run.LookBack(run.state().last_seq(), see);
  while (read && !run.AtRest()) {
    std::this_thread::sleep_for(kLook);
    read = run.Advance(see);
  }
  if (read) read = run.Advance(see);  // what it said last
  return read ? kDone : Fail(global, read.error());
}

int WatchLines(const Global& global, Follower& run) {
  auto see = [](const search::State& state, const search::Record& record) {
    if (auto line = report::ProgressLine(state, record)) Print(*line);
  };
  std::string status =
      report::StatusText(run.state(), MakeRealClock()->Wall(), run.Extra());
  if (status.ends_with('\n')) status.pop_back();
  Print(status);
  Result<void> read = run.Advance(see);
  while (read && !run.AtRest()) {
    std::this_thread::sleep_for(kLook);
    read = run.Advance(see);
  }
  if (read) read = run.Advance(see);
  return read ? kDone : Fail(global, read.error());
}

// What the user does on the screen.
class Viewer {
 public:
  Viewer(WatchScreen& screen, Follower& run, Clock& clock)
      : screen_(screen), run_(run), clock_(clock) {}

  Result<void> Look() {
    Result<void> back = run_.LookBack(kLookBack, Noting());
    if (!back) return back;
    Refresh();
    while (true) {
      screen_.Show(DrawWatch(model_, screen_.width(), screen_.height(), ui_));
      const WatchKey key = screen_.Wait(kLook);
      if (key == WatchKey::kQuit) return Ok();
      Press(key);
      Result<void> read = run_.Advance(Noting());
      if (!read) return read;
      if (key == WatchKey::kNone || key == WatchKey::kPause) Refresh();
    }
  }

 private:
  Follower::See Noting() {
    return [this](const search::State& state, const search::Record& record) {
      auto row = EventRow(state, record);
      if (!row) return;
      events_.push_back(std::move(*row));
      if (events_.size() > kMostEvents) events_.pop_front();
    };
  }

  void Refresh() {
    model_ = MakeWatchModel(run_.state(), clock_.Wall(), run_.Extra());
    model_.events.assign(events_.begin(), events_.end());
  }

  void Press(WatchKey key) {
    if (key == WatchKey::kNone) return;
    const bool asked = !ui_.prompt.empty();
    ui_.prompt.clear();
    const auto panel = static_cast<std::size_t>(ui_.focus);
    // Events begin at their end, so that up means further back.
    const bool back = ui_.focus == WatchPanel::kEvents;
    const std::size_t page = std::max<std::size_t>(3, screen_.height() / 3);
    auto scroll = [&](bool down, std::size_t by) {
      std::size_t& at = ui_.scroll[panel];
      at = down != back ? at + by : at - std::min(at, by);
    };
    switch (key) {
      case WatchKey::kUp:
      case WatchKey::kDown:
        return scroll(key == WatchKey::kDown, 1);
      case WatchKey::kPageUp:
      case WatchKey::kPageDown:
        return scroll(key == WatchKey::kPageDown, page);
      case WatchKey::kHome:
        ui_.scroll[panel] = 0;
        return;
      case WatchKey::kTab:
        ui_.focus = static_cast<WatchPanel>((panel + 1) % kWatchPanels);
        return;
      case WatchKey::kPause:
        return Pause(asked);
      default:
        return;
    }
  }

  // Twice, because it costs the run time.
  void Pause(bool asked) {
    const auto& paused = run_.state().paused();
    const bool held = paused && paused->cause == search::kPausedByUser;
    if (run_.AtRest()) {
      ui_.prompt = "the run is not running";
    } else if (!asked) {
      ui_.prompt = held ? "p once more: the run goes on"
                        : "p once more: nothing new is begun until told so";
    } else {
      search::Directive word{.steer = held ? search::Steer::kContinue
                                           : search::Steer::kPause};
      Result<void> sent = search::SendToInbox(
          run_.place().journal(), clock_.Wall(), search::FormatDirective(word));
      ui_.prompt = sent ? "told; it is heard within a second"
                        : "could not be told: " + sent.error().what;
    }
  }

  WatchScreen& screen_;
  Follower& run_;
  Clock& clock_;
  WatchModel model_;
  WatchUi ui_;
  std::deque<WatchModel::Row> events_;
};

}  // namespace

int Watch(const Global& global, const WatchOptions& options) {
  Result<Follower> run = Follower::Open(global, options.run);
  if (!run) return Fail(global, run.error());
  if (global.output == OutputMode::kJson) return WatchJson(global, *run);
  if (global.output == OutputMode::kPlain) return WatchLines(global, *run);
  Result<void> looked = Ok();
  {
    Result<std::unique_ptr<WatchScreen>> screen = WatchScreen::Open();
    if (!screen) return WatchLines(global, *run);
    const std::unique_ptr<Clock> clock = MakeRealClock();
    looked = Viewer(**screen, *run, *clock).Look();
  }
  return looked ? kDone : Fail(global, looked.error());
}

}  // namespace coppice::app

#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "app/watch_view.h"
#include "base/result.h"

namespace coppice::app {

enum class WatchKey {
  kNone,
  kQuit,
  kUp,
  kDown,
  kPageUp,
  kPageDown,
  kHome,
  kTab,
  kPause,
  kOther
};

// The terminal, taken over until destruction. One at a time.
class WatchScreen {
 public:
  // kUsage: no terminal, or one that cannot be drawn on.
  static Result<std::unique_ptr<WatchScreen>> Open();
  ~WatchScreen();
  WatchScreen(const WatchScreen&) = delete;
  WatchScreen& operator=(const WatchScreen&) = delete;

  std::size_t width() const;
  std::size_t height() const;
  void Show(const std::vector<WatchLine>& lines);
  // What is pressed within `limit`; SIGINT, SIGTERM and SIGHUP are kQuit.
  WatchKey Wait(std::chrono::milliseconds limit);

 private:
  struct Terminal;
  explicit WatchScreen(std::unique_ptr<Terminal> terminal);
  std::unique_ptr<Terminal> terminal_;
};

}  // namespace coppice::app

#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "base/task.h"

namespace coppice::app {

// Calls `beat` on the executor every so often, until Stop or destruction; a
// pending beat keeps nothing waiting. Conductor thread.
class Heartbeat {
 public:
  Heartbeat(const asio::any_io_executor& executor,
            std::chrono::milliseconds every, std::function<void()> beat);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace coppice::app

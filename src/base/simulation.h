#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>

#include "base/clock.h"
#include "base/compute.h"

namespace coppice {

// A world in virtual time: time stands still while any coroutine can run and
// jumps to the next sleeper when none can. One thread; bit-identical between
// runs. Sleepers that wake at one instant do so in the order they lay down.
class Simulation {
 public:
  Simulation();
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  asio::io_context& io() { return io_; }
  Clock& clock();
  Compute& compute() { return *compute_; }

  // Runs `task` and everything it spawns until nothing can run and nobody
  // sleeps. Rethrows what `task` threw.
  void Run(Task<void> task);

 private:
  class VirtualClock;

  asio::io_context io_;
  std::unique_ptr<VirtualClock> clock_;
  std::unique_ptr<Compute> compute_;
};

}  // namespace coppice

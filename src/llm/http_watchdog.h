#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/task.h"
#include "llm/http_client.h"

namespace coppice::llm {

// Ends the wait a call is in when its time is over, or when told to. The call
// says how long it means to wait (Expect) and how that wait is broken off
// (Breaks). A watchdog that has fired has ended its call: there is no second
// time. Conductor thread.
class Watchdog {
  struct State;

 public:
  Watchdog(const asio::any_io_executor& executor, Clock& clock, Duration total);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // What is waited for may take `limit` from now, and never longer than what
  // is left of the total. `what` is a literal: "name lookup".
  void Expect(HttpFault fault, std::string_view what, Duration limit);
  // ... whatever is left of the total.
  void ExpectPatiently();

  void Fire(HttpFault fault);
  bool fired() const;
  // How the call ended, once fired.
  HttpEnd End(std::string_view host) const;

  // While a guard lives, firing calls its function; at once if it has fired.
  // One guard at a time.
  class Guard {
   public:
    explicit Guard(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Guard(Guard&&) = default;
    ~Guard();

   private:
    std::shared_ptr<State> state_;
  };
  [[nodiscard]] Guard Breaks(std::function<void()> break_off);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace coppice::llm

#include "llm/http_watchdog.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "base/text.h"

// One timer a call. Moving its end further away costs nothing: the timer fires
// early, looks at the clock and lies down again. A stream of many small reads
// thus touches the timer queue once per idle limit, not once per read.

namespace coppice::llm {
namespace {

double Seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

struct Watchdog::State : std::enable_shared_from_this<Watchdog::State> {
  State(const asio::any_io_executor& executor, Clock& c, Duration limit)
      : clock(c), timer(executor), total(limit) {}

  Instant End() const { return std::min(total_end, phase_end); }

  void Arm() {
    armed_for = End();
    timer.expires_after(std::max(armed_for - clock.Now(), Duration(0)));
    auto due = [weak = weak_from_this()](boost::system::error_code error) {
      const std::shared_ptr<State> state = weak.lock();
      if (error || !state || state->fired != HttpFault::kNone) return;
      state->Due();
    };
    timer.async_wait(std::move(due));
  }

  void Due() {
    if (clock.Now() < End()) return Arm();
    Fire(phase_end <= total_end ? fault : HttpFault::kTotal);
  }

  void Fire(HttpFault why) {
    if (fired != HttpFault::kNone) return;
    fired = why;
    timer.cancel();
    if (break_off) break_off();
  }

  Clock& clock;
  asio::steady_timer timer;
  Duration total;
  Instant total_end;
  Instant phase_end = Instant{Duration::max()};
  Instant armed_for;
  HttpFault fault = HttpFault::kNone;
  std::string_view what;
  Duration limit{0};
  HttpFault fired = HttpFault::kNone;
  std::function<void()> break_off;
};

Watchdog::Watchdog(const asio::any_io_executor& executor, Clock& clock,
                   Duration total)
    : state_(std::make_shared<State>(executor, clock, total)) {
  state_->total_end = clock.Now() + total;
  state_->Arm();
}

Watchdog::~Watchdog() { state_->timer.cancel(); }

void Watchdog::Expect(HttpFault fault, std::string_view what, Duration limit) {
  state_->fault = fault;
  state_->what = what;
  state_->limit = limit;
  state_->phase_end = state_->clock.Now() + limit;
  if (!fired() && state_->End() < state_->armed_for) state_->Arm();
}

void Watchdog::ExpectPatiently() {
  state_->phase_end = Instant{Duration::max()};
}

void Watchdog::Fire(HttpFault fault) { state_->Fire(fault); }

bool Watchdog::fired() const { return state_->fired != HttpFault::kNone; }

HttpEnd Watchdog::End(std::string_view host) const {
  HttpEnd end{.fault = state_->fired};
  switch (state_->fired) {
    case HttpFault::kCancelled:
      end.detail = fmt::format("{}: cancelled", host);
      break;
    case HttpFault::kTotal:
      end.detail = fmt::format("{}: not finished within {}", host,
                               FormatDuration(Seconds(state_->total)));
      break;
    default:
      end.detail = fmt::format("{}: {} took longer than {}", host, state_->what,
                               FormatDuration(Seconds(state_->limit)));
  }
  return end;
}

Watchdog::Guard::~Guard() {
  if (state_) state_->break_off = nullptr;
}

Watchdog::Guard Watchdog::Breaks(std::function<void()> break_off) {
  if (fired()) break_off();
  state_->break_off = std::move(break_off);
  return Guard(state_);
}

}  // namespace coppice::llm

#include "app/heartbeat.h"

#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace coppice::app {

struct Heartbeat::State : std::enable_shared_from_this<State> {
  State(const asio::any_io_executor& executor, std::chrono::milliseconds pause,
        std::function<void()> call)
      : timer(executor), every(pause), beat(std::move(call)) {}

  void Wait() {
    timer.expires_after(every);
    timer.async_wait(
        [self = shared_from_this()](const boost::system::error_code& error) {
          if (error || self->stopped) return;
          self->beat();
          self->Wait();
        });
  }

  asio::steady_timer timer;
  const std::chrono::milliseconds every;
  std::function<void()> beat;
  bool stopped = false;
};

Heartbeat::Heartbeat(const asio::any_io_executor& executor,
                     std::chrono::milliseconds every,
                     std::function<void()> beat)
    : state_(std::make_shared<State>(executor, every, std::move(beat))) {
  state_->Wait();
}

Heartbeat::~Heartbeat() { Stop(); }

void Heartbeat::Stop() {
  state_->stopped = true;
  state_->timer.cancel();
}

}  // namespace coppice::app

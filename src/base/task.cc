#include "base/task.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

// A coroutine waits by sleeping on a timer that never fires; who has news
// cancels the timer. That is Asio's idiom for a condition variable on one
// thread: the wake-up is posted, never run inside the waker.

namespace coppice {
namespace {

constexpr auto kNever = std::chrono::steady_clock::time_point::max();

Task<void> SleepUntilCancelled(asio::steady_timer& timer) {
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace

struct TaskGroup::State {
  explicit State(asio::any_io_executor e) : executor(std::move(e)) {}

  asio::any_io_executor executor;
  int running = 0;
  bool news = false;
  std::exception_ptr failure;
  asio::steady_timer* waiter = nullptr;

  void Notify() {
    news = true;
    if (waiter != nullptr) waiter->cancel();
  }
};

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() = default;

void TaskGroup::Spawn(Task<void> task) {
  ++state_->running;
  auto ended = [state = state_](const std::exception_ptr& failure) {
    --state->running;
    if (failure && !state->failure) state->failure = failure;
    state->Notify();
  };
  asio::co_spawn(state_->executor, std::move(task), std::move(ended));
}

int TaskGroup::running() const { return state_->running; }

void TaskGroup::Wake() { state_->Notify(); }

Task<void> TaskGroup::WaitForOne() {
  std::shared_ptr<State> state = state_;
  if (!state->news && state->running > 0) {
    asio::steady_timer timer(state->executor, kNever);
    state->waiter = &timer;
    co_await SleepUntilCancelled(timer);
    state->waiter = nullptr;
  }
  state->news = false;
  if (state->failure) {
    std::rethrow_exception(std::exchange(state->failure, nullptr));
  }
}

Task<void> TaskGroup::Join() {
  while (state_->running > 0) co_await WaitForOne();
  co_await WaitForOne();
}

namespace internal {
struct Waiters {
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& e) : timer(e, kNever) {}
    asio::steady_timer timer;
    bool granted = false;
  };
  std::deque<Waiter*> queue;
};
}  // namespace internal

Semaphore::Permit& Semaphore::Permit::operator=(Permit&& other) noexcept {
  if (this != &other) {
    Release();
    owner_ = std::exchange(other.owner_, nullptr);
  }
  return *this;
}

void Semaphore::Permit::Release() {
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->Return();
}

Semaphore::Semaphore(asio::any_io_executor executor, int units)
    : executor_(std::move(executor)),
      units_(units),
      waiters_(std::make_unique<internal::Waiters>()) {}

Semaphore::~Semaphore() = default;

Task<Semaphore::Permit> Semaphore::Acquire() {
  if (units_ > 0 && waiters_->queue.empty()) {
    --units_;
    co_return Permit(this);
  }
  internal::Waiters::Waiter waiter(executor_);
  waiters_->queue.push_back(&waiter);
  while (!waiter.granted) co_await SleepUntilCancelled(waiter.timer);
  co_return Permit(this);
}

void Semaphore::Return() {
  if (waiters_->queue.empty()) {
    ++units_;
    return;
  }
  internal::Waiters::Waiter* next = waiters_->queue.front();
  waiters_->queue.pop_front();
  next->granted = true;  // the unit passes on without becoming free
  next->timer.cancel();
}

Signal::Signal(asio::any_io_executor executor)
    : executor_(std::move(executor)),
      waiters_(std::make_unique<internal::Waiters>()) {}

Signal::~Signal() = default;

Task<void> Signal::Wait() {
  internal::Waiters::Waiter waiter(executor_);
  waiters_->queue.push_back(&waiter);
  while (!waiter.granted) co_await SleepUntilCancelled(waiter.timer);
}

void Signal::Notify() {
  for (internal::Waiters::Waiter* waiter : std::exchange(waiters_->queue, {})) {
    waiter->granted = true;
    waiter->timer.cancel();
  }
}

}  // namespace coppice

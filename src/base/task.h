#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <deque>
#include <exception>
#include <memory>
#include <utility>

namespace coppice {

namespace asio = boost::asio;

// A coroutine on the conductor thread.
template <class T>
using Task = asio::awaitable<T>;

namespace internal {
struct Waiters;
}

// Coroutines started together and waited for one by one. Conductor thread
// only. The group must outlive its members: Join before destroying it. The
// first exception of a member is rethrown by the next WaitForOne or Join.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void Spawn(Task<void> task);
  int running() const;
  // Returns when a member has ended since the last call, or none is running.
  Task<void> WaitForOne();
  Task<void> Join();
  // Makes a pending WaitForOne return, for news that is not a member's end.
  void Wake();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Counts of something scarce, handed out in the order of asking. Conductor
// thread only.
class Semaphore {
 public:
  // Gives its unit back when destroyed.
  class Permit {
   public:
    Permit() = default;
    explicit Permit(Semaphore* owner) : owner_(owner) {}
    Permit(Permit&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept;
    ~Permit() { Release(); }
    void Release();

   private:
    Semaphore* owner_ = nullptr;
  };

  Semaphore(asio::any_io_executor executor, int units);
  ~Semaphore();
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  Task<Permit> Acquire();
  int available() const { return units_; }

 private:
  void Return();

  asio::any_io_executor executor_;
  int units_;
  std::unique_ptr<internal::Waiters> waiters_;
};

// News for whoever waits at that moment. Conductor thread only.
class Signal {
 public:
  explicit Signal(asio::any_io_executor executor);
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  Task<void> Wait();
  void Notify();

 private:
  asio::any_io_executor executor_;
  std::unique_ptr<internal::Waiters> waiters_;
};

}  // namespace coppice

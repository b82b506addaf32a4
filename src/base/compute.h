#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/task.h"

namespace coppice {

// CPU work away from the conductor. Run may call `work` on another thread, at
// any time, in any order; it returns at once. Work never sleeps, polls or
// does network. Destroying a Compute waits for what was given to it.
class Compute {
 public:
  virtual ~Compute() = default;
  virtual void Run(std::function<void()> work) = 0;
  // True if Run has finished the work when it returns.
  virtual bool inline_work() const = 0;
};

// oneTBB arena of `threads` workers (an Asio thread pool where
// COPPICE_COMPUTE_ASIO is defined).
std::unique_ptr<Compute> MakeArenaCompute(int threads);
// Runs the work inside Run: for simulations, and for tests.
std::unique_ptr<Compute> MakeInlineCompute();

// Awaits work(), done by `compute`; exceptions come back with the result. It
// takes an lvalue so that a temporary lambda beside a co_await, which some
// compilers destroy twice, does not compile.
template <class F>
Task<std::invoke_result_t<F&>> Offload(Compute& compute, F& work) {
  using T = std::invoke_result_t<F&>;
  if (compute.inline_work()) co_return work();
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  if constexpr (std::is_void_v<T>) {
    std::exception_ptr failure;
    auto start = [&](auto handler) {
      auto shared = std::make_shared<decltype(handler)>(std::move(handler));
      compute.Run([&, shared] {
        try {
          work();
        } catch (...) {
          failure = std::current_exception();
        }
        asio::post(executor, [shared] { std::move (*shared)(); });
      });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        start, asio::use_awaitable);
    if (failure) std::rethrow_exception(failure);
  } else {
    std::exception_ptr failure;
    std::optional<T> value;
    auto start = [&](auto handler) {
      auto shared = std::make_shared<decltype(handler)>(std::move(handler));
      compute.Run([&, shared] {
        try {
          value.emplace(work());
        } catch (...) {
          failure = std::current_exception();
        }
        asio::post(executor, [shared] { std::move (*shared)(); });
      });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        start, asio::use_awaitable);
    if (failure) std::rethrow_exception(failure);
    co_return std::move(*value);
  }
}

}  // namespace coppice

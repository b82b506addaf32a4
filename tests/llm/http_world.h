#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "llm/http.h"

namespace coppice::llm {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What became of one call.
struct Exchange {
  HttpEnd end;
  int heads = 0;
  HttpHead head;
  std::vector<std::string> pieces;
  Duration took{0};

  std::string body() const {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }
};

class Collector final : public HttpSink {
 public:
  explicit Collector(Exchange& into) : into_(into) {}
  void OnHead(const HttpHead& head) override {
    ++into_.heads;
    into_.head = head;
  }
  bool OnBody(std::string_view bytes) override {
    into_.pieces.emplace_back(bytes);
    return !enough || !enough(bytes);
  }

  std::function<bool(std::string_view)> enough;

 private:
  Exchange& into_;
};

// A conductor with one client on it.
class HttpWorld {
 public:
  explicit HttpWorld(HttpSettings settings = {})
      : client_(
            MakeHttpClient(io_.get_executor(), *clock_, std::move(settings))) {}

  asio::io_context& io() { return io_; }
  Clock& clock() { return *clock_; }
  HttpClient& client() { return *client_; }
  void DestroyClient() { client_.reset(); }

  Exchange Send(HttpRequest request,
                std::function<bool(std::string_view)> enough = {}) {
    Exchange exchange;
    Start(request, exchange, std::move(enough));
    Run();
    return exchange;
  }

  std::vector<Exchange> SendAll(const std::vector<HttpRequest>& requests) {
    std::vector<Exchange> exchanges(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      Start(requests[i], exchanges[i]);
    }
    Run();
    return exchanges;
  }

  // `exchange` is filled in by the next Run; both must live until then.
  void Start(const HttpRequest& request, Exchange& exchange,
             std::function<bool(std::string_view)> enough = {}) {
    asio::co_spawn(io_, Call(request, exchange, std::move(enough)), Rethrow);
  }

  // Until nothing is under way.
  void Run() {
    io_.restart();
    io_.run();
  }
  void RunFor(milliseconds time) {
    io_.restart();
    const auto busy = asio::make_work_guard(io_);
    io_.run_for(time);
  }
  // False if it has not come true within 10 s.
  bool RunUntil(const std::function<bool()>& condition) {
    const Instant limit = clock_->Now() + seconds(10);
    while (!condition() && clock_->Now() < limit) RunFor(milliseconds(5));
    return condition();
  }

 private:
  static void Rethrow(std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  }

  Task<void> Call(const HttpRequest& request, Exchange& exchange,
                  std::function<bool(std::string_view)> enough) {
    Collector sink(exchange);
    sink.enough = std::move(enough);
    const Instant start = clock_->Now();
    exchange.end = co_await client_->Send(request, sink);
    exchange.took = clock_->Now() - start;
  }

  asio::io_context io_;
  std::unique_ptr<Clock> clock_ = MakeRealClock();
  std::unique_ptr<HttpClient> client_;
};

inline HttpRequest Post(std::string url, std::string body = "{}") {
  return {.url = std::move(url),
          .headers = {{"Content-Type", "application/json"}},
          .body = std::move(body),
          .total = seconds(20),
          .idle = seconds(10)};
}

inline std::string_view FaultName(HttpFault fault) {
  static constexpr std::string_view kNames[] = {
      "none",      "resolve",   "connect",   "tls",
      "handshake", "proxy",     "reset",     "idle",
      "total",     "truncated", "too large", "malformed",
      "encoding",  "corrupt",   "cancelled", "unsupported"};
  return kNames[static_cast<int>(fault)];
}

inline std::ostream& operator<<(std::ostream& out, HttpFault fault) {
  return out << FaultName(fault);
}

}  // namespace coppice::llm

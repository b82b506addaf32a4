#include "llm/http_resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

// getaddrinfo cannot be cancelled, and Asio's resolver does every lookup of an
// io_context on one thread: one dead name server would stop all providers. So
// four threads of our own, and a deadline that does not wait for them. A
// thread may be stuck for longer than the program cares to live; it owns
// nothing but a share of the queue, and is left behind.

namespace coppice::llm {
namespace {

constexpr int kThreads = 4;
constexpr Duration kKept = std::chrono::seconds(60);
constexpr auto kAgainAfter = std::chrono::milliseconds(200);

using LookupFunction = std::function<HostLookup(const std::string&)>;

// The threads and what they are asked.
class LookupPool : public std::enable_shared_from_this<LookupPool> {
 public:
  using Deliver = std::function<void(HostLookup)>;

  LookupPool(asio::any_io_executor executor, LookupFunction lookup)
      : executor_(std::move(executor)), lookup_(std::move(lookup)) {}

  // `deliver` runs on the conductor, unless the pool is closed before.
  void Ask(std::string host, Deliver deliver) {
    std::lock_guard lock(mutex_);
    queue_.push_back({std::move(host), std::move(deliver)});
    if (idle_ < static_cast<int>(queue_.size()) && threads_ < kThreads) {
      ++threads_;
      StartThread();
    }
    news_.notify_one();
  }

  void Close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    queue_.clear();
    news_.notify_all();
  }

 private:
  struct Question {
    std::string host;
    Deliver deliver;
  };

  // Signals belong to the conductor.
  void StartThread() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([self = shared_from_this()] { self->Work(); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      news_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      --idle_;
      if (closed_) return;
      Question question = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      HostLookup lookup = lookup_(question.host);
      if (lookup.error == EAI_AGAIN) {
        std::this_thread::sleep_for(kAgainAfter);
        lookup = lookup_(question.host);
      }
      auto answer = [deliver = std::move(question.deliver),
                     lookup = std::move(lookup)] { deliver(lookup); };
      lock.lock();
      if (closed_) return;
      // Under the lock: the executor lives as long as the pool is open.
      asio::post(executor_, std::move(answer));
    }
  }

  const asio::any_io_executor executor_;
  const LookupFunction lookup_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable news_;
  std::deque<Question> queue_;
  int threads_ = 0;
  int idle_ = 0;
  bool closed_ = false;
};

}  // namespace

HostLookup SystemLookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  HostLookup lookup;
  lookup.error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (lookup.error != 0) return lookup;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text;
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(),
                    nullptr, 0, NI_NUMERICHOST) == 0) {
      lookup.addresses.emplace_back(text.data());
    }
  }
  freeaddrinfo(found);
  return lookup;
}

struct HttpResolver::State : std::enable_shared_from_this<State> {
  struct Name {
    Answer answer;
    Instant fresh_until;
    std::uint64_t lookup = 0;  // under way; 0: none
    std::vector<asio::steady_timer*> waiters;
  };

  State(asio::any_io_executor e, Clock& c, LookupFunction function)
      : executor(e),
        clock(c),
        pool(std::make_shared<LookupPool>(std::move(e), std::move(function))) {}

  void Ask(const std::string& host) {
    Name& name = names[host];
    if (name.lookup != 0) return;
    name.lookup = ++last_lookup;
    auto deliver = [weak = weak_from_this(), host,
                    lookup = name.lookup](HostLookup brought) {
      if (const auto state = weak.lock()) {
        state->Delivered(host, lookup, std::move(brought));
      }
    };
    pool->Ask(host, std::move(deliver));
  }

  void Delivered(const std::string& host, std::uint64_t lookup,
                 HostLookup brought) {
    Name& name = names[host];
    if (name.lookup != lookup) return;  // too late: nobody waits any more
    name.lookup = 0;
    name.answer = {.addresses = std::move(brought.addresses)};
    if (!name.answer.addresses.empty()) {
      name.fresh_until = clock.Now() + kKept;
    } else {
      name.answer.cause = brought.error == 0 ? "the name has no address"
                                             : gai_strerror(brought.error);
    }
    for (asio::steady_timer* waiter : name.waiters) waiter->cancel();
  }

  asio::any_io_executor executor;
  Clock& clock;
  std::shared_ptr<LookupPool> pool;
  std::map<std::string, Name> names;
  std::uint64_t last_lookup = 0;
};

// A caller in the queue of a name; whoever leaves last drops the lookup.
struct HttpResolver::Waiting {
  Waiting(State& s, const std::string& host)
      : name(s.names[host]),
        timer(s.executor, std::chrono::steady_clock::time_point::max()) {
    name.waiters.push_back(&timer);
  }
  ~Waiting() {
    std::erase(name.waiters, &timer);
    if (name.waiters.empty()) name.lookup = 0;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  State::Name& name;
  asio::steady_timer timer;
};

HttpResolver::HttpResolver(asio::any_io_executor executor, Clock& clock,
                           const HttpSettings& settings)
    : state_(std::make_shared<State>(
          std::move(executor), clock,
          settings.lookup ? settings.lookup : SystemLookup)),
      limit_(settings.dns) {}

HttpResolver::~HttpResolver() { state_->pool->Close(); }

Task<HttpResolver::Answer> HttpResolver::Resolve(std::string host,
                                                 Watchdog& watchdog) {
  const std::shared_ptr<State> state = state_;
  const State::Name& name = state->names[host];  // std::map: it stays there
  if (state->clock.Now() < name.fresh_until) co_return name.answer;
  Waiting waiting(*state, host);
  state->Ask(host);
  watchdog.Expect(HttpFault::kResolve, "name lookup", limit_);
  const Watchdog::Guard guard =
      watchdog.Breaks([&waiting] { waiting.timer.cancel(); });
  boost::system::error_code ignored;
  co_await waiting.timer.async_wait(
      asio::redirect_error(asio::use_awaitable, ignored));
  if (watchdog.fired()) co_return Answer{};
  co_return name.answer;
}

void HttpResolver::Forget(const std::string& host) {
  state_->names[host].fresh_until = Instant{};
}

}  // namespace coppice::llm

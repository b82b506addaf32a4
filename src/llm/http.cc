#include "llm/http.h"

#include <set>
#include <utility>

#include "llm/http_dial.h"
#include "llm/http_exchange.h"
#include "llm/http_pool.h"
#include "llm/http_url.h"
#include "llm/http_watchdog.h"

namespace coppice::llm {
namespace {

// What the calls of one client share; they keep it alive.
struct Shared {
  Shared(asio::any_io_executor e, Clock& c, HttpSettings s)
      : executor(std::move(e)),
        clock(c),
        settings(std::move(s)),
        pool(clock, settings.park, settings.parked_per_origin),
        dialer(executor, clock, settings) {}

  const asio::any_io_executor executor;
  Clock& clock;
  const HttpSettings settings;
  HttpPool pool;
  HttpDialer dialer;
  std::set<Watchdog*> under_way;
  bool cancelled = false;
};

// A call that CancelAll can reach.
class UnderWay {
 public:
  UnderWay(Shared& shared, Duration total)
      : shared_(shared), watchdog_(shared.executor, shared.clock, total) {
    shared_.under_way.insert(&watchdog_);
  }
  ~UnderWay() { shared_.under_way.erase(&watchdog_); }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

  Watchdog& watchdog() { return watchdog_; }

 private:
  Shared& shared_;
  Watchdog watchdog_;
};

HttpEnd Refused(std::string detail) {
  return {.fault = HttpFault::kUnsupported, .detail = std::move(detail)};
}

class Client final : public HttpClient {
 public:
  Client(asio::any_io_executor executor, Clock& clock, HttpSettings settings)
      : shared_(std::make_shared<Shared>(std::move(executor), clock,
                                         std::move(settings))) {}
  ~Client() override { CancelAll(); }

  Task<HttpEnd> Send(const HttpRequest& request, HttpSink& sink) override;
  void CancelAll() override;

 private:
  std::shared_ptr<Shared> shared_;
};

Task<HttpEnd> Client::Send(const HttpRequest& request, HttpSink& sink) {
  const std::shared_ptr<Shared> shared = shared_;
  const Result<HttpUrl> url = ParseHttpUrl(request.url);
  if (!url) co_return Refused(url.error().Text());
  HttpOrigin origin{
      .url = *url,
      .proxy = ProxyFor(request.url, shared->settings.env, request.proxy),
      .ca_file = request.ca_file};
  if (origin.proxy.kind == ProxyChoice::Kind::kRefused) {
    co_return Refused(origin.proxy.why);
  }
  Result<std::string> head = HttpRequestHead(request, origin);
  if (!head) co_return Refused(head.error().Text());
  if (shared->cancelled) {
    co_return HttpEnd{.fault = HttpFault::kCancelled, .detail = "cancelled"};
  }
  UnderWay call(*shared, request.total);
  HttpExchange::Parts parts{.settings = shared->settings,
                            .pool = shared->pool,
                            .dialer = shared->dialer,
                            .watchdog = call.watchdog()};
  HttpExchange exchange(parts, request, sink, std::move(origin),
                        std::move(*head));
  co_return co_await exchange.Run();
}

void Client::CancelAll() {
  shared_->cancelled = true;
  shared_->pool.Clear();
  for (Watchdog* watchdog : shared_->under_way) {
    watchdog->Fire(HttpFault::kCancelled);
  }
}

}  // namespace

std::unique_ptr<HttpClient> MakeHttpClient(asio::any_io_executor executor,
                                           Clock& clock,
                                           HttpSettings settings) {
  return std::make_unique<Client>(std::move(executor), clock,
                                  std::move(settings));
}

}  // namespace coppice::llm

#include "llm/stream_tcp.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

namespace coppice::llm {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr int kKeepaliveSeconds = 60;
constexpr int kKeepaliveCount = 5;

// Failures here cost a little speed or a late discovery, never the call.
void SetOptions(tcp::socket& socket) {
  const int fd = socket.native_handle();
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepaliveSeconds, sizeof(int));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepaliveSeconds, sizeof(int));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kKeepaliveCount, sizeof(int));
}

// The order given, but families take turns.
std::vector<tcp::endpoint> Interleave(const std::vector<std::string>& addresses,
                                      std::uint16_t port) {
  std::vector<tcp::endpoint> first;
  std::vector<tcp::endpoint> second;
  for (const std::string& text : addresses) {
    error_code error;
    const auto address = asio::ip::make_address(text, error);
    if (error) continue;
    const tcp::endpoint endpoint(address, port);
    const bool alike =
        first.empty() || first.front().protocol() == endpoint.protocol();
    (alike ? first : second).push_back(endpoint);
  }
  std::vector<tcp::endpoint> turns;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) turns.push_back(first[i]);
    if (i < second.size()) turns.push_back(second[i]);
  }
  return turns;
}

// Attempts side by side. Their handlers share it, for they end after the
// coroutine that started them has gone.
struct Race : std::enable_shared_from_this<Race> {
  explicit Race(const asio::any_io_executor& e) : executor(e), news(e) {}

  void Start(const tcp::endpoint& endpoint) {
    auto socket = std::make_shared<tcp::socket>(executor);
    attempts.push_back(socket);
    ++running;
    auto ended = [self = shared_from_this(), socket](error_code error) {
      --self->running;
      if (!error && !self->winner) self->winner = socket;
      if (error && !self->stopped) self->cause = error.message();
      self->news.cancel();
    };
    socket->async_connect(endpoint, std::move(ended));
  }

  void Stop() {
    stopped = true;
    for (const auto& socket : attempts) {
      error_code ignored;
      if (socket != winner) socket->close(ignored);
    }
    news.cancel();
  }

  asio::any_io_executor executor;
  asio::steady_timer news;
  std::vector<std::shared_ptr<tcp::socket>> attempts;
  std::shared_ptr<tcp::socket> winner;
  std::string cause = "no address can be used";
  int running = 0;
  bool stopped = false;
};

// Stops the others however the coroutine ends.
struct RaceEnd {
  std::shared_ptr<Race> race;
  ~RaceEnd() { race->Stop(); }
};

}  // namespace

StreamStep StepOf(error_code error, std::size_t bytes) {
  if (!error) return {.bytes = bytes};
  if (error == asio::error::eof) return {.end = StreamEnd::kClosed};
  return {.end = StreamEnd::kLost, .cause = error.message()};
}

bool IsQuiet(tcp::socket& socket) {
  char byte;
  const ssize_t seen =
      recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

Task<StreamStep> TcpStream::Read(std::span<char> into) {
  error_code error;
  const asio::mutable_buffer buffer(into.data(), into.size());
  const std::size_t bytes = co_await socket_.async_read_some(
      buffer, asio::redirect_error(asio::use_awaitable, error));
  co_return StepOf(error, bytes);
}

Task<StreamStep> TcpStream::Write(std::string_view text) {
  error_code error;
  const asio::const_buffer buffer(text.data(), text.size());
  const std::size_t bytes = co_await socket_.async_write_some(
      buffer, asio::redirect_error(asio::use_awaitable, error));
  co_return StepOf(error, bytes);
}

void TcpStream::Close() {
  error_code ignored;
  socket_.close(ignored);
}

Task<TcpOpened> ConnectTcp(std::vector<std::string> addresses,
                           std::uint16_t port, Duration stagger,
                           Watchdog& watchdog) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const std::vector<tcp::endpoint> turns = Interleave(addresses, port);
  const auto race = std::make_shared<Race>(executor);
  const RaceEnd end{race};
  const Watchdog::Guard guard = watchdog.Breaks([race] { race->Stop(); });
  for (std::size_t next = 0; !race->winner && !watchdog.fired();) {
    if (next == turns.size() && race->running == 0) break;
    if (next < turns.size()) {
      race->Start(turns[next++]);
      race->news.expires_after(stagger);
    } else {
      race->news.expires_at(std::chrono::steady_clock::time_point::max());
    }
    error_code ignored;
    co_await race->news.async_wait(
        asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (!race->winner || watchdog.fired()) co_return TcpOpened{{}, race->cause};
  SetOptions(*race->winner);
  co_return TcpOpened{std::make_unique<TcpStream>(std::move(*race->winner)),
                      {}};
}

}  // namespace coppice::llm

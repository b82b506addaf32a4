#include "app/serve_server.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "app/heartbeat.h"

namespace coppice::app {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kLook = std::chrono::milliseconds(500);
constexpr int kLooksToAge = 20;  // 10 s: then the clock alone is news
// Beyond these the oldest that has not shown the token yet makes room: a
// stranger that holds connections open keeps nobody out.
constexpr std::size_t kMostConnections = 64;
// For a request to arrive, or for one piece of an answer to be taken.
constexpr auto kPatience = std::chrono::seconds(20);

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kJson = "application/json; charset=utf-8";
constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kEvents = "text/event-stream; charset=utf-8";

// 128 bits that nobody guesses.
Result<std::string> NewToken() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) !=
      static_cast<ssize_t>(bytes.size())) {
    return Error{.code = ErrorCode::kIo,
                 .what = "the system gives no random bytes"};
  }
  std::string token;
  for (unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

Error CannotListen(int port, const error_code& error) {
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("cannot listen at 127.0.0.1:{}", port),
               .cause = error.message(),
               .next = "another --port, or none for any that is free"};
}

}  // namespace

// One request and its answer. What does not move in time is closed.
struct ServeServer::Connection : std::enable_shared_from_this<Connection> {
  Connection(Socket socket, std::set<Connection*>& all)
      : deadline(socket.get_executor()), stream(std::move(socket)), open(all) {
    open.insert(this);
  }
  ~Connection() { open.erase(this); }

  void Expect() {
    deadline.expires_after(kPatience);
    deadline.async_wait([self = weak_from_this()](const error_code& error) {
      const std::shared_ptr<Connection> late = self.lock();
      if (!error && late) late->stream.Close();
    });
  }

  void Close() {
    open.erase(this);
    deadline.cancel();
    stream.Close();
  }

  asio::steady_timer deadline;
  llm::TcpStream stream;
  std::set<Connection*>& open;
  std::uint64_t number = 0;  // in the order of arrival
  bool admitted = false;     // it knows the token
};

ServeServer::ServeServer(tcp::acceptor acceptor, ServeRun& run)
    : acceptor_(std::move(acceptor)),
      run_(run),
      news_(acceptor_.get_executor()),
      group_(acceptor_.get_executor()) {}

Result<std::unique_ptr<ServeServer>> ServeServer::Listen(
    const asio::any_io_executor& executor, ServeRun& run, int port) {
  const tcp::endpoint where(asio::ip::address_v4::loopback(),
                            static_cast<std::uint16_t>(port));
  error_code error;
  tcp::acceptor acceptor(executor);
  acceptor.open(where.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(where, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) return CannotListen(port, error);
  Result<std::string> token = NewToken();
  if (!token) return token.error();
  std::unique_ptr<ServeServer> server(
      new ServeServer(std::move(acceptor), run));
  server->door_ = {.token = std::move(*token),
                   .port = server->acceptor_.local_endpoint().port()};
  return server;
}

std::string ServeServer::url() const {
  return fmt::format("http://127.0.0.1:{}/{}/", door_.port, door_.token);
}

Task<Result<void>> ServeServer::Run() {
  Heartbeat look(acceptor_.get_executor(), kLook, [this] { Look(); });
  while (!stopping_) {
    error_code error;
    Socket socket = co_await acceptor_.async_accept(
        asio::redirect_error(asio::use_awaitable, error));
    if (stopping_) break;
    // Too many open files, say: the next look may find some closed.
    if (error) {
      co_await news_.Wait();
      continue;
    }
    if (!MakeRoom()) continue;
    auto connection = std::make_shared<Connection>(std::move(socket), open_);
    connection->number = ++accepted_;
    group_.Spawn(Serve(std::move(connection)));
  }
  co_await group_.Join();
  if (failure_) co_return *failure_;
  co_return Ok();
}

void ServeServer::Stop() {
  stopping_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  while (!open_.empty()) (*open_.begin())->Close();
  news_.Notify();
}

bool ServeServer::MakeRoom() {
  if (open_.size() < kMostConnections) return true;
  // Who follows is told nothing for seconds; that it has left shows first here.
  std::vector<Connection*> gone;
  for (Connection* connection : open_) {
    if (connection->admitted && !connection->stream.Quiet())
      gone.push_back(connection);
  }
  for (Connection* connection : gone) connection->Close();
  if (!gone.empty()) {
    news_.Notify();  // those that were closed wait for it, with all they hold
    return true;
  }
  auto rank = [](const Connection* connection) {
    return std::pair(connection->admitted, connection->number);
  };
  Connection* oldest = *std::ranges::min_element(open_, {}, rank);
  if (oldest->admitted) return false;
  oldest->Close();
  return true;
}

void ServeServer::Look() {
  const std::int64_t before = run_.version();
  Result<void> read = run_.Look();
  if (!read) {
    failure_ = read.error();
    return Stop();
  }
  const bool due = ++looks_ % kLooksToAge == 0;
  if (due && !run_.AtRest()) run_.Age();
  if (due || run_.version() != before) news_.Notify();
}

Task<void> ServeServer::Serve(std::shared_ptr<Connection> connection) {
  ServeRequestReader reader;
  auto state = ServeRequestReader::State::kMore;
  std::array<char, 4096> bytes{};
  connection->Expect();
  while (state == ServeRequestReader::State::kMore) {
    const llm::StreamStep step = co_await connection->stream.Read(bytes);
    if (step.bytes == 0) co_return;
    state = reader.Feed({bytes.data(), step.bytes});
  }
  ServeRoute route;
  if (state == ServeRequestReader::State::kDone) {
    route = RouteOf(reader.request(), door_);
  } else {
    route.status = state == ServeRequestReader::State::kTooLarge ? 431 : 400;
  }
  connection->admitted = route.kind != ServeRoute::Kind::kRefused;
  co_await Answer(*connection, route);
  connection->deadline.cancel();
  connection->stream.Close();
}

Task<void> ServeServer::Answer(Connection& connection, ServeRoute route) {
  int status = 200;
  std::string_view type = kJson;
  ServeRun::Shared body;
  switch (route.kind) {
    case ServeRoute::Kind::kEvents:
      co_await Follow(connection, route.number);
      co_return;
    case ServeRoute::Kind::kPage:
      type = kHtml;
      body = run_.Page();
      break;
    case ServeRoute::Kind::kData:
      body = run_.Data();
      break;
    case ServeRoute::Kind::kNode: {
      Result<std::string> node = run_.Node(AttemptId(route.number));
      if (node) {
        body = std::make_shared<std::string>(std::move(*node));
      } else {
        status = node.error().code == ErrorCode::kNotFound ? 404 : 500;
      }
      break;
    }
    case ServeRoute::Kind::kRefused:
      status = route.status;
      break;
  }
  if (status != 200) {
    type = kPlain;
    body = std::make_shared<std::string>(fmt::format("{}\n", status));
  }
  const std::string head = ServeHead(status, type, body->size());
  if (co_await Send(connection, head)) co_await Send(connection, *body);
}

// Whoever falls behind is told the newest when it has taken the last: nothing
// piles up.
Task<void> ServeServer::Follow(Connection& connection, std::int64_t since) {
  const std::string head = ServeHead(200, kEvents, std::nullopt);
  bool there = co_await Send(connection, head + "retry: 2000\n\n");
  std::int64_t version = since == run_.seq() ? run_.version() : 0;
  while (there && !stopping_) {
    if (version == run_.version()) {
      there = co_await Send(connection, ": alive\n\n");
    } else {
      version = run_.version();
      const ServeRun::Shared news = run_.NewsSince(since);
      since = run_.seq();
      const std::string begin =
          fmt::format("event: news\nid: {}\ndata: ", since);
      there = co_await Send(connection, begin) &&
              co_await Send(connection, *news) &&
              co_await Send(connection, "\n\n");
    }
    if (!there || stopping_) break;
    if (version == run_.version()) co_await news_.Wait();
  }
}

Task<bool> ServeServer::Send(Connection& connection, std::string_view text) {
  while (!text.empty()) {
    connection.Expect();
    const llm::StreamStep step = co_await connection.stream.Write(text);
    if (step.bytes == 0) co_return false;
    text.remove_prefix(step.bytes);
  }
  connection.deadline.cancel();
  co_return true;
}

}  // namespace coppice::app

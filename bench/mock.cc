#include "mock.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/fd.h"
#include "base/task.h"

// The parent listens and hands the socket over, so that its port is known and
// connections are taken before the child runs.

extern char** environ;

namespace coppice::bench {
namespace {

using asio::ip::tcp;

constexpr int kListener = 3;  // in the child
constexpr const char* kRole = "--serve-mock";

void Check(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

std::string Chunk(const std::string& bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

// `text` has nothing but line ends that JSON must escape. Written by hand,
// since the server shares the machine with what is measured.
std::string Event(std::string_view text, std::string_view finish) {
  std::string escaped;
  for (char c : text) {
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return Chunk(fmt::format(
      R"(data: {{"id":"chatcmpl-1","object":"chat.completion.chunk",)"
      R"("created":1760000000,"model":"mock","choices":[{{"index":0,)"
      R"("delta":{{"content":"{}"}},"finish_reason":{}}}]}})"
      "\n\n",
      escaped, finish));
}

std::string Text(int number) {
  return fmt::format(
      "IDEA: try number {0}: say in the source which attempt this is\n"
      "CATEGORY: documentation\n"
      "BOTTLENECK: the benchmark waits for its model, as it is meant to\n"
      "EXPECT: no change that can be measured\n"
      "RISK: none\n\n"
      "src/table.cc\n"
      "<<<<<<< SEARCH\n"
      "#include <utility>\n"
      "=======\n"
      "#include <utility>\n"
      "// attempt {0}\n"
      ">>>>>>> REPLACE\n",
      number);
}

// The response as it is written: its head, then some pieces of the stream.
std::vector<std::string> Response(int number) {
  constexpr std::size_t kToken = 20;
  constexpr std::size_t kEventsInPiece = 4;
  std::vector<std::string> pieces = {
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
      "Transfer-Encoding: chunked\r\n\r\n"};
  const std::string text = Text(number);
  for (std::size_t at = 0, events = 0; at < text.size(); at += kToken) {
    if (events++ % kEventsInPiece == 0) pieces.emplace_back();
    pieces.back() += Event(std::string_view(text).substr(at, kToken), "null");
  }
  pieces.push_back(
      Event("", "\"stop\"") +
      Chunk(R"(data: {"object":"chat.completion.chunk","choices":[],"usage":)"
            R"({"prompt_tokens":8000,"completion_tokens":120}})"
            "\n\n") +
      Chunk("data: [DONE]\n\n") + "0\r\n\r\n");
  return pieces;
}

// Reads a request to its last byte; it must name its length.
Task<void> TakeRequest(tcp::socket& socket, std::string& buffer) {
  auto bytes = asio::dynamic_buffer(buffer);
  const std::size_t head = co_await asio::async_read_until(
      socket, bytes, "\r\n\r\n", asio::use_awaitable);
  constexpr std::string_view kLength = "Content-Length: ";
  const std::size_t at = buffer.find(kLength);
  std::size_t length = 0;
  if (at < head) {
    std::from_chars(buffer.data() + at + kLength.size(), buffer.data() + head,
                    length);
  }
  if (buffer.size() < head + length) {
    const std::size_t missing = head + length - buffer.size();
    co_await asio::async_read(socket, bytes, asio::transfer_exactly(missing),
                              asio::use_awaitable);
  }
  buffer.erase(0, head + length);
}

Task<void> ServeOne(tcp::socket socket, std::chrono::milliseconds latency,
                    int& answers) {
  socket.set_option(tcp::no_delay(true));
  asio::steady_timer timer(co_await asio::this_coro::executor);
  std::string buffer;
  while (true) {
    co_await TakeRequest(socket, buffer);
    const auto begun = std::chrono::steady_clock::now();
    const std::vector<std::string> pieces = Response(++answers);
    const auto last = static_cast<long>(pieces.size()) - 1;
    for (long i = 0; i <= last; ++i) {
      timer.expires_at(begun + latency / 2 + latency / 2 * i / last);
      co_await timer.async_wait(asio::use_awaitable);
      co_await asio::async_write(
          socket, asio::buffer(pieces[static_cast<std::size_t>(i)]),
          asio::use_awaitable);
    }
  }
}

Task<void> ServeAll(tcp::acceptor& acceptor,
                    std::chrono::milliseconds latency) {
  int answers = 0;
  while (true) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    // It ends when the client leaves, by an exception that is no news.
    asio::co_spawn(acceptor.get_executor(),
                   ServeOne(std::move(socket), latency, answers),
                   [](const std::exception_ptr&) {});
  }
}

}  // namespace

MockServer::MockServer(int latency_ms) {
  UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* name = reinterpret_cast<sockaddr*>(&address);
  Check(bind(listener.get(), name, size) == 0, "bind");
  Check(listen(listener.get(), SOMAXCONN) == 0, "listen");
  Check(getsockname(listener.get(), name, &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, listener.get(), kListener);
  std::string program = "/proc/self/exe", role = kRole;
  std::string latency = fmt::format("{}", latency_ms);
  char* argv[] = {program.data(), role.data(), latency.data(), nullptr};
  errno = posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  Check(errno == 0, "posix_spawn");
}

MockServer::~MockServer() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string MockServer::base_url() const {
  return fmt::format("http://127.0.0.1:{}/v1", port_);
}

bool ServedAsMock(int argc, char** argv) {
  if (argc != 3 || std::string_view(argv[1]) != kRole) return false;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  asio::io_context io{1};
  tcp::acceptor acceptor(io, tcp::v4(), kListener);
  asio::co_spawn(io,
                 ServeAll(acceptor, std::chrono::milliseconds(atoi(argv[2]))),
                 asio::detached);
  io.run();
  return true;
}

}  // namespace coppice::bench

#include "support/fault_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace coppice::testing {
namespace {

using std::chrono::milliseconds;

// Leaves a script: the client has gone, or the server stops.
struct Gone {};

[[noreturn]] void Fail(const char* what) {
  throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address MakeAddress(const std::string& text, int port) {
  Address address;
  const auto number = htons(static_cast<std::uint16_t>(port));
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = number;
    address.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = number;
    address.size = sizeof *v6;
  } else {
    throw std::runtime_error("not an address: " + text);
  }
  return address;
}

std::string ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 302:
      return "Found";
    case 401:
      return "Unauthorized";
    case 429:
      return "Too Many Requests";
    default:
      return "Whatever";
  }
}

}  // namespace

struct FaultServer::State {
  void Note(SeenRequest request) {
    std::lock_guard lock(mutex);
    seen.push_back(std::move(request));
    news.notify_all();
  }

  template <class Predicate>
  bool WaitUntil(Predicate predicate) {
    std::unique_lock lock(mutex);
    return news.wait_for(lock, std::chrono::seconds(10), predicate);
  }

  Options options;
  std::vector<Script> scripts;
  int listener = -1;
  int port = 0;
  std::shared_ptr<SSL_CTX> tls;
  std::thread acceptor;

  std::mutex mutex;  // guards what follows
  std::condition_variable news;
  bool stopping = false;
  int accepted = 0;
  std::set<int> open;  // descriptors, to be shut down at the end
  std::vector<SeenRequest> seen;
  std::vector<std::thread> threads;

  class Connection;
  void Accept();
  void Serve(int fd, int number);
  void Stop();
};

class FaultServer::State::Connection final : public Peer {
 public:
  Connection(State& state, int fd, int number)
      : state_(state), fd_(fd), number_(number) {}

  ~Connection() override {
    if (ssl_ != nullptr) SSL_free(ssl_);
    std::lock_guard lock(state_.mutex);
    Drop();
  }

  void StartTls(SSL_CTX* context) {
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd_);
    if (SSL_accept(ssl_) != 1) throw Gone{};
  }

  int connection() const override { return number_; }

  SeenRequest ReadRequest() override {
    SeenRequest request{.connection = number_};
    std::size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) Fill();
    request.head = buffer_.substr(0, end + 4);
    buffer_.erase(0, end + 4);
    const std::size_t space = request.head.find(' ');
    request.method = request.head.substr(0, space);
    request.target = request.head.substr(
        space + 1, request.head.find(' ', space + 1) - space - 1);
    const std::string length = request.Header("content-length");
    const std::size_t wanted = length.empty() ? 0 : std::stoul(length);
    while (buffer_.size() < wanted) Fill();
    request.body = buffer_.substr(0, wanted);
    buffer_.erase(0, wanted);
    state_.Note(request);
    return request;
  }

  void Send(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t sent =
          ssl_ != nullptr
              ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
              : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw Gone{};
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void Pause(milliseconds time) override {
    std::unique_lock lock(state_.mutex);
    if (state_.news.wait_for(lock, time, [this] { return state_.stopping; })) {
      throw Gone{};
    }
  }

  void Hold() override {
    while (true) Fill();
  }

  void Close() override {
    if (ssl_ != nullptr && fd_ >= 0) SSL_shutdown(ssl_);
    Cut();
  }

  void Cut() override {
    std::lock_guard lock(state_.mutex);
    Drop();
  }

  void Reset() override {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    Cut();
  }

 private:
  void Drop() {
    if (fd_ < 0) return;
    state_.open.erase(fd_);
    close(fd_);
    fd_ = -1;
  }

  void Fill() {
    std::array<char, 65536> bytes;
    const ssize_t got = ssl_ != nullptr
                            ? SSL_read(ssl_, bytes.data(), bytes.size())
                            : recv(fd_, bytes.data(), bytes.size(), 0);
    if (got <= 0) throw Gone{};
    buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  }

  State& state_;
  int fd_;
  const int number_;
  SSL* ssl_ = nullptr;
  std::string buffer_;
};

void FaultServer::State::Accept() {
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    std::lock_guard lock(mutex);
    if (stopping || fd < 0) {
      if (fd >= 0) close(fd);
      return;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    open.insert(fd);
    const int number = accepted++;
    news.notify_all();
    threads.emplace_back([this, fd, number] { Serve(fd, number); });
  }
}

void FaultServer::State::Serve(int fd, int number) {
  sigset_t pipe;  // OpenSSL writes without MSG_NOSIGNAL
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  const std::size_t index =
      std::min(static_cast<std::size_t>(number), scripts.size() - 1);
  Connection connection(*this, fd, number);
  try {
    if (tls) connection.StartTls(tls.get());
    scripts[index](connection);
    connection.Close();
  } catch (const Gone&) {
  }
}

void FaultServer::State::Stop() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
    news.notify_all();
    shutdown(listener, SHUT_RDWR);
    for (const int fd : open) shutdown(fd, SHUT_RDWR);
  }
  if (acceptor.joinable()) acceptor.join();
  for (std::thread& thread : threads) thread.join();
  close(listener);
}

FaultServer::FaultServer(Script script)
    : FaultServer(std::vector<Script>{std::move(script)}) {}

FaultServer::FaultServer(std::vector<Script> scripts)
    : FaultServer(std::move(scripts), Options()) {}

FaultServer::FaultServer(std::vector<Script> scripts, Options options)
    : state_(std::make_shared<State>()) {
  State& s = *state_;
  s.options = std::move(options);
  s.scripts = std::move(scripts);
  Address address = MakeAddress(s.options.address, s.options.port);
  s.listener = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(s.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(s.listener, address.get(), address.size) != 0) Fail("bind");
  if (listen(s.listener, 512) != 0) Fail("listen");
  if (getsockname(s.listener, address.get(), &address.size) != 0) Fail("name");
  s.port = ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
  if (!s.options.certificate.empty()) {
    s.tls.reset(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (SSL_CTX_use_certificate_chain_file(
            s.tls.get(), s.options.certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(s.tls.get(), s.options.key.c_str(),
                                    SSL_FILETYPE_PEM) != 1) {
      throw std::runtime_error("cannot use " + s.options.certificate);
    }
  }
  s.acceptor = std::thread([&s] { s.Accept(); });
}

FaultServer::~FaultServer() { state_->Stop(); }

int FaultServer::port() const { return state_->port; }

std::string FaultServer::Url(std::string_view path) const {
  const std::string& address = state_->options.address;
  const bool v6 = address.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}{}", state_->tls ? "https" : "http",
                     v6 ? "[" : "", address, v6 ? "]" : "", state_->port, path);
}

int FaultServer::connections() const {
  std::lock_guard lock(state_->mutex);
  return state_->accepted;
}

std::vector<SeenRequest> FaultServer::requests() const {
  std::lock_guard lock(state_->mutex);
  return state_->seen;
}

bool FaultServer::WaitForRequests(int count) const {
  const State& s = *state_;
  return state_->WaitUntil(
      [&s, count] { return static_cast<int>(s.seen.size()) >= count; });
}

bool FaultServer::WaitForConnections(int count) const {
  const State& s = *state_;
  return state_->WaitUntil([&s, count] { return s.accepted >= count; });
}

std::string SeenRequest::Header(std::string_view name) const {
  std::size_t at = head.find("\r\n");
  while (at != std::string::npos && at + 2 < head.size()) {
    const std::size_t begin = at + 2;
    at = head.find("\r\n", begin);
    const std::string line = head.substr(begin, at - begin);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        strncasecmp(line.data(), name.data(), name.size()) == 0) {
      const std::size_t value = line.find_first_not_of(' ', name.size() + 1);
      return value == std::string::npos ? "" : line.substr(value);
    }
  }
  return "";
}

void Peer::SendInPieces(std::string_view bytes, std::size_t size,
                        milliseconds apart) {
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    if (at > 0 && apart > milliseconds(0)) Pause(apart);
    Send(bytes.substr(at, size));
  }
}

Script Answering(std::vector<std::string> responses) {
  const auto next = std::make_shared<std::atomic<std::size_t>>(0);
  return [responses = std::move(responses), next](Peer& peer) {
    while (true) {
      peer.ReadRequest();
      peer.Send(responses[std::min(next->fetch_add(1), responses.size() - 1)]);
    }
  };
}

std::string Response(int status, std::string_view body,
                     ResponseHeaders headers) {
  std::string text =
      fmt::format("HTTP/1.1 {} {}\r\n", status, ReasonOf(status));
  for (const auto& [name, value] : headers) {
    text += fmt::format("{}: {}\r\n", name, value);
  }
  text += fmt::format("Content-Length: {}\r\n\r\n", body.size());
  return text.append(body);
}

std::string ChunkedHead(std::string_view content_type) {
  return fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: {}\r\n"
      "Transfer-Encoding: chunked\r\n\r\n",
      content_type);
}

std::string Chunk(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

std::string SseResponse(const std::vector<std::string>& events) {
  std::string text = ChunkedHead();
  for (const std::string& event : events) {
    text += Chunk(fmt::format("data: {}\n\n", event));
  }
  return text.append(kLastChunk);
}

}  // namespace coppice::testing

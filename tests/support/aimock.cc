#include "support/aimock.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace coppice::testing {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

// aimock says on which port it listens once it does.
constexpr std::string_view kListening = "listening on http://127.0.0.1:";
constexpr std::chrono::seconds kStartLimit{30};
constexpr int kReplyLimitSeconds = 60;

fs::path Modules() {
  return fs::path(COPPICE_SOURCE_DIR) / "tests/external/node_modules";
}
fs::path Node() { return Modules() / ".bin/node"; }
fs::path Program() { return Modules() / ".bin/llmock"; }

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return text;
}

class Socket {
 public:
  explicit Socket(int port)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{.tv_sec = kReplyLimitSeconds, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)))
      throw std::runtime_error(fmt::format("nobody listens on {}", port));
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) throw std::runtime_error("the server does not listen");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // A connection that is reset ends the text as one that is closed does.
  std::string ReadAll() {
    std::string text;
    char buffer[65536];
    ssize_t n = 0;
    while ((n = recv(fd_, buffer, sizeof(buffer), 0)) > 0)
      text.append(buffer, static_cast<std::size_t>(n));
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      throw std::runtime_error("the server does not answer");
    return text;
  }

 private:
  int fd_;
};

PlainReply Parse(std::string_view text) {
  PlainReply reply;
  const std::size_t end = text.find("\r\n\r\n");
  if (end == text.npos) return reply;
  reply.body = text.substr(end + 4);
  std::string_view head = text.substr(0, end);
  reply.status =
      std::atoi(std::string(head.substr(head.find(' ') + 1)).c_str());
  for (std::size_t at; (at = head.find("\r\n")) != head.npos;) {
    head.remove_prefix(at + 2);
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    reply.headers[Lower(std::string(line.substr(0, colon)))] = value;
  }
  return reply;
}

// The caller's variables but those that change what node or aimock do.
std::vector<std::string> Environment(const std::string& api_keys) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    if (!variable.starts_with("AIMOCK_") && !variable.starts_with("NODE_"))
      variables.emplace_back(variable);
  }
  if (!api_keys.empty()) variables.push_back("AIMOCK_API_KEYS=" + api_keys);
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

pid_t Spawn(std::vector<std::string> argv, std::vector<std::string> env,
            const fs::path& log) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, argv[0].c_str(), &actions, nullptr,
                                 Pointers(argv).data(), Pointers(env).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + argv[0]);
  return pid;
}

}  // namespace

bool SkippedWithoutAiMock() {
  if (fs::exists(Node()) && fs::exists(Program())) return false;
  const char* required = getenv("COPPICE_REQUIRE_EXTERNAL");
  if (required != nullptr && std::string_view(required) == "1") {
    FAIL("aimock is not installed (scripts/setup)");
  }
  MESSAGE("SKIPPED: aimock is not installed (scripts/setup)");
  return true;
}

PlainReply PlainHttp(int port, std::string_view method, std::string_view path,
                     std::string_view body, const PlainHeaders& headers) {
  std::string request = fmt::format("{} {} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n",
                                    method, path, port);
  for (const auto& [name, value] : headers)
    request += fmt::format("{}: {}\r\n", name, value);
  if (!body.empty()) {
    request +=
        fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n",
                    body.size());
  }
  Socket socket(port);
  socket.Send(request + "\r\n");
  socket.Send(body);
  return Parse(socket.ReadAll());
}

AiMock::AiMock(std::string_view fixtures, const Options& options) {
  const fs::path log = directory_ / "log";
  WriteFile(directory_ / "fixtures.json", fixtures);
  // Not left behind when the test is killed.
  std::vector<std::string> argv{"setpriv",
                                "--pdeathsig",
                                "KILL",
                                Node().string(),
                                Program().string(),
                                "-p",
                                "0",
                                "-h",
                                "127.0.0.1",
                                "-f",
                                (directory_ / "fixtures.json").string()};
  if (options.latency_ms > 0) {
    argv.insert(argv.end(), {"-l", std::to_string(options.latency_ms)});
  }
  if (options.chunk_size > 0) {
    argv.insert(argv.end(), {"-c", std::to_string(options.chunk_size)});
  }
  pid_ = Spawn(std::move(argv), Environment(options.api_keys), log);
  const auto limit = std::chrono::steady_clock::now() + kStartLimit;
  std::string text;
  while (port_ == 0) {
    text = fs::exists(log) ? ReadFile(log) : "";
    const std::size_t at = text.find(kListening);
    if (at != text.npos && text.find('\n', at) != text.npos) {
      port_ = std::atoi(text.c_str() + at + kListening.size());
      break;
    }
    const bool ended = waitpid(pid_, nullptr, WNOHANG) == pid_;
    if (ended) pid_ = -1;
    if (ended || std::chrono::steady_clock::now() > limit) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  REQUIRE_MESSAGE(port_ != 0, "aimock did not start: ", text);
  key_ = options.api_keys.substr(0, options.api_keys.find(','));
  Control("GET", "/__aimock/health");
}

AiMock::~AiMock() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string AiMock::url() const {
  return fmt::format("http://127.0.0.1:{}", port_);
}

std::vector<AiMock::Seen> AiMock::Journal() const {
  const PlainReply reply = Control("GET", "/__aimock/journal");
  std::vector<Seen> all;
  for (const Json& entry : Json::parse(reply.body)) {
    Seen seen{.method = entry.value("method", ""),
              .path = entry.value("path", ""),
              .at_ms = entry.value("timestamp", std::int64_t{0})};
    for (const auto& [name, value] : entry.at("headers").items())
      seen.headers[Lower(name)] =
          value.is_string() ? value.get<std::string>() : value.dump();
    if (entry.contains("body")) seen.body = entry["body"].dump();
    if (entry.contains("response"))
      seen.status = entry["response"].value("status", 0);
    all.push_back(std::move(seen));
  }
  return all;
}

void AiMock::Add(std::string_view fixtures) {
  Control("POST", "/__aimock/fixtures", fixtures);
}
void AiMock::Chaos(std::string_view rates) {
  Control("POST", "/__aimock/chaos", rates);
}
void AiMock::FailNext(int status, std::string_view error) {
  Control("POST", "/__aimock/error",
          fmt::format("{{\"status\":{},\"body\":{}}}", status, error));
}
void AiMock::Reset() { Control("POST", "/__aimock/reset", "{}"); }

PlainReply AiMock::Control(std::string_view method, std::string_view path,
                           std::string_view body) const {
  PlainHeaders headers;
  if (!key_.empty()) headers.emplace_back("Authorization", "Bearer " + key_);
  PlainReply reply = PlainHttp(port_, method, path, body, headers);
  REQUIRE_MESSAGE(reply.status == 200, path, ": ", reply.body);
  return reply;
}

}  // namespace coppice::testing

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <string>
#include <vector>

#include "app/model_world.h"
#include "base/fd.h"

// `coppice serve` at its socket, by clients that no browser would be.

namespace coppice {
namespace {

using testing::TinyRepo;
using testing::TinySpec;

// A server of a finished run, for as long as this lives.
class Served {
 public:
  Served() {
    repo_.Write("coppice.yaml",
                TinySpec("evaluation: sh measure.sh\n"
                         "search: {policy: linear}\n"
                         "budget: {max_nodes: 3, plateau_nodes: null}\n"));
    repo_.Commit("spec");
    REQUIRE(repo_.Coppice("run").exit == 0);
    pid_ = repo_.Start("serve");
    REQUIRE(Eventually([&] { return Find("/\n"); }));
    const std::string said = repo_.BackgroundOutput();
    const std::size_t at = said.find("http://127.0.0.1:") + 17;
    const std::size_t slash = said.find('/', at);
    std::from_chars(said.data() + at, said.data() + slash, port_);
    token_ = said.substr(slash, said.find('/', slash + 1) - slash);
  }
  ~Served() {
    kill(pid_, SIGTERM);
    TinyRepo::Wait(pid_);
  }

  const std::string& token() const { return token_; }

  UniqueFd Connect() const {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<std::uint16_t>(port_));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&where),
                    sizeof where) == 0);
    return fd;
  }
  // A connection on which `path` below the token has been asked for.
  UniqueFd Ask(const std::string& path) const {
    UniqueFd fd = Connect();
    const std::string request =
        fmt::format("GET {}/{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", token_,
                    path, port_);
    REQUIRE(send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(request.size()));
    return fd;
  }
  // What comes on it, up to `enough` of it or to its end.
  static std::string Take(const UniqueFd& fd, std::string_view enough = "") {
    std::string text;
    char bytes[65536];
    while (enough.empty() || text.find(enough) == std::string::npos) {
      const ssize_t got = recv(fd.get(), bytes, sizeof bytes, 0);
      if (got <= 0) break;
      text.append(bytes, static_cast<std::size_t>(got));
    }
    return text;
  }
  std::string Page() const { return Take(Ask("")); }

  // Resident memory, in KiB.
  long Memory() const {
    std::ifstream status(fmt::format("/proc/{}/status", pid_));
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
    }
    return 0;
  }

 private:
  bool Find(const std::string& text) const {
    return repo_.BackgroundOutput().find(text) != std::string::npos;
  }

  TinyRepo repo_;
  pid_t pid_ = -1;
  int port_ = 0;
  std::string token_;
};

bool IsWhole(const std::string& page) {
  return page.starts_with("HTTP/1.1 200 ") && page.ends_with("</html>\n\n");
}

}  // namespace

TEST_CASE("clients that never read hold up nobody, and share one page") {
  const Served served;
  REQUIRE(IsWhole(served.Page()));
  const long before = served.Memory();
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 60; ++i) silent.push_back(served.Ask(""));
  const std::string page = served.Page();
  CHECK(IsWhole(page));
  // 60 copies would be 60 pages.
  const long grown = served.Memory() - before;
  CAPTURE(page.size());
  CHECK(grown < static_cast<long>(page.size() * 20 / 1024));
}

TEST_CASE("asking for news since ever other records grows nothing") {
  const Served served;
  // All beyond the last one, from which there would be no news.
  const auto ask = [&](int i) {
    const int since = (i + 1) * 1'000'003;
    const UniqueFd fd = served.Ask(fmt::format("events?since={}", since));
    return Served::Take(fd, "event: news");
  };
  // At first malloc takes what it needs to work with.
  long asked = 0;
  const auto ask_all = [&](int until) {
    std::size_t bytes = 0;
    for (; asked < until; ++asked) {
      const std::string news = ask(static_cast<int>(asked));
      REQUIRE(news.find("event: news") != std::string::npos);
      bytes += news.size();
    }
    return static_cast<long>(bytes / 1024);
  };
  ask_all(300);
  const long before = served.Memory();
  const long told = ask_all(1000);
  const long grown = served.Memory() - before;
  CAPTURE(grown);
  CHECK(grown < told / 3);  // nothing of those that left is kept
}

TEST_CASE("connections of strangers make room for the page") {
  const Served served;
  std::vector<UniqueFd> strangers;
  for (int i = 0; i < 300; ++i) strangers.push_back(served.Connect());
  CHECK(IsWhole(served.Page()));
  // The last of them is still there; the first had to go.
  char byte = 0;
  CHECK(recv(strangers.front().get(), &byte, 1, 0) == 0);
  CHECK(recv(strangers.back().get(), &byte, 1, MSG_DONTWAIT) == -1);
}

}  // namespace coppice

#include <doctest/doctest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "llm/http_world.h"
#include "support/fault_server.h"

// Names, addresses, and the race between them. Lookups stand in for
// getaddrinfo; they run on the client's own threads.

namespace coppice::llm {
namespace {

using testing::Answering;
using testing::FaultServer;
using testing::Response;

// What the lookups of one test were asked; they may outlive the test.
struct Log {
  std::mutex mutex;
  std::map<std::string, int> asked;

  int Note(const std::string& host) {
    std::lock_guard lock(mutex);
    return ++asked[host];
  }
  int Asked(const std::string& host) {
    std::lock_guard lock(mutex);
    return asked[host];
  }
};

using Answer = std::function<HostLookup(const std::string& host, int nth)>;

HttpSettings Looking(std::shared_ptr<Log> log, Answer answer) {
  HttpSettings settings;
  settings.lookup = [log, answer](const std::string& host) {
    const int nth = log->Note(host);
    return answer(host, nth);
  };
  return settings;
}

HttpRequest To(const std::string& host, int port) {
  return Post("http://" + host + ":" + std::to_string(port) + "/");
}

// ::1 at a port where SYNs vanish: a listener whose queue is full.
class BlackHole {
 public:
  explicit BlackHole(int port)
      : listener_(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 address{.sin6_family = AF_INET6,
                         .sin6_port = htons(static_cast<std::uint16_t>(port))};
    address.sin6_addr = in6addr_loopback;
    auto* at = reinterpret_cast<sockaddr*>(&address);
    works_ = bind(listener_.get(), at, sizeof address) == 0 &&
             listen(listener_.get(), 0) == 0;
    for (int i = 0; works_ && i < 4; ++i) {
      fillers_.emplace_back(
          socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      connect(fillers_.back().get(), at, sizeof address);
    }
  }

  bool works() const { return works_; }

 private:
  UniqueFd listener_;
  std::vector<UniqueFd> fillers_;
  bool works_ = false;
};

}  // namespace

TEST_CASE("a name is looked up once for many requests, and kept") {
  FaultServer server(Answering({Response(200, "1")}));
  const auto log = std::make_shared<Log>();
  HttpWorld world(Looking(log, [](const std::string&, int) {
    std::this_thread::sleep_for(milliseconds(50));
    return HostLookup{.addresses = {"127.0.0.1"}};
  }));
  const std::vector<HttpRequest> requests(20, To("many.test", server.port()));
  for (const Exchange& exchange : world.SendAll(requests)) {
    CHECK(exchange.end.fault == HttpFault::kNone);
  }
  world.SendAll(requests);
  CHECK(log->Asked("many.test") == 1);
}

TEST_CASE("an address is not looked up") {
  FaultServer server(Answering({Response(200, "1")}));
  const auto log = std::make_shared<Log>();
  HttpWorld world(
      Looking(log, [](const std::string&, int) { return HostLookup{}; }));
  CHECK(world.Send(Post(server.Url())).end.fault == HttpFault::kNone);
  CHECK(log->asked.empty());
}

TEST_CASE("a name that does not exist is told, and asked for again later") {
  const auto log = std::make_shared<Log>();
  HttpWorld world(Looking(log, [](const std::string&, int) {
    return HostLookup{.error = EAI_NONAME};
  }));
  const Exchange exchange = world.Send(To("nowhere.test", 1));
  CHECK(exchange.end.fault == HttpFault::kResolve);
  CHECK_FALSE(exchange.end.sent);
  CHECK(exchange.end.detail.find("nowhere.test") != std::string::npos);
  CHECK(exchange.end.detail.find(gai_strerror(EAI_NONAME)) !=
        std::string::npos);
  world.Send(To("nowhere.test", 1));
  CHECK(log->Asked("nowhere.test") == 2);
}

TEST_CASE("a name server that fails for a moment is asked once more") {
  FaultServer server(Answering({Response(200, "1")}));
  const auto log = std::make_shared<Log>();
  HttpWorld world(Looking(log, [](const std::string& host, int nth) {
    if (nth == 1 || host == "never.test") return HostLookup{.error = EAI_AGAIN};
    return HostLookup{.addresses = {"127.0.0.1"}};
  }));
  CHECK(world.Send(To("later.test", server.port())).end.fault ==
        HttpFault::kNone);
  CHECK(log->Asked("later.test") == 2);
  CHECK(world.Send(To("never.test", server.port())).end.fault ==
        HttpFault::kResolve);
  CHECK(log->Asked("never.test") == 2);
}

TEST_CASE("a lookup that hangs ends at its limit and hinders no other name") {
  FaultServer server(Answering({Response(200, "1")}));
  const auto log = std::make_shared<Log>();
  HttpSettings settings = Looking(log, [](const std::string& host, int nth) {
    if (host == "hangs.test" && nth == 1) {
      std::this_thread::sleep_for(seconds(2));
    }
    return HostLookup{.addresses = {"127.0.0.1"}};
  });
  settings.dns = milliseconds(300);
  HttpWorld world(settings);
  const std::vector<Exchange> exchanges = world.SendAll(
      {To("hangs.test", server.port()), To("fine.test", server.port())});
  CHECK(exchanges[0].end.fault == HttpFault::kResolve);
  CHECK(exchanges[0].took >= milliseconds(300));
  CHECK(exchanges[0].took < milliseconds(1900));
  CHECK(exchanges[1].end.fault == HttpFault::kNone);

  // The next request does not wait for the lookup that hangs.
  const Exchange again = world.Send(To("hangs.test", server.port()));
  CHECK(again.end.fault == HttpFault::kNone);
  CHECK(log->Asked("hangs.test") == 2);
}

TEST_CASE("an answer that comes too late is dropped") {
  const auto log = std::make_shared<Log>();
  HttpSettings settings = Looking(log, [](const std::string&, int nth) {
    if (nth == 1) std::this_thread::sleep_for(milliseconds(300));
    return HostLookup{.error = nth == 1 ? 0 : EAI_NONAME,
                      .addresses = nth == 1
                                       ? std::vector<std::string>{"127.0.0.1"}
                                       : std::vector<std::string>{}};
  });
  settings.dns = milliseconds(100);
  HttpWorld world(settings);
  CHECK(world.Send(To("late.test", 1)).end.fault == HttpFault::kResolve);
  world.RunFor(milliseconds(400));
  world.Send(To("late.test", 1));
  CHECK(log->Asked("late.test") == 2);
}

TEST_CASE("a client may go while a lookup hangs") {
  const auto log = std::make_shared<Log>();
  HttpSettings settings = Looking(log, [](const std::string&, int) {
    std::this_thread::sleep_for(milliseconds(300));
    return HostLookup{.addresses = {"127.0.0.1"}};
  });
  {
    HttpWorld world(settings);
    Exchange exchange;
    const HttpRequest request = To("hangs.test", 1);
    world.Start(request, exchange);
    world.RunFor(milliseconds(50));
    world.DestroyClient();
    world.Run();
    CHECK(exchange.end.fault == HttpFault::kCancelled);
  }
  std::this_thread::sleep_for(milliseconds(400));
  CHECK(log->Asked("hangs.test") == 1);
}

TEST_CASE("addresses where nobody answers are looked up again") {
  int port = 0;
  {
    FaultServer server(Answering({Response(200, "1")}));
    port = server.port();
  }
  const auto log = std::make_shared<Log>();
  HttpWorld world(Looking(log, [](const std::string&, int) {
    return HostLookup{.addresses = {"127.0.0.1"}};
  }));
  CHECK(world.Send(To("moved.test", port)).end.fault == HttpFault::kConnect);
  CHECK(world.Send(To("moved.test", port)).end.fault == HttpFault::kConnect);
  CHECK(log->Asked("moved.test") == 2);
}

TEST_CASE("the next address is tried at once when one refuses") {
  FaultServer server(Answering({Response(200, "1")}));
  const auto log = std::make_shared<Log>();
  HttpSettings settings = Looking(log, [](const std::string&, int) {
    return HostLookup{.addresses = {"127.0.0.9", "127.0.0.8", "127.0.0.1"}};
  });
  settings.stagger = seconds(10);
  HttpWorld world(settings);
  const Exchange exchange = world.Send(To("three.test", server.port()));
  CHECK(exchange.end.fault == HttpFault::kNone);
  CHECK(exchange.took < seconds(5));
}

TEST_CASE("a black-holed address of one family does not delay the other") {
  FaultServer server(Answering({Response(200, "1")}));
  const BlackHole hole(server.port());
  if (!hole.works()) {
    MESSAGE("SKIPPED: no IPv6 loopback");
    return;
  }
  const auto log = std::make_shared<Log>();
  HttpSettings settings = Looking(log, [](const std::string& host, int) {
    if (host == "hole.test") return HostLookup{.addresses = {"::1"}};
    return HostLookup{.addresses = {"::1", "127.0.0.1"}};
  });
  settings.connect = milliseconds(600);
  HttpWorld world(settings);
  const Exchange both = world.Send(To("both.test", server.port()));
  CHECK(both.end.fault == HttpFault::kNone);
  CHECK(both.took >= milliseconds(240));
  CHECK(both.took < seconds(1));  // the case's own figure (PC-33)
  CHECK(server.connections() == 1);

  const Exchange hopeless = world.Send(To("hole.test", server.port()));
  CHECK(hopeless.end.fault == HttpFault::kConnect);
  CHECK(hopeless.took >= milliseconds(600));
  CHECK(hopeless.took < milliseconds(2600));
}

TEST_CASE("the real lookup knows localhost") {
  FaultServer server(Answering({Response(200, "1")}));
  HttpWorld world;
  const Exchange exchange = world.Send(To("localhost", server.port()));
  CHECK(exchange.end.fault == HttpFault::kNone);
  CHECK(server.requests()[0].Header("host") ==
        "localhost:" + std::to_string(server.port()));
}

}  // namespace coppice::llm

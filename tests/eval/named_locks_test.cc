#include "eval/named_locks.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>

#include "base/process.h"
#include "eval/port.h"
#include "support/temp_dir.h"

namespace coppice::eval {
namespace {

using std::chrono::milliseconds;

struct LockWorld {
  testing::TempDir dir;
  std::filesystem::path place = dir / "locks";
  std::unique_ptr<Clock> clock = MakeRealClock();
  asio::io_context io;
  int running = 0;
  std::string trace;  // letters in the order in which things happened

  // Another process, as far as flock can tell.
  std::unique_ptr<NamedLocks> Member(const std::string& run) {
    Result<std::unique_ptr<NamedLocks>> locks =
        NamedLocks::Open(place, run, *clock);
    REQUIRE(locks.has_value());
    return std::move(*locks);
  }
  // Holds for a while: "a" when it has the locks, "A" before it gives them.
  Task<void> Hold(NamedLocks& locks, std::vector<LockWish> wishes, char letter,
                  milliseconds time = milliseconds(30)) {
    Result<HeldLocks> held = co_await locks.Acquire(std::move(wishes));
    if (!held) {
      trace += '!';
      co_return;
    }
    trace += letter;
    co_await clock->SleepFor(time);
    trace += static_cast<char>(letter - 'a' + 'A');
  }
  void Start(Task<void> task) {
    ++running;
    asio::co_spawn(io, std::move(task),
                   [this](const std::exception_ptr&) { --running; });
  }
  // Until all tasks have ended; processes may live on.
  void RunAll() {
    io.restart();
    while (running > 0) io.run_one();
  }
  Result<HeldLocks> Take(NamedLocks& locks, std::vector<LockWish> wishes) {
    std::optional<Result<HeldLocks>> got;
    auto take = [&]() -> Task<void> {
      got.emplace(co_await locks.Acquire(std::move(wishes)));
    };
    Start(take());
    RunAll();
    return std::move(*got);
  }
  // A process of its own that locks the file and sleeps.
  std::unique_ptr<Process> OtherProcess(const std::string& name) {
    ProcessOptions options;
    options.argv = {"/bin/sh", "-c",
                    "exec 9>>" + (place / name).string() +
                        "; flock 9; echo got; exec sleep 1000"};
    bool got = false;
    options.on_stdout = [&](std::string_view) { got = true; };
    Result<std::unique_ptr<Process>> process =
        Process::Start(io.get_executor(), std::move(options));
    REQUIRE(process.has_value());
    io.restart();
    while (!got) io.run_one();
    return std::move(*process);
  }
};

std::vector<LockWish> Wish(const std::string& name,
                           LockMode mode = LockMode::kExclusive) {
  return {{.name = name, .mode = mode}};
}

}  // namespace

TEST_CASE("two runs that want one lock never hold it together") {
  LockWorld world;
  const auto a = world.Member("run-a");
  const auto b = world.Member("run-b");
  world.Start(world.Hold(*a, Wish("gpu"), 'a'));
  world.Start(world.Hold(*b, Wish("gpu"), 'b'));
  world.Start(world.Hold(*b, Wish("cpu"), 'c'));
  world.RunAll();
  std::string gpu = world.trace;
  std::erase_if(gpu, [](char x) { return x == 'c' || x == 'C'; });
  CHECK((gpu == "aAbB" || gpu == "bBaA"));
  // The other name waited for nobody.
  CHECK(world.trace.find('c') < 2);
}

TEST_CASE("within one process a lock is given in the order of asking") {
  LockWorld world;
  const auto locks = world.Member("run");
  for (const char letter : {'a', 'b', 'c', 'd'}) {
    world.Start(world.Hold(*locks, Wish("db"), letter));
  }
  world.RunAll();
  CHECK(world.trace == "aAbBcCdD");
}

TEST_CASE("readers share a lock, and a writer waits for none that come later") {
  LockWorld world;
  const auto readers = world.Member("builds");
  const auto writer = world.Member("sample");
  const auto shared = Wish("cpu", LockMode::kShared);
  world.Start(world.Hold(*readers, shared, 'a', milliseconds(100)));
  world.Start(world.Hold(*readers, shared, 'b', milliseconds(100)));
  auto later = [&]() -> Task<void> {
    co_await world.clock->SleepFor(milliseconds(50));
    world.Start(world.Hold(*writer, Wish("cpu"), 'w'));
    // Without a line, readers that take turns would keep the writer out.
    for (const char letter : {'c', 'd', 'e'}) {
      co_await world.clock->SleepFor(milliseconds(20));
      world.Start(world.Hold(*readers, shared, letter));
    }
  };
  world.Start(later());
  world.RunAll();
  CAPTURE(world.trace);
  CHECK(world.trace.substr(0, 2) == "ab");
  CHECK(world.trace.find("wW") != std::string::npos);
  CHECK(world.trace.find('w') < world.trace.find('c'));
  CHECK(world.trace.find('w') < world.trace.find('e'));
}

TEST_CASE("a process with a queue does not keep another one out for ever") {
  LockWorld world;
  const auto many = world.Member("many");
  const auto one = world.Member("one");
  for (int i = 0; i < 30; ++i) {
    world.Start(world.Hold(*many, Wish("db"), 'm', milliseconds(20)));
  }
  auto later = [&]() -> Task<void> {
    co_await world.clock->SleepFor(milliseconds(30));
    co_await world.Hold(*one, Wish("db"), 'o');
  };
  world.Start(later());
  world.RunAll();
  CAPTURE(world.trace);
  // It stood behind a few, not behind all.
  CHECK(world.trace.find('o') < 30);
}

TEST_CASE("two runs that want two locks in opposite orders both get them") {
  LockWorld world;
  const auto a = world.Member("run-a");
  const auto b = world.Member("run-b");
  for (int i = 0; i < 5; ++i) {
    world.Start(
        world.Hold(*a, {{.name = "x"}, {.name = "y"}}, 'a', milliseconds(5)));
    world.Start(
        world.Hold(*b, {{.name = "y"}, {.name = "x"}}, 'b', milliseconds(5)));
  }
  world.RunAll();
  CHECK(world.trace.size() == 20);
  for (std::size_t i = 0; i < world.trace.size(); i += 2) {
    CHECK(world.trace[i] - 'a' == world.trace[i + 1] - 'A');
  }
}

TEST_CASE("one name wished twice is taken once, exclusively") {
  LockWorld world;
  const auto locks = world.Member("run");
  const Result<HeldLocks> held = world.Take(
      *locks, {{.name = "cpu", .mode = LockMode::kShared}, {.name = "cpu"}});
  REQUIRE(held.has_value());
  CHECK(ReadLockState(world.place, "cpu").holder.has_value());
}

TEST_CASE("a lock says who holds it and who is next, and forgets both") {
  LockWorld world;
  const auto a = world.Member("20260901-000000-abc");
  const auto b = world.Member("20260901-000000-xyz");
  CHECK_FALSE(ReadLockState(world.place, "gpu").held);
  std::string during;
  world.Start(world.Hold(*a, Wish("gpu"), 'a', milliseconds(150)));
  world.Start(world.Hold(*b, Wish("gpu"), 'b', milliseconds(1)));
  auto look = [&]() -> Task<void> {
    co_await world.clock->SleepFor(milliseconds(80));
    during = ReadLockState(world.place, "gpu").Text();
  };
  world.Start(look());
  world.RunAll();
  const std::string pid = std::to_string(getpid());
  CHECK(during == "held by run 20260901-000000-abc (pid " + pid +
                      "), next is run 20260901-000000-xyz (pid " + pid + ")");
  const LockState after = ReadLockState(world.place, "gpu");
  CHECK_FALSE(after.held);
  CHECK_FALSE(after.holder.has_value());
}

TEST_CASE("a lock goes with its owner, however that ends") {
  LockWorld world;
  const auto locks = world.Member("run");
  const std::unique_ptr<Process> other = world.OtherProcess("db.lock");
  CHECK(ReadLockState(world.place, "db").held);
  const Instant start = world.clock->Now();
  auto kill_later = [&]() -> Task<void> {
    co_await world.clock->SleepFor(milliseconds(60));
    other->Signal(SIGKILL);
    co_await other->WaitExit(std::chrono::seconds(5));
  };
  world.Start(kill_later());
  world.Start(world.Hold(*locks, Wish("db"), 'a', milliseconds(1)));
  world.RunAll();
  CHECK(world.trace == "aA");
  CHECK(world.clock->Now() - start >= milliseconds(60));
}

TEST_CASE("no child inherits a lock") {
  LockWorld world;
  const auto locks = world.Member("run");
  std::unique_ptr<Process> child;
  {
    const Result<HeldLocks> held = world.Take(*locks, Wish("db"));
    REQUIRE(held.has_value());
    CHECK(ReadLockState(world.place, "db").held);
    ProcessOptions options;
    options.argv = {"/bin/sleep", "1000"};
    auto started = Process::Start(world.io.get_executor(), std::move(options));
    REQUIRE(started.has_value());
    child = std::move(*started);
  }
  CHECK_FALSE(ReadLockState(world.place, "db").held);
  child->Signal(SIGKILL);
}

TEST_CASE("whoever waits is cancelled, and nobody asks in vain later") {
  LockWorld world;
  const auto a = world.Member("run-a");
  const auto b = world.Member("run-b");
  const Result<HeldLocks> held = world.Take(*a, Wish("gpu"));
  REQUIRE(held.has_value());
  world.Start(world.Hold(*b, Wish("gpu"), 'a'));
  world.Start(world.Hold(*b, Wish("gpu"), 'b'));
  auto cancel = [&]() -> Task<void> {
    co_await world.clock->SleepFor(milliseconds(30));
    b->CancelAll();
  };
  world.Start(cancel());
  world.RunAll();
  CHECK(world.trace == "!!");
  const Result<HeldLocks> late = world.Take(*b, Wish("other"));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == ErrorCode::kLost);
  CHECK(late.error().Text() == "cancelled");
}

TEST_CASE("links in the directory of locks lead nowhere") {
  LockWorld world;
  const auto locks = world.Member("run");
  const auto victim = world.dir / "victim";
  testing::WriteFile(victim, "precious");
  REQUIRE(symlink(victim.c_str(), (world.place / "a.turn").c_str()) == 0);
  REQUIRE(link(victim.c_str(), (world.place / "b.turn").c_str()) == 0);
  REQUIRE(mkfifo((world.place / "c.turn").c_str(), 0666) == 0);
  for (const char* name : {"a", "b", "c"}) {
    CAPTURE(name);
    const Result<HeldLocks> held = world.Take(*locks, Wish(name));
    REQUIRE_FALSE(held.has_value());
    CHECK(held.error().code == ErrorCode::kLost);
    CHECK(held.error().where.find(name) != std::string::npos);
  }
  CHECK(testing::ReadFile(victim) == "precious");

  REQUIRE(symlink(world.place.c_str(), (world.dir / "other").c_str()) == 0);
  const auto redirected =
      NamedLocks::Open(world.dir / "other", "run", *world.clock);
  REQUIRE_FALSE(redirected.has_value());
  CHECK(redirected.error().code == ErrorCode::kCheck);
}

TEST_CASE("a lock on a file that was removed counts for nothing") {
  LockWorld world;
  const auto locks = world.Member("run");
  const std::unique_ptr<Process> other = world.OtherProcess("db.lock");
  std::filesystem::remove(world.place / "db.lock");
  const Result<HeldLocks> held = world.Take(*locks, Wish("db"));
  CHECK(held.has_value());
  CHECK(ReadLockState(world.place, "db").held);
  other->Signal(SIGKILL);
}

TEST_CASE("every account may use a lock that another one made") {
  LockWorld world;
  const mode_t before = umask(077);
  const auto locks = world.Member("run");
  {
    const Result<HeldLocks> held = world.Take(*locks, Wish("gpu"));
    CHECK(held.has_value());
  }
  umask(before);
  struct stat st{};
  REQUIRE(stat(world.place.c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 01777);
  REQUIRE(stat((world.place / "gpu.lock").c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0666);
}

TEST_CASE("a port that is listened on is not free, one that was is") {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
          0);
  socklen_t size = sizeof(address);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const int port = ntohs(address.sin_port);
  REQUIRE(listen(fd, 1) == 0);
  CHECK_FALSE(PortIsFree(port));
  close(fd);
  CHECK(PortIsFree(port));
}

}  // namespace coppice::eval

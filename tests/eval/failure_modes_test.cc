#include <doctest/doctest.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "eval/cgroup.h"
#include "eval/containment_world.h"

// The rows of the table of failures (MEASURE §13) that one command can show,
// each at every level that this machine has. Rows that are told by what a
// sandbox does anyway stand with it in containment_*_test.cc, rows that need
// an evaluation in failure_modes_eval_test.cc; all are named FM-nn.

namespace coppice::eval {
namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

double Seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

std::string HostPathOf(std::string_view variable) {
  const char* value = getenv(std::string(variable).c_str());
  return value != nullptr ? value : "";
}

}  // namespace

TEST_CASE("FM-01 CPU time of the whole tree is limited, by its name") {
  auto clock = MakeRealClock();
  ForEachLevel([&](SandboxMode mode, SandboxOptions options) {
    ContainmentWorld world(mode, options);
    CommandRequest request = world.Request("while :; do :; done");
    // Without groups it is the limit of a process, in whole seconds.
    request.limits.cpu_seconds = CountsGroups(world.sandbox()) ? 0.4 : 1;
    const Instant start = clock->Now();
    const CommandResult spun = world.Run(request);
    CHECK(spun.verdict == Verdict::kTimeout);
    CHECK(spun.reason == "cpu");
    CHECK(Seconds(clock->Now() - start) < 8);

    request.command = "sleep 0.3; echo slept";
    CHECK(world.Run(request).out.head == "slept\n");
  });
}

TEST_CASE("FM-01 CPU time is counted over all processes, not for each") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode, {.grace = milliseconds(300)});
    if (!CountsGroups(world.sandbox())) return NotApplicable("FM-01", "rlimit");
    // None of them comes near the limit alone.
    CommandRequest request = world.Request(
        "while :; do timeout 0.2 sh -c 'while :; do :; done'; done");
    request.limits.cpu_seconds = 0.5;
    const CommandResult result = world.Run(request);
    CHECK(result.verdict == Verdict::kTimeout);
    CHECK(result.reason == "cpu");
  });
}

TEST_CASE("FM-01 a deadlock ends at the wall clock's limit") {
  auto clock = MakeRealClock();
  ForEachLevel([&](SandboxMode mode, SandboxOptions options) {
    ContainmentWorld world(mode, options);
    CommandRequest request =
        world.Request("mkfifo a b; (cat a > b) & cat b > a # 86450.5");
    request.timeout = milliseconds(300);
    const Instant start = clock->Now();
    const CommandResult result = world.Run(request);
    CHECK(result.verdict == Verdict::kTimeout);
    CHECK(result.reason == "wall");
    CHECK(Seconds(clock->Now() - start) < 7.3);
    CHECK(CountProcesses("86450.5") == 0);
  });
}

// Puts the process with `mark` in its command line into a frozen group below
// its own v2 group; that group, or nothing where there is no such tree.
static fs::path Freeze(std::string_view mark) {
  const std::string mounts = testing::ReadFile("/proc/self/mountinfo");
  const fs::path top = FindGroupRoots(mounts, "0::/\n").unified;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string line = testing::ReadFile(entry.path() / "cmdline");
    if (!line.starts_with("sleep") || line.find(mark) == std::string::npos) {
      continue;
    }
    const std::string groups = testing::ReadFile(entry.path() / "cgroup");
    const std::size_t at = groups.find("0::/");
    if (at == std::string::npos || top.empty()) return {};
    std::string group = groups.substr(at + 4);
    group = group.substr(0, group.find('\n'));
    const fs::path frozen = top / group / "frozen";
    std::error_code error;
    if (!fs::create_directory(frozen, error)) return {};
    std::ofstream(frozen / "cgroup.procs") << pid << std::flush;
    std::ofstream(frozen / "cgroup.freeze") << "1" << std::flush;
    return frozen;
  }
  return {};
}

TEST_CASE("FM-02 a member of a frozen group below its own is ended too") {
  const std::string mark = "86451.5";
  ForEachMode([&](SandboxMode mode) {
    fs::path frozen;
    {
      ContainmentWorld world(mode, {.grace = milliseconds(200)});
      CommandRequest request = world.Request("sleep " + mark + "; true");
      request.timeout = milliseconds(900);
      const CommandResult result = world.RunAnd(request, milliseconds(400),
                                                [&] { frozen = Freeze(mark); });
      CHECK(result.verdict == Verdict::kTimeout);
      CHECK(CountProcesses(mark) == 0);
      if (frozen.empty()) MESSAGE("NOT TESTED: no v2 group to freeze");
    }
    CHECK_FALSE(fs::exists(frozen));
  });
}

TEST_CASE("FM-04 threads are counted, and a second slot goes on meanwhile") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    if (!CountsGroups(world.sandbox())) return NotApplicable("FM-04", "rlimit");
    CommandRequest threads = world.Request("exec ./hostile threads");
    threads.limits.pids = 64;
    CommandRequest forks = world.Request("exec ./hostile bomb");
    forks.limits.pids = 64;
    const CommandRequest honest = world.Request(
        "for n in 1 2 3 4 5; do sh -c 'sleep 0.05'; done; echo 7");
    const auto results = world.RunTogether({threads, honest, forks});
    CHECK(results[0].verdict == Verdict::kFailed);
    CHECK(results[0].reason == "pids limit");
    CHECK(results[0].out.head == "63\n");
    CHECK(results[1].verdict == Verdict::kOk);
    CHECK(results[1].out.head == "7\n");
    CHECK(results[2].reason == "pids limit");
    CHECK(CountProcesses("./hostile") == 0);
  });
}

TEST_CASE("FM-07 what is written is limited in bytes and in files") {
  struct Row {
    const char* what;
    const char* command;
  };
  const Row rows[] = {
      {"bytes", "fallocate -l 100M big; sleep 20"},
      {"bytes of a flood", "head -c 20G /dev/zero > big"},
      {"files", "./hostile litter 1000000"},
      {"files where no path reaches", "./hostile dig; sleep 20"},
      {"one file", "head -c 9M /dev/zero > big"},
  };
  ForEachMode([&](SandboxMode mode) {
    for (const Row& row : rows) {
      CAPTURE(row.what);
      ContainmentWorld world(
          mode, {.grace = milliseconds(300), .disk_every = milliseconds(50)});
      CommandRequest request = world.Request(row.command);
      request.limits.disk_mb = 50;
      request.limits.new_files = 2'000;
      if (row.what == std::string("one file")) request.limits.file_mb = 4;
      const CommandResult result = world.Run(request);
      CHECK(result.verdict == Verdict::kFailed);
      CHECK(result.reason == "disk limit");
    }
  });
}

TEST_CASE("FM-07 what was there before a command is not held against it") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode, {.disk_every = milliseconds(50)});
    REQUIRE(world.Run("head -c 20M /dev/zero > old").verdict == Verdict::kOk);
    usleep(1'100'000);  // the age of a file is looked at in seconds
    CommandRequest request = world.Request(
        "head -c 1M /dev/zero > new; sleep 0.3; truncate -s 3G x");
    request.limits.disk_mb = 10;
    CHECK(world.Run(request).verdict == Verdict::kOk);
  });
}

TEST_CASE("FM-07 private directories and results count, below L2 as well") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode, {.disk_every = milliseconds(50)});
    fs::create_directories(world.directory() / "io");
    CommandRequest request =
        world.Request("head -c 20M /dev/zero > $COPPICE_RESULT; sleep 20");
    request.binds = {{.host = world.directory() / "io",
                      .variable = "COPPICE_RESULT",
                      .suffix = "/result",
                      .writable = true}};
    request.limits.disk_mb = 10;
    CHECK(world.Run(request).reason == "disk limit");
    if (mode == SandboxMode::kBwrap) return;  // there it is memory, and sized
    request.command = "head -c 20M /dev/zero > $TMPDIR/x; sleep 20";
    CHECK(world.Run(request).reason == "disk limit");
  });
}

namespace {

// A disk of some megabytes over a directory; root alone can make one.
class SmallDisk {
 public:
  SmallDisk(fs::path at, int megabytes) : at_(std::move(at)) {
    const std::string size = "size=" + std::to_string(megabytes) + "m";
    mounted_ = mount("tmpfs", at_.c_str(), "tmpfs", 0, size.c_str()) == 0;
    if (!mounted_) MESSAGE("NOT TESTED: only root can mount a small disk");
  }
  ~SmallDisk() {
    if (mounted_) umount2(at_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  fs::path at_;
  bool mounted_;
};

}  // namespace

TEST_CASE("FM-07 a full disk is ours, unless the candidate filled it") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    const fs::path place = world.directory() / "disk";
    fs::create_directories(place);
    const SmallDisk disk(place, 300);
    if (!disk.mounted()) return;
    CommandRequest request = world.Request("head -c 400M /dev/zero > big");
    request.tree.root = place / "tree";
    fs::create_directories(request.tree.root);
    const CommandResult filled = world.Run(request);
    CHECK(filled.verdict == Verdict::kFailed);
    CHECK(filled.reason == "disk limit");

    fs::rename(request.tree.root / "big", place / "of-somebody-else");
    request.command = "head -c 1M /dev/zero > small";
    const CommandResult lost = world.Run(request);
    CHECK(lost.verdict == Verdict::kLost);
    CHECK(lost.reason == "the host's disk is full");

    request.command = "exit 0";  // what needs no disk is not disturbed
    CHECK(world.Run(request).verdict == Verdict::kOk);
  });
}

TEST_CASE("FM-08 orphans of orphans and the dead that nobody waits for go") {
  ForEachLevel([](SandboxMode mode, SandboxOptions options) {
    ContainmentWorld world(mode, options);
    const CommandResult result = world.Run(
        "(setsid sh -c '(sleep 86452.5 &) ; (sleep 86452.5 &) ; exit' &) ; "
        "sleep 0.1");
    CHECK(result.verdict == Verdict::kOk);
    CHECK(result.leaked);
    CHECK(CountProcesses("86452.5") == 0);
  });
}

TEST_CASE("FM-10 what is written outside of the tree does not reach the host") {
  const fs::path bashrc = fs::path(HostPathOf("HOME")) / ".bashrc";
  ForEachMode([&](SandboxMode mode) {
    ContainmentWorld world(mode);
    const std::string name = "coppice-fm10-" + std::to_string(getpid());
    testing::WriteFile(world.directory() / "sibling", "mine");
    const std::string before = testing::ReadFile(bashrc);
    world.Run("echo x >> $HOME/.bashrc; echo x > /tmp/" + name +
              "; echo x > /var/tmp/" + name + "; echo x > ../sibling; rm -f " +
              (world.directory() / "sibling").string() +
              "; ln -s ../sibling link; echo x > link; echo x > /dev/shm/" +
              name);
    bool denied = mode == SandboxMode::kBwrap;
    for (const std::string& line : world.sandbox().isolation().lines) {
      denied |= line.ends_with("writes outside the tree are denied");
    }
    CHECK(testing::ReadFile(bashrc) == before);
    if (!denied) {
      fs::remove("/tmp/" + name);
      fs::remove("/var/tmp/" + name);
      fs::remove("/dev/shm/" + name);
      return NotApplicable("FM-10", "L1 without landlock");
    }
    CHECK_FALSE(fs::exists("/tmp/" + name));
    CHECK_FALSE(fs::exists("/var/tmp/" + name));
    CHECK(testing::ReadFile(world.directory() / "sibling") == "mine");
    if (mode == SandboxMode::kBwrap) {
      CHECK_FALSE(fs::exists("/dev/shm/" + name));
    }
    fs::remove("/dev/shm/" + name);  // the machine's own, below L2
  });
}

TEST_CASE(
    "FM-10 below L2 neither the kernel's settings nor disks are written") {
  ContainmentWorld world(SandboxMode::kNone);
  bool denied = false;
  for (const std::string& line : world.sandbox().isolation().lines) {
    denied |= line.ends_with("writes outside the tree are denied");
  }
  if (!denied) return NotApplicable("FM-10", "L1 without landlock");
  // Opened for appending only; nothing is written if it should be let through.
  for (const char* path :
       {"/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
        "/sys/fs/cgroup/cgroup.procs", "/etc/passwd", "/dev/vda", "/dev/sda",
        "/dev/nvme0n1"}) {
    CAPTURE(path);
    CHECK(world.Run(std::string(": >> ") + path).verdict == Verdict::kFailed);
  }
  CHECK(world
            .Run("echo x > /dev/null; echo x > /dev/stderr; : > /dev/zero; "
                 "echo x > /dev/shm/coppice-$$ && rm /dev/shm/coppice-$$")
            .verdict == Verdict::kOk);
}

TEST_CASE("FM-12 the network is out of reach at once, in every way") {
  const std::string name = "coppice-fm12-" + std::to_string(getpid());
  const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&address),
               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                      name.size())) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  NotApplicable("FM-12", "L1");
  if (!HaveBwrap()) return;
  auto clock = MakeRealClock();
  ContainmentWorld world(SandboxMode::kBwrap);
  for (const std::string& way :
       {world.Hostile("connect"), std::string("getent hosts example.org"),
        world.Hostile("abstract " + name)}) {
    CAPTURE(way);
    const Instant start = clock->Now();
    const CommandResult result = world.Run(way);
    CHECK(result.verdict == Verdict::kFailed);
    CHECK(Seconds(clock->Now() - start) < 5);
  }
  CHECK(world.Run(world.Hostile("hold 8080")).verdict == Verdict::kOk);
}

TEST_CASE("FM-18 CPU time of work that nobody waited for is counted") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    if (!KillsGroups(world.sandbox()) || !CountsGroups(world.sandbox())) {
      return NotApplicable("FM-18", "rlimit");
    }
    const CommandResult forgotten = world.Run("./hostile forget");
    CHECK(forgotten.verdict == Verdict::kOk);
    CHECK(forgotten.cpu_seconds > 0.35);
    CHECK_FALSE(forgotten.leaked);

    // "done", and then the work: it is ended, counted and told.
    const CommandResult deferred = world.Run(
        "setsid sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done;"
        " : >spun; while :; do :; done' &\n"
        "while ! [ -e spun ]; do sleep 0.05; done; echo seconds: 1");
    CHECK(deferred.verdict == Verdict::kOk);
    CHECK(deferred.leaked);
    CHECK(deferred.cpu_seconds > 0.1);
  });
}

TEST_CASE("FM-24 what we lack is lost, and works again when we have it") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    const rlimit few{.rlim_cur = 8, .rlim_max = files.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    const CommandResult lost = world.Run("true");
    setrlimit(RLIMIT_NOFILE, &files);
    CHECK(lost.verdict == Verdict::kLost);
    CHECK(lost.reason.find("Too many open files") != std::string::npos);
    CHECK(world.Run("true").verdict == Verdict::kOk);
  });
}

TEST_CASE("FM-24 a bubblewrap that has gone is our loss, not the candidate's") {
  if (!HaveBwrap()) return;
  testing::TempDir bin;
  const std::string path = getenv("PATH");
  const std::string command = "cp $(command -v bwrap) " + bin.path().string();
  REQUIRE(system(command.c_str()) == 0);
  setenv("PATH", (bin.path().string() + ":" + path).c_str(), 1);
  ContainmentWorld world(SandboxMode::kBwrap);
  setenv("PATH", path.c_str(), 1);
  fs::rename(bin / "bwrap", bin / "gone");
  const CommandResult lost = world.Run("true");
  CHECK(lost.verdict == Verdict::kLost);
  CHECK(lost.reason.find("cannot run bwrap") != std::string::npos);
  fs::rename(bin / "gone", bin / "bwrap");
  CHECK(world.Run("true").verdict == Verdict::kOk);
}

TEST_CASE("FM-27 two at once bind one port and use one temporary name") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    const std::string temp =
        "test ! -e $TMPDIR/name && echo $$ > $TMPDIR/name && sleep 0.3 && "
        "test $(cat $TMPDIR/name) = $$";
    for (const CommandResult& result :
         world.RunTogether({world.Request(temp), world.Request(temp)})) {
      CHECK(result.verdict == Verdict::kOk);
    }
    if (mode == SandboxMode::kNone) return NotApplicable("FM-27 ports", "L1");
    const CommandRequest hold = world.Request("./hostile hold 8080");
    for (const CommandResult& result : world.RunTogether({hold, hold})) {
      CHECK(result.out.head == "held\n");
    }
  });
}

}  // namespace coppice::eval

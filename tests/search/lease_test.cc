#include "search/lease.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>

#include "base/json.h"
#include "support/temp_dir.h"

namespace coppice::search {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;

TEST_CASE("a lease has one owner, whom the second is told") {
  const TempDir dir;
  {
    const Result<RunLease> first = AcquireLease(dir.path());
    REQUIRE(first.has_value());
    const Result<RunLease> second = AcquireLease(dir.path());
    REQUIRE_FALSE(second.has_value());
    const LeaseOwner self = ThisProcess();
    CHECK(second.error().code == ErrorCode::kBusy);
    CHECK(second.error().what == "another process owns this run: host " +
                                     self.host + ", pid " +
                                     std::to_string(getpid()));
    CHECK(FindOwner(dir.path()) == self);
    // The refusal took nothing away.
    CHECK_FALSE(AcquireLease(dir.path()).has_value());
  }
  CHECK_FALSE(FindOwner(dir.path()));
  CHECK(AcquireLease(dir.path()).has_value());
}

TEST_CASE("a lease moves with its owner") {
  const TempDir dir;
  std::optional<RunLease> kept;
  {
    Result<RunLease> lease = AcquireLease(dir.path());
    REQUIRE(lease.has_value());
    kept.emplace(std::move(*lease));
  }
  CHECK_FALSE(AcquireLease(dir.path()).has_value());
  kept.reset();
  CHECK(AcquireLease(dir.path()).has_value());
}

TEST_CASE("the file names host, process, start time and boot") {
  const TempDir dir;
  const Result<RunLease> lease = AcquireLease(dir.path());
  const Json body = *ParseJson(ReadFile(dir / "lease"), "lease");
  CHECK(body.at("pid") == getpid());
  CHECK(body.at("host") == ThisProcess().host);
  CHECK(body.at("start_time") > 0);
  CHECK(body.at("boot_id").get<std::string>().size() == 36);
}

TEST_CASE("what a dead or unreadable owner left behind is taken over") {
  const TempDir dir;
  SUBCASE("nothing") {}
  SUBCASE("no JSON") { WriteFile(dir / "lease", "{\"host\""); }
  SUBCASE("another shape") { WriteFile(dir / "lease", "{\"pid\": \"x\"}"); }
  SUBCASE("a long one") { WriteFile(dir / "lease", std::string(5000, 'x')); }
  SUBCASE("a dead process") {
    WriteFile(dir / "lease",
              R"({"boot_id":"b","host":"h","pid":1,"start_time":1})");
  }
  CHECK(AcquireLease(dir.path()).has_value());
}

TEST_CASE("a directory that is not there is an error, not a lease") {
  const TempDir dir;
  const Result<RunLease> lease = AcquireLease(dir / "nowhere");
  REQUIRE_FALSE(lease.has_value());
  CHECK(lease.error().code == ErrorCode::kIo);
}

TEST_CASE("a child process does not inherit the lock") {
  const TempDir dir;
  {
    const Result<RunLease> lease = AcquireLease(dir.path());
    REQUIRE(lease.has_value());
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      if (fs::read_symlink(entry, gone) != dir / "lease") continue;
      const int fd = std::stoi(entry.path().filename());
      CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
  }
}

TEST_CASE("an owner lives if its process does, with the same start and boot") {
  const LeaseOwner self = ThisProcess();
  CHECK(IsAlive(self, self));
  LeaseOwner other = self;
  other.start_time += 1;
  CHECK_FALSE(IsAlive(other, self));
  other = self;
  other.boot_id = "another";
  CHECK_FALSE(IsAlive(other, self));
  other = self;
  other.pid = 0;
  CHECK_FALSE(IsAlive(other, self));
  other = self;
  other.host = "elsewhere";
  CHECK(IsAlive(other, self));
}

TEST_CASE("an owner that was killed and not yet waited for is dead") {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  LeaseOwner owner = ThisProcess();
  owner.pid = child;
  std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(stat), {}};
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  owner.start_time = std::stoll(field);
  CHECK(IsAlive(owner, ThisProcess()));
  kill(child, SIGKILL);
  siginfo_t end{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &end, WEXITED | WNOWAIT) ==
          0);
  CHECK_FALSE(IsAlive(owner, ThisProcess()));
  waitpid(child, nullptr, 0);
}

TEST_CASE("only a network file system makes another host's word count") {
  const LeaseOwner self = ThisProcess();
  LeaseOwner elsewhere = self;
  elsewhere.host = "elsewhere";
  CHECK(MayTakeOver(elsewhere, self, false));
  CHECK_FALSE(MayTakeOver(elsewhere, self, true));
  LeaseOwner dead = self;
  dead.start_time += 1;
  CHECK(MayTakeOver(dead, self, true));
  // What this very process left, having lost its lock.
  CHECK(MayTakeOver(self, self, true));
  LeaseOwner parent = self;
  parent.pid = 1;
  CHECK(MayTakeOver(parent, self, true));  // not that process: it started later
}

TEST_CASE("local directories are told from network ones") {
  CHECK_FALSE(OnNetworkFileSystem("/proc"));
  CHECK_FALSE(OnNetworkFileSystem("/dev/shm"));
}

}  // namespace
}  // namespace coppice::search

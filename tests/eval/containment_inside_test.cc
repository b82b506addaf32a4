#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "eval/containment.h"
#include "eval/containment_world.h"
#include "eval/isolation.h"

// What a command sees. No probe here writes anything that would matter if the
// sandbox let it through: files of the system are only opened, for appending.

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

constexpr char kCanary[] = "canary-5f1d90";

// The environment of the test holds a secret while this lives.
class Canary {
 public:
  Canary() { setenv("ANTHROPIC_API_KEY", kCanary, 1); }
  ~Canary() { unsetenv("ANTHROPIC_API_KEY"); }
  Canary(const Canary&) = delete;
  Canary& operator=(const Canary&) = delete;
};

bool Succeeds(ContainmentWorld& world, std::string command) {
  return world.Run(std::move(command)).verdict == Verdict::kOk;
}

}  // namespace

TEST_CASE("the environment is built from nothing") {
  const Canary canary;
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    CommandRequest request = world.Request("env | sort");
    request.env = {{"COPPICE_SEED", "7"}, {"TZ", "Asia/Tokyo"}};
    const std::string env = "\n" + world.Run(request).out.head;
    CHECK(env.find(kCanary) == std::string::npos);
    CHECK(env.find("\nPATH=/usr/local/bin:/usr/bin:/bin\n") !=
          std::string::npos);
    CHECK(env.find("\nLANG=C.UTF-8\n") != std::string::npos);
    CHECK(env.find("\nCOPPICE_SEED=7\n") != std::string::npos);
    CHECK(env.find("\nTZ=Asia/Tokyo\n") != std::string::npos);
  });
}

TEST_CASE("HOME, TMPDIR and the caches are private and new for every run") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    const std::string use =
        "test -d $HOME && test -d $TMPDIR && mkdir $XDG_CACHE_HOME "
        "$XDG_CONFIG_HOME && echo x > $TMPDIR/x && echo x > $HOME/x";
    CHECK(Succeeds(world, use));
    CHECK(Succeeds(world, use));
  });
}

TEST_CASE("FM-13 MC-05 no secret of the caller is found through /proc") {
  if (!HaveBwrap()) return;
  const Canary canary;
  ContainmentWorld world(SandboxMode::kBwrap);
  const CommandResult seen = world.Run(
      "cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'");
  const std::string text = seen.out.Text();
  CHECK(text.find(kCanary) == std::string::npos);
  CHECK(text.find(world.directory().string()) == std::string::npos);
  CHECK(text.find("/coppice/supervisor\ninner\n") != std::string::npos);
  CHECK_FALSE(Succeeds(world, "readlink /proc/1/fd/3"));
  CHECK_FALSE(Succeeds(world, "cat /proc/1/environ"));
  CHECK_FALSE(Succeeds(world, "cat /proc/1/mem"));
}

TEST_CASE("the supervisor cannot be signalled from inside") {
  if (!HaveBwrap()) return;
  ContainmentWorld world(SandboxMode::kBwrap);
  const CommandResult result =
      world.Run("kill -KILL 1; kill -STOP 1; kill -TERM 1; exit 5");
  CHECK(result.verdict == Verdict::kFailed);
  CHECK(result.reason == "exit 5");
}

TEST_CASE("MC-06 files of the host that are not allowed are absent") {
  if (!HaveBwrap()) return;
  ContainmentWorld world(SandboxMode::kBwrap);
  for (const char* path : {"/etc/shadow", "/root", "/home", "/var/lib",
                           "/etc/ssh", "/sys/kernel", "/boot", "/run"}) {
    CAPTURE(path);
    CHECK_FALSE(Succeeds(world, std::string("test -e ") + path));
  }
  CHECK_FALSE(Succeeds(world, "test -e " + world.directory().string()));
  for (const char* variable : {"HOME", "PWD"}) {
    const char* place = getenv(variable);
    if (place == nullptr || std::string_view(place).size() < 2) continue;
    CAPTURE(place);
    CHECK_FALSE(Succeeds(world, std::string("test -e '") + place + "'"));
  }
  CHECK_FALSE(Succeeds(world, "test -e " COPPICE_SOURCE_DIR));
  CHECK(world.Run("pwd").out.head == "/work\n");
  CHECK(world.Run("id -un").out.head == "coppice\n");
}

TEST_CASE("nothing but the tree and the private directories is writable") {
  if (!HaveBwrap()) return;
  ContainmentWorld world(SandboxMode::kBwrap);
  for (const char* path :
       {"/x", "/usr/x", "/etc/x", "/coppice/x", "/proc/sys/kernel/core_pattern",
        "/proc/sys/vm/overcommit_memory", "/proc/sysrq-trigger",
        "/etc/passwd"}) {
    CAPTURE(path);
    CHECK_FALSE(Succeeds(world, std::string(": >> ") + path));
  }
  CHECK(Succeeds(world, ": >> x && : >> /tmp/x && : >> /dev/shm/x"));
  CHECK(fs::exists(world.tree() / "x"));
}

TEST_CASE("no privilege is left or to be had inside") {
  if (!HaveBwrap()) return;
  ContainmentWorld world(SandboxMode::kBwrap);
  const std::string status = world.Run("cat /proc/self/status").out.head;
  CHECK(status.find("CapEff:\t0000000000000000") != std::string::npos);
  CHECK(status.find("CapBnd:\t0000000000000000") != std::string::npos);
  CHECK(status.find("NoNewPrivs:\t1") != std::string::npos);
  CHECK_FALSE(Succeeds(world, "unshare -U true"));
  CHECK_FALSE(Succeeds(world, "mount -o remount,rw /usr"));
}

TEST_CASE("MC-07 temporary memory has its size and is empty at the start") {
  if (!HaveBwrap()) return;
  ContainmentWorld world(SandboxMode::kBwrap);
  const CommandResult sizes =
      world.Run("df -B1 --output=size /dev/shm /tmp | tail -n 2 | tr -d ' '");
  CHECK(sizes.out.head == "268435456\n1073741824\n");
  CHECK(world.Run("ls -A /dev/shm; ls -A /tmp").out.head == "home\n");
}

TEST_CASE("FM-12 the network is out of reach unless it is asked for") {
  if (!HaveBwrap()) return;
  ContainmentWorld world(SandboxMode::kBwrap);
  const CommandResult refused = world.Run(world.Hostile("connect"));
  CHECK(refused.verdict == Verdict::kFailed);
  CHECK(refused.err.head == "connect: Network is unreachable\n");

  const std::string ours = fs::read_symlink("/proc/self/ns/net").string();
  CommandRequest request = world.Request("readlink /proc/self/ns/net");
  CHECK(world.Run(request).out.head != ours + "\n");
  request.network = true;
  CHECK(world.Run(request).out.head == ours + "\n");
}

TEST_CASE("binds are shown with their variable, or over the tree") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    const fs::path io = world.directory() / "io";
    fs::create_directories(io);
    testing::WriteFile(world.directory() / "base/seen", "base");
    testing::WriteFile(world.tree() / "tests/data", "pristine");
    CommandRequest request = world.Request(
        "echo 42 > $COPPICE_RESULT; cat $COPPICE_BASE/seen; "
        "test ! -w $COPPICE_BASE/seen || (echo x >> $COPPICE_BASE/seen)");
    request.binds = {
        {.host = io,
         .variable = "COPPICE_RESULT",
         .suffix = "/result-3f9c",
         .writable = true},
        {.host = world.directory() / "base", .variable = "COPPICE_BASE"},
        {.host = world.tree() / "tests"}};
    CHECK(world.Run(request).out.head == "base");
    CHECK(testing::ReadFile(io / "result-3f9c") == "42\n");
    CHECK(testing::ReadFile(world.directory() / "base/seen") == "base");
    if (mode == SandboxMode::kBwrap) {
      request.command = "echo forged > tests/data";
      CHECK(world.Run(request).verdict == Verdict::kFailed);
      CHECK(testing::ReadFile(world.tree() / "tests/data") == "pristine");
    }
  });
}

TEST_CASE("an exposed directory is read-only and its programs are found") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    const fs::path tools = world.directory() / "tools";
    testing::WriteFile(tools / "bin/my-tool", "#!/bin/sh\necho exposed\n");
    fs::permissions(tools / "bin/my-tool", fs::perms::owner_all);
    CommandRequest request = world.Request("my-tool");
    request.expose = {tools};
    CHECK(world.Run(request).out.head == "exposed\n");
    if (mode == SandboxMode::kBwrap) {
      request.command = ": >> " + (tools / "x").string();
      CHECK(world.Run(request).verdict == Verdict::kFailed);
    }
  });
}

TEST_CASE("FM-10 landlock denies writes outside where there is no bubblewrap") {
  ContainmentWorld world(SandboxMode::kNone);
  bool landlock = false;
  for (const std::string& line : world.sandbox().isolation().lines) {
    landlock |= line.ends_with("writes outside the tree are denied");
  }
  if (!landlock) {
    MESSAGE("NOT TESTED: this kernel has no landlock");
    return;
  }
  const fs::path outside = world.directory() / "outside";
  CHECK_FALSE(Succeeds(world, "echo x > " + outside.string()));
  CHECK_FALSE(fs::exists(outside));
  CHECK(Succeeds(world, "echo x > inside && echo x >/dev/null"));
}

TEST_CASE("MC-02 a level that is not there is refused in one line") {
  const Isolation v1{.level = 2,
                     .name = "L2/v1",
                     .lines = {},
                     .lacks = "the v2 control groups lack memory"};
  CHECK(RequireLevel(v1, 0).has_value());
  CHECK(RequireLevel(v1, 2).has_value());
  const Error refused = RequireLevel(v1, 3).error();
  CHECK(refused.code == ErrorCode::kCheck);
  CHECK(refused.Text() ==
        "--require-isolation L3: only L2/v1 here: the v2 control groups lack "
        "memory");

  testing::TempDir scratch;
  const auto none = MakeSandbox({.mode = SandboxMode::kNone,
                                 .scratch = scratch.path(),
                                 .required_level = 2});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().Text().starts_with(
      "--require-isolation L2: only L1 here: evaluation.sandbox is none"));
}

TEST_CASE("the level is named, with a line for each finding") {
  ForEachMode([](SandboxMode mode) {
    ContainmentWorld world(mode);
    const Isolation& found = world.sandbox().isolation();
    CHECK(found.level == (mode == SandboxMode::kNone ? 1 : found.level));
    CHECK(found.name.starts_with("L" + std::to_string(found.level)));
    CHECK(found.lines.size() >= 4);
    CHECK(found.lacks.empty() == (found.level == 3));
  });
}

}  // namespace coppice::eval

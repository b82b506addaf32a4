#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "eval/cgroup.h"
#include "support/temp_dir.h"

// Both versions on directories of ordinary files: only v1 or v2 is there on
// any one machine. The files of a fake group are made beforehand, since no
// kernel makes them.

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;
using testing::WriteFile;

constexpr char kHybrid[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /nowhere/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 / /nowhere/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
    "35 31 0:32 / /nowhere/memory rw,relatime - cgroup cgroup rw,memory\n"
    "39 31 0:36 / /nowhere/pids rw,relatime - cgroup cgroup rw,pids\n"
    "41 31 0:38 / /nowhere/unified rw,relatime - cgroup2 cgroup2 rw\n";

struct FakeV2 {
  FakeV2() : roots{.unified = directory.path()}, group(roots.unified / "g") {
    fs::create_directories(group / "command");
    for (const char* name :
         {"memory.max", "memory.swap.max", "memory.oom.group", "pids.max",
          "cgroup.procs", "command/cgroup.procs", "command/cgroup.kill",
          "cgroup.kill"}) {
      WriteFile(group / name, "");
    }
    WriteFile(group / "memory.events", "low 0\noom 7\noom_kill 2\n");
    WriteFile(group / "pids.events", "max 5\n");
  }
  testing::TempDir directory;
  GroupRoots roots;
  fs::path group;
};

// One group in each hierarchy of its own, as v1 has them.
struct FakeV1 {
  FakeV1()
      : roots{.memory = directory / "memory/g",
              .pids = directory / "pids/g",
              .cpuset = directory / "cpuset/g",
              .cpuacct = directory / "cpuacct/g"} {
    for (const fs::path& file :
         {roots.memory / "memory.limit_in_bytes", roots.pids / "pids.max",
          roots.cpuset / "cpuset.cpus", roots.cpuset / "cpuset.mems"}) {
      WriteFile(file, "");
    }
    WriteFile(directory / "cpuset/cpuset.cpus", "0-7\n");
    WriteFile(directory / "cpuset/cpuset.mems", "0-1\n");
  }
  testing::TempDir directory;
  GroupRoots roots;
};

}  // namespace

TEST_CASE("own groups are found in a hybrid hierarchy") {
  const GroupRoots roots = FindGroupRoots(
      kHybrid, "8:pids:/\n4:memory:/a/b\n3:cpuset:/\n1:cpu,cpuacct:/\n0::/\n");
  // Directories that are not there fall back to the mount point.
  CHECK(roots.memory == "/nowhere/memory");
  CHECK(roots.pids == "/nowhere/pids");
  CHECK(roots.unified == "/nowhere/unified");
  CHECK(roots.cpuacct == "/nowhere/cpu");
  CHECK(roots.cpuset == "/nowhere/cpuset");
}

TEST_CASE("own groups are found below a mount that shows a part") {
  testing::TempDir mount;
  fs::create_directories(mount / "inner/scope");
  const std::string mountinfo = "41 31 0:38 /outer " + mount.path().string() +
                                " rw,relatime - cgroup2 cgroup2 rw\n";
  CHECK(FindGroupRoots(mountinfo, "0::/outer/inner/scope\n").unified ==
        mount / "inner/scope");
  CHECK(FindGroupRoots(mountinfo, "0::/outer\n").unified == mount.path());
}

TEST_CASE("without hierarchies there are no roots and no groups") {
  CHECK(FindGroupRoots("", "") == GroupRoots{});
  ControlGroups groups{GroupRoots{}};
  CHECK(groups.version() == GroupVersion::kNone);
  CHECK_FALSE(groups.can_kill());
  CHECK(groups.Acquire({.memory_mb = 64, .pids = 10}) == nullptr);
  CHECK(groups.lines()[0] == "cgroup mounts: none");
  CHECK(groups.lines()[1].find("none writable") != std::string::npos);
  CHECK(groups.lacks() == "there are no v2 control groups");
}

TEST_CASE("a v2 group takes limits and counts from then on") {
  FakeV2 fake;
  ControlGroup group(GroupVersion::kV2, {.unified = fake.group});
  REQUIRE(group.SetLimits({.memory_mb = 64, .pids = 10}));
  CHECK(ReadFile(fake.group / "memory.max") == "67108864");
  CHECK(ReadFile(fake.group / "memory.swap.max") == "0");
  CHECK(ReadFile(fake.group / "pids.max") == "10");
  CHECK(group.Counts().oom_kills == 0);
  WriteFile(fake.group / "memory.events", "low 0\noom 9\noom_kill 3\n");
  WriteFile(fake.group / "pids.events", "max 9\n");
  CHECK(group.Counts().oom_kills == 1);
  CHECK(group.Counts().refused_forks == 4);
  CHECK(group.Empty());
  WriteFile(fake.group / "command/cgroup.procs", "4242\n");
  CHECK_FALSE(group.Empty());
}

TEST_CASE("FM-18 CPU time is counted from the limits on, in both versions") {
  FakeV2 fake;
  WriteFile(fake.group / "cpu.stat", "usage_usec 1500000\nuser_usec 7\n");
  ControlGroup v2(GroupVersion::kV2, {.unified = fake.group});
  REQUIRE(v2.SetLimits({.memory_mb = 64, .pids = 10}));
  CHECK(*v2.CpuSeconds() == 0);
  WriteFile(fake.group / "cpu.stat", "usage_usec 4000000\nuser_usec 9\n");
  CHECK(*v2.CpuSeconds() == doctest::Approx(2.5));

  FakeV1 old;
  WriteFile(old.roots.cpuacct / "cpuacct.usage", "1000000000\n");
  ControlGroup v1(GroupVersion::kV1, old.roots);
  REQUIRE(v1.SetLimits({.memory_mb = 64, .pids = 10}));
  WriteFile(old.roots.cpuacct / "cpuacct.usage", "4500000000\n");
  CHECK(*v1.CpuSeconds() == doctest::Approx(3.5));

  old.roots.cpuacct.clear();
  const ControlGroup uncounted(GroupVersion::kV1, old.roots);
  CHECK_FALSE(uncounted.CpuSeconds());
}

TEST_CASE("MC-44 a group has the cores of its command, or all of ours") {
  FakeV1 fake;
  ControlGroup v1(GroupVersion::kV1, fake.roots);
  REQUIRE(v1.SetLimits({.memory_mb = 64, .pids = 10, .cpus = {2, 6}}));
  CHECK(ReadFile(fake.roots.cpuset / "cpuset.cpus") == "2,6");
  CHECK(ReadFile(fake.roots.cpuset / "cpuset.mems") == "0-1\n");
  REQUIRE(v1.SetLimits({.memory_mb = 64, .pids = 10}));
  CHECK(ReadFile(fake.roots.cpuset / "cpuset.cpus") == "0-7\n");
  CHECK(v1.JoinFiles().size() == 4);

  FakeV2 v2_files;
  WriteFile(v2_files.group / "cpuset.cpus", "");
  ControlGroup v2(GroupVersion::kV2, {.unified = v2_files.group});
  REQUIRE(v2.SetLimits({.memory_mb = 64, .pids = 10, .cpus = {3}}));
  CHECK(ReadFile(v2_files.group / "cpuset.cpus") == "3\n");
  REQUIRE(v2.SetLimits({.memory_mb = 64, .pids = 10}));
  CHECK(ReadFile(v2_files.group / "cpuset.cpus").starts_with("\n"));
}

TEST_CASE("FM-02 groups that a member made are counted, and go with its own") {
  FakeV2 fake;
  ControlGroup group(GroupVersion::kV2, {.unified = fake.group});
  CHECK(group.Empty());
  WriteFile(fake.group / "cgroup.events", "populated 1\nfrozen 0\n");
  CHECK_FALSE(group.Empty());
  testing::TempDir directory;
  fs::create_directories(directory / "g/command/made/below");
  {
    const ControlGroup owner(GroupVersion::kV2, {.unified = directory / "g"});
  }
  CHECK_FALSE(fs::exists(directory / "g"));
}

TEST_CASE("a v2 group is killed as a whole") {
  FakeV2 fake;
  ControlGroup group(GroupVersion::kV2, {.unified = fake.group});
  group.Kill();
  CHECK(ReadFile(fake.group / "cgroup.kill") == "1");
  CHECK(ReadFile(fake.group / "command/cgroup.kill") == "1");
}

TEST_CASE("a v2 hierarchy without the controllers is not used") {
  testing::TempDir directory;
  WriteFile(directory / "cgroup.controllers", "cpu io\n");
  WriteFile(directory / "cgroup.subtree_control", "");
  ControlGroups groups({.unified = directory.path()});
  CHECK(groups.version() == GroupVersion::kNone);
  CHECK(groups.lacks() == "the v2 control groups lack memory and pids");
  WriteFile(directory / "cgroup.controllers", "cpu pids io\n");
  const ControlGroups half({.unified = directory.path()});
  CHECK(half.lacks() == "the v2 control groups lack memory");
}

TEST_CASE("a group that cannot take limits is of no use") {
  testing::TempDir directory;  // without the files of a group
  ControlGroup group(GroupVersion::kV2, {.unified = directory / "g"});
  CHECK_FALSE(group.SetLimits({.memory_mb = 64, .pids = 10}));
}

TEST_CASE("what a dead owner left is told from what a living one uses") {
  CHECK_FALSE(OwnerIsDead(OwnerName() + "-7"));
  CHECK(OwnerIsDead("coppice-" + std::to_string(getpid()) + "-12-7"));
  CHECK(OwnerIsDead("coppice-999999999-12"));
  CHECK_FALSE(OwnerIsDead("coppice-notes-12"));
  CHECK_FALSE(OwnerIsDead("user.slice"));
}

TEST_CASE("groups of dead owners are removed") {
  testing::TempDir directory;
  fs::create_directories(directory / "coppice-999999999-12-0/command");
  fs::create_directories(directory / (OwnerName() + "-0"));
  const ControlGroups groups({.unified = directory.path()});
  CHECK_FALSE(fs::exists(directory / "coppice-999999999-12-0"));
  CHECK(fs::exists(directory / (OwnerName() + "-0")));
}

}  // namespace coppice::eval

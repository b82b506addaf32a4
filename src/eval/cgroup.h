#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coppice::eval {

struct GroupLimits {
  std::int64_t memory_mb = 0;  // 0: none
  int pids = 0;                // 0: none
  std::vector<int> cpus;       // empty: all of ours
};

// Events of a group since it was last given limits.
struct GroupCounts {
  std::int64_t oom_kills = 0;
  std::int64_t refused_forks = 0;
};

// Our own groups in the mounted hierarchies; empty where there is none.
struct GroupRoots {
  std::filesystem::path unified;  // v2
  std::filesystem::path memory;   // v1
  std::filesystem::path pids;     // v1
  std::filesystem::path cpuset;   // v1
  std::filesystem::path cpuacct;  // v1, where there is no v2 to count time

  friend bool operator==(const GroupRoots&, const GroupRoots&) = default;
};

// From /proc/self/mountinfo and /proc/self/cgroup.
GroupRoots FindGroupRoots(std::string_view mountinfo, std::string_view cgroup);

enum class GroupVersion { kNone, kV1, kV2 };

// One command's group in each hierarchy in use.
class ControlGroup {
 public:
  ControlGroup(GroupVersion version, GroupRoots directories);
  // Removes the directories; an occupied group stays, for the next sweep.
  ~ControlGroup();
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;

  // False if the kernel refuses: the group is of no more use.
  bool SetLimits(const GroupLimits& limits);
  GroupCounts Counts() const;  // since SetLimits
  // CPU time of all members since SetLimits, dead ones and those that nobody
  // waited for included; nothing where no hierarchy counts it.
  std::optional<double> CpuSeconds() const;
  // SIGKILL to every member, once.
  void Kill();
  bool Empty() const;

  const GroupRoots& directories() const { return directories_; }
  std::vector<std::filesystem::path> JoinFiles() const;
  // A v2 group for the command alone, killed as a whole; empty if none.
  std::filesystem::path KillGroup() const;

 private:
  GroupCounts ReadCounts() const;
  std::optional<double> ReadCpuSeconds() const;
  void Pin(const std::vector<int>& cpus);

  const GroupVersion version_;
  const GroupRoots directories_;
  GroupCounts before_;
  double cpu_before_ = 0;
};

// Makes groups below the roots and keeps them for reuse: removing a memory
// group leaves its pages behind. Groups of dead owners are removed first.
class ControlGroups {
 public:
  explicit ControlGroups(GroupRoots roots);

  GroupVersion version() const { return version_; }
  // cgroup.kill works in some v2 hierarchy, with or without controllers.
  bool can_kill() const { return can_kill_; }
  // What was found, a line each.
  const std::vector<std::string>& lines() const { return lines_; }
  // What keeps the groups from being v2; empty if they are.
  const std::string& lacks() const { return lacks_; }

  // nullptr where groups cannot be used.
  std::unique_ptr<ControlGroup> Acquire(const GroupLimits& limits);
  void Release(std::unique_ptr<ControlGroup> group);

 private:
  std::unique_ptr<ControlGroup> Make();
  bool TryV2();
  bool TryV1();
  bool TryLimits(GroupVersion version);
  bool EnableControllers() const;
  void Sweep() const;
  void Describe();

  GroupRoots roots_;
  GroupVersion version_ = GroupVersion::kNone;
  bool can_kill_ = false;
  bool pins_ = false;  // cores, so that no member can undo it
  bool limits_swap_ = false;
  int made_ = 0;
  std::vector<std::unique_ptr<ControlGroup>> free_;
  std::vector<std::string> lines_;
  std::string lacks_;
};

// "coppice-<pid>-<start time>": says whose something is, so that what a
// killed process left can be told from what a living one uses.
std::string OwnerName();
bool OwnerIsDead(std::string_view name);

}  // namespace coppice::eval

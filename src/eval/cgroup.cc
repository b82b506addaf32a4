#include "eval/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "eval/cgroup_files.h"

// Limits of a whole process tree. One mechanism of three: v2 where both
// controllers are ours to use, else v1, else none (rlimits take over). In
// every case the command's group is a plain directory whose files are numbers;
// a directory of ordinary files serves the tests.

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

// The number behind `key` in a file of "key number" lines, else 0.
std::int64_t Counter(const fs::path& file, std::string_view key) {
  const std::string text = ReadWholeOrNothing(file);
  for (std::string_view line : SplitLines(text)) {
    if (!line.starts_with(key) || line.size() <= key.size() ||
        line[key.size()] != ' ') {
      continue;
    }
    const std::string_view digits = line.substr(key.size() + 1);
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  return 0;
}

std::optional<double> Number(const fs::path& file) {
  const std::string text = ReadWholeOrNothing(file);
  double value = 0;
  const auto end =
      std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

bool PutInGroup(const fs::path& file, std::string_view text) {
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), text.data(), text.size()) ==
                   static_cast<ssize_t>(text.size());
}

void RemoveGroup(const fs::path& group) {
  if (group.empty() || rmdir(group.c_str()) == 0 || errno == ENOENT) return;
  std::error_code error;
  fs::directory_iterator entry(group, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (entry->symlink_status(ignored).type() == fs::file_type::directory) {
      RemoveGroup(entry->path());
    }
  }
  rmdir(group.c_str());
}

ControlGroup::ControlGroup(GroupVersion version, GroupRoots directories)
    : version_(version), directories_(std::move(directories)) {}

ControlGroup::~ControlGroup() {
  for (const fs::path& directory :
       {directories_.unified, directories_.memory, directories_.pids,
        directories_.cpuset, directories_.cpuacct}) {
    RemoveGroup(directory);
  }
}

bool ControlGroup::SetLimits(const GroupLimits& limits) {
  const std::string memory =
      limits.memory_mb > 0 ? std::to_string(limits.memory_mb << 20) : "";
  const std::string pids =
      limits.pids > 0 ? std::to_string(limits.pids) : "max";
  bool set = true;
  if (version_ == GroupVersion::kV2) {
    const fs::path& group = directories_.unified;
    set = PutInGroup(group / "memory.max", memory.empty() ? "max" : memory) &&
          PutInGroup(group / "pids.max", pids);
    PutInGroup(group / "memory.swap.max", "0");  // absent without swap
    PutInGroup(group / "memory.oom.group", "0");
  } else if (version_ == GroupVersion::kV1) {
    const std::string bytes = memory.empty() ? "-1" : memory;
    const fs::path& group = directories_.memory;
    // Memory with swap may not be below memory: one of the orders works.
    PutInGroup(group / "memory.memsw.limit_in_bytes", "-1");
    set = PutInGroup(group / "memory.limit_in_bytes", bytes) &&
          PutInGroup(directories_.pids / "pids.max", pids);
    PutInGroup(group / "memory.memsw.limit_in_bytes", bytes);
  }
  Pin(limits.cpus);
  before_ = ReadCounts();
  cpu_before_ = ReadCpuSeconds().value_or(0);
  return set;
}

// Where this fails the affinity of the command still says its cores.
void ControlGroup::Pin(const std::vector<int>& cpus) {
  const std::string list = fmt::format("{}", fmt::join(cpus, ","));
  if (version_ == GroupVersion::kV2) {
    PutInGroup(directories_.unified / "cpuset.cpus", list + "\n");
    return;
  }
  const fs::path& group = directories_.cpuset;
  if (group.empty()) return;
  // A v1 group starts with none of either, and then nobody can join it.
  const fs::path parent = group.parent_path();
  PutInGroup(group / "cpuset.mems", ReadWholeOrNothing(parent / "cpuset.mems"));
  if (cpus.empty() || !PutInGroup(group / "cpuset.cpus", list)) {
    PutInGroup(group / "cpuset.cpus",
               ReadWholeOrNothing(parent / "cpuset.cpus"));
  }
}

std::optional<double> ControlGroup::ReadCpuSeconds() const {
  if (!directories_.unified.empty()) {
    const fs::path stat = directories_.unified / "cpu.stat";
    std::error_code ignored;
    if (!fs::exists(stat, ignored)) return std::nullopt;
    return static_cast<double>(Counter(stat, "usage_usec")) * 1e-6;
  }
  if (directories_.cpuacct.empty()) return std::nullopt;
  const auto ns = Number(directories_.cpuacct / "cpuacct.usage");
  return ns ? std::optional(*ns * 1e-9) : std::nullopt;
}

std::optional<double> ControlGroup::CpuSeconds() const {
  const std::optional<double> now = ReadCpuSeconds();
  return now ? std::optional(*now - cpu_before_) : std::nullopt;
}

GroupCounts ControlGroup::ReadCounts() const {
  if (version_ == GroupVersion::kV2) {
    return {Counter(directories_.unified / "memory.events", "oom_kill"),
            Counter(directories_.unified / "pids.events", "max")};
  }
  if (version_ == GroupVersion::kV1) {
    return {Counter(directories_.memory / "memory.oom_control", "oom_kill"),
            Counter(directories_.pids / "pids.events", "max")};
  }
  return {};
}

GroupCounts ControlGroup::Counts() const {
  const GroupCounts now = ReadCounts();
  return {now.oom_kills - before_.oom_kills,
          now.refused_forks - before_.refused_forks};
}

void ControlGroup::Kill() {
  if (!directories_.unified.empty()) {
    PutInGroup(KillGroup() / "cgroup.kill", "1");
    PutInGroup(directories_.unified / "cgroup.kill", "1");
  }
  for (const fs::path& file : JoinFiles()) {
    const std::string members = ReadWholeOrNothing(file);
    for (std::string_view pid : SplitLines(members)) {
      const int number = std::atoi(std::string(pid).c_str());
      if (number > 1 && number != getpid()) kill(number, SIGKILL);
    }
  }
}

bool ControlGroup::Empty() const {
  // Counts the groups below as well.
  if (Counter(directories_.unified / "cgroup.events", "populated") != 0) {
    return false;
  }
  for (const fs::path& file : JoinFiles()) {
    if (!ReadWholeOrNothing(file).empty()) return false;
  }
  const fs::path inner = KillGroup();
  return inner.empty() || ReadWholeOrNothing(inner / "cgroup.procs").empty();
}

std::vector<fs::path> ControlGroup::JoinFiles() const {
  std::vector<fs::path> files;
  for (const fs::path& directory :
       {directories_.unified, directories_.memory, directories_.pids,
        directories_.cpuset, directories_.cpuacct}) {
    if (!directory.empty()) files.push_back(directory / "cgroup.procs");
  }
  return files;
}

fs::path ControlGroup::KillGroup() const {
  if (directories_.unified.empty()) return {};
  return directories_.unified / "command";
}

std::unique_ptr<ControlGroup> ControlGroups::Make() {
  const std::string name = fmt::format("{}-{}", OwnerName(), made_++);
  GroupRoots directories;
  auto make = [&](const fs::path& root, fs::path& directory) {
    directory = root / name;
    // Two v1 controllers may share a hierarchy.
    return mkdir(directory.c_str(), 0755) == 0 || errno == EEXIST;
  };
  bool made = true;
  if (version_ == GroupVersion::kV1) {
    made = make(roots_.memory, directories.memory) &&
           make(roots_.pids, directories.pids);
    if (pins_) made = made && make(roots_.cpuset, directories.cpuset);
    if (!can_kill_ && !roots_.cpuacct.empty()) {
      made = made && make(roots_.cpuacct, directories.cpuacct);
    }
  }
  if (version_ == GroupVersion::kV2 || can_kill_) {
    made = made && make(roots_.unified, directories.unified) &&
           mkdir((directories.unified / "command").c_str(), 0755) == 0;
  }
  auto group = std::make_unique<ControlGroup>(version_, std::move(directories));
  return made ? std::move(group) : nullptr;
}

std::unique_ptr<ControlGroup> ControlGroups::Acquire(
    const GroupLimits& limits) {
  if (version_ == GroupVersion::kNone && !can_kill_) return nullptr;
  while (!free_.empty()) {
    std::unique_ptr<ControlGroup> group = std::move(free_.back());
    free_.pop_back();
    if (group->SetLimits(limits)) return group;
  }
  std::unique_ptr<ControlGroup> group = Make();
  if (group && !group->SetLimits(limits)) group.reset();
  return group;
}

void ControlGroups::Release(std::unique_ptr<ControlGroup> group) {
  if (group && group->Empty()) free_.push_back(std::move(group));
}

}  // namespace coppice::eval

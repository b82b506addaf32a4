#include "eval/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

// Limits of a whole process tree. One mechanism of three: v2 where both
// controllers are ours to use, else v1, else none (rlimits take over). In
// every case the command's group is a plain directory whose files are numbers;
// a directory of ordinary files serves the tests.

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

bool Put(const fs::path& file, std::string_view text) {
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), text.data(), text.size()) ==
                   static_cast<ssize_t>(text.size());
}

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

bool HasWord(std::string_view text, std::string_view word) {
  std::istringstream words{std::string(text)};
  for (std::string w; words >> w;) {
    if (w == word) return true;
  }
  return false;
}

std::vector<std::string> Fields(std::string_view line, char separator) {
  std::vector<std::string> fields;
  std::istringstream in{std::string(line)};
  for (std::string field; std::getline(in, field, separator);) {
    fields.push_back(field);
  }
  return fields;
}

// Field 22 of /proc/PID/stat: when the process started, in ticks.
std::string StartTime(std::string_view pid) {
  const std::string stat =
      ReadWholeOrNothing(fmt::format("/proc/{}/stat", pid));
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  const auto fields = Fields(std::string_view(stat).substr(name_end + 2), ' ');
  constexpr std::size_t kStartTime = 22 - 3;
  return fields.size() > kStartTime ? fields[kStartTime] : std::string();
}

// Our group below a mount that shows the hierarchy from `mount_root` on.
fs::path OwnGroup(const fs::path& mount_point, std::string_view mount_root,
                  std::string_view own) {
  if (mount_root != "/" && own.starts_with(mount_root)) {
    own.remove_prefix(mount_root.size());
  }
  while (own.starts_with('/')) own.remove_prefix(1);
  const fs::path group = own.empty() ? mount_point : mount_point / own;
  std::error_code ignored;
  return fs::is_directory(group, ignored) ? group : mount_point;
}

}  // namespace

std::string OwnerName() {
  return fmt::format("coppice-{}-{}", getpid(), StartTime("self"));
}

bool OwnerIsDead(std::string_view name) {
  const auto parts = Fields(name, '-');
  if (parts.size() < 3 || parts[0] != "coppice") return false;
  if (parts[1].find_first_not_of("0123456789") != std::string::npos) {
    return false;
  }
  return StartTime(parts[1]) != parts[2];
}

GroupRoots FindGroupRoots(std::string_view mountinfo, std::string_view cgroup) {
  // "5:memory:/path" of v1, "0::/path" of v2.
  auto own = [&](std::string_view controller) -> std::optional<std::string> {
    for (std::string_view line : SplitLines(cgroup)) {
      const std::size_t first = line.find(':');
      const std::size_t second = line.find(':', first + 1);
      if (second == std::string_view::npos) continue;
      const std::string_view names = line.substr(first + 1, second - first - 1);
      for (const std::string& name : Fields(names, ',')) {
        if (name == controller) return std::string(line.substr(second + 1));
      }
      if (names.empty() && controller.empty()) {
        return std::string(line.substr(second + 1));
      }
    }
    return std::nullopt;
  };
  // "41 31 0:38 ROOT POINT options... - TYPE source super,options".
  GroupRoots roots;
  for (std::string_view line : SplitLines(mountinfo)) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto front = Fields(line.substr(0, dash), ' ');
    const auto back = Fields(line.substr(dash + 3), ' ');
    if (front.size() < 5 || back.size() < 3) continue;
    auto take = [&](std::string_view controller, fs::path& root) {
      const auto group = own(controller);
      if (group) root = OwnGroup(front[4], front[3], *group);
    };
    if (back[0] == "cgroup2") take("", roots.unified);
    if (back[0] != "cgroup") continue;
    for (const std::string& option : Fields(back[2], ',')) {
      if (option == "memory") take("memory", roots.memory);
      if (option == "pids") take("pids", roots.pids);
    }
  }
  return roots;
}

ControlGroup::ControlGroup(GroupVersion version, GroupRoots directories)
    : version_(version), directories_(std::move(directories)) {}

ControlGroup::~ControlGroup() {
  rmdir(KillGroup().c_str());
  for (const fs::path& directory :
       {directories_.unified, directories_.memory, directories_.pids}) {
    if (!directory.empty()) rmdir(directory.c_str());
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
    set = Put(group / "memory.max", memory.empty() ? "max" : memory) &&
          Put(group / "pids.max", pids);
    Put(group / "memory.swap.max", "0");  // absent without swap
    Put(group / "memory.oom.group", "0");
  } else if (version_ == GroupVersion::kV1) {
    const std::string bytes = memory.empty() ? "-1" : memory;
    const fs::path& group = directories_.memory;
    // Memory with swap may not be below memory: one of the orders works.
    Put(group / "memory.memsw.limit_in_bytes", "-1");
    set = Put(group / "memory.limit_in_bytes", bytes) &&
          Put(directories_.pids / "pids.max", pids);
    Put(group / "memory.memsw.limit_in_bytes", bytes);
  }
  before_ = ReadCounts();
  return set;
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
    Put(KillGroup() / "cgroup.kill", "1");
    Put(directories_.unified / "cgroup.kill", "1");
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
  for (const fs::path& file : JoinFiles()) {
    if (!ReadWholeOrNothing(file).empty()) return false;
  }
  const fs::path inner = KillGroup();
  return inner.empty() || ReadWholeOrNothing(inner / "cgroup.procs").empty();
}

std::vector<fs::path> ControlGroup::JoinFiles() const {
  std::vector<fs::path> files;
  if (version_ == GroupVersion::kV2) {
    files.push_back(directories_.unified / "cgroup.procs");
  } else if (version_ == GroupVersion::kV1) {
    files.push_back(directories_.memory / "cgroup.procs");
    files.push_back(directories_.pids / "cgroup.procs");
  }
  return files;
}

fs::path ControlGroup::KillGroup() const {
  if (directories_.unified.empty()) return {};
  return directories_.unified / "command";
}

ControlGroups::ControlGroups(GroupRoots roots) : roots_(std::move(roots)) {
  Sweep();
  if (TryVersion(GroupVersion::kV2)) {
    lines_.emplace_back("control groups: v2, memory and pids");
  } else if (TryVersion(GroupVersion::kV1)) {
    lines_.emplace_back("control groups: v1, memory and pids");
  } else {
    lines_.emplace_back(
        "control groups: none writable; limits hold for single processes "
        "(systemd-run --user --scope -p Delegate=yes gives a group)");
  }
  lines_.emplace_back(can_kill_ ? "cgroup.kill: works"
                                : "cgroup.kill: not available");
}

bool ControlGroups::TryVersion(GroupVersion version) {
  if (version == GroupVersion::kV1 &&
      (roots_.memory.empty() || roots_.pids.empty())) {
    return false;
  }
  if (version == GroupVersion::kV2) {
    if (roots_.unified.empty()) return false;
    std::error_code ignored;
    const fs::path probe = roots_.unified / (OwnerName() + "-probe");
    if (mkdir(probe.c_str(), 0755) == 0) {
      can_kill_ = fs::exists(probe / "cgroup.kill", ignored);
      rmdir(probe.c_str());
    }
    const std::string enabled =
        ReadWholeOrNothing(roots_.unified / "cgroup.subtree_control");
    if (!HasWord(enabled, "memory") || !HasWord(enabled, "pids")) {
      const std::string offered =
          ReadWholeOrNothing(roots_.unified / "cgroup.controllers");
      if (!HasWord(offered, "memory") || !HasWord(offered, "pids")) {
        return false;
      }
      if (!EnableControllers()) return false;
    }
  }
  version_ = version;
  std::unique_ptr<ControlGroup> probe = Make();
  if (probe && probe->SetLimits({.memory_mb = 1024, .pids = 64})) {
    free_.push_back(std::move(probe));
    return true;
  }
  version_ = GroupVersion::kNone;
  return false;
}

// A v2 group that holds processes cannot pass its controllers on, so we move
// into a leaf of our own; others in our group (a login shell) are not ours to
// move, and then it stays as it was.
bool ControlGroups::EnableControllers() const {
  const fs::path leaf = roots_.unified / (OwnerName() + "-self");
  if (mkdir(leaf.c_str(), 0755) != 0) return false;
  if (Put(leaf / "cgroup.procs", "0") &&
      Put(roots_.unified / "cgroup.subtree_control", "+memory +pids")) {
    return true;
  }
  Put(roots_.unified / "cgroup.procs", "0");
  rmdir(leaf.c_str());
  return false;
}

std::unique_ptr<ControlGroup> ControlGroups::Make() {
  const std::string name = fmt::format("{}-{}", OwnerName(), made_++);
  GroupRoots directories;
  auto make = [&](const fs::path& root, fs::path& directory) {
    directory = root / name;
    return mkdir(directory.c_str(), 0755) == 0;
  };
  bool made = true;
  if (version_ == GroupVersion::kV1) {
    made = make(roots_.memory, directories.memory) &&
           make(roots_.pids, directories.pids);
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

void ControlGroups::Sweep() const {
  std::error_code ignored;
  for (const fs::path& root : {roots_.unified, roots_.memory, roots_.pids}) {
    if (root.empty()) continue;
    for (const auto& entry : fs::directory_iterator(root, ignored)) {
      if (!OwnerIsDead(entry.path().filename().string())) continue;
      rmdir((entry.path() / "command").c_str());
      rmdir(entry.path().c_str());
    }
  }
}

}  // namespace coppice::eval

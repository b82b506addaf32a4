#include <errno.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <sstream>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "eval/cgroup.h"
#include "eval/cgroup_files.h"

// Which control groups there are, and which of them are ours: found by making
// one, setting its limits and removing it, not by versions.

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

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
      if (option == "cpuset") take("cpuset", roots.cpuset);
      if (option == "cpuacct") take("cpuacct", roots.cpuacct);
    }
  }
  return roots;
}

ControlGroups::ControlGroups(GroupRoots roots) : roots_(std::move(roots)) {
  Sweep();
  if (!TryV2()) TryV1();
  Describe();
}

void ControlGroups::Describe() {
  const bool v1 = !roots_.memory.empty() || !roots_.pids.empty();
  lines_.emplace_back(
      roots_.unified.empty()
          ? (v1 ? "cgroup mounts: v1" : "cgroup mounts: none")
          : (v1 ? "cgroup mounts: hybrid, v1 with a v2 tree beside it"
                : "cgroup mounts: v2"));
  if (version_ == GroupVersion::kNone) {
    lines_.emplace_back(
        "control groups: none writable; limits hold for single processes "
        "(systemd-run --user --scope -p Delegate=yes gives a group)");
  } else {
    lines_.emplace_back(version_ == GroupVersion::kV2
                            ? "control groups: v2, memory and pids"
                            : "control groups: v1, memory and pids");
    lines_.emplace_back(limits_swap_ ? "swap: limited with memory"
                                     : "swap: not limited");
    lines_.emplace_back(pins_ ? "cores: pinned by cpuset"
                              : "cores: pinned by affinity, which a candidate "
                                "can undo");
  }
  lines_.emplace_back(can_kill_ ? "cgroup.kill: works"
                                : "cgroup.kill: not available");
}

bool ControlGroups::TryV2() {
  const fs::path& root = roots_.unified;
  if (root.empty()) {
    lacks_ = "there are no v2 control groups";
    return false;
  }
  std::error_code ignored;
  const fs::path probe = root / (OwnerName() + "-probe");
  const bool writable = mkdir(probe.c_str(), 0755) == 0;
  can_kill_ = writable && fs::exists(probe / "cgroup.kill", ignored);
  rmdir(probe.c_str());
  const std::string offered = ReadWholeOrNothing(root / "cgroup.controllers");
  std::string missing;
  for (const char* controller : {"memory", "pids"}) {
    if (HasWord(offered, controller)) continue;
    missing += (missing.empty() ? "" : " and ") + std::string(controller);
  }
  if (!missing.empty()) {
    lacks_ = fmt::format("the v2 control groups lack {}", missing);
    return false;
  }
  const std::string enabled =
      ReadWholeOrNothing(root / "cgroup.subtree_control");
  if (!writable || (!(HasWord(enabled, "memory") && HasWord(enabled, "pids")) &&
                    !EnableControllers())) {
    lacks_ = fmt::format("the v2 control group {} is not ours to divide",
                         root.string());
    return false;
  }
  if (TryLimits(GroupVersion::kV2)) return true;
  lacks_ = "limits of v2 control groups cannot be set";
  return false;
}

bool ControlGroups::TryV1() {
  if (roots_.memory.empty() || roots_.pids.empty()) return false;
  return TryLimits(GroupVersion::kV1);
}

bool ControlGroups::TryLimits(GroupVersion version) {
  version_ = version;
  pins_ = version == GroupVersion::kV2 || !roots_.cpuset.empty();
  std::unique_ptr<ControlGroup> probe = Make();
  if (!probe || !probe->SetLimits({.memory_mb = 1024, .pids = 64})) {
    version_ = GroupVersion::kNone;
    pins_ = false;
    return false;
  }
  const GroupRoots& made = probe->directories();
  std::error_code ignored;
  if (version == GroupVersion::kV2) {
    pins_ = fs::exists(made.unified / "cpuset.cpus", ignored);
    limits_swap_ = fs::exists(made.unified / "memory.swap.max", ignored);
  } else {
    pins_ = !ReadWholeOrNothing(made.cpuset / "cpuset.cpus").empty() &&
            !ReadWholeOrNothing(made.cpuset / "cpuset.mems").empty();
    limits_swap_ =
        fs::exists(made.memory / "memory.memsw.limit_in_bytes", ignored);
  }
  // A cpuset that takes no cores is left out of the groups to come.
  if (pins_ || version == GroupVersion::kV2) free_.push_back(std::move(probe));
  return true;
}

// A v2 group that holds processes cannot pass its controllers on, so we move
// into a leaf of our own; others in our group (a login shell) are not ours to
// move, and then it stays as it was.
bool ControlGroups::EnableControllers() const {
  const fs::path leaf = roots_.unified / (OwnerName() + "-self");
  if (mkdir(leaf.c_str(), 0755) != 0) return false;
  if (PutInGroup(leaf / "cgroup.procs", "0") &&
      PutInGroup(roots_.unified / "cgroup.subtree_control", "+memory +pids")) {
    PutInGroup(roots_.unified / "cgroup.subtree_control", "+cpuset");
    return true;
  }
  PutInGroup(roots_.unified / "cgroup.procs", "0");
  rmdir(leaf.c_str());
  return false;
}

void ControlGroups::Sweep() const {
  std::error_code ignored;
  for (const fs::path& root : {roots_.unified, roots_.memory, roots_.pids,
                               roots_.cpuset, roots_.cpuacct}) {
    if (root.empty()) continue;
    for (const auto& entry : fs::directory_iterator(root, ignored)) {
      if (OwnerIsDead(entry.path().filename().string())) {
        RemoveGroup(entry.path());
      }
    }
  }
}

}  // namespace coppice::eval

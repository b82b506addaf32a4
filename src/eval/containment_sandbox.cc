#include "eval/containment_sandbox.h"

#include <fmt/format.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "eval/containment_verdict.h"
#include "eval/isolation.h"
#include "eval/pinning.h"

// One command from its request to its result: a control group and private
// places for it, the plan, the run itself (containment_command.cc), and what
// the counters and the disk say of its end.

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

// A disk with less than this is full; with this much a command could go on.
constexpr std::uint64_t kFullBelow = std::uint64_t{64} << 20;
constexpr std::uint64_t kRoomEnough = std::uint64_t{256} << 20;

// Of CPU time that nobody waited for: below it, it is our own imprecision.
constexpr double kHiddenCpuSeconds = 0.02;

// 0.8 of what the machine could give now.
std::int64_t DefaultMemoryMb() {
  std::ifstream in("/proc/meminfo");
  std::string key;
  std::int64_t kb = 0;
  for (std::string rest; in >> key >> kb; std::getline(in, rest)) {
    if (key == "MemAvailable:") return kb / 1024 * 8 / 10;
  }
  return 0;
}

std::string LandlockLine(bool contained, bool restricts) {
  const int version = LandlockVersion();
  const std::string found =
      version > 0 ? fmt::format("ABI {}", version) : "not available";
  if (contained) return fmt::format("landlock: {}, not needed", found);
  return fmt::format("landlock: {}, writes outside the tree are {}", found,
                     restricts ? "denied" : "not denied");
}

}  // namespace

int LandlockVersion() {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0,
                               LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? static_cast<int>(version) : 0;
}

LocalSandbox::LocalSandbox(SandboxOptions options, LaunchBase base,
                           PrivateDirectory scratch, ControlGroups groups)
    : options_(std::move(options)),
      base_(std::move(base)),
      scratch_(std::move(scratch)),
      groups_(std::move(groups)) {
  if (options_.default_memory_mb == 0) {
    options_.default_memory_mb = DefaultMemoryMb();
  }
  Describe();
}

// Cores times the timeout cannot be passed within the timeout but by a command
// that left its cores; a little is for starting it and for reading late.
double LocalSandbox::CpuLimit(const CommandRequest& request) const {
  if (request.limits.cpu_seconds > 0) return request.limits.cpu_seconds;
  const std::size_t cores = request.limits.cpus.empty()
                                ? AllowedCores().size()
                                : request.limits.cpus.size();
  const std::chrono::duration<double> wall = request.timeout + options_.grace;
  return 1.05 * wall.count() * static_cast<double>(cores) + 1;
}

// Everything on a disk of the host that the command may write to. In an
// overlay's upper all is the candidate's; elsewhere it is what is new.
std::vector<DiskRoot> LocalSandbox::DiskRoots(const CommandRequest& request,
                                              const PrivateHomes* homes) const {
  const auto since = std::chrono::floor<std::chrono::seconds>(clock_->Wall());
  const std::int64_t start = since.time_since_epoch().count();
  std::vector<DiskRoot> roots;
  if (request.tree.overlay) {
    roots.push_back({request.tree.overlay->upper, 0});
  } else {
    roots.push_back({request.tree.root, start});
  }
  for (const Bind& bind : request.binds) {
    if (bind.writable) roots.push_back({bind.host, start});
  }
  if (homes != nullptr) roots.push_back({homes->root(), 0});
  return roots;
}

CommandWatch LocalSandbox::WatchOf(const CommandRequest& request,
                                   const PrivateHomes* homes) const {
  const CommandLimits& limits = request.limits;
  return {
      .clock = *clock_,
      .compute = options_.compute != nullptr ? *options_.compute : *in_place_,
      .grace = options_.grace,
      .disk_every = options_.disk_every,
      .cpu_seconds = CpuLimit(request),
      .roots = DiskRoots(request, homes),
      .disk = {static_cast<std::uint64_t>(limits.disk_mb) << 20,
               limits.new_files}};
}

// A failure on a full disk is nobody's but of whoever filled it: the command
// did if without what it wrote there would be room.
Task<void> LocalSandbox::LookForRoom(const CommandRequest& request,
                                     CommandWatch watch, Evidence& evidence) {
  const bool failed = evidence.stop == Stop::kNone && evidence.record &&
                      evidence.record->status != 0;
  if (!failed) co_return;
  const fs::path& disk =
      request.tree.overlay ? request.tree.overlay->upper : request.tree.root;
  const std::uint64_t free = FreeBytes(disk);
  if (free >= kFullBelow) co_return;
  auto look = [&watch] { return MeasureDisk(watch.roots, watch.disk); };
  const DiskUse use = co_await Offload(watch.compute, look);
  evidence.filled_disk =
      use.Over(watch.disk) || free + use.bytes >= kRoomEnough;
  evidence.host_full = !evidence.filled_disk;
}

Task<CommandResult> LocalSandbox::Run(const CommandRequest& request) {
  const std::int64_t memory_mb = request.limits.memory_mb > 0
                                     ? request.limits.memory_mb
                                     : options_.default_memory_mb;
  // The supervisor, and bwrap, are members too.
  const int ours = contained() ? 2 : 1;
  GroupLimits limits{.memory_mb = memory_mb,
                     .pids = request.limits.pids + ours,
                     .cpus = request.limits.cpus};
  std::unique_ptr<ControlGroup> group = groups_.Acquire(limits);
  const bool counted = group && groups_.version() != GroupVersion::kNone;

  LaunchPlace place{.group = group.get()};
  std::optional<PrivateHomes> homes;
  if (!contained()) {
    homes.emplace(scratch_.path() / std::to_string(started_++));
    place.home = homes->home();
    place.temp = homes->temp();
  }
  const CommandWatch watch = WatchOf(request, homes ? &*homes : nullptr);
  if (!counted) place.address_space_mb = request.limits.memory_mb;
  if (!group || !group->CpuSeconds()) {
    place.cpu_seconds = static_cast<std::int64_t>(std::ceil(watch.cpu_seconds));
  }

  RunningCommand command(request, watch);
  running_.insert(&command);
  std::string plan = MakePlan(base_, place, request);
  Result<void> started =
      co_await command.Run(base_, std::move(plan), group.get());
  running_.erase(&command);

  Evidence evidence = command.Found();
  CommandResult result = command.TakeResult();
  if (!started) evidence.complaint = started.error().Text();
  if (!evidence.record && started) evidence.complaint = result.err.Text();
  evidence.counted = counted;
  evidence.memory_mb = counted ? memory_mb : request.limits.memory_mb;
  if (counted) {
    const GroupCounts counts = group->Counts();
    evidence.oom_kills = counts.oom_kills;
    evidence.refused_forks = counts.refused_forks;
  }
  if (group) {
    const double all = group->CpuSeconds().value_or(0);
    const double hidden = all - command.WaitedCpuSeconds();
    if (hidden > kHiddenCpuSeconds) result.cpu_seconds += hidden;
  }
  co_await LookForRoom(request, watch, evidence);
  Judgement judgement = Judge(evidence);
  result.verdict = judgement.verdict;
  result.reason = std::move(judgement.reason);
  groups_.Release(std::move(group));
  if (homes) co_await homes->Remove();
  co_return result;
}

void LocalSandbox::Describe() {
  const GroupVersion version = groups_.version();
  std::vector<std::string>& lines = isolation_.lines;
  if (contained()) {
    isolation_.level = version == GroupVersion::kV2 ? 3 : 2;
    isolation_.name = version == GroupVersion::kV2   ? "L3"
                      : version == GroupVersion::kV1 ? "L2/v1"
                                                     : "L2/rlimit";
    isolation_.lacks = groups_.lacks();
    lines.emplace_back(
        "bubblewrap: user, mount, pid, net, ipc and uts namespaces");
  } else {
    isolation_.level = 1;
    isolation_.name = "L1";
    isolation_.lacks = "evaluation.sandbox is none";
    if (FindProgram("bwrap").empty()) {
      isolation_.lacks += ", and bubblewrap (bwrap) is not in PATH";
    }
    lines.emplace_back(
        "no sandbox: candidate code can read everything this account can "
        "read, and use the network");
  }
  for (const std::string& line : groups_.lines()) lines.push_back(line);
  lines.push_back(LandlockLine(contained(), base_.restrict_writes));
}

}  // namespace coppice::eval

#include "eval/containment.h"

#include <fmt/format.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "eval/cgroup.h"
#include "eval/containment_command.h"
#include "eval/containment_verdict.h"
#include "eval/isolation.h"
#include "eval/launcher.h"

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

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

bool HasLandlock() {
  return syscall(SYS_landlock_create_ruleset, nullptr, 0,
                 LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

// A directory that only this process uses, removed with it; what a killed
// process left is removed by the next one.
class PrivateDirectory {
 public:
  static Result<PrivateDirectory> Make(fs::path parent) {
    std::error_code error;
    if (parent.empty()) parent = fs::temp_directory_path(error);
    if (!error) fs::create_directories(parent, error);
    std::string name = (parent / (OwnerName() + "-XXXXXX")).string();
    if (error || mkdtemp(name.data()) == nullptr) {
      return Error{.code = ErrorCode::kIo,
                   .what = "cannot make a private directory",
                   .where = parent.string(),
                   .cause = error ? error.message() : std::string()};
    }
    for (const auto& entry : fs::directory_iterator(parent, error)) {
      if (OwnerIsDead(entry.path().filename().string())) {
        std::error_code ignored;
        fs::remove_all(entry.path(), ignored);
      }
    }
    return PrivateDirectory(std::move(name));
  }
  PrivateDirectory(PrivateDirectory&& other) noexcept
      : path_(std::exchange(other.path_, {})) {}
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  ~PrivateDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit PrivateDirectory(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// HOME and TMPDIR of one command where there is no bwrap to make them.
class PrivateHomes {
 public:
  explicit PrivateHomes(const fs::path& root) : root_(root) {
    std::error_code ignored;
    fs::create_directories(home(), ignored);
    fs::create_directories(temp(), ignored);
  }
  fs::path home() const { return root_ / "home"; }
  fs::path temp() const { return root_ / "tmp"; }

  // A command may leave much; then a program of its own removes it.
  Task<void> Remove() {
    rmdir(home().c_str());
    rmdir(temp().c_str());
    if (rmdir(root_.c_str()) == 0) co_return;
    std::vector<std::string> argv{"rm", "-rf", "--", root_.string()};
    const Result<ProcessOutput> done = co_await RunTool(std::move(argv));
    if (!done || !done->ok()) LogWarning("cannot remove " + root_.string());
  }

 private:
  fs::path root_;
};

class LocalSandbox final : public Sandbox {
 public:
  LocalSandbox(SandboxOptions options, LaunchBase base,
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

  Task<CommandResult> Run(const CommandRequest& request) override;
  const Isolation& isolation() const override { return isolation_; }
  void CancelAll() override {
    for (RunningCommand* command : running_) command->End(Stop::kCancelled);
  }

 private:
  void Describe();
  bool contained() const { return !base_.bwrap.empty(); }

  SandboxOptions options_;
  const LaunchBase base_;
  const PrivateDirectory scratch_;
  ControlGroups groups_;
  Isolation isolation_;
  std::uint64_t started_ = 0;
  std::set<RunningCommand*> running_;
};

Task<CommandResult> LocalSandbox::Run(const CommandRequest& request) {
  const std::int64_t memory_mb = request.limits.memory_mb > 0
                                     ? request.limits.memory_mb
                                     : options_.default_memory_mb;
  // The supervisor, and bwrap, are members too.
  const int ours = contained() ? 2 : 1;
  GroupLimits limits{.memory_mb = memory_mb,
                     .pids = request.limits.pids + ours};
  std::unique_ptr<ControlGroup> group = groups_.Acquire(limits);
  const bool counted = group && groups_.version() != GroupVersion::kNone;

  LaunchPlace place{.group = group.get()};
  std::optional<PrivateHomes> homes;
  if (!contained()) {
    homes.emplace(scratch_.path() / std::to_string(started_++));
    place.home = homes->home();
    place.temp = homes->temp();
  }
  if (!counted) place.address_space_mb = request.limits.memory_mb;

  RunningCommand command(request, options_.grace);
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
  Judgement judgement = Judge(evidence);
  result.verdict = judgement.verdict;
  result.reason = std::move(judgement.reason);
  groups_.Release(std::move(group));
  if (homes) co_await homes->Remove();
  co_return result;
}

void LocalSandbox::Describe() {
  const GroupVersion version = groups_.version();
  if (contained()) {
    isolation_.level = version == GroupVersion::kV2 ? 3 : 2;
    isolation_.name = version == GroupVersion::kV2   ? "L3"
                      : version == GroupVersion::kV1 ? "L2/v1"
                                                     : "L2/rlimit";
    isolation_.lines.emplace_back(
        "bubblewrap: user, mount, pid, net, ipc and uts namespaces");
  } else {
    isolation_.level = 1;
    isolation_.name = "L1";
    isolation_.lines.emplace_back(
        "no sandbox: candidate code can read everything this account can "
        "read, and use the network");
    isolation_.lines.emplace_back(
        base_.restrict_writes
            ? "landlock: writes outside the tree are denied"
            : "landlock: not available; writes outside are not denied");
  }
  for (const std::string& line : groups_.lines()) {
    isolation_.lines.push_back(line);
  }
}

// Runs a coroutine to its end on a conductor of its own.
CommandResult RunHere(Sandbox& sandbox, const CommandRequest& request) {
  asio::io_context io(1);
  CommandResult result;
  std::exception_ptr failure;
  auto ended = [&](const std::exception_ptr& error, CommandResult value) {
    failure = error;
    result = std::move(value);
  };
  asio::co_spawn(io, sandbox.Run(request), std::move(ended));
  io.run();
  if (failure) std::rethrow_exception(failure);
  return result;
}

Error BwrapError(std::string what, std::string cause) {
  return Error{.code = ErrorCode::kCheck,
               .what = std::move(what),
               .cause = std::move(cause),
               .next =
                   "install bubblewrap (apt-get install bubblewrap), or "
                   "set evaluation.sandbox: none to run candidates "
                   "without containment"};
}

ControlGroups FindGroups() {
  return ControlGroups(
      FindGroupRoots(ReadWholeOrNothing("/proc/self/mountinfo"),
                     ReadWholeOrNothing("/proc/self/cgroup")));
}

// Runs `true` in a tree of its own: does the sandbox work here?
CommandResult Probe(Sandbox& sandbox, const fs::path& directory,
                    std::optional<Overlay> overlay = {}) {
  CommandRequest request;
  request.command = "true";
  request.tree.root = overlay ? overlay->lower : directory;
  request.tree.overlay = std::move(overlay);
  request.timeout = std::chrono::seconds(10);
  return RunHere(sandbox, request);
}

}  // namespace

Result<std::unique_ptr<Sandbox>> MakeSandbox(SandboxOptions options) {
  Result<fs::path> helper = FindSandboxHelper();
  if (!helper) return helper.error();
  Result<PrivateDirectory> scratch = PrivateDirectory::Make(options.scratch);
  if (!scratch) return scratch.error();
  LaunchBase base{.helper = std::move(*helper)};
  if (options.mode == SandboxMode::kBwrap) {
    const fs::path bwrap = FindProgram("bwrap");
    if (bwrap.empty()) {
      return BwrapError("bubblewrap is not installed", "no bwrap in PATH");
    }
    const fs::path etc = scratch->path() / "etc";
    Result<void> written = WriteMinimalEtc(etc);
    if (!written) return written.error();
    base.bwrap = BwrapBase(bwrap, etc);
  } else {
    base.restrict_writes = HasLandlock();
  }
  const fs::path probe = scratch->path() / "probe";
  std::error_code ignored;
  fs::create_directory(probe, ignored);
  auto sandbox = std::make_unique<LocalSandbox>(
      std::move(options), std::move(base), std::move(*scratch), FindGroups());
  const CommandResult tried = Probe(*sandbox, probe);
  if (tried.verdict == Verdict::kOk) {
    return std::unique_ptr<Sandbox>(std::move(sandbox));
  }
  if (sandbox->isolation().level >= 2) {
    return BwrapError("bubblewrap does not work here", tried.reason);
  }
  return Error{.code = ErrorCode::kCheck,
               .what = "commands cannot be started",
               .cause = tried.reason};
}

bool OverlayWorks(const fs::path& directory) {
  SandboxOptions options{.mode = SandboxMode::kNone, .scratch = directory};
  Result<std::unique_ptr<Sandbox>> sandbox = MakeSandbox(std::move(options));
  Result<PrivateDirectory> own = PrivateDirectory::Make(directory);
  if (!sandbox || !own) return false;
  Overlay overlay{.lower = own->path() / "lower",
                  .upper = own->path() / "upper",
                  .work = own->path() / "work"};
  std::error_code error;
  for (const fs::path& part : {overlay.lower, overlay.upper, overlay.work}) {
    fs::create_directory(part, error);
  }
  return Probe(**sandbox, own->path(), overlay).verdict == Verdict::kOk;
}

}  // namespace coppice::eval

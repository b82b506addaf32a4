#include "eval/containment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "eval/cgroup.h"
#include "eval/containment_places.h"
#include "eval/containment_sandbox.h"
#include "eval/isolation.h"
#include "eval/launcher.h"

// Which level this machine allows is found by doing: a command is run with
// everything that was found, and if it cannot be run there is no sandbox.

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

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

// The error of a machine on which bwrap does not do; in one line for who has
// asked for a level.
Error BwrapError(const SandboxOptions& options, std::string what,
                 std::string cause) {
  if (options.required_level > 0) {
    const Isolation without{.level = 1,
                            .name = "L1",
                            .lines = {},
                            .lacks = what + ": " + OneLine(cause, 300)};
    return RequireLevel(without, options.required_level).error();
  }
  return Error{.code = ErrorCode::kCheck,
               .what = std::move(what),
               .cause = std::move(cause),
               .next =
                   "install bubblewrap (apt-get install bubblewrap), or "
                   "set evaluation.sandbox: none to run candidates "
                   "without containment"};
}

ControlGroups FindGroups(GroupUse use) {
  if (use == GroupUse::kNone) return ControlGroups(GroupRoots{});
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
      return BwrapError(options, "bubblewrap is not installed",
                        "no bwrap in PATH");
    }
    const fs::path etc = scratch->path() / "etc";
    Result<void> written = WriteMinimalEtc(etc);
    if (!written) return written.error();
    base.bwrap = BwrapBase(bwrap, etc);
  } else {
    base.restrict_writes = options.restrict_writes && LandlockVersion() > 0;
  }
  const fs::path probe = scratch->path() / "probe";
  std::error_code ignored;
  fs::create_directory(probe, ignored);
  auto sandbox = std::make_unique<LocalSandbox>(options, std::move(base),
                                                std::move(*scratch),
                                                FindGroups(options.groups));
  const CommandResult tried = Probe(*sandbox, probe);
  if (tried.verdict != Verdict::kOk) {
    if (options.mode == SandboxMode::kBwrap) {
      return BwrapError(options, "bubblewrap does not work here", tried.reason);
    }
    return Error{.code = ErrorCode::kCheck,
                 .what = "commands cannot be started",
                 .cause = tried.reason};
  }
  Result<void> enough =
      RequireLevel(sandbox->isolation(), options.required_level);
  if (!enough) return enough.error();
  return std::unique_ptr<Sandbox>(std::move(sandbox));
}

void ShieldProcess() {
  // First, because afterwards the file is root's.
  const UniqueFd fd(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (fd) [[maybe_unused]]
    const ssize_t ignored = write(fd.get(), "-500", 4);
  prctl(PR_SET_DUMPABLE, 0);
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

#include "eval/containment_world.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <fstream>
#include <optional>
#include <utility>

#include "base/file.h"
#include "eval/cgroup.h"

namespace coppice::eval {
namespace fs = std::filesystem;

ContainmentWorld::ContainmentWorld(SandboxMode mode, SandboxOptions options)
    : io_(1) {
  options.mode = mode;
  options.scratch = directory_ / "scratch";
  fs::create_directories(tree());
  const char* named = getenv("COPPICE_TEST_HOSTILE");
  fs::copy_file(named != nullptr ? fs::path(named)
                                 : fs::path(COPPICE_BINARY_DIR) / "bin/hostile",
                tree() / "hostile");
  Result<std::unique_ptr<Sandbox>> made = MakeSandbox(std::move(options));
  REQUIRE_MESSAGE(made.has_value(), made.error().Text());
  sandbox_ = std::move(*made);
}

ContainmentWorld::~ContainmentWorld() = default;

std::string ContainmentWorld::Hostile(std::string_view words) const {
  return "./hostile " + std::string(words);
}

CommandRequest ContainmentWorld::Request(std::string command) const {
  CommandRequest request;
  request.command = std::move(command);
  request.tree.root = tree();
  request.timeout = std::chrono::seconds(20);
  return request;
}

CommandResult ContainmentWorld::Run(std::string command) {
  return Run(Request(std::move(command)));
}

CommandResult ContainmentWorld::Run(const CommandRequest& request) {
  std::optional<CommandResult> result;
  std::exception_ptr failure;
  auto ended = [&](std::exception_ptr error, CommandResult value) {
    failure = error;
    result.emplace(std::move(value));
  };
  asio::co_spawn(io_, sandbox_->Run(request), std::move(ended));
  io_.restart();
  io_.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

std::vector<CommandResult> ContainmentWorld::RunTogether(
    const std::vector<CommandRequest>& requests) {
  std::vector<CommandResult> results(requests.size());
  std::exception_ptr failure;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto ended = [&, i](std::exception_ptr error, CommandResult value) {
      if (error) failure = error;
      results[i] = std::move(value);
    };
    asio::co_spawn(io_, sandbox_->Run(requests[i]), std::move(ended));
  }
  io_.restart();
  io_.run();
  if (failure) std::rethrow_exception(failure);
  return results;
}

CommandResult ContainmentWorld::RunAnd(const CommandRequest& request,
                                       std::chrono::milliseconds delay,
                                       std::function<void()> then) {
  asio::steady_timer timer(io_, delay);
  timer.async_wait([&](boost::system::error_code) { then(); });
  return Run(request);
}

bool HaveBwrap() {
  static const std::string why = [] {
    testing::TempDir scratch;
    auto made = MakeSandbox({.scratch = scratch.path()});
    return made ? std::string() : made.error().Text();
  }();
  if (!why.empty()) MESSAGE("NOT TESTED at this level: " << why);
  return why.empty();
}

void ForEachMode(const std::function<void(SandboxMode)>& test) {
  {
    INFO("sandbox: none");
    test(SandboxMode::kNone);
  }
  if (HaveBwrap()) {
    INFO("sandbox: bwrap");
    test(SandboxMode::kBwrap);
  }
}

void ForEachLevel(
    const std::function<void(SandboxMode, SandboxOptions)>& test) {
  ForEachMode([&](SandboxMode mode) {
    for (const GroupUse groups : {GroupUse::kBest, GroupUse::kNone}) {
      INFO("groups: ", groups == GroupUse::kBest ? "as found" : "none");
      test(mode, SandboxOptions{.grace = std::chrono::milliseconds(300),
                                .groups = groups});
    }
  });
}

void NotApplicable(std::string_view row, std::string_view level) {
  MESSAGE(std::string(row) << ": not applicable at " << std::string(level));
}

bool HasLine(Sandbox& sandbox, std::string_view text) {
  for (const std::string& line : sandbox.isolation().lines) {
    if (line.find(text) != std::string::npos) return true;
  }
  return false;
}

std::int64_t ResidentKb() {
  std::ifstream in("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  in >> total >> resident;
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

bool CountsGroups(Sandbox& sandbox) {
  return HasLine(sandbox, ", memory and pids");
}

bool KillsGroups(Sandbox& sandbox) {
  return sandbox.isolation().level >= 2 ||
         HasLine(sandbox, "cgroup.kill: works");
}

namespace {

int CountGroupsIf(pid_t pid, bool (*counts)(std::string_view name)) {
  const GroupRoots roots =
      FindGroupRoots(ReadWholeOrNothing("/proc/self/mountinfo"),
                     ReadWholeOrNothing("/proc/self/cgroup"));
  const std::string owner = "coppice-" + std::to_string(pid) + "-";
  int count = 0;
  for (const fs::path& root :
       {roots.unified, roots.memory, roots.pids, roots.cpuset, roots.cpuacct}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root, error)) {
      const std::string name = entry.path().filename();
      count += name.starts_with(owner) && counts(name) ? 1 : 0;
    }
  }
  return count;
}

}  // namespace

int CountGroups(pid_t pid) {
  return CountGroupsIf(pid, [](std::string_view) { return true; });
}

int CountDeadGroups(pid_t pid) { return CountGroupsIf(pid, OwnerIsDead); }

int CountProcesses(std::string_view text) {
  int count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string line = ReadWholeOrNothing(entry.path() / "cmdline");
    if (line.find(text) != std::string::npos) ++count;
  }
  return count;
}

}  // namespace coppice::eval

#include "eval/containment_world.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "base/file.h"

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

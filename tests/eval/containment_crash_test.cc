#include <doctest/doctest.h>
#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/process.h"
#include "eval/containment_world.h"

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// Starts a host of a sandbox, kills it when its command speaks.
void KillHostOf(const std::string& mode, const std::string& command,
                const fs::path& directory) {
  fs::create_directories(directory / "tree");
  const fs::path bin = fs::path(COPPICE_BINARY_DIR) / "bin";
  fs::copy_file(bin / "hostile", directory / "tree/hostile",
                fs::copy_options::overwrite_existing);
  asio::io_context io(1);
  Process* host = nullptr;
  std::string said;
  ProcessOptions options{.argv = {(bin / "sandbox_host").string(), mode,
                                  (directory / "tree").string(),
                                  (directory / "scratch").string(), command}};
  options.on_stdout = [&](std::string_view bytes) {
    said += bytes;
    if (said.find("started") != std::string::npos) host->Signal(SIGKILL);
  };
  Result<std::unique_ptr<Process>> started =
      Process::Start(io.get_executor(), std::move(options));
  REQUIRE(started.has_value());
  host = started->get();
  io.run();
  CHECK(host->exit().signal() == SIGKILL);
}

bool GoneWithin(milliseconds limit, std::string_view mark) {
  for (milliseconds waited{0}; waited < limit; waited += milliseconds(20)) {
    if (CountProcesses(mark) == 0) return true;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return false;
}

}  // namespace

TEST_CASE("FM-25 when coppice is killed everything it started dies") {
  const std::string mark = "86435.5";
  ForEachMode([&](SandboxMode mode) {
    testing::TempDir directory;
    KillHostOf(mode == SandboxMode::kNone ? "none" : "bwrap",
               "trap '' TERM HUP; setsid sleep " + mark + " & (setsid sleep " +
                   mark + " &); ./hostile immortals; " + "sleep " + mark,
               directory.path());
    CHECK(GoneWithin(std::chrono::seconds(5), mark));
    CHECK(GoneWithin(std::chrono::seconds(1), directory.path().string()));
  });
}

TEST_CASE("FM-25 killed at 200 random points it leaves nothing that stays") {
  testing::TempDir directory;
  fs::create_directories(directory / "tree");
  const std::string mark = "86437.5";
  const fs::path bin = fs::path(COPPICE_BINARY_DIR) / "bin";
  std::mt19937 random(25);
  const int modes = HaveBwrap() ? 2 : 1;
  // From before it has a sandbox to well into its command.
  std::uniform_int_distribution<int> after_ms(0, 60);
  std::vector<pid_t> hosts;
  for (int n = 0; n < 200; ++n) {
    asio::io_context io(1);
    ProcessOptions options{
        .argv = {
            (bin / "sandbox_host").string(), n % modes == 0 ? "none" : "bwrap",
            (directory / "tree").string(), (directory / "scratch").string(),
            "setsid sleep " + mark + " & echo x > written; sleep " + mark}};
    Result<std::unique_ptr<Process>> started =
        Process::Start(io.get_executor(), std::move(options));
    REQUIRE(started.has_value());
    hosts.push_back((*started)->pid());
    asio::steady_timer timer(io, milliseconds(after_ms(random)));
    timer.async_wait(
        [&](boost::system::error_code) { (*started)->Signal(SIGKILL); });
    io.run();
  }
  CHECK(GoneWithin(std::chrono::seconds(5), mark));
  CHECK(GoneWithin(std::chrono::seconds(1), directory.path().string()));
  {
    auto next = MakeSandbox({.scratch = directory / "scratch"});
    for (const pid_t host : hosts) REQUIRE(CountDeadGroups(host) == 0);
  }
  CHECK(fs::is_empty(directory / "scratch"));
}

TEST_CASE("what a killed coppice left behind is removed by the next one") {
  testing::TempDir directory;
  KillHostOf("none", "echo started; sleep 86436.5", directory.path());
  auto private_directories = [&] {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(directory / "scratch")) {
      count += entry.is_directory() ? 1 : 0;
    }
    return count;
  };
  CHECK(private_directories() == 1);
  {
    auto next = MakeSandbox(
        {.mode = SandboxMode::kNone, .scratch = directory / "scratch"});
    REQUIRE(next.has_value());
    CHECK(private_directories() == 1);  // its own
  }
  CHECK(private_directories() == 0);
}

}  // namespace coppice::eval

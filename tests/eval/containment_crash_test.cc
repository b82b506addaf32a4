#include <doctest/doctest.h>
#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

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

TEST_CASE("when coppice is killed everything it started dies") {
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

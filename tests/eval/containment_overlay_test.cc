#include <doctest/doctest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/process.h"
#include "eval/containment.h"
#include "eval/containment_world.h"

// The overlay is mounted as root here, or in a user namespace otherwise; the
// last case runs the others as an account without rights.

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;
using testing::WriteFile;

class OverlayWorld : public ContainmentWorld {
 public:
  explicit OverlayWorld(SandboxMode mode, SandboxOptions options = {})
      : ContainmentWorld(mode, std::move(options)) {
    // Characters that separate an overlay's options have to survive.
    overlay_ = {.lower = tree(),
                .upper = directory() / "up,p:er",
                .work = directory() / "work"};
    fs::create_directories(overlay_.upper);
    fs::create_directories(overlay_.work);
    WriteFile(overlay_.lower / "kept", "lower");
    WriteFile(overlay_.lower / "dir/changed", "lower");
    WriteFile(overlay_.lower / "dir/removed", "lower");
    WriteFile(overlay_.upper / "kept", "candidate");
  }

  CommandResult RunOver(std::string command) {
    CommandRequest request = Request(std::move(command));
    request.tree.overlay = overlay_;
    return Run(request);
  }
  const Overlay& overlay() const { return overlay_; }

 private:
  Overlay overlay_;
};

bool HaveOverlay() {
  testing::TempDir directory;
  const bool works = OverlayWorks(directory.path());
  if (!works) MESSAGE("NOT TESTED: overlays cannot be mounted here");
  return works;
}

}  // namespace

TEST_CASE("a command sees the candidate's files over the base") {
  if (!HaveOverlay()) return;
  ForEachMode([](SandboxMode mode) {
    OverlayWorld world(mode);
    const CommandResult seen = world.RunOver("cat kept dir/changed");
    CHECK(seen.out.head == "candidatelower");
  });
}

TEST_CASE("what a command writes lands in the upper, never in the lower") {
  if (!HaveOverlay()) return;
  ForEachMode([](SandboxMode mode) {
    OverlayWorld world(mode);
    const CommandResult wrote = world.RunOver(
        "echo new > made && echo new > dir/changed && rm dir/removed "
        "&& mkdir -p a/b && echo new > a/b/c && mv a/b a/d");
    CHECK(wrote.verdict == Verdict::kOk);
    CHECK(wrote.err.head.empty());
    CHECK(ReadFile(world.overlay().upper / "made") == "new\n");
    CHECK(ReadFile(world.overlay().upper / "dir/changed") == "new\n");
    CHECK(ReadFile(world.overlay().upper / "a/d/c") == "new\n");
    CHECK(ReadFile(world.overlay().lower / "dir/changed") == "lower");
    CHECK(ReadFile(world.overlay().lower / "dir/removed") == "lower");
    CHECK_FALSE(fs::exists(world.overlay().lower / "made"));

    const CommandResult again = world.RunOver("cat made; ls dir");
    CHECK(again.out.head == "new\nchanged\n");
  });
}

TEST_CASE("an upper is free again as soon as its command has ended") {
  if (!HaveOverlay()) return;
  ForEachMode([](SandboxMode mode) {
    OverlayWorld world(mode);
    for (int n = 0; n < 20; ++n) {
      CommandRequest request =
          world.Request("echo " + std::to_string(n) + " > n; sleep 5");
      request.tree.overlay = world.overlay();
      request.timeout = std::chrono::milliseconds(n % 2 == 0 ? 20 : 5'000);
      if (n % 2 != 0) request.command += " & exit 0";
      world.Run(request);
      WriteFile(world.overlay().upper / "between", std::to_string(n));
      const CommandResult seen = world.RunOver("cat between");
      REQUIRE(seen.out.head == std::to_string(n));
    }
  });
}

TEST_CASE("FM-07 what is written over an overlay is limited too") {
  if (!HaveOverlay()) return;
  ForEachMode([](SandboxMode mode) {
    OverlayWorld world(mode, {.disk_every = std::chrono::milliseconds(50)});
    WriteFile(world.overlay().lower / "huge", std::string(30 << 20, 'x'));
    CommandRequest request =
        world.Request("head -c 20M /dev/zero > big; sleep 20");
    request.tree.overlay = world.overlay();
    request.limits.disk_mb = 10;
    const CommandResult result = world.Run(request);
    CHECK(result.verdict == Verdict::kFailed);
    CHECK(result.reason == "disk limit");
    // The base is not the candidate's, however large it is.
    fs::remove(world.overlay().upper / "big");
    request.command = "cat huge > /dev/null; sleep 0.3";
    CHECK(world.Run(request).verdict == Verdict::kOk);
  });
}

TEST_CASE("a mount of a command is not seen outside of it") {
  if (!HaveOverlay()) return;
  ForEachMode([](SandboxMode mode) {
    OverlayWorld world(mode);
    const std::string before = ReadFile("/proc/self/mountinfo");
    std::string during;
    CommandRequest request = world.Request("echo up; sleep 0.2");
    request.tree.overlay = world.overlay();
    request.on_output = [&during](OutputStream, std::string_view) {
      during = ReadFile("/proc/self/mountinfo");
      return false;
    };
    CHECK(world.Run(request).verdict == Verdict::kOk);
    CHECK(during == before);
    CHECK(ReadFile(world.tree() / "kept") == "lower");
  });
}

TEST_CASE("an overlay that cannot be mounted is our fault") {
  OverlayWorld world(SandboxMode::kNone);
  fs::remove_all(world.overlay().work);
  const CommandResult result = world.RunOver("true");
  CHECK(result.verdict == Verdict::kLost);
  CHECK(result.reason.find("cannot mount the tree") != std::string::npos);
}

TEST_CASE("all of this holds for an account without rights") {
  if (geteuid() != 0) return;  // then the cases above were that account's
  testing::TempDir copy;       // the build directory may be closed to others
  fs::permissions(copy.path(), fs::perms::all);
  fs::create_directories(copy / "bin");
  for (const char* name :
       {"bin/containment_test", "bin/coppice-sandbox", "bin/hostile"}) {
    fs::copy_file(fs::path(COPPICE_BINARY_DIR) / name, copy / name);
  }
  fs::create_directories(copy / "tmp");
  fs::permissions(copy / "tmp", fs::perms::all);
  std::vector<std::string> argv{
      "setpriv",
      "--reuid=54321",
      "--regid=54321",
      "--clear-groups",
      (copy / "bin/containment_test").string(),
      "--source-file=*containment_overlay_test.cc,*containment_inside_test.cc"};
  ToolOptions options{.cwd = "/"};
  options.env = {{"TMPDIR", (copy / "tmp").string()},
                 {"COPPICE_TEST_HOSTILE", (copy / "bin/hostile").string()}};
  asio::io_context io;
  std::optional<Result<ProcessOutput>> output;
  auto ended = [&output](std::exception_ptr, Result<ProcessOutput> done) {
    output.emplace(std::move(done));
  };
  asio::co_spawn(io, RunTool(std::move(argv), std::move(options)),
                 std::move(ended));
  io.run();
  REQUIRE(output->has_value());
  const std::string said = (*output)->out;
  CHECK_MESSAGE((*output)->ok(), said);
  // Whatever it could not test, it said; show it.
  if (said.find("NOT TESTED") != std::string::npos) MESSAGE(said);
}

}  // namespace coppice::eval

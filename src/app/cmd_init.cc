#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "app/commands.h"
#include "app/demo_files.h"
#include "base/process.h"
#include "report/views.h"

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

// git with an identity of its own where the user has none.
Result<void> Git(const fs::path& dir, std::vector<std::string> args) {
  std::vector<std::string> argv{"git",
                                "-c",
                                "user.name=coppice",
                                "-c",
                                "user.email=coppice@localhost",
                                "-c",
                                "init.defaultBranch=main",
                                "-c",
                                "commit.gpgsign=false"};
  argv.insert(argv.end(), args.begin(), args.end());
  asio::io_context io;
  Result<void> done = Ok();
  auto run = [&]() -> Task<void> {
    ToolOptions options;
    options.cwd = dir;
    Result<ProcessOutput> ran = co_await RunTool(argv, std::move(options));
    if (!ran) {
      done = ran.error();
    } else if (!ran->ok()) {
      done = Error{.code = ErrorCode::kIo,
                   .what = fmt::format("git {} failed", args.front()),
                   .where = dir.string(),
                   .cause = ran->err};
    }
  };
  asio::co_spawn(io, run(), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.run();
  return done;
}

Result<void> MakeDemo(const fs::path& dir, bool force) {
  std::error_code error;
  if (!force && fs::exists(dir, error) && !fs::is_empty(dir, error)) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "this directory is not empty",
                 .where = dir.string(),
                 .next = "name another one, or add --force"};
  }
  for (const DemoFile& file : HashTableDemo()) {
    fs::create_directories((dir / file.path).parent_path(), error);
    Result<void> written = report::WriteWhole(dir / file.path, file.text);
    if (!written) return written;
  }
  Result<void> done = Git(dir, {"init", "-q"});
  if (done) done = Git(dir, {"add", "-A"});
  if (done) done = Git(dir, {"commit", "-q", "-m", "A hash table to optimise"});
  return done;
}

}  // namespace

int Init(const Global& global, const InitOptions& options) {
  if (options.demo.empty()) {
    return Fail(
        global,
        Error{.code = ErrorCode::kUsage,
              .what = "writing a spec for you is not in this version",
              .next = "write coppice.yaml by hand (README.md shows "
                      "eight lines), or try `coppice init --demo DIR`"});
  }
  const fs::path dir = fs::absolute(options.demo);
  Result<void> made = MakeDemo(dir, options.force);
  if (!made) return Fail(global, made.error());
  Print(
      fmt::format("a hash table to optimise is in {}\nnext: cd {} && coppice "
                  "run",
                  dir.string(), options.demo));
  return kDone;
}

}  // namespace coppice::app

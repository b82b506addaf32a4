#include "app/export_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "base/text.h"
#include "report/views.h"

// git reads our own store here, where the commits are; the user's repository
// does not see them.

namespace coppice::app {
namespace {
namespace fs = std::filesystem;

fs::path StoreOf(const ExportWork& work) {
  return work.run.home.coppice / "store.git";
}

Result<std::string> Git(const ExportWork& work, std::vector<std::string> args) {
  std::vector<std::string> argv{"git", "--git-dir=" + StoreOf(work).string()};
  const std::string verb = args.front();
  argv.insert(argv.end(), std::make_move_iterator(args.begin()),
              std::make_move_iterator(args.end()));
  ToolOptions options;
  options.cwd = fs::current_path();
  options.timeout = std::chrono::minutes(10);
  Result<ProcessOutput> ran = RunProgram(std::move(argv), std::move(options));
  if (!ran) return ran.error();
  if (ran->ok()) return std::move(ran->out);
  return Error{.code = ErrorCode::kIo,
               .what = fmt::format("git {} failed", verb),
               .cause = std::string(Trim(Sanitize(ran->err)))};
}

}  // namespace

Result<ProcessOutput> RunProgram(std::vector<std::string> argv,
                                 ToolOptions options) {
  asio::io_context io;
  std::optional<Result<ProcessOutput>> ran;
  auto run = [&]() -> Task<void> {
    ran = co_await RunTool(std::move(argv), std::move(options));
  };
  asio::co_spawn(io, run(), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.run();
  return std::move(*ran);
}

Result<void> WritePatchFile(ExportWork& work, const std::string& file) {
  std::string mails;
  for (const ExportBranch& branch : work.branches) {
    Result<std::string> made =
        Git(work, {"format-patch", "--stdout", "--no-signature", "--binary",
                   work.plan.onto.Hex() + ".." + branch.commits.back().Hex()});
    if (!made) return made.error();
    mails += *made;
  }
  return report::WriteWhole(fs::absolute(file), mails);
}

Result<void> WriteBundle(ExportWork& work, const std::string& file) {
  const fs::path draft =
      fs::absolute(file).string() + fmt::format(".tmp-{}", getpid());
  std::vector<std::string> create{"bundle", "create", "--quiet",
                                  draft.string()};
  // A bundle names what it holds by refs; ours has them for this moment.
  std::vector<std::string> refs;
  Result<void> done = Ok();
  for (const ExportBranch& branch : work.branches) {
    refs.push_back("refs/heads/" + branch.name);
    Result<std::string> set =
        Git(work, {"update-ref", refs.back(), branch.commits.back().Hex()});
    if (!set) done = set.error();
    create.push_back(refs.back());
  }
  create.push_back("^" + work.plan.onto.Hex());
  if (done) {
    Result<std::string> made = Git(work, std::move(create));
    if (!made) done = made.error();
  }
  for (const std::string& ref : refs) {
    (void)Git(work, {"update-ref", "-d", ref});
  }
  std::error_code error;
  if (done) fs::rename(draft, fs::absolute(file), error);
  if (done && !error) return Ok();
  std::error_code ignored;
  fs::remove(draft, ignored);
  if (!done) return done;
  return Error{.code = ErrorCode::kIo,
               .what = "cannot write the bundle",
               .where = fs::absolute(file).string(),
               .cause = error.message()};
}

}  // namespace coppice::app

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "app/commands.h"
#include "app/embedded_files.h"
#include "app/init_draft.h"
#include "app/init_text.h"
#include "app/project.h"
#include "base/process.h"
#include "base/text.h"
#include "report/views.h"
#include "spec/load.h"

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
  for (const EmbeddedFile& file : HashTableDemo()) {
    fs::create_directories((dir / file.path).parent_path(), error);
    Result<void> written = report::WriteWhole(dir / file.path, file.text);
    if (!written) return written;
  }
  Result<void> done = Git(dir, {"init", "-q"});
  if (done) done = Git(dir, {"add", "-A"});
  if (done) done = Git(dir, {"commit", "-q", "-m", "A hash table to optimise"});
  return done;
}

// What is tracked at HEAD; a repository without a commit shows nothing yet.
Result<RepositoryFacts> Look(Opened& repository) {
  Result<ObjectId> head = repository.store->Resolve("HEAD");
  if (!head) return head.error();
  Result<std::vector<vcs::TreeEntry>> entries = repository.store->Files(*head);
  if (!entries) return entries.error();
  RepositoryFacts facts;
  facts.project = repository.home.work_dir.filename().string();
  for (const vcs::TreeEntry& entry : *entries) {
    if (entry.symlink || entry.submodule) continue;
    facts.files.push_back({entry.path, entry.size});
  }
  vcs::Store* store = repository.store.get();
  facts.read = [store, commit = *head](const std::string& path) {
    Result<std::string> text = store->ReadFile(commit, path);
    return text ? std::move(*text) : std::string();
  };
  return facts;
}

// All of them, or none where one would be written over.
Result<void> Write(const fs::path& root, const std::vector<EmbeddedFile>& files,
                   bool force) {
  std::error_code error;
  for (const EmbeddedFile& file : files) {
    if (!force && fs::exists(fs::symlink_status(root / file.path, error))) {
      return Error{.code = ErrorCode::kUsage,
                   .what = "this file exists",
                   .where = (root / file.path).string(),
                   .next = "look at it, or replace it with --force"};
    }
  }
  for (const EmbeddedFile& file : files) {
    fs::create_directories((root / file.path).parent_path(), error);
    Result<void> written = report::WriteWhole(root / file.path, file.text);
    if (!written) return written;
  }
  return Ok();
}

int CountTodos(const std::vector<EmbeddedFile>& files) {
  int count = 0;
  for (const EmbeddedFile& file : files) {
    for (std::string_view line : SplitLines(file.text)) {
      count += line.find("TODO:") != std::string_view::npos ? 1 : 0;
    }
  }
  return count;
}

void Tell(const SpecDraft& draft, const std::vector<EmbeddedFile>& files) {
  Print(fmt::format(
      "{}, built with {}; it may change {}",
      draft.language.empty() ? "no language that is known" : draft.language,
      draft.manager.empty() ? "nothing that is known" : draft.manager,
      draft.mutable_files.front().value));
  for (const EmbeddedFile& file : files) Print("wrote " + file.path);
  for (const std::string& remark : draft.remarks) Print("note: " + remark);
  const int todos = CountTodos(files);
  if (todos > 0) {
    Print(fmt::format(
        "{} marked TODO",
        todos == 1 ? "one line is" : fmt::format("{} lines are", todos)));
  }
  Print("next: read it, `git add` and commit, then `coppice check`");
}

int InitHere(const Global& global, const InitOptions& options) {
  Result<Opened> repository = OpenRepository(global);
  if (!repository) return Fail(global, repository.error());
  Result<RepositoryFacts> facts = Look(*repository);
  if (!facts) return Fail(global, facts.error());
  SpecDraft draft = DraftOf(*facts, options.goal);
  std::string form = options.form.empty() ? "plain" : options.form;
  if (options.interactive) Interview(draft, form);
  Result<std::vector<EmbeddedFile>> files = FilesOf(draft, form);
  if (!files) return Fail(global, files.error());
  Result<spec::Loaded> loads =
      spec::ParseSpec(files->front().text, "coppice.yaml", {});
  if (!loads) return Fail(global, loads.error());
  Result<void> written =
      Write(repository->home.work_dir, *files, options.force);
  if (!written) return Fail(global, written.error());
  Tell(draft, *files);
  return kDone;
}

}  // namespace

int Init(const Global& global, const InitOptions& options) {
  if (options.demo.empty()) return InitHere(global, options);
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

#include "vcs/carried.h"

#include <fmt/format.h>
#include <git2.h>
#include <unistd.h>

#include "base/durable_file.h"
#include "base/file.h"
#include "vcs/git.h"

namespace coppice::vcs {
namespace {
namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{1} << 20;

Result<void> MakeDirectory(const fs::path& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) {
    return Error{.code = ErrorCode::kIo,
                 .what = "cannot make a directory",
                 .where = dir.string(),
                 .cause = error.message()};
  }
  return Ok();
}

// Puts a pack with its index into `dir`.
Result<void> IndexPack(const fs::path& file, const fs::path& dir) {
  Result<void> made = MakeDirectory(dir);
  if (!made) return made;
  FILE* in = fopen(file.c_str(), "re");
  if (in == nullptr) return DiskError("read", file);
  git_indexer* indexer = nullptr;
  git_indexer_progress progress{};
  int error = git_indexer_new(&indexer, dir.c_str(), 0, nullptr, nullptr);
  std::string piece(kPiece, '\0');
  std::size_t count = 0;
  while (error == 0 && (count = fread(piece.data(), 1, kPiece, in)) > 0) {
    error = git_indexer_append(indexer, piece.data(), count, &progress);
  }
  fclose(in);
  if (error == 0) error = git_indexer_commit(indexer, &progress);
  Result<void> done = Ok();
  if (error != 0) done = GitError("cannot read the pack " + file.string());
  git_indexer_free(indexer);
  return done;
}

// The base's objects are unpacked once for all jobs of a machine: under a name
// of its own first, because two may come at once.
Result<void> Keep(const CarriedPacks& packs) {
  if (access(packs.kept.c_str(), F_OK) == 0) return Ok();
  const fs::path draft =
      fmt::format("{}.tmp-{}", packs.kept.string(), getpid());
  Result<void> indexed = IndexPack(packs.base, draft);
  if (!indexed) return indexed;
  if (rename(draft.c_str(), packs.kept.c_str()) == 0) return Ok();
  const Error failed = DiskError("move", draft);
  std::error_code ignored;
  fs::remove_all(draft, ignored);
  if (access(packs.kept.c_str(), F_OK) == 0) return Ok();
  return failed;
}

Result<void> Link(const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(from, error)) {
    const fs::path name = to / entry.path().filename();
    if (link(entry.path().c_str(), name.c_str()) == 0 || errno == EEXIST) {
      continue;
    }
    fs::copy_file(entry.path(), name, error);
    if (error) break;
  }
  if (!error) return Ok();
  return Error{.code = ErrorCode::kIo,
               .what = "cannot take the objects of the base",
               .where = from.string(),
               .cause = error.message()};
}

Result<void> PutIgnoreRules(Store& store, const fs::path& dir, ObjectId base) {
  Result<std::vector<TreeEntry>> files = store.Files(base);
  if (!files) return files.error();
  for (const TreeEntry& entry : *files) {
    if (fs::path(entry.path).filename() != ".gitignore") continue;
    Result<std::string> text = store.ReadBlob(entry.blob);
    if (!text) return text.error();
    Result<void> put = MakeDirectory((dir / entry.path).parent_path());
    if (put) put = ReplaceFile(dir / entry.path, *text);
    if (!put) return put;
  }
  return Ok();
}

}  // namespace

Result<std::unique_ptr<Store>> MakeCarriedStore(const fs::path& dir,
                                                const CarriedPacks& packs,
                                                ObjectId base) {
  InitGit();
  RepositoryPlaces places{.work_dir = dir,
                          .common_dir = dir / ".git",
                          .id = packs.id,
                          .has_commits = true};
  Result<void> done = MakeDirectory(dir);
  GitRepository made;
  if (done && git_repository_init(made.Out(), dir.c_str(), 0) != 0) {
    done = GitError("cannot make a repository in " + dir.string());
  }
  made.Reset();
  const fs::path objects = places.common_dir / "objects" / "pack";
  if (done) done = Keep(packs);
  if (done) done = MakeDirectory(objects);
  if (done) done = Link(packs.kept, objects);
  if (done && !packs.commit.empty()) done = IndexPack(packs.commit, objects);
  if (done) done = MakeDirectory(places.common_dir / "info");
  if (done) {
    done = ReplaceFile(places.common_dir / "info" / "exclude", packs.exclude);
  }
  if (!done) return done.error();
  Result<std::unique_ptr<Store>> store = OpenStore(places);
  if (!store) return store;
  done = PutIgnoreRules(**store, dir, base);
  if (!done) return done.error();
  return store;
}

}  // namespace coppice::vcs

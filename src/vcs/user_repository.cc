#include "vcs/user_repository.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "base/digest.h"
#include "vcs/trees.h"

namespace coppice::vcs {
namespace {
namespace fs = std::filesystem;

fs::path Canonical(const char* path) {
  if (path == nullptr) return {};
  std::error_code failed;
  fs::path real = fs::canonical(path, failed);
  return failed ? fs::path(path) : real;
}

// The blob that `git add` would make of the file as it lies in the work tree;
// nothing if there is no file.
Result<std::optional<git_oid>> WorkTreeBlob(git_repository* repository,
                                            const fs::path& work_dir,
                                            const std::string& path) {
  using Blob = Result<std::optional<git_oid>>;
  const fs::path file = work_dir / path;
  struct stat status{};
  if (lstat(file.c_str(), &status) != 0) {
    return Blob(boost::system::in_place_value, std::nullopt);
  }
  git_oid id{};
  int error = 0;
  if (S_ISLNK(status.st_mode)) {
    std::error_code failed;
    const std::string target = fs::read_symlink(file, failed).string();
    error = git_odb_hash(&id, target.data(), target.size(), GIT_OBJECT_BLOB);
  } else if (S_ISREG(status.st_mode)) {
    error = git_repository_hashfile(&id, repository, file.c_str(),
                                    GIT_OBJECT_BLOB, path.c_str());
  }
  if (error != 0) return GitError("cannot read " + file.string());
  return Blob(boost::system::in_place_value, id);
}

struct Staged {
  std::optional<git_oid> blob;
  bool sparse = false;  // a sparse checkout leaves it out of the work tree
};

Staged StagedAt(git_index* index, const std::string& path) {
  const git_index_entry* entry = git_index_get_bypath(index, path.c_str(), 0);
  if (entry == nullptr) return {};
  return {
      .blob = entry->id,
      .sparse = (entry->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE) != 0};
}

bool Same(const std::optional<git_oid>& blob, const TreeItem& item) {
  if (!blob || !item.exists()) return !blob && !item.exists();
  return git_oid_equal(&*blob, &item.id) != 0;
}

}  // namespace

Result<RepositoryPlaces> FindRepository(const fs::path& path) {
  InitGit();
  GitRepository repository;
  const int opened =
      git_repository_open_ext(repository.Out(), path.c_str(), 0, nullptr);
  if (opened != 0 && opened != GIT_ENOTFOUND) {
    Error error =
        GitError("this git repository cannot be used", ErrorCode::kCheck);
    error.where = path;
    error.next = "a clone of it made without that feature";
    return error;
  }
  if (opened != 0) {
    return Error{.code = ErrorCode::kNotFound,
                 .what = "there is no git repository here",
                 .where = path,
                 .next = "`git init` and a first commit, or --repo DIR"};
  }
  RepositoryPlaces places;
  places.bare = git_repository_is_bare(repository.get()) != 0;
  places.work_dir = Canonical(git_repository_workdir(repository.get()));
  places.common_dir = Canonical(git_repository_commondir(repository.get()));
  places.id = Sha256Hex(places.common_dir.string()).substr(0, 16);
  git_oid head;
  places.has_commits =
      git_reference_name_to_id(&head, repository.get(), "HEAD") == 0;
  return places;
}

UserRepository::UserRepository(RepositoryPlaces places)
    : places_(std::move(places)) {}

Result<GitRepository> UserRepository::Open() const {
  const fs::path& at = places_.bare ? places_.common_dir : places_.work_dir;
  GitRepository repository;
  if (git_repository_open(repository.Out(), at.c_str()) != 0) {
    return GitError("cannot open the repository " + at.string());
  }
  return repository;
}

Result<ObjectId> UserRepository::Resolve(std::string_view revision) const {
  Result<GitRepository> repository = Open();
  if (!repository) return repository.error();
  const std::string text(revision);
  GitObject object, commit;
  if (git_revparse_single(object.Out(), repository->get(), text.c_str()) != 0 ||
      git_object_peel(commit.Out(), object.get(), GIT_OBJECT_COMMIT) != 0) {
    return Error{.code = ErrorCode::kNotFound,
                 .what = fmt::format("\"{}\" names no commit", revision),
                 .where = places_.common_dir,
                 .next = places_.has_commits
                             ? "`git log --oneline --all` shows what there is"
                             : "the repository has no commit yet; make one"};
  }
  return FromOid(*git_object_id(commit.get()));
}

Result<std::vector<std::string>> UserRepository::DirtyFiles(
    ObjectId commit, std::span<const std::string> files) const {
  std::vector<std::string> dirty;
  if (places_.bare) return dirty;
  Result<GitRepository> repository = Open();
  if (!repository) return repository.error();
  Result<git_oid> tree = TreeIdOf(repository->get(), commit);
  if (!tree) return tree.error();
  GitIndex index;
  if (git_repository_index(index.Out(), repository->get()) != 0) {
    Error error = GitError("cannot read the index");
    error.where = places_.common_dir;
    error.next =
        "of a sparse checkout: `git sparse-checkout reapply "
        "--no-sparse-index`";
    return error;
  }
  for (const std::string& path : files) {
    Result<TreeItem> committed = Find(repository->get(), *tree, path);
    if (!committed) return committed.error();
    Result<std::optional<git_oid>> blob =
        WorkTreeBlob(repository->get(), places_.work_dir, path);
    if (!blob) return blob.error();
    const Staged staged = StagedAt(index.get(), path);
    const bool left_out = staged.sparse && !*blob;
    if ((!left_out && !Same(*blob, *committed)) ||
        !Same(staged.blob, *committed)) {
      dirty.push_back(path);
    }
  }
  return dirty;
}

Result<bool> UserRepository::Ignored(std::string_view path) {
  std::lock_guard lock(mutex_);
  if (!for_ignore_) {
    Result<GitRepository> repository = Open();
    if (!repository) return repository.error();
    for_ignore_ = std::move(*repository);
  }
  int ignored = 0;
  const std::string text(path);
  if (git_ignore_path_is_ignored(&ignored, for_ignore_.get(), text.c_str()) !=
      0) {
    return GitError("cannot read the ignore rules for " + text);
  }
  return ignored != 0;
}

Result<void> UserRepository::SetRef(const std::string& name,
                                    ObjectId commit) const {
  Result<GitRepository> repository = Open();
  if (!repository) return repository.error();
  return SetReference(repository->get(), name, commit);
}

Result<void> UserRepository::RemoveRef(const std::string& name) const {
  Result<GitRepository> repository = Open();
  if (!repository) return repository.error();
  return RemoveReference(repository->get(), name);
}

Result<void> SetReference(git_repository* repository, const std::string& name,
                          ObjectId target) {
  const git_oid id = ToOid(target);
  GitReference reference;
  if (git_reference_create(reference.Out(), repository, name.c_str(), &id, 1,
                           nullptr) != 0) {
    return GitError("cannot write " + name);
  }
  return Ok();
}

Result<void> RemoveReference(git_repository* repository,
                             const std::string& name) {
  const int error = git_reference_remove(repository, name.c_str());
  if (error != 0 && error != GIT_ENOTFOUND) {
    return GitError("cannot remove " + name);
  }
  return Ok();
}

}  // namespace coppice::vcs

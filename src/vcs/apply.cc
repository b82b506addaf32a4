#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/durable_file.h"
#include "base/fd.h"
#include "base/file.h"
#include "vcs/export.h"
#include "vcs/git_store.h"
#include "vcs/merge_trees.h"
#include "vcs/trees.h"

// Everything that can fail for want of space or permission comes first: each
// new content is written beside its file under another name. Then all files
// are renamed into place; the old ones wait under a third name until the last
// is done, and come back if one fails.

namespace coppice::vcs {
namespace {
namespace fs = std::filesystem;

struct FileWork {
  std::string path;
  fs::path file;
  std::optional<fs::path> draft;  // nothing: the file goes
  fs::path old;
  bool had_old = false;
  bool done = false;
};

class WorkTreeChange {
 public:
  explicit WorkTreeChange(fs::path work_dir) : work_dir_(std::move(work_dir)) {}
  // Takes back what Finish has not finished.
  ~WorkTreeChange();
  WorkTreeChange(const WorkTreeChange&) = delete;
  WorkTreeChange& operator=(const WorkTreeChange&) = delete;

  Result<void> Write(const std::string& path, std::string_view content,
                     bool executable);
  void Remove(const std::string& path) { Add(path); }
  Result<std::vector<std::string>> Finish();

 private:
  FileWork& Add(const std::string& path);
  Result<void> MakeParents(const fs::path& directory);

  const fs::path work_dir_;
  std::vector<FileWork> work_;
  std::vector<fs::path> made_directories_;
  bool finished_ = false;
};

FileWork& WorkTreeChange::Add(const std::string& path) {
  FileWork work{.path = path, .file = work_dir_ / path, .draft = {}};
  work.old = work.file.string() + fmt::format(".coppice-old-{}", getpid());
  return work_.emplace_back(std::move(work));
}

Result<void> WorkTreeChange::MakeParents(const fs::path& directory) {
  if (fs::is_directory(directory)) return Ok();
  Result<void> above = MakeParents(directory.parent_path());
  if (!above) return above;
  if (mkdir(directory.c_str(), 0777) != 0) return DiskError("make", directory);
  made_directories_.push_back(directory);
  return Ok();
}

Result<void> WorkTreeChange::Write(const std::string& path,
                                   std::string_view content, bool executable) {
  FileWork& work = Add(path);
  Result<void> parents = MakeParents(work.file.parent_path());
  if (!parents) return parents;
  struct stat old{};
  mode_t mode = executable ? 0777 : 0666;
  const bool there = lstat(work.file.c_str(), &old) == 0;
  work.draft = work.file.string() + fmt::format(".coppice-new-{}", getpid());
  Result<void> written = ReplaceFile(*work.draft, content, mode);
  if (!written) return written;
  if (there) {
    // Permissions that git does not keep stay as they are.
    mode = executable ? (old.st_mode | ((old.st_mode & 0444) >> 2))
                      : (old.st_mode & ~static_cast<mode_t>(0111));
    if (chmod(work.draft->c_str(), mode & 0777) != 0) {
      return DiskError("write", *work.draft);
    }
  }
  return Ok();
}

Result<std::vector<std::string>> WorkTreeChange::Finish() {
  for (FileWork& work : work_) {
    const std::optional<fs::path>& draft = work.draft;
    work.had_old = rename(work.file.c_str(), work.old.c_str()) == 0;
    if (!work.had_old && errno != ENOENT) return DiskError("move", work.file);
    work.done = true;
    if (draft && rename(draft->c_str(), work.file.c_str()) != 0) {
      return DiskError("write", work.file);
    }
  }
  finished_ = true;
  std::vector<std::string> paths;
  for (const FileWork& work : work_) {
    unlink(work.old.c_str());
    paths.push_back(work.path);
    // As git: a directory goes with its last file.
    fs::path directory = work.file.parent_path();
    while (!work.draft && directory != work_dir_ &&
           rmdir(directory.c_str()) == 0) {
      directory = directory.parent_path();
    }
  }
  return paths;
}

WorkTreeChange::~WorkTreeChange() {
  if (finished_) return;
  for (const FileWork& work : work_) {
    if (work.done) {
      if (work.draft) unlink(work.file.c_str());
      if (work.had_old) rename(work.old.c_str(), work.file.c_str());
    }
    if (work.draft) unlink(work.draft->c_str());
  }
  std::ranges::reverse(made_directories_);
  for (const fs::path& directory : made_directories_) rmdir(directory.c_str());
}

// As `git checkout` would write it: line ends and other filters.
Result<std::string> AsCheckedOut(git_repository* user, const std::string& path,
                                 std::string content) {
  GitFilters filters;
  if (git_filter_list_load(filters.Out(), user, nullptr, path.c_str(),
                           GIT_FILTER_TO_WORKTREE, GIT_FILTER_DEFAULT) != 0) {
    return GitError("cannot read the attributes of " + path);
  }
  if (!filters) return content;
  git_buf converted = GIT_BUF_INIT;
  if (git_filter_list_apply_to_buffer(&converted, filters.get(), content.data(),
                                      content.size()) != 0) {
    return GitError("cannot convert " + path);
  }
  std::string text(converted.ptr, converted.size);
  git_buf_dispose(&converted);
  return text;
}

bool BehindALink(const fs::path& work_dir, const std::string& path) {
  fs::path at = work_dir;
  for (const fs::path& part : fs::path(path).parent_path()) {
    at /= part;
    if (fs::is_symlink(fs::symlink_status(at))) return true;
  }
  return false;
}

Result<void> RefuseDirty(Store& store, ObjectId head,
                         const std::vector<TreeEdit>& edits) {
  std::vector<std::string> paths;
  for (const TreeEdit& edit : edits) paths.push_back(edit.path);
  Result<std::vector<std::string>> dirty = store.DirtyFiles(head, paths);
  if (!dirty) return dirty.error();
  for (const std::string& path : paths) {
    if (BehindALink(store.places().work_dir, path)) dirty->push_back(path);
  }
  if (dirty->empty()) return Ok();
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("changed in the work tree: {}",
                                   fmt::join(*dirty, ", ")),
               .cause = "apply would write over it",
               .next =
                   "commit or stash these files first, or use `coppice "
                   "export`"};
}

// What has to change in HEAD, all of it regular files.
Result<std::vector<TreeEdit>> EditsOfHead(git_repository* repository,
                                          ObjectId base, ObjectId node,
                                          ObjectId head) {
  Result<git_oid> from = TreeIdOf(repository, base);
  if (!from) return from.error();
  Result<git_oid> to = TreeIdOf(repository, node);
  if (!to) return to.error();
  Result<git_oid> ours = TreeIdOf(repository, head);
  if (!ours) return ours.error();
  Result<TreeMerge> merge = MergeTrees(repository, *from, *ours, *to);
  if (!merge) return merge.error();
  for (const TreeEdit& edit : merge->edits) {
    if (edit.item.exists() && !edit.item.regular()) {
      merge->conflicts.push_back(edit.path);
    }
  }
  if (merge->conflicts.empty()) return std::move(merge->edits);
  return Error{
      .code = ErrorCode::kConflict,
      .what = fmt::format("conflict in {}", fmt::join(merge->conflicts, ", ")),
      .cause = "HEAD changes the same lines",
      .next = "use `coppice export` and merge the branch by hand"};
}

}  // namespace

Result<std::vector<std::string>> ApplyToWorkTree(Store& store, ObjectId base,
                                                 ObjectId node) {
  const RepositoryPlaces& places = store.places();
  if (places.bare) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "a bare repository has no work tree to apply to",
                 .next = "use `coppice export`"};
  }
  Result<ObjectId> head = store.Resolve("HEAD");
  if (!head) return head.error();
  Result<std::unique_ptr<ObjectDb>> objects = OpenFlushed(store);
  if (!objects) return objects.error();
  Result<ObjectDb::View> view = (*objects)->Look(Keep::kNothing);
  if (!view) return view.error();
  git_repository* repository = view->repository();
  Result<std::vector<TreeEdit>> edits =
      EditsOfHead(repository, base, node, *head);
  if (!edits) return edits.error();
  Result<void> clean = RefuseDirty(store, *head, *edits);
  if (!clean) return clean.error();
  Result<GitRepository> user = UserRepository(places).Open();
  if (!user) return user.error();
  WorkTreeChange change(places.work_dir);
  for (const TreeEdit& edit : *edits) {
    if (!edit.item.exists()) {
      change.Remove(edit.path);
      continue;
    }
    Result<std::string> content = ReadBlobText(repository, edit.item.id);
    if (!content) return content.error();
    content = AsCheckedOut(user->get(), edit.path, std::move(*content));
    if (!content) return content.error();
    Result<void> written = change.Write(
        edit.path, *content, edit.item.mode == GIT_FILEMODE_BLOB_EXECUTABLE);
    if (!written) return written.error();
  }
  return change.Finish();
}

}  // namespace coppice::vcs

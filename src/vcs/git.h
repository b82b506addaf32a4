#pragma once

#include <git2.h>

#include <string>
#include <utility>

#include "base/ids.h"
#include "base/result.h"

// libgit2 as values: owners of its handles, ids and errors. Only the .cc files
// of this room see it.

namespace coppice::vcs {

// Owns one handle of libgit2.
template <class T, auto Free>
class GitOwned {
 public:
  GitOwned() = default;
  explicit GitOwned(T* handle) : handle_(handle) {}
  GitOwned(GitOwned&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)) {}
  GitOwned& operator=(GitOwned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~GitOwned() { Reset(); }

  T* get() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }
  void Reset() {
    if (handle_ != nullptr) Free(std::exchange(handle_, nullptr));
  }
  // Where a function of libgit2 puts a new handle.
  T** Out() {
    Reset();
    return &handle_;
  }

 private:
  T* handle_ = nullptr;
};

using GitRepository = GitOwned<git_repository, git_repository_free>;
using GitOdb = GitOwned<git_odb, git_odb_free>;
using GitOdbObject = GitOwned<git_odb_object, git_odb_object_free>;
using GitObject = GitOwned<git_object, git_object_free>;
using GitCommit = GitOwned<git_commit, git_commit_free>;
using GitTree = GitOwned<git_tree, git_tree_free>;
using GitTreeBuilder = GitOwned<git_treebuilder, git_treebuilder_free>;
using GitReference = GitOwned<git_reference, git_reference_free>;
using GitSignature = GitOwned<git_signature, git_signature_free>;
using GitConfig = GitOwned<git_config, git_config_free>;
using GitIndex = GitOwned<git_index, git_index_free>;
using GitFilters = GitOwned<git_filter_list, git_filter_list_free>;
using GitPackBuilder = GitOwned<git_packbuilder, git_packbuilder_free>;

// Starts libgit2 for the life of the process. Comes before any other use of
// it; costs nothing after the first call.
void InitGit();

// "what: what libgit2 said", of the call that just failed on this thread.
Error GitError(std::string what, ErrorCode code = ErrorCode::kIo);

git_oid ToOid(ObjectId id);
ObjectId FromOid(const git_oid& id);

}  // namespace coppice::vcs

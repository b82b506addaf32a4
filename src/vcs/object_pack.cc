#include "vcs/object_pack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "vcs/trees.h"

namespace coppice::vcs {
namespace {
namespace fs = std::filesystem;

// Inserts what `to` holds and `from` does not at the same path.
int InsertNew(git_packbuilder* pack, git_repository* repository,
              const git_tree* from, const git_oid& to) {
  GitTree tree;
  int error = git_tree_lookup(tree.Out(), repository, &to);
  if (error == 0) error = git_packbuilder_insert(pack, &to, nullptr);
  for (std::size_t i = 0; error == 0 && i < git_tree_entrycount(tree.get());
       ++i) {
    const git_tree_entry* entry = git_tree_entry_byindex(tree.get(), i);
    const git_oid* id = git_tree_entry_id(entry);
    const git_tree_entry* before =
        from == nullptr
            ? nullptr
            : git_tree_entry_byname(from, git_tree_entry_name(entry));
    if (before != nullptr && git_oid_equal(git_tree_entry_id(before), id)) {
      continue;
    }
    const git_object_t type = git_tree_entry_type(entry);
    if (type == GIT_OBJECT_BLOB) {
      error = git_packbuilder_insert(pack, id, nullptr);
    } else if (type == GIT_OBJECT_TREE) {
      GitTree below;
      if (before != nullptr && git_tree_entry_type(before) == GIT_OBJECT_TREE) {
        error =
            git_tree_lookup(below.Out(), repository, git_tree_entry_id(before));
      }
      if (error == 0) error = InsertNew(pack, repository, below.get(), *id);
    }
  }
  return error;
}

int WriteSome(void* bytes, std::size_t size, void* file) {
  return fwrite(bytes, 1, size, static_cast<FILE*>(file)) == size ? 0 : -1;
}

}  // namespace

Result<void> WriteObjectPack(git_repository* repository, ObjectId commit,
                             std::optional<ObjectId> known,
                             const fs::path& file) {
  Result<git_oid> tree = TreeIdOf(repository, commit);
  if (!tree) return tree.error();
  GitTree before;
  if (known) {
    Result<git_oid> id = TreeIdOf(repository, *known);
    if (!id) return id.error();
    if (git_tree_lookup(before.Out(), repository, &*id) != 0) {
      return GitError("cannot read the tree of " + known->Hex());
    }
  }
  GitPackBuilder pack;
  const git_oid id = ToOid(commit);
  int error = git_packbuilder_new(pack.Out(), repository);
  if (error == 0) error = git_packbuilder_insert(pack.get(), &id, nullptr);
  if (error == 0)
    error = InsertNew(pack.get(), repository, before.get(), *tree);
  if (error != 0) return GitError("cannot pack commit " + commit.Hex());
  const std::string draft = fmt::format("{}.tmp-{}", file.string(), getpid());
  FILE* out = fopen(draft.c_str(), "we");
  if (out == nullptr) return DiskError("write", draft);
  error = git_packbuilder_foreach(pack.get(), WriteSome, out);
  const bool kept = fflush(out) == 0 && fsync(fileno(out)) == 0;
  const bool whole = fclose(out) == 0 && error == 0 && kept;
  if (whole && rename(draft.c_str(), file.c_str()) == 0) return Ok();
  const Error failed = DiskError("write", file);
  unlink(draft.c_str());
  return failed;
}

}  // namespace coppice::vcs

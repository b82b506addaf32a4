#include "vcs/git_store.h"

#include <fmt/format.h>
#include <git2/sys/commit.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "vcs/merge_trees.h"
#include "vcs/trees.h"

// A commit is made of blobs, of the trees from the changed files to the root,
// and of the commit itself, in memory; no index, no work tree, no ref. Every
// byte of it comes from the request, so that a commit that a crash took is
// made again with the same id.

namespace coppice::vcs {
namespace {

constexpr char kName[] = "coppice";
constexpr char kEmail[] = "coppice@localhost";

TreeEntry EntryOf(git_odb* odb, std::string path, const TreeItem& item) {
  TreeEntry entry{.path = std::move(path), .blob = FromOid(item.id)};
  entry.symlink = item.mode == GIT_FILEMODE_LINK;
  entry.executable = item.mode == GIT_FILEMODE_BLOB_EXECUTABLE;
  entry.submodule = item.mode == GIT_FILEMODE_COMMIT;
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  if (!entry.submodule &&
      git_odb_read_header(&size, &type, odb, &item.id) == 0) {
    entry.size = size;
  }
  return entry;
}

bool IsBinary(const std::optional<std::string>& text) {
  return text && text->find('\0') != std::string::npos;
}

// Of what is a file on either side; links and submodules have no text.
Result<std::optional<std::string>> TextOf(git_repository* repository,
                                          const TreeItem& item) {
  using Text = Result<std::optional<std::string>>;
  if (!item.regular()) return Text(boost::system::in_place_value, std::nullopt);
  Result<std::string> text = ReadBlobText(repository, item.id);
  if (!text) return text.error();
  return Text(boost::system::in_place_value, std::move(*text));
}

enum class Binaries {
  kInFull,  // a patch that ApplyPatch can apply, whatever is in it
  kNamed,   // for people
};

Result<std::string> PatchBetween(git_repository* repository,
                                 const git_oid& from, const git_oid& to,
                                 Binaries binaries) {
  Result<std::vector<TreeDifference>> files = DiffTrees(repository, &from, &to);
  if (!files) return files.error();
  std::string patch;
  for (const TreeDifference& file : *files) {
    Result<std::optional<std::string>> before = TextOf(repository, file.before);
    if (!before) return before.error();
    Result<std::optional<std::string>> after = TextOf(repository, file.after);
    if (!after) return after.error();
    const bool binary = IsBinary(*before) || IsBinary(*after);
    patch += binary && binaries == Binaries::kNamed
                 ? fmt::format("diff --git a/{0} b/{0}\nBinary files differ\n",
                               file.path)
                 : MakePatch(file.path, *before, *after);
  }
  return patch;
}

Result<git_oid> WriteCommit(git_repository* repository, const git_oid& tree,
                            const CommitRequest& request) {
  std::vector<git_oid> ids;
  std::vector<const git_oid*> parents;
  for (ObjectId parent : request.parents) ids.push_back(ToOid(parent));
  for (const git_oid& id : ids) parents.push_back(&id);
  GitSignature author;
  git_oid made;
  if (git_signature_new(author.Out(), kName, kEmail, request.time, 0) != 0 ||
      git_commit_create_from_ids(&made, repository, nullptr, author.get(),
                                 author.get(), nullptr, request.message.c_str(),
                                 &tree, parents.size(), parents.data()) != 0) {
    return GitError("cannot make a commit");
  }
  return made;
}

Result<std::vector<TreeChange>> ChangesBetween(git_repository* repository,
                                               const git_oid* from,
                                               const git_oid* to) {
  Result<std::vector<TreeDifference>> files = DiffTrees(repository, from, to);
  if (!files) return files.error();
  GitOdb odb;
  if (git_repository_odb(odb.Out(), repository) != 0) {
    return GitError("cannot read the store");
  }
  std::vector<TreeChange> changes;
  for (TreeDifference& file : *files) {
    TreeChange change{.path = file.path, .before = {}, .after = {}};
    if (file.before.exists()) {
      change.before = EntryOf(odb.get(), file.path, file.before);
    }
    if (file.after.exists()) {
      change.after = EntryOf(odb.get(), file.path, file.after);
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace

Result<ObjectId> GitStore::TreeOf(ObjectId parent,
                                  std::span<const FileChange> changes) {
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  git_repository* repository = view->repository();
  Result<git_oid> tree = vcs::TreeIdOf(repository, parent);
  if (!tree) return tree.error();
  Result<std::vector<TreeEdit>> edits = EditsOf(repository, *tree, changes);
  if (!edits) return edits.error();
  Result<git_oid> edited = EditTree(repository, *tree, *edits);
  if (!edited) return edited.error();
  return FromOid(*edited);
}

Result<CommitInfo> GitStore::Commit(const CommitRequest& request) {
  if (request.parents.empty()) {
    return Error{.what = "a commit needs a parent"};
  }
  Result<ObjectDb::View> view = objects_->Look(Keep::kPending);
  if (!view) return view.error();
  git_repository* repository = view->repository();
  Result<git_oid> before = vcs::TreeIdOf(repository, request.parents.front());
  if (!before) return before.error();
  for (ObjectId parent : request.parents) {
    Result<git_oid> known = vcs::TreeIdOf(repository, parent);
    if (!known) return known.error();
  }
  Result<std::vector<TreeEdit>> edits =
      EditsOf(repository, *before, request.changes);
  if (!edits) return edits.error();
  Result<git_oid> after = EditTree(repository, *before, *edits);
  if (!after) return after.error();
  Result<git_oid> commit = WriteCommit(repository, *after, request);
  if (!commit) return commit.error();
  CommitInfo info{.commit = FromOid(*commit), .tree = FromOid(*after)};
  Result<std::string> patch =
      PatchBetween(repository, *before, *after, Binaries::kInFull);
  if (!patch) return patch.error();
  info.patch = std::move(*patch);
  if (info.patch.empty()) return info;
  Result<Patch> parsed = ParsePatch(info.patch);
  if (!parsed) return parsed.error();
  info.files = Stats(*parsed);
  return info;
}

Result<MergeResult> GitStore::Merge(ObjectId ours, ObjectId theirs) {
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  git_repository* repository = view->repository();
  Result<git_oid> our_tree = vcs::TreeIdOf(repository, ours);
  if (!our_tree) return our_tree.error();
  Result<git_oid> their_tree = vcs::TreeIdOf(repository, theirs);
  if (!their_tree) return their_tree.error();
  const git_oid a = ToOid(ours);
  const git_oid b = ToOid(theirs);
  git_oid base;
  if (git_merge_base(&base, repository, &a, &b) != 0) {
    return GitError(fmt::format("{} and {} have no common ancestor", ours.Hex(),
                                theirs.Hex()),
                    ErrorCode::kConflict);
  }
  Result<git_oid> base_tree = vcs::TreeIdOf(repository, FromOid(base));
  if (!base_tree) return base_tree.error();
  Result<TreeMerge> merge =
      MergeTrees(repository, *base_tree, *our_tree, *their_tree);
  if (!merge) return merge.error();
  MergeResult result;
  result.conflicts = std::move(merge->conflicts);
  for (TreeEdit& edit : merge->edits) {
    FileChange change{.path = std::move(edit.path), .content = {}};
    if (edit.item.exists() && !edit.item.regular()) {
      result.conflicts.push_back(change.path);
      continue;
    }
    Result<std::optional<std::string>> text = TextOf(repository, edit.item);
    if (!text) return text.error();
    change.content = std::move(*text);
    result.changes.push_back(std::move(change));
  }
  if (!result.conflicts.empty()) result.changes.clear();
  return result;
}

Result<std::string> GitStore::ReadFile(ObjectId commit, std::string_view path) {
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  Result<git_oid> tree = vcs::TreeIdOf(view->repository(), commit);
  if (!tree) return tree.error();
  Result<TreeItem> item = Find(view->repository(), *tree, std::string(path));
  if (!item) return item.error();
  if (!item->exists() || item->mode == GIT_FILEMODE_COMMIT) {
    return Error{
        .code = ErrorCode::kNotFound,
        .what = fmt::format("no file {} in commit {}", path, commit.Hex())};
  }
  return ReadBlobText(view->repository(), item->id);
}

Result<std::vector<TreeEntry>> GitStore::Files(ObjectId commit) {
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  Result<git_oid> tree = vcs::TreeIdOf(view->repository(), commit);
  if (!tree) return tree.error();
  Result<std::vector<TreeChange>> all =
      ChangesBetween(view->repository(), nullptr, &*tree);
  if (!all) return all.error();
  std::vector<TreeEntry> files;
  for (TreeChange& file : *all) {
    if (file.after) files.push_back(std::move(*file.after));
  }
  return files;
}

Result<std::vector<TreeChange>> GitStore::Changes(ObjectId from, ObjectId to) {
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  Result<git_oid> before = vcs::TreeIdOf(view->repository(), from);
  if (!before) return before.error();
  Result<git_oid> after = vcs::TreeIdOf(view->repository(), to);
  if (!after) return after.error();
  return ChangesBetween(view->repository(), &*before, &*after);
}

Result<std::string> GitStore::Diff(ObjectId from, ObjectId to) {
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  Result<git_oid> before = vcs::TreeIdOf(view->repository(), from);
  if (!before) return before.error();
  Result<git_oid> after = vcs::TreeIdOf(view->repository(), to);
  if (!after) return after.error();
  return PatchBetween(view->repository(), *before, *after, Binaries::kNamed);
}

Result<std::string> GitStore::ReadBlob(ObjectId blob) {
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  return ReadBlobText(view->repository(), ToOid(blob));
}

Result<ObjectId> GitStore::TreeIdOf(ObjectId commit) {
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  Result<git_oid> tree = vcs::TreeIdOf(view->repository(), commit);
  if (!tree) return tree.error();
  return FromOid(*tree);
}

Result<std::vector<ObjectId>> GitStore::ParentsOf(ObjectId commit) {
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  const git_oid id = ToOid(commit);
  GitCommit found;
  if (git_commit_lookup(found.Out(), view->repository(), &id) != 0) {
    return Error{.code = ErrorCode::kNotFound,
                 .what = "no commit " + commit.Hex()};
  }
  std::vector<ObjectId> parents;
  for (unsigned i = 0; i < git_commit_parentcount(found.get()); ++i) {
    parents.push_back(FromOid(*git_commit_parent_id(found.get(), i)));
  }
  return parents;
}

}  // namespace coppice::vcs

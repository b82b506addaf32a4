#include "vcs/export.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <git2/sys/commit.h>
#include <unistd.h>

#include <unordered_set>

#include "base/durable_file.h"
#include "base/fd.h"
#include "base/file.h"
#include "vcs/git_store.h"
#include "vcs/merge_trees.h"
#include "vcs/object_db.h"
#include "vcs/trees.h"
#include "vcs/user_repository.h"

// Every step is merged, as a three-way merge of trees, into what the steps
// before it made of `onto`. The commits lie in our store until PublishBranch;
// one that is never published is dropped by the next gc.

namespace coppice::vcs {
namespace {

constexpr char kFallbackName[] = "coppice";
constexpr char kFallbackEmail[] = "coppice@localhost";

Result<GitSignature> Identity(const RepositoryPlaces& places) {
  Result<GitRepository> user = UserRepository(places).Open();
  if (!user) return user.error();
  GitSignature identity;
  if (git_signature_default(identity.Out(), user->get()) != 0 &&
      git_signature_now(identity.Out(), kFallbackName, kFallbackEmail) != 0) {
    return GitError("cannot tell who commits");
  }
  return identity;
}

Error ConflictIn(const std::vector<std::string>& files, ObjectId onto) {
  return Error{
      .code = ErrorCode::kConflict,
      .what = fmt::format("conflict in {}", fmt::join(files, ", ")),
      .cause = fmt::format("commit {:.12} changes the same lines", onto.Hex()),
      .next =
          "export onto the base of the run (without --onto) and merge the "
          "branch by hand"};
}

// The tree of `onto` with what changed between the other two.
Result<git_oid> Transplant(git_repository* repository, const ExportStep& step,
                           const git_oid& onto_tree, ObjectId onto) {
  Result<git_oid> from = TreeIdOf(repository, step.from);
  if (!from) return from.error();
  Result<git_oid> to = TreeIdOf(repository, step.to);
  if (!to) return to.error();
  Result<TreeMerge> merge = MergeTrees(repository, *from, onto_tree, *to);
  if (!merge) return merge.error();
  if (!merge->conflicts.empty()) return ConflictIn(merge->conflicts, onto);
  return EditTree(repository, onto_tree, merge->edits);
}

Error NameTaken(const std::string& branch) {
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("the branch {} exists", branch),
               .cause = "export never moves a branch",
               .next = "choose another with --branch NAME, or delete it"};
}

// Copies objects into the user's database, what they refer to first, so that
// an object found there stands for everything below it.
class Copier {
 public:
  Copier(git_repository* from, git_odb* to) : from_(from), to_(to) {}

  Result<void> Copy(const git_oid& id) {
    if (!seen_.insert(FromOid(id)).second || git_odb_exists(to_, &id) != 0) {
      return Ok();
    }
    GitObject object;
    if (git_object_lookup(object.Out(), from_, &id, GIT_OBJECT_ANY) != 0) {
      return GitError("cannot read object " + FromOid(id).Hex());
    }
    Result<void> below = CopyBelow(object.get());
    if (!below) return below;
    GitOdb odb;
    GitOdbObject raw;
    git_oid written;
    if (git_repository_odb(odb.Out(), from_) != 0 ||
        git_odb_read(raw.Out(), odb.get(), &id) != 0 ||
        git_odb_write(&written, to_, git_odb_object_data(raw.get()),
                      git_odb_object_size(raw.get()),
                      git_odb_object_type(raw.get())) != 0) {
      return GitError("cannot copy object " + FromOid(id).Hex());
    }
    return Ok();
  }

 private:
  Result<void> CopyBelow(git_object* object) {
    Result<void> copied = Ok();
    if (git_object_type(object) == GIT_OBJECT_COMMIT) {
      const auto* commit = reinterpret_cast<const git_commit*>(object);
      copied = Copy(*git_commit_tree_id(commit));
      for (unsigned i = 0; copied && i < git_commit_parentcount(commit); ++i) {
        copied = Copy(*git_commit_parent_id(commit, i));
      }
    } else if (git_object_type(object) == GIT_OBJECT_TREE) {
      const auto* tree = reinterpret_cast<const git_tree*>(object);
      for (std::size_t i = 0; copied && i < git_tree_entrycount(tree); ++i) {
        const git_tree_entry* entry = git_tree_entry_byindex(tree, i);
        if (git_tree_entry_type(entry) == GIT_OBJECT_COMMIT) continue;
        copied = Copy(*git_tree_entry_id(entry));
      }
    }
    return copied;
  }

  git_repository* from_;
  git_odb* to_;
  std::unordered_set<ObjectId> seen_;
};

}  // namespace

Result<void> CheckBranchIsFree(const RepositoryPlaces& places,
                               const std::string& branch) {
  int valid = 0;
  if (git_branch_name_is_valid(&valid, branch.c_str()) != 0 || valid == 0) {
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("\"{}\" is no name for a branch", branch),
                 .next = "choose another with --branch NAME"};
  }
  Result<GitRepository> user = UserRepository(places).Open();
  if (!user) return user.error();
  GitReference existing;
  if (git_branch_lookup(existing.Out(), user->get(), branch.c_str(),
                        GIT_BRANCH_LOCAL) == 0) {
    return NameTaken(branch);
  }
  return Ok();
}

Result<std::vector<ObjectId>> ComposeExport(Store& store, ObjectId onto,
                                            std::span<const ExportStep> steps) {
  Result<GitSignature> identity = Identity(store.places());
  if (!identity) return identity.error();
  Result<std::unique_ptr<ObjectDb>> objects = OpenFlushed(store);
  if (!objects) return objects.error();
  std::vector<ObjectId> commits;
  {
    Result<ObjectDb::View> view = (*objects)->Look(Keep::kPending);
    if (!view) return view.error();
    git_repository* repository = view->repository();
    Result<git_oid> tree = TreeIdOf(repository, onto);
    if (!tree) return tree.error();
    git_oid head = ToOid(onto);
    for (const ExportStep& step : steps) {
      Result<git_oid> next = Transplant(repository, step, *tree, onto);
      if (!next) return next.error();
      if (git_oid_equal(&*next, &*tree) != 0) continue;
      const git_oid parent = head;
      const git_oid* parents[] = {&parent};
      if (git_commit_create_from_ids(
              &head, repository, nullptr, identity->get(), identity->get(),
              nullptr, step.message.c_str(), &*next, 1, parents) != 0) {
        return GitError("cannot make a commit");
      }
      tree = *next;
      commits.push_back(FromOid(head));
    }
  }
  if (commits.empty()) {
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("commit {:.12} has these changes already",
                                     onto.Hex())};
  }
  Result<void> flushed = (*objects)->Flush();
  if (!flushed) return flushed.error();
  return commits;
}

Result<void> PublishBranch(Store& store, const std::string& branch,
                           ObjectId commit) {
  Result<void> free = CheckBranchIsFree(store.places(), branch);
  if (!free) return free;
  Result<std::unique_ptr<ObjectDb>> objects = OpenFlushed(store);
  if (!objects) return objects.error();
  Result<ObjectDb::View> view = (*objects)->Look(Keep::kNothing);
  if (!view) return view.error();
  Result<GitRepository> user = UserRepository(store.places()).Open();
  if (!user) return user.error();
  GitOdb odb;
  if (git_repository_odb(odb.Out(), user->get()) != 0) {
    return GitError("cannot open the user's objects");
  }
  const git_oid id = ToOid(commit);
  Result<void> copied = Copier(view->repository(), odb.get()).Copy(id);
  if (!copied) return copied;
  // The branch must never be there without its objects.
  const UniqueFd disk(open(store.places().common_dir.c_str(),
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!disk || syncfs(disk.get()) != 0) {
    return DiskError("sync", store.places().common_dir);
  }
  const std::string name = "refs/heads/" + branch;
  GitReference made;
  const int error = git_reference_create(made.Out(), user->get(), name.c_str(),
                                         &id, 0, "coppice: exported");
  if (error == GIT_EEXISTS) return NameTaken(branch);
  if (error != 0) return GitError("cannot make the branch " + branch);
  return Ok();
}

Result<void> RemoveBranch(const RepositoryPlaces& places,
                          const std::string& branch, ObjectId commit) {
  Result<GitRepository> user = UserRepository(places).Open();
  if (!user) return user.error();
  GitReference reference;
  const std::string name = "refs/heads/" + branch;
  if (git_reference_lookup(reference.Out(), user->get(), name.c_str()) != 0) {
    return Ok();
  }
  const git_oid* target = git_reference_target(reference.get());
  if (target == nullptr || FromOid(*target) != commit) {
    return Error{.code = ErrorCode::kConflict,
                 .what = "the branch " + branch + " has moved"};
  }
  if (git_branch_delete(reference.get()) != 0) {
    return GitError("cannot remove the branch " + branch);
  }
  return Ok();
}

}  // namespace coppice::vcs

#include "vcs/plain_git.h"

#include <git2/odb.h>

#include <filesystem>
#include <utility>

#include "vcs/git.h"
#include "vcs/git_store.h"

namespace coppice::vcs {
namespace {

using GitDiff = GitOwned<git_diff, git_diff_free>;
using GitBlob = GitOwned<git_blob, git_blob_free>;

ErrorCode CodeOf(int code) {
  return code == GIT_ENOTFOUND ? ErrorCode::kNotFound : ErrorCode::kIo;
}

class OnDisk final : public PlainGit {
 public:
  OnDisk(GitRepository repository, GitOdb objects)
      : repository_(std::move(repository)), objects_(std::move(objects)) {}

  Result<std::optional<std::string>> Commit(ObjectId id) override {
    using Bytes = Result<std::optional<std::string>>;
    const git_oid oid = ToOid(id);
    GitOdbObject object;
    const int code = git_odb_read(object.Out(), objects_.get(), &oid);
    if (code == GIT_ENOTFOUND) {
      return Bytes(boost::system::in_place_value, std::nullopt);
    }
    if (code != 0) return GitError("cannot read commit " + id.Hex());
    return Bytes(
        boost::system::in_place_value,
        std::string(static_cast<const char*>(git_odb_object_data(object.get())),
                    git_odb_object_size(object.get())));
  }

  Result<std::vector<Difference>> Changes(ObjectId from, ObjectId to) override {
    Result<GitTree> before = TreeOfCommit(from);
    if (!before) return before.error();
    Result<GitTree> after = TreeOfCommit(to);
    if (!after) return after.error();
    git_diff_options options;
    git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    GitDiff diff;
    const int code = git_diff_tree_to_tree(
        diff.Out(), repository_.get(), before->get(), after->get(), &options);
    if (code != 0) return GitError("cannot compare commits", CodeOf(code));
    std::vector<Difference> changes;
    for (std::size_t i = 0; i < git_diff_num_deltas(diff.get()); ++i) {
      const git_diff_delta* delta = git_diff_get_delta(diff.get(), i);
      Difference& change = changes.emplace_back();
      change.path = delta->new_file.path;
      for (const auto& [file, text] :
           {std::pair{&delta->old_file, &change.before},
            std::pair{&delta->new_file, &change.after}}) {
        Result<void> read = ReadText(*file, *text);
        if (!read) return read.error();
      }
    }
    return changes;
  }

  Result<std::optional<ObjectId>> Ref(std::string_view name) override {
    using Found = Result<std::optional<ObjectId>>;
    git_oid id;
    const int code = git_reference_name_to_id(&id, repository_.get(),
                                              std::string(name).c_str());
    if (code == GIT_ENOTFOUND) {
      return Found(boost::system::in_place_value, std::nullopt);
    }
    if (code != 0) return GitError("cannot read " + std::string(name));
    return Found(boost::system::in_place_value, FromOid(id));
  }

 private:
  Result<GitTree> TreeOfCommit(ObjectId id) {
    const git_oid oid = ToOid(id);
    GitCommit commit;
    GitTree tree;
    int code = git_commit_lookup(commit.Out(), repository_.get(), &oid);
    if (code == 0) code = git_commit_tree(tree.Out(), commit.get());
    if (code == 0) return tree;
    return GitError("cannot read the tree of " + id.Hex(), CodeOf(code));
  }

  Result<void> ReadText(const git_diff_file& file,
                        std::optional<std::string>& text) {
    if (git_oid_is_zero(&file.id)) return Ok();
    GitBlob blob;
    const int code = git_blob_lookup(blob.Out(), repository_.get(), &file.id);
    if (code != 0) {
      return GitError(std::string("cannot read ") + file.path, CodeOf(code));
    }
    text.emplace(static_cast<const char*>(git_blob_rawcontent(blob.get())),
                 static_cast<std::size_t>(git_blob_rawsize(blob.get())));
    return Ok();
  }

  GitRepository repository_;
  GitOdb objects_;
};

}  // namespace

Result<std::unique_ptr<PlainGit>> OpenPlainGit(const RepositoryPlaces& places) {
  InitGit();
  // Every object is hashed again, which the store itself does not do.
  git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
  GitRepository repository;
  GitOdb objects;
  if (git_repository_open_bare(repository.Out(), StorePath(places).c_str()) !=
          0 ||
      git_repository_odb(objects.Out(), repository.get()) != 0) {
    return GitError("cannot open " + StorePath(places).string());
  }
  return std::make_unique<OnDisk>(std::move(repository), std::move(objects));
}

}  // namespace coppice::vcs

#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <unordered_set>

#include "base/durable_file.h"
#include "base/file.h"
#include "vcs/git_store.h"
#include "vcs/object_pack.h"

// Making the store, its refs, and what `coppice gc` does to it.

namespace coppice::vcs {
namespace {
namespace fs = std::filesystem;

constexpr char kAlternates[] = "../../../objects\n";
constexpr int kStoreFormat = 1;

// Complete under another name first: two processes may start at once.
Result<void> MakeStore(const fs::path& store) {
  const fs::path draft =
      store.parent_path() / fmt::format("store.git.tmp-{}", getpid());
  std::error_code failed;
  fs::remove_all(draft, failed);
  git_repository_init_options options;
  git_repository_init_options_init(&options,
                                   GIT_REPOSITORY_INIT_OPTIONS_VERSION);
  options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
  GitRepository made;
  GitConfig config;
  if (git_repository_init_ext(made.Out(), draft.c_str(), &options) != 0 ||
      git_repository_config(config.Out(), made.get()) != 0 ||
      git_config_set_int32(config.get(), "gc.auto", 0) != 0 ||
      git_config_set_int32(config.get(), "coppice.format", kStoreFormat) != 0) {
    return GitError("cannot make " + store.string());
  }
  Result<void> linked =
      ReplaceFile(draft / "objects" / "info" / "alternates", kAlternates);
  if (!linked) return linked;
  if (rename(draft.c_str(), store.c_str()) != 0) {
    const Error error = DiskError("make", store);
    fs::remove_all(draft, failed);
    if (!fs::exists(store / "objects")) return error;
  }
  return SyncDirectory(store.parent_path());
}

Result<void> CheckFormat(const fs::path& store) {
  GitRepository repository;
  GitConfig config;
  std::int32_t format = 0;
  if (git_repository_open_bare(repository.Out(), store.c_str()) != 0 ||
      git_repository_config(config.Out(), repository.get()) != 0 ||
      git_config_get_int32(&format, config.get(), "coppice.format") != 0) {
    return GitError("cannot read " + store.string());
  }
  if (format > kStoreFormat) {
    return Error{.code = ErrorCode::kIo,
                 .what = fmt::format("the store has format {}", format),
                 .where = store,
                 .cause = "a newer coppice made it",
                 .next = "use that version"};
  }
  return Ok();
}

// Everything of ours that hangs on the commits; what is the user's ends the
// descent, because nothing of the user's refers to an object of ours.
class Marker {
 public:
  Marker(git_repository* repository, std::vector<ObjectId> ours)
      : repository_(repository), ours_(ours.begin(), ours.end()) {}

  Result<void> Mark(ObjectId root) {
    std::vector<ObjectId> pending{root};
    while (!pending.empty()) {
      const ObjectId id = pending.back();
      pending.pop_back();
      if (!ours_.contains(id) || !marked_.insert(id).second) continue;
      const git_oid oid = ToOid(id);
      GitObject object;
      if (git_object_lookup(object.Out(), repository_, &oid, GIT_OBJECT_ANY) !=
          0) {
        return GitError("cannot read object " + id.Hex());
      }
      Follow(object.get(), pending);
    }
    return Ok();
  }

  std::vector<ObjectId> Marked() const {
    return {marked_.begin(), marked_.end()};
  }

 private:
  static void Follow(git_object* object, std::vector<ObjectId>& pending) {
    if (git_object_type(object) == GIT_OBJECT_COMMIT) {
      const auto* commit = reinterpret_cast<const git_commit*>(object);
      pending.push_back(FromOid(*git_commit_tree_id(commit)));
      for (unsigned i = 0; i < git_commit_parentcount(commit); ++i) {
        pending.push_back(FromOid(*git_commit_parent_id(commit, i)));
      }
    } else if (git_object_type(object) == GIT_OBJECT_TREE) {
      const auto* tree = reinterpret_cast<const git_tree*>(object);
      for (std::size_t i = 0; i < git_tree_entrycount(tree); ++i) {
        pending.push_back(
            FromOid(*git_tree_entry_id(git_tree_entry_byindex(tree, i))));
      }
    }
  }

  git_repository* repository_;
  std::unordered_set<ObjectId> ours_;
  std::unordered_set<ObjectId> marked_;
};

}  // namespace

fs::path StorePath(const RepositoryPlaces& places) {
  return places.common_dir / "coppice" / "store.git";
}

Result<std::unique_ptr<ObjectDb>> OpenFlushed(Store& store) {
  Result<void> flushed = store.Flush();
  if (!flushed) return flushed.error();
  const RepositoryPlaces& places = store.places();
  return ObjectDb::Open(StorePath(places), places.common_dir / "objects");
}

Result<std::unique_ptr<Store>> OpenStore(const RepositoryPlaces& places) {
  InitGit();
  const fs::path store = StorePath(places);
  if (!fs::exists(store / "objects")) {
    Result<void> made = MakeStore(store);
    if (!made) return made.error();
  }
  Result<void> readable = CheckFormat(store);
  if (!readable) return readable.error();
  Result<std::unique_ptr<ObjectDb>> objects =
      ObjectDb::Open(store, places.common_dir / "objects");
  if (!objects) return objects.error();
  return std::unique_ptr<Store>(
      std::make_unique<GitStore>(places, std::move(*objects)));
}

Result<GitRepository> GitStore::OpenOurs() const {
  GitRepository ours;
  const fs::path store = StorePath(places());
  if (git_repository_open_bare(ours.Out(), store.c_str()) != 0) {
    return GitError("cannot open " + store.string());
  }
  return ours;
}

Result<void> GitStore::PublishBest(std::string_view run, ObjectId commit) {
  if (objects_->IsPending(commit)) {
    Result<void> flushed = Flush();
    if (!flushed) return flushed;
  }
  {
    std::lock_guard lock(mutex_);
    published_ = commit;
  }
  Result<GitRepository> ours = OpenOurs();
  if (!ours) return ours.error();
  return SetReference(ours->get(), fmt::format("refs/best/{}", run), commit);
}

std::optional<ObjectId> GitStore::PublishedBest() const {
  std::lock_guard lock(mutex_);
  return published_;
}

Result<void> GitStore::UnpublishBest(std::string_view run) {
  Result<GitRepository> ours = OpenOurs();
  if (!ours) return ours.error();
  return RemoveReference(ours->get(), fmt::format("refs/best/{}", run));
}

Result<void> GitStore::WritePack(ObjectId commit, std::optional<ObjectId> known,
                                 const std::filesystem::path& file) {
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  return WriteObjectPack(view->repository(), commit, known, file);
}

Result<void> GitStore::Repack(std::span<const ObjectId> commits) {
  Result<void> flushed = Flush();
  if (!flushed) return flushed;
  Result<std::vector<ObjectId>> packed = objects_->Packed();
  if (!packed) return packed.error();
  Result<GitRepository> ours = OpenOurs();
  if (!ours) return ours.error();
  std::vector<ObjectId> roots(commits.begin(), commits.end());
  git_reference_foreach(
      ours->get(),
      [](git_reference* reference, void* into) {
        if (const git_oid* target = git_reference_target(reference)) {
          static_cast<std::vector<ObjectId>*>(into)->push_back(
              FromOid(*target));
        }
        git_reference_free(reference);
        return 0;
      },
      &roots);
  Result<ObjectDb::View> view = objects_->Look(Keep::kNothing);
  if (!view) return view.error();
  Marker marker(view->repository(), std::move(*packed));
  for (ObjectId root : roots) {
    Result<void> marked = marker.Mark(root);
    if (!marked) return marked;
  }
  return objects_->Replace(marker.Marked());
}

}  // namespace coppice::vcs

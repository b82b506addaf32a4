#include "vcs/object_db.h"

#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

#include <cstring>

#include "base/log.h"
#include "vcs/packs.h"

// libgit2's own object database looks through the pack directories again for
// every object it is about to write, lest somebody else made it meanwhile:
// the cost of a commit would grow with the number of packs. So each handle
// has a database with a single backend, below, which knows what is pending
// and asks two ordinary databases (the store's, the user's) for the rest,
// refreshing them only when an object is found nowhere.
//
// An object counts as written only if it is pending or in the store. That the
// user's repository happens to hold it too is no promise: the next gc there
// may drop it.

namespace coppice::vcs {
namespace fs = std::filesystem;

// ---- Objects in memory -----------------------------------------------------

std::shared_ptr<const LooseObject> ObjectMap::Find(const ObjectId& id) const {
  std::shared_lock lock(mutex_);
  auto found = objects_.find(id);
  return found == objects_.end() ? nullptr : found->second;
}

void ObjectMap::Insert(const ObjectId& id, LooseObject object) {
  auto shared = std::make_shared<const LooseObject>(std::move(object));
  std::unique_lock lock(mutex_);
  objects_.try_emplace(id, std::move(shared));
}

void ObjectMap::Erase(const std::vector<Entry>& entries) {
  std::unique_lock lock(mutex_);
  for (const Entry& entry : entries) objects_.erase(entry.first);
}

std::vector<ObjectMap::Entry> ObjectMap::All() const {
  std::shared_lock lock(mutex_);
  return {objects_.begin(), objects_.end()};
}

void ObjectMap::Clear() {
  std::unique_lock lock(mutex_);
  objects_.clear();
}

// ---- One handle ------------------------------------------------------------

struct ObjectDb::Handle {
  explicit Handle(ObjectDb& db) : owner(db) {}

  int Reopen();
  std::shared_ptr<const LooseObject> InMemory(const git_oid* id) const;
  // The database that has the object on disk, or nullptr.
  git_odb* OnDisk(const git_oid* id);
  int Read(git_odb_object** object, const git_oid* id);

  ObjectDb& owner;
  GitOdb store;
  GitOdb user;
  GitRepository repository;
  Keep keep = Keep::kPending;
  ObjectMap scratch;  // what is written under Keep::kNothing
  std::uint64_t packs_seen = 0;
};

int ObjectDb::Handle::Reopen() {
  packs_seen = owner.packs_changed_;
  store.Reset();
  user.Reset();
  git_odb_backend* packs = nullptr;
  int error = git_odb_new(store.Out());
  if (error == 0) {
    error = git_odb_backend_pack(&packs, owner.objects_dir_.c_str());
  }
  if (error == 0) error = git_odb_add_backend(store.get(), packs, 1);
  if (error == 0) {
    error = git_odb_open(user.Out(), owner.user_objects_dir_.c_str());
  }
  return error;
}

std::shared_ptr<const LooseObject> ObjectDb::Handle::InMemory(
    const git_oid* id) const {
  const ObjectId name = FromOid(*id);
  std::shared_ptr<const LooseObject> found = owner.pending_.Find(name);
  if (found == nullptr && keep == Keep::kNothing) found = scratch.Find(name);
  return found;
}

git_odb* ObjectDb::Handle::OnDisk(const git_oid* id) {
  for (const bool refreshed : {false, true}) {
    for (git_odb* odb : {store.get(), user.get()}) {
      if (odb == nullptr || (refreshed && git_odb_refresh(odb) != 0)) continue;
      if (git_odb_exists_ext(odb, id, GIT_ODB_LOOKUP_NO_REFRESH)) return odb;
    }
  }
  return nullptr;
}

int ObjectDb::Handle::Read(git_odb_object** object, const git_oid* id) {
  git_odb* odb = OnDisk(id);
  int error = odb ? git_odb_read(object, odb, id) : GIT_ENOTFOUND;
  if (odb == nullptr || error == 0) return error;
  // A pack can vanish between finding and reading: gc, here or there.
  if (Reopen() != 0) return error;
  odb = OnDisk(id);
  return odb ? git_odb_read(object, odb, id) : GIT_ENOTFOUND;
}

// ---- The backend: libgit2's callbacks --------------------------------------

struct ObjectDb::Backend : git_odb_backend {
  explicit Backend(Handle& owner) : git_odb_backend{}, handle(owner) {
    git_odb_init_backend(this, GIT_ODB_BACKEND_VERSION);
    read = &Read;
    read_header = &ReadHeader;
    exists = &Exists;
    write = &Write;
    free = &Free;
  }

  static Handle& Of(git_odb_backend* self) {
    return static_cast<Backend*>(self)->handle;
  }

  static int Read(void** data, std::size_t* size, git_object_t* type,
                  git_odb_backend* self, const git_oid* id) {
    auto give = [&](const void* from, std::size_t count, git_object_t kind) {
      *data = git_odb_backend_data_alloc(self, count);
      if (*data == nullptr) return -1;
      if (count > 0) std::memcpy(*data, from, count);
      *size = count;
      *type = kind;
      return 0;
    };
    if (auto loose = Of(self).InMemory(id)) {
      return give(loose->data.data(), loose->data.size(), loose->type);
    }
    GitOdbObject object;
    if (const int error = Of(self).Read(object.Out(), id)) return error;
    return give(git_odb_object_data(object.get()),
                git_odb_object_size(object.get()),
                git_odb_object_type(object.get()));
  }

  static int ReadHeader(std::size_t* size, git_object_t* type,
                        git_odb_backend* self, const git_oid* id) {
    if (auto loose = Of(self).InMemory(id)) {
      *size = loose->data.size();
      *type = loose->type;
      return 0;
    }
    git_odb* odb = Of(self).OnDisk(id);
    return odb ? git_odb_read_header(size, type, odb, id) : GIT_ENOTFOUND;
  }

  static int Exists(git_odb_backend* self, const git_oid* id) {
    Handle& handle = Of(self);
    return handle.InMemory(id) != nullptr ||
           git_odb_exists_ext(handle.store.get(), id,
                              GIT_ODB_LOOKUP_NO_REFRESH);
  }

  static int Write(git_odb_backend* self, const git_oid* id, const void* data,
                   std::size_t size, git_object_t type) {
    Handle& handle = Of(self);
    ObjectMap& objects =
        handle.keep == Keep::kPending ? handle.owner.pending_ : handle.scratch;
    objects.Insert(FromOid(*id),
                   {type, std::string(static_cast<const char*>(data), size)});
    return 0;
  }

  static void Free(git_odb_backend* self) {
    delete static_cast<Backend*>(self);
  }

  Handle& handle;
};

Result<std::unique_ptr<ObjectDb::Handle>> ObjectDb::MakeHandle() {
  auto handle = std::make_unique<Handle>(*this);
  GitOdb odb;
  GitConfig nothing;  // else merges and packs follow the user's settings
  if (handle->Reopen() != 0 || git_odb_new(odb.Out()) != 0 ||
      git_odb_add_backend(odb.get(), new Backend(*handle), 1) != 0 ||
      git_repository_wrap_odb(handle->repository.Out(), odb.get()) != 0 ||
      git_config_new(nothing.Out()) != 0 ||
      git_repository_set_config(handle->repository.get(), nothing.get()) != 0) {
    return GitError("cannot open " + objects_dir_.string());
  }
  return handle;
}

// ---- Views -----------------------------------------------------------------

ObjectDb::View::View(ObjectDb* owner, std::unique_ptr<Handle> handle)
    : owner_(owner), handle_(std::move(handle)) {}
ObjectDb::View::View(View&&) noexcept = default;

ObjectDb::View::~View() {
  if (handle_) owner_->Return(std::move(handle_));
}

git_repository* ObjectDb::View::repository() const {
  return handle_->repository.get();
}

ObjectDb::ObjectDb(const fs::path& store, fs::path user_objects)
    : objects_dir_(store / "objects"),
      user_objects_dir_(std::move(user_objects)) {}
ObjectDb::~ObjectDb() = default;

Result<std::unique_ptr<ObjectDb>> ObjectDb::Open(const fs::path& store,
                                                 const fs::path& user_objects) {
  InitGit();
  std::unique_ptr<ObjectDb> db(new ObjectDb(store, user_objects));
  Result<View> view = db->Look(Keep::kNothing);
  if (!view) return view.error();
  return db;
}

Result<ObjectDb::View> ObjectDb::Look(Keep keep) {
  std::unique_ptr<Handle> handle;
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      handle = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (handle == nullptr) {
    Result<std::unique_ptr<Handle>> made = MakeHandle();
    if (!made) return made.error();
    handle = std::move(*made);
  } else if (handle->packs_seen != packs_changed_ && handle->Reopen() != 0) {
    return GitError("cannot open " + objects_dir_.string());
  }
  handle->keep = keep;
  return View(this, std::move(handle));
}

void ObjectDb::Return(std::unique_ptr<Handle> handle) {
  handle->scratch.Clear();
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(handle));
}

bool ObjectDb::Has(ObjectId id) {
  if (IsPending(id)) return true;
  const git_oid oid = ToOid(id);
  Result<View> view = Look(Keep::kNothing);
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  git_odb* odb = nullptr;
  if (!view || git_repository_odb(&odb, view->repository()) != 0) return false;
  GitOdb held(odb);
  return git_odb_read_header(&size, &type, odb, &oid) == 0;
}

// ---- Packs -----------------------------------------------------------------

Result<std::string> ObjectDb::WritePack(const std::vector<ObjectId>& objects) {
  Result<View> view = Look(Keep::kNothing);
  if (!view) return view.error();
  const fs::path incoming = IncomingDirectory(objects_dir_);
  std::error_code failed;
  fs::create_directories(incoming, failed);
  GitPackBuilder builder;
  int error = git_packbuilder_new(builder.Out(), view->repository());
  for (std::size_t i = 0; error == 0 && i < objects.size(); ++i) {
    const git_oid oid = ToOid(objects[i]);
    error = git_packbuilder_insert(builder.get(), &oid, nullptr);
  }
  if (error == 0) {
    error = git_packbuilder_write(builder.get(), incoming.c_str(), 0, nullptr,
                                  nullptr);
  }
  if (error != 0)
    return GitError("cannot write a pack in " + incoming.string());
  return std::string(git_packbuilder_name(builder.get()));
}

Result<void> ObjectDb::Flush() {
  std::lock_guard lock(flushing_);
  const std::vector<ObjectMap::Entry> batch = pending_.All();
  if (batch.empty()) return Ok();
  std::vector<ObjectId> ids;
  for (const ObjectMap::Entry& entry : batch) ids.push_back(entry.first);
  Result<std::string> name = WritePack(ids);
  if (!name) return name.error();
  Result<void> installed = InstallPack(objects_dir_, *name);
  if (!installed) return installed;
  // Readers look here first: visible on disk before it leaves memory.
  ++packs_changed_;
  pending_.Erase(batch);
  // Housekeeping: what was asked for is done already.
  Result<bool> joined = JoinSmallPacks(objects_dir_);
  if (!joined) LogWarning(joined.error().Text());
  if (joined && *joined) ++packs_changed_;
  return Ok();
}

Result<std::vector<ObjectId>> ObjectDb::Packed() {
  return ObjectsInPacks(objects_dir_);
}

Result<void> ObjectDb::Replace(const std::vector<ObjectId>& objects) {
  std::lock_guard lock(flushing_);
  const UniqueFd only_we = LockPacks(objects_dir_);
  if (!only_we) {
    return Error{.code = ErrorCode::kBusy,
                 .what = "another process is working on the store",
                 .where = objects_dir_};
  }
  const std::vector<std::string> old = PackNames(objects_dir_);
  std::string made;
  if (!objects.empty()) {
    Result<std::string> name = WritePack(objects);
    if (!name) return name.error();
    Result<void> installed = InstallPack(objects_dir_, *name);
    if (!installed) return installed;
    made = "pack-" + *name;
  }
  for (const std::string& pack : old) {
    if (pack != made) RemovePack(objects_dir_, pack);
  }
  ++packs_changed_;
  return Ok();
}

}  // namespace coppice::vcs

#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "vcs/git.h"

namespace coppice::vcs {

// A git object outside of any pack.
struct LooseObject {
  git_object_t type = GIT_OBJECT_INVALID;
  std::string data;
};

// Objects by id, in memory. Thread-safe.
class ObjectMap {
 public:
  using Entry = std::pair<ObjectId, std::shared_ptr<const LooseObject>>;

  std::shared_ptr<const LooseObject> Find(const ObjectId& id) const;
  void Insert(const ObjectId& id, LooseObject object);
  void Erase(const std::vector<Entry>& entries);
  std::vector<Entry> All() const;
  void Clear();

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<ObjectId, std::shared_ptr<const LooseObject>> objects_;
};

// What becomes of the objects written through a view.
enum class Keep {
  kPending,  // readable at once by every view, durable after Flush
  kNothing,  // forgotten with the view
};

// Objects of our store and of the user: those not packed yet, the packs of the
// store, the user's, in this order. Any thread; a view is for one at a time.
class ObjectDb {
  struct Handle;
  struct Backend;

 public:
  // A repository without refs or configuration over all these objects.
  class View {
   public:
    View(ObjectDb* owner, std::unique_ptr<Handle> handle);
    View(View&&) noexcept;
    ~View();
    git_repository* repository() const;

   private:
    ObjectDb* owner_;
    std::unique_ptr<Handle> handle_;
  };

  static Result<std::unique_ptr<ObjectDb>> Open(
      const std::filesystem::path& store,
      const std::filesystem::path& user_objects);
  ~ObjectDb();

  Result<View> Look(Keep keep);
  // Packs what is pending, durably. Few packs are left, whatever the number
  // of calls.
  Result<void> Flush();
  // In memory or on disk.
  bool Has(ObjectId id);
  bool IsPending(ObjectId id) const { return pending_.Find(id) != nullptr; }
  // Ids of all objects in packs of the store.
  Result<std::vector<ObjectId>> Packed();
  // Replaces all packs there are now by one with these objects.
  Result<void> Replace(const std::vector<ObjectId>& objects);

 private:
  ObjectDb(const std::filesystem::path& store,
           std::filesystem::path user_objects);
  Result<std::unique_ptr<Handle>> MakeHandle();
  Result<std::string> WritePack(const std::vector<ObjectId>& objects);
  void Return(std::unique_ptr<Handle> handle);

  // Constant.
  const std::filesystem::path objects_dir_;
  const std::filesystem::path user_objects_dir_;

  // Thread-safe by themselves.
  ObjectMap pending_;
  std::atomic<std::uint64_t> packs_changed_{1};

  std::mutex flushing_;  // one Flush at a time

  std::mutex mutex_;  // protects what follows
  std::vector<std::unique_ptr<Handle>> idle_;
};

}  // namespace coppice::vcs

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/durable_file.h"
#include "base/file.h"
#include "vcs/slot_kinds.h"

// The upper layer starts empty and gets the files in which the commit differs
// from the checkout below; what is in it later and does not carry our stamp was
// written by a process of the slot. Nothing has to be cleaned, the lower layer
// cannot be reached, and the cost does not depend on the size of the
// repository.
//
// A directory that a process removed, or replaced by something else, hides all
// of the lower layer below it. Putting back one file from there must not bring
// its neighbours back too, so the directory becomes an opaque one, and the
// file is copied up.

namespace coppice::vcs {
namespace fs = std::filesystem;
namespace {

fs::path Upper(const Slot& slot) { return slot.dir / "upper"; }

bool IsDirectory(const fs::path& path) {
  struct stat st{};
  return lstat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

// Whole directories that the commit no longer has, if nothing but the removed
// files was in them: git does not keep a directory without files.
std::vector<std::string> EmptiedDirectories(
    const fs::path& lower, const std::set<std::string>& removed) {
  std::set<std::string> gone = removed;
  std::vector<std::string> emptied;
  for (auto it = removed.rbegin(); it != removed.rend(); ++it) {
    std::string directory = fs::path(*it).parent_path();
    for (; !directory.empty();
         directory = fs::path(directory).parent_path().string()) {
      std::error_code failed;
      auto stays = [&](const fs::directory_entry& entry) {
        return !gone.contains(directory + "/" +
                              entry.path().filename().string());
      };
      if (gone.contains(directory) ||
          std::ranges::any_of(fs::directory_iterator(lower / directory, failed),
                              stays)) {
        break;
      }
      gone.insert(directory);
      emptied.push_back(directory);
    }
  }
  return emptied;
}

// Makes the directories above upper/path real ones; true if what the lower
// layer has there is hidden.
Result<bool> OpenWay(const fs::path& upper, const std::string& path) {
  bool hidden = false;
  fs::path at = upper;
  for (const fs::path& part : fs::path(path).parent_path()) {
    at /= part;
    struct stat st{};
    if (lstat(at.c_str(), &st) != 0) break;  // the lower layer shows through
    if (!S_ISDIR(st.st_mode)) {
      Result<void> removed = RemoveAll(at);
      if (removed && mkdir(at.c_str(), 0755) != 0) {
        removed = DiskError("make a directory", at);
      }
      if (removed) removed = MakeOpaque(at);
      if (!removed) return removed.error();
    }
    hidden |= IsOpaque(at);
  }
  return hidden;
}

}  // namespace

Error SlotIsGone(const fs::path& dir) {
  return Error{.code = ErrorCode::kLost,
               .what = "the slot was deleted while it was in use",
               .where = dir};
}

WorkTree OverlaySlots::View(const Slot& slot, const fs::path& lower) const {
  WorkTree tree;
  tree.slot = slot.number;
  tree.root = lower;
  tree.overlay = Overlay{lower, Upper(slot), slot.dir / "work"};
  return tree;
}

Result<void> OverlaySlots::WriteEntry(Slot& slot,
                                      const TreeEntry& entry) const {
  Result<std::string> content = options_.store.ReadBlob(entry.blob);
  if (!content) return content.error();
  Result<Stamp> put = PutTracked(Upper(slot), entry, *content);
  if (!put) return put.error();
  slot.written[entry.path] = *put;
  slot.entries[entry.path] = entry;
  return Ok();
}

Result<void> OverlaySlots::Prepare(Slot& slot, const fs::path& lower,
                                   ObjectId below, ObjectId commit) const {
  slot.written.clear();
  slot.entries.clear();
  slot.hidden.clear();
  slot.commit = commit;
  for (const char* layer : {"upper", "work"}) {
    Result<void> done = RemoveAll(slot.dir / layer);
    if (done) done = MakeDirectories(slot.dir / layer);
    if (!done) return done;
  }
  Result<std::vector<TreeChange>> changes =
      options_.store.Changes(below, commit);
  if (!changes) return changes.error();
  slot.changed = changes->size();
  for (const TreeChange& change : *changes) {
    if (!change.after) {
      slot.hidden.insert(change.path);
    } else if (!change.after->submodule) {
      Result<void> written = WriteEntry(slot, *change.after);
      if (!written) return written;
    }
  }
  // Where a directory took the place of a file, or a file that of a directory,
  // what was written hides the rest by itself.
  std::erase_if(slot.hidden, [&](const std::string& path) {
    return std::ranges::any_of(slot.entries, [&](const auto& entry) {
      return IsOrBelow(entry.first, path) || IsOrBelow(path, entry.first);
    });
  });
  for (const std::string& directory : EmptiedDirectories(lower, slot.hidden)) {
    if (IsDirectory(Upper(slot) / directory)) continue;  // has new files
    std::erase_if(slot.hidden, [&](const std::string& path) {
      return IsOrBelow(path, directory);
    });
    slot.hidden.insert(directory);
  }
  for (const std::string& path : slot.hidden) {
    Result<void> hidden = PutWhiteout(Upper(slot), path);
    if (!hidden) return hidden;
  }
  return Ok();
}

Result<std::vector<TouchedPath>> OverlaySlots::Touched(
    const Slot& slot, const fs::path& lower) const {
  const fs::path upper = Upper(slot);
  if (!IsDirectory(upper) || !IsDirectory(lower)) return SlotIsGone(slot.dir);
  std::vector<TouchedPath> touched;
  std::set<std::string> present;
  std::vector<std::string> hiding;  // directories of the lower layer
  auto file = [&](const std::string& path, const struct stat& st) {
    present.insert(path);
    if (slot.hidden.contains(path) && IsWhiteout(st)) return;
    auto ours = slot.written.find(path);
    if (ours != slot.written.end() && ours->second == StampOf(st)) return;
    if (IsDirectory(lower / path)) hiding.push_back(path);
    if (!IsWhiteout(st)) {
      touched.push_back({path, false});
    } else if (!IsDirectory(lower / path)) {
      touched.push_back({path, true});
    }
  };
  auto directory = [&](const std::string& path) {
    if (IsOpaque(upper / path)) hiding.push_back(path);
  };
  Walk(upper, file, directory);
  for (const auto& [path, stamp] : slot.written) {
    if (!present.contains(path)) touched.push_back({path, true});
  }
  for (const std::string& path : hiding) {
    Walk(lower / path, [&](const std::string& name, const struct stat&) {
      const std::string whole = path + "/" + name;
      auto covers = [&](const std::string& ours) {
        return IsOrBelow(whole, ours);
      };
      if (!present.contains(whole) &&
          std::ranges::none_of(slot.hidden, covers)) {
        touched.push_back({whole, true});
      }
    });
  }
  std::ranges::sort(touched, {}, &TouchedPath::path);
  const auto same = std::ranges::unique(touched, {}, &TouchedPath::path);
  touched.erase(same.begin(), same.end());
  return touched;
}

Result<void> OverlaySlots::RestoreOne(Slot& slot, const fs::path& lower,
                                      const std::string& path) const {
  const fs::path upper = Upper(slot);
  Result<bool> hidden = OpenWay(upper, path);
  if (!hidden) return hidden.error();
  Result<void> done = RemoveBelow(upper, path);
  if (!done) return done;
  auto restored = [&](const std::string& other) {
    return IsOrBelow(other, path);
  };
  std::erase_if(slot.written,
                [&](const auto& file) { return restored(file.first); });
  struct stat st{};
  if (*hidden && lstat((lower / path).c_str(), &st) == 0) {
    done = CopyIn(lower, upper, path, slot.written);
    if (!done) return done;
  }
  std::vector<TreeEntry> entries;
  for (const auto& [name, entry] : slot.entries) {
    if (restored(name)) entries.push_back(entry);
  }
  for (const TreeEntry& entry : entries) {
    done = WriteEntry(slot, entry);
    if (!done) return done;
  }
  for (const std::string& name : slot.hidden) {
    // Also when it is the directory above that the commit does not have.
    if (!restored(name) && !IsOrBelow(path, name)) continue;
    slot.written.erase(name);
    done = PutWhiteout(upper, name);
    if (!done) return done;
  }
  return Ok();
}

Result<void> OverlaySlots::Restore(Slot& slot, const fs::path& lower,
                                   std::span<const std::string> paths) const {
  if (!IsDirectory(Upper(slot)) || !IsDirectory(lower)) {
    return SlotIsGone(slot.dir);
  }
  for (const std::string& path : paths) {
    Result<void> restored = RestoreOne(slot, lower, path);
    if (!restored) return restored;
  }
  return Ok();
}

Result<void> OverlaySlots::Lend(Slot& slot,
                                std::span<const std::string> paths) const {
  for (const std::string& path : paths) {
    Result<bool> hidden = OpenWay(Upper(slot), path);
    if (!hidden) return hidden.error();
  }
  return LendBelow(options_, Upper(slot), slot, paths);
}

Result<void> OverlaySlots::TakeBack(Slot& slot,
                                    std::span<const std::string> paths) const {
  return TakeBackBelow(Upper(slot), slot, paths);
}

}  // namespace coppice::vcs

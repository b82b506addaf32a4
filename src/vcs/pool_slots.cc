#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_set>

#include "base/text.h"
#include "vcs/slot_kinds.h"

// A directory that holds a whole checkout and moves from commit to commit.
// Before it moves, what processes left is put right: tracked and copied files
// are written again where their stamp is not ours, untracked ones are removed
// unless git ignores them, `keep` names them, or provisioning made them (warm
// builds).

namespace coppice::vcs {
namespace fs = std::filesystem;
namespace {

fs::path Tree(const Slot& slot) { return slot.dir / "tree"; }
// The `copy` files as they were when the slot was filled: the user may go on
// working on his.
fs::path Copies(const Slot& slot) { return slot.dir / "copies"; }

}  // namespace

WorkTree PoolSlots::View(const Slot& slot) const {
  WorkTree tree;
  tree.slot = slot.number;
  tree.root = Tree(slot);
  return tree;
}

Result<void> PoolSlots::WriteEntry(Slot& slot, const TreeEntry& entry) const {
  Result<std::string> content = options_.store.ReadBlob(entry.blob);
  if (!content) return content.error();
  Result<Stamp> put = PutTracked(Tree(slot), entry, *content);
  if (!put) return put.error();
  slot.written[entry.path] = *put;
  slot.entries[entry.path] = entry;
  return Ok();
}

Result<void> PoolSlots::Fill(Slot& slot) const {
  slot.entries.clear();
  slot.written.clear();
  slot.provision_left.clear();
  slot.provisioned = false;
  for (const fs::path& dir : {Tree(slot), Copies(slot)}) {
    Result<void> done = RemoveAll(dir);
    if (done) done = MakeDirectories(dir);
    if (!done) return done;
  }
  Result<std::vector<TreeEntry>> files = options_.store.Files(options_.base);
  if (!files) return files.error();
  for (const TreeEntry& entry : *files) {
    if (entry.submodule) continue;
    Result<void> written = WriteEntry(slot, entry);
    if (!written) return written;
  }
  for (const std::string& path : options_.copy) {
    Stamps snapshot;
    Result<void> done =
        CopyIn(options_.copy_from, Copies(slot), path, snapshot);
    if (done) done = CopyIn(Copies(slot), Tree(slot), path, slot.written);
    if (!done) return done;
  }
  slot.commit = options_.base;
  AwaitFileClock();  // what setup builds is to be newer than its sources
  return Ok();
}

void PoolSlots::Provisioned(Slot& slot) const {
  slot.provisioned = true;
  auto file = [&](const std::string& path, const struct stat& st) {
    if (slot.entries.contains(path) || Copied(path)) return;
    slot.provision_left.insert(path);
    slot.written[path] = StampOf(st);
  };
  // Directories with tracked files live and die with those.
  auto directory = [&](const std::string& path) {
    const std::string below = path + "/";
    auto first = slot.entries.lower_bound(below);
    if (first == slot.entries.end() || !first->first.starts_with(below)) {
      slot.provision_left.insert(below);
    }
  };
  Walk(Tree(slot), file, directory);
}

bool PoolSlots::Copied(const std::string& path) const {
  return std::ranges::any_of(options_.copy, [&](const std::string& copy) {
    return IsOrBelow(path, copy);
  });
}

bool PoolSlots::Stays(const Slot& slot, const std::string& path) const {
  if (slot.provision_left.contains(path)) return true;
  for (const std::string& keep : options_.keep) {
    if (GlobMatch(keep, path)) return true;
  }
  if (!options_.keep.empty()) return false;
  Result<bool> ignored = options_.store.Ignored(path);
  return ignored && *ignored;
}

Result<void> PoolSlots::TidyUp(Slot& slot) const {
  Result<std::vector<TouchedPath>> touched = Touched(slot);
  if (!touched) return touched.error();
  std::vector<std::string> rewrite;
  for (const TouchedPath& touch : *touched) {
    const std::string& path = touch.path;
    if (slot.entries.contains(path) || Copied(path)) {
      rewrite.push_back(path);
    } else if (!touch.removed && !Stays(slot, path)) {
      Result<void> removed = RemoveBelow(Tree(slot), path);
      if (!removed) return removed;
    }
  }
  return Restore(slot, rewrite);
}

// Notes every file as it is now, and removes directories without files, which
// git does not keep; what provisioning made stays.
void PoolSlots::Settle(Slot& slot) const {
  slot.written.clear();
  std::vector<std::string> directories;
  std::unordered_set<std::string> full;
  auto file = [&](const std::string& path, const struct stat& st) {
    slot.written.emplace(path, StampOf(st));
    for (std::size_t end = path.rfind('/');
         end != std::string::npos && end > 0 &&
         full.insert(path.substr(0, end)).second;
         end = path.rfind('/', end - 1)) {
    }
  };
  Walk(Tree(slot), file,
       [&](const std::string& path) { directories.push_back(path); });
  std::erase_if(directories, [&](const std::string& path) {
    return full.contains(path) || Stays(slot, path + "/");
  });
  std::ranges::sort(directories, std::greater<>());
  for (const std::string& path : directories) {
    rmdir((Tree(slot) / path).c_str());
  }
}

Result<void> PoolSlots::Prepare(Slot& slot, ObjectId commit) const {
  Result<void> done = TidyUp(slot);
  if (!done) return done;
  Result<std::vector<TreeChange>> changes =
      options_.store.Changes(slot.commit, commit);
  if (!changes) return changes.error();
  // Removals first: a directory may take the place of a file.
  for (const TreeChange& change : *changes) {
    if (change.after) continue;
    slot.entries.erase(change.path);
    done = RemoveBelow(Tree(slot), change.path);
    if (!done) return done;
  }
  for (const TreeChange& change : *changes) {
    if (!change.after || change.after->submodule) continue;
    done = WriteEntry(slot, *change.after);
    if (!done) return done;
  }
  slot.commit = commit;
  Settle(slot);
  return Ok();
}

Result<std::vector<TouchedPath>> PoolSlots::Touched(const Slot& slot) const {
  if (access(Tree(slot).c_str(), F_OK) != 0) return SlotIsGone(slot.dir);
  std::vector<TouchedPath> touched;
  std::set<std::string> present;
  Walk(Tree(slot), [&](const std::string& path, const struct stat& st) {
    present.insert(path);
    auto ours = slot.written.find(path);
    if (ours == slot.written.end() || ours->second != StampOf(st)) {
      touched.push_back({path, false});
    }
  });
  for (const auto& [path, stamp] : slot.written) {
    if (!present.contains(path)) touched.push_back({path, true});
  }
  std::ranges::sort(touched, {}, &TouchedPath::path);
  return touched;
}

Result<void> PoolSlots::Restore(Slot& slot,
                                std::span<const std::string> paths) const {
  if (access(Tree(slot).c_str(), F_OK) != 0) return SlotIsGone(slot.dir);
  for (const std::string& path : paths) {
    Result<void> done = RemoveBelow(Tree(slot), path);
    if (!done) return done;
    std::erase_if(slot.written, [&](const auto& file) {
      return IsOrBelow(file.first, path);
    });
    std::vector<TreeEntry> entries;
    for (auto it = slot.entries.lower_bound(path);
         it != slot.entries.end() && it->first.starts_with(path); ++it) {
      if (IsOrBelow(it->first, path)) entries.push_back(it->second);
    }
    for (const TreeEntry& entry : entries) {
      done = WriteEntry(slot, entry);
      if (!done) return done;
    }
    struct stat st{};
    if (Copied(path) && lstat((Copies(slot) / path).c_str(), &st) == 0) {
      done = CopyIn(Copies(slot), Tree(slot), path, slot.written);
      if (!done) return done;
    }
  }
  return Ok();
}

Result<void> PoolSlots::Lend(Slot& slot,
                             std::span<const std::string> paths) const {
  return LendBelow(options_, Tree(slot), slot, paths);
}

Result<void> PoolSlots::TakeBack(Slot& slot,
                                 std::span<const std::string> paths) const {
  return TakeBackBelow(Tree(slot), slot, paths);
}

}  // namespace coppice::vcs

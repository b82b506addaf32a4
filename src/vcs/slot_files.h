#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "vcs/store.h"

// The file work of slots. A candidate may have left anything in them: links
// that lead out, directories that cannot be entered. Nothing here follows a
// link below the root it is given. Blocking: called through Offload.

namespace coppice::vcs {

// What tells whether a file is still the one we wrote. The change time cannot
// be set back by whoever writes.
struct Stamp {
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint32_t mode = 0;
  friend bool operator==(const Stamp&, const Stamp&) = default;
};
Stamp StampOf(const struct stat& st);
using Stamps = std::map<std::string, Stamp>;

// Returns once what is written from now on is newer than what was put before:
// the clock that the kernel gives files runs some milliseconds behind. Blocks
// for a tick of it at most.
void AwaitFileClock();

// Puts a file at root/path as git would check it out: text, executable bit, or
// a symbolic link to `content`. What was there goes, and so does what stands
// in the way and is no directory. The file is newer than all written before.
Result<Stamp> PutTracked(const std::filesystem::path& root,
                         const TreeEntry& entry, std::string_view content);
// Every file of a commit into an empty directory; their stamps are added.
Result<void> Materialise(Store& store, ObjectId commit,
                         const std::filesystem::path& root, Stamps& stamps);
// A file, a link or a directory (without .env and .git in it) from
// `from`/`path` to the same place below root, by reflink where the file system
// can; its stamps are added. kCheck if it is not there.
Result<void> CopyIn(const std::filesystem::path& from,
                    const std::filesystem::path& root, const std::string& path,
                    Stamps& stamps);

// Is it `directory` itself, or in it?
bool IsOrBelow(const std::string& path, const std::string& directory);

// Removes root/path with all below it; nothing there is fine, and so is a
// link in its place or above it, of which only the link itself can go.
Result<void> RemoveBelow(const std::filesystem::path& root,
                         const std::string& path);
Result<void> RemoveAll(const std::filesystem::path& path);
Result<void> MakeDirectories(const std::filesystem::path& path);

// A mark that hides a file of an overlay's lower layer.
Result<void> PutWhiteout(const std::filesystem::path& root,
                         const std::string& path);
bool IsWhiteout(const struct stat& st);
// A directory that hides everything below it in the lower layer.
Result<void> MakeOpaque(const std::filesystem::path& directory);
bool IsOpaque(const std::filesystem::path& directory);

// Every entry below `root` but directories, with its path relative to it;
// `directory` is told of directories, before what is in them.
void Walk(
    const std::filesystem::path& root,
    const std::function<void(const std::string&, const struct stat&)>& file,
    const std::function<void(const std::string&)>& directory = {});

// An exclusive lock on a file, held until the descriptor is closed. No lock if
// somebody else holds it.
UniqueFd TryLock(const std::filesystem::path& file);
// Is the file at this path still the one behind the descriptor? Whoever
// deletes a lock file can make another and lock that.
bool IsStill(const UniqueFd& lock, const std::filesystem::path& file);

}  // namespace coppice::vcs

#include "vcs/read_changes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/fd.h"

namespace coppice::vcs {
namespace fs = std::filesystem;
namespace {

constexpr off_t kLargest = 16 << 20;

// The text of a regular file, or why it cannot be part of a change.
struct Content {
  std::string text;
  std::string refusal;
};

Content ReadRegular(const fs::path& file) {
  UniqueFd fd(
      open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return {.refusal = "a symbolic link, or not readable"};
  struct stat st;
  if (fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) {
    return {.refusal = "not a regular file"};
  }
  if (st.st_size > kLargest) return {.refusal = "larger than 16 MiB"};
  Content content;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    content.text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  if (content.text.find('\0') != std::string::npos) {
    return {.refusal = "binary"};
  }
  return content;
}

bool UserCopied(const std::vector<std::string>& copy, const std::string& path) {
  return std::ranges::any_of(copy, [&](const std::string& c) {
    return path == c || path.starts_with(c + "/");
  });
}

Result<SlotChanges> Read(Store& store, const fs::path& root, ObjectId commit,
                         const std::vector<TouchedPath>& touched,
                         const std::vector<std::string>& copy) {
  SlotChanges left;
  for (const TouchedPath& touch : touched) {
    if (UserCopied(copy, touch.path)) continue;
    Result<std::string> before = store.ReadFile(commit, touch.path);
    const bool tracked = before.has_value();
    if (!tracked) {
      Result<bool> ignored = store.Ignored(touch.path);
      if (touch.removed || (ignored && *ignored)) continue;
    }
    if (touch.removed) {
      left.changes.push_back({touch.path, std::nullopt});
      continue;
    }
    Content content = ReadRegular(root / touch.path);
    if (!content.refusal.empty()) {
      left.refused.push_back(touch.path + ": " + content.refusal);
    } else if (!tracked || *before != content.text) {
      left.changes.push_back({touch.path, std::move(content.text)});
    }
  }
  return left;
}

}  // namespace

Task<Result<SlotChanges>> ReadChanges(Store& store, Compute& compute,
                                      Workspaces& workspaces,
                                      const Lease& lease,
                                      std::vector<std::string> copy) {
  Result<std::vector<TouchedPath>> touched = co_await workspaces.Touched(lease);
  if (!touched) co_return touched.error();
  const WorkTree& tree = lease.tree();
  const fs::path root = tree.overlay ? tree.overlay->upper : tree.root;
  const ObjectId commit = lease.commit();
  auto read = [&] { return Read(store, root, commit, *touched, copy); };
  co_return co_await Offload(compute, read);
}

}  // namespace coppice::vcs

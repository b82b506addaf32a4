#include "vcs/slot_kinds.h"

namespace coppice::vcs {
namespace {

Result<void> Forget(const std::filesystem::path& root, Slot& slot,
                    const std::string& path) {
  std::erase_if(slot.written,
                [&](const auto& file) { return IsOrBelow(file.first, path); });
  return RemoveBelow(root, path);
}

}  // namespace

Result<void> LendBelow(const SlotOptions& options,
                       const std::filesystem::path& root, Slot& slot,
                       std::span<const std::string> paths) {
  for (const std::string& path : paths) {
    Result<void> done = Forget(root, slot, path);
    if (done) done = CopyIn(options.copy_from, root, path, slot.written);
    if (!done) return done;
  }
  return Ok();
}

Result<void> TakeBackBelow(const std::filesystem::path& root, Slot& slot,
                           std::span<const std::string> paths) {
  for (const std::string& path : paths) {
    Result<void> done = Forget(root, slot, path);
    if (!done) return done;
  }
  return Ok();
}

}  // namespace coppice::vcs

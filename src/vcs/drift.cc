#include "vcs/drift.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

// The median, so that a few nodes that change much decide nothing. A file that
// differs stands for a translation unit or more that every build of a node
// makes again; what a move costs is one such build and one copy.

namespace coppice::vcs {
namespace {

std::size_t Median(std::vector<std::size_t> values) {
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

void Drift::Note(ObjectId commit, std::size_t files) {
  window_.push_back({commit, files});
  if (std::ssize(window_) > kDriftWindow) window_.pop_front();
}

bool Drift::IsFar() const {
  if (std::ssize(window_) < kDriftWindow) return false;
  std::vector<std::size_t> files;
  for (const Noted& noted : window_) files.push_back(noted.files);
  return Median(std::move(files)) >= kDriftFiles;
}

bool Drift::MovePays(Store& store, ObjectId best) const {
  std::vector<std::size_t> now, then;
  for (const Noted& noted : window_) {
    Result<std::vector<TreeChange>> changes = store.Changes(best, noted.commit);
    if (!changes) return false;
    now.push_back(noted.files);
    then.push_back(changes->size());
  }
  return 2 * Median(std::move(then)) <= Median(std::move(now));
}

}  // namespace coppice::vcs

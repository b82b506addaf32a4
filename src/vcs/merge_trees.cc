#include "vcs/merge_trees.h"

#include <algorithm>
#include <map>
#include <utility>

// Only what both sides changed needs a decision: two differences against the
// base are compared, and the rest of the trees is never read.

namespace coppice::vcs {
namespace {

git_merge_file_input InputOf(const std::string& text) {
  git_merge_file_input input;
  git_merge_file_input_init(&input, GIT_MERGE_FILE_INPUT_VERSION);
  input.ptr = text.data();
  input.size = text.size();
  return input;
}

bool IsText(const std::string& content) {
  return content.find('\0') == std::string::npos;
}

// The merged text as an item of `ours`' mode; none if the same lines changed.
Result<TreeItem> MergeTexts(git_repository* repository, const TreeItem& base,
                            const TreeItem& ours, const TreeItem& theirs) {
  Result<std::string> old_text = ReadBlobText(repository, base.id);
  if (!old_text) return old_text.error();
  Result<std::string> our_text = ReadBlobText(repository, ours.id);
  if (!our_text) return our_text.error();
  Result<std::string> their_text = ReadBlobText(repository, theirs.id);
  if (!their_text) return their_text.error();
  if (!IsText(*old_text) || !IsText(*our_text) || !IsText(*their_text)) {
    return TreeItem{};
  }
  const git_merge_file_input ancestor = InputOf(*old_text);
  const git_merge_file_input mine = InputOf(*our_text);
  const git_merge_file_input other = InputOf(*their_text);
  git_merge_file_result merged = {};
  if (git_merge_file(&merged, &ancestor, &mine, &other, nullptr) != 0) {
    return GitError("cannot merge two texts");
  }
  TreeItem item;
  int error = 0;
  if (merged.automergeable != 0) {
    item.mode = ours.mode;
    error = git_blob_create_from_buffer(&item.id, repository, merged.ptr,
                                        merged.len);
  }
  git_merge_file_result_free(&merged);
  if (error != 0) return GitError("cannot store a merged text");
  return item;
}

// A file that both sides changed, in different ways; no item is a conflict.
Result<TreeItem> MergeFile(git_repository* repository, const TreeItem& base,
                           const TreeItem& ours, const TreeItem& theirs) {
  if (!base.regular() || !ours.regular() || !theirs.regular()) {
    return TreeItem{};
  }
  TreeItem merged = ours;
  if (git_oid_equal(&ours.id, &base.id)) {
    merged.id = theirs.id;
  } else if (!git_oid_equal(&theirs.id, &base.id) &&
             !git_oid_equal(&theirs.id, &ours.id)) {
    Result<TreeItem> text = MergeTexts(repository, base, ours, theirs);
    if (!text || !text->exists()) return text;
    merged = *text;
  }
  if (ours.mode == base.mode) merged.mode = theirs.mode;
  return merged;
}

bool IsBelow(const std::string& path, const std::string& directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

}  // namespace

Result<TreeMerge> MergeTrees(git_repository* repository, const git_oid& base,
                             const git_oid& ours, const git_oid& theirs) {
  Result<std::vector<TreeDifference>> our_changes =
      DiffTrees(repository, &base, &ours);
  if (!our_changes) return our_changes.error();
  Result<std::vector<TreeDifference>> their_changes =
      DiffTrees(repository, &base, &theirs);
  if (!their_changes) return their_changes.error();
  std::map<std::string, const TreeDifference*> mine;
  for (const TreeDifference& change : *our_changes) {
    mine[change.path] = &change;
  }
  TreeMerge merge;
  for (const TreeDifference& change : *their_changes) {
    auto also = mine.find(change.path);
    if (also == mine.end()) {
      merge.edits.push_back({change.path, change.after});
      continue;
    }
    const TreeItem& our_item = also->second->after;
    if (our_item == change.after) continue;
    Result<TreeItem> item =
        MergeFile(repository, change.before, our_item, change.after);
    if (!item) return item.error();
    if (!item->exists()) {
      merge.conflicts.push_back(change.path);
    } else if (!(*item == our_item)) {
      merge.edits.push_back({change.path, *item});
    }
  }
  // A file of one side where the other has made a directory.
  for (const TreeEdit& edit : merge.edits) {
    if (!edit.item.exists()) continue;
    for (const auto& [path, change] : mine) {
      if (change->after.exists() &&
          (IsBelow(path, edit.path) || IsBelow(edit.path, path))) {
        merge.conflicts.push_back(edit.path);
        break;
      }
    }
  }
  std::ranges::sort(merge.conflicts);
  const auto twice = std::ranges::unique(merge.conflicts);
  merge.conflicts.erase(twice.begin(), twice.end());
  if (!merge.conflicts.empty()) merge.edits.clear();
  return merge;
}

}  // namespace coppice::vcs

#include "vcs/hunks.h"

#include <git2/sys/commit.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/line_diff.h"
#include "vcs/git_store.h"
#include "vcs/object_db.h"
#include "vcs/trees.h"

// Changed lines with few unchanged ones between them are one hunk, as in git's
// unified diffs: two changes share a hunk when their context of three lines
// meets. A part is composed from the text before and the hunks that are kept,
// so that hunks need no place of their own to be found again.

namespace coppice::vcs {
namespace {

constexpr std::size_t kContext = 3;

// One author and date for all: a part is named by what is in it.
Result<GitSignature> Nobody() {
  GitSignature signature;
  if (git_signature_new(signature.Out(), "coppice", "coppice@localhost", 0,
                        0) != 0) {
    return GitError("cannot make a signature");
  }
  return signature;
}

bool IsText(const std::string& content) {
  return content.find('\0') == std::string::npos;
}

std::vector<LineChange> Joined(const std::vector<LineChange>& changes) {
  std::vector<LineChange> hunks;
  for (const LineChange& change : changes) {
    if (!hunks.empty() &&
        change.old_begin <= hunks.back().old_end + 2 * kContext) {
      hunks.back().old_end = change.old_end;
      hunks.back().new_end = change.new_end;
    } else {
      hunks.push_back(change);
    }
  }
  return hunks;
}

std::string_view Between(const std::vector<std::string_view>& lines,
                         std::size_t begin, std::size_t end) {
  if (begin >= end) return {};
  const char* first = lines[begin].data();
  const char* last = lines[end - 1].data() + lines[end - 1].size();
  return {first, static_cast<std::size_t>(last - first)};
}

}  // namespace

// One file that changes. Views of lines are into its own texts.
struct Hunks::File {
  std::string path;
  TreeItem before, after;
  std::unique_ptr<const std::string> old_text, new_text;  // of a text file
  std::vector<std::string_view> old_lines, new_lines;
  std::size_t first = 0, count = 0;  // its hunks
};

Hunks::Hunks(Store& store, ObjectId from) : store_(&store), from_(from) {}
Hunks::~Hunks() = default;
Hunks::Hunks(Hunks&&) noexcept = default;

Result<Hunks> Hunks::Between(Store& store, ObjectId from, ObjectId to) {
  Result<std::unique_ptr<ObjectDb>> objects = OpenFlushed(store);
  if (!objects) return objects.error();
  Result<ObjectDb::View> view = (*objects)->Look(Keep::kNothing);
  if (!view) return view.error();
  git_repository* repository = view->repository();
  Result<git_oid> from_tree = vcs::TreeIdOf(repository, from);
  if (!from_tree) return from_tree.error();
  Result<git_oid> to_tree = vcs::TreeIdOf(repository, to);
  if (!to_tree) return to_tree.error();
  Result<std::vector<TreeDifference>> differences =
      DiffTrees(repository, &*from_tree, &*to_tree);
  if (!differences) return differences.error();
  Hunks made(store, from);
  for (const TreeDifference& difference : *differences) {
    File file{.path = difference.path,
              .before = difference.before,
              .after = difference.after,
              .first = made.hunks_.size()};
    std::vector<LineChange> changes;
    if (file.before.regular() && file.before.mode == file.after.mode) {
      Result<std::string> old_text = ReadBlobText(repository, file.before.id);
      if (!old_text) return old_text.error();
      Result<std::string> new_text = ReadBlobText(repository, file.after.id);
      if (!new_text) return new_text.error();
      if (IsText(*old_text) && IsText(*new_text)) {
        file.old_text = std::make_unique<std::string>(std::move(*old_text));
        file.new_text = std::make_unique<std::string>(std::move(*new_text));
        file.old_lines = LinesWithEnds(*file.old_text);
        file.new_lines = LinesWithEnds(*file.new_text);
        changes = Joined(DiffLines(file.old_lines, file.new_lines));
      }
    }
    for (const LineChange& change : changes) {
      made.hunks_.push_back({.path = file.path,
                             .old_begin = change.old_begin,
                             .old_end = change.old_end,
                             .new_begin = change.new_begin,
                             .new_end = change.new_end});
    }
    if (changes.empty()) {
      made.hunks_.push_back({.path = file.path, .whole_file = true});
    }
    file.count = made.hunks_.size() - file.first;
    made.files_.push_back(std::move(file));
  }
  return made;
}

std::vector<std::size_t> Hunks::Inside(
    const Hunks& whole, std::span<const std::size_t> kept) const {
  std::vector<std::size_t> inside;
  for (std::size_t i = 0; i < hunks_.size(); ++i) {
    const HunkSpan& mine = hunks_[i];
    if (std::ranges::any_of(kept, [&](std::size_t k) {
          const HunkSpan& place = whole.hunks_[k];
          return place.path == mine.path &&
                 (place.whole_file ||
                  (!mine.whole_file && place.old_begin <= mine.old_begin &&
                   mine.old_end <= place.old_end));
        })) {
      inside.push_back(i);
    }
  }
  return inside;
}

Result<Hunks::Part> Hunks::Compose(std::span<const std::size_t> kept) const {
  Result<std::unique_ptr<ObjectDb>> objects = OpenFlushed(*store_);
  if (!objects) return objects.error();
  Part part;
  {
    Result<ObjectDb::View> view = (*objects)->Look(Keep::kPending);
    if (!view) return view.error();
    git_repository* repository = view->repository();
    std::vector<TreeEdit> edits;
    for (const File& file : files_) {
      const auto begin = std::ranges::lower_bound(kept, file.first);
      const auto end = std::ranges::lower_bound(kept, file.first + file.count);
      const auto count = static_cast<std::size_t>(end - begin);
      if (count == 0) continue;
      TreeEdit edit{file.path, file.after};
      if (count < file.count) {
        std::string text;
        std::size_t line = 0;
        for (auto at = begin; at != end; ++at) {
          const HunkSpan& hunk = hunks_[*at];
          text += vcs::Between(file.old_lines, line, hunk.old_begin);
          text += vcs::Between(file.new_lines, hunk.new_begin, hunk.new_end);
          line = hunk.old_end;
        }
        text += vcs::Between(file.old_lines, line, file.old_lines.size());
        if (git_blob_create_from_buffer(&edit.item.id, repository, text.data(),
                                        text.size()) != 0) {
          return GitError("cannot store " + file.path);
        }
      }
      edits.push_back(std::move(edit));
    }
    Result<git_oid> base = vcs::TreeIdOf(repository, from_);
    if (!base) return base.error();
    Result<git_oid> tree = EditTree(repository, *base, edits);
    if (!tree) return tree.error();
    Result<GitSignature> nobody = Nobody();
    if (!nobody) return nobody.error();
    const git_oid parent = ToOid(from_);
    const git_oid* parents[] = {&parent};
    git_oid commit;
    if (git_commit_create_from_ids(&commit, repository, nullptr, nobody->get(),
                                   nobody->get(), nullptr, "part of a change\n",
                                   &*tree, 1, parents) != 0) {
      return GitError("cannot make a commit");
    }
    part = {FromOid(commit), FromOid(*tree)};
  }
  Result<void> flushed = (*objects)->Flush();
  if (!flushed) return flushed.error();
  return part;
}

}  // namespace coppice::vcs

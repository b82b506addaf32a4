#include "vcs/trees.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"

// The difference of two trees descends only where ids differ, so that it costs
// the same in a repository of any size (git_diff_tree_to_tree lists equal
// subtrees too). An edit rewrites the trees from the changed files up to the
// root, nothing else.

namespace coppice::vcs {
namespace {

Result<GitTree> LookUp(git_repository* repository, const git_oid& id) {
  GitTree tree;
  if (git_tree_lookup(tree.Out(), repository, &id) != 0) {
    return GitError("cannot read tree " + FromOid(id).Hex());
  }
  return tree;
}

TreeItem ItemOf(const git_tree_entry* entry) {
  if (entry == nullptr) return {};
  return {.mode = static_cast<std::uint16_t>(git_tree_entry_filemode(entry)),
          .id = *git_tree_entry_id(entry)};
}

bool IsTree(const TreeItem& item) { return item.mode == GIT_FILEMODE_TREE; }

class Differ {
 public:
  explicit Differ(git_repository* repository) : repository_(repository) {}

  Result<void> Compare(const std::string& prefix, const git_oid* from,
                       const git_oid* to) {
    std::map<std::string, std::pair<TreeItem, TreeItem>> names;
    Result<void> read =
        Collect(from, names, &std::pair<TreeItem, TreeItem>::first);
    if (read) {
      read = Collect(to, names, &std::pair<TreeItem, TreeItem>::second);
    }
    if (!read) return read;
    for (const auto& [name, items] : names) {
      const auto& [before, after] = items;
      if (before == after) continue;
      const std::string path = prefix + name;
      if (IsTree(before) || IsTree(after)) {
        Result<void> below =
            Compare(path + '/', IsTree(before) ? &before.id : nullptr,
                    IsTree(after) ? &after.id : nullptr);
        if (!below) return below;
      }
      const TreeItem old_file = IsTree(before) ? TreeItem{} : before;
      const TreeItem new_file = IsTree(after) ? TreeItem{} : after;
      if (old_file.exists() || new_file.exists()) {
        found.push_back({path, old_file, new_file});
      }
    }
    return Ok();
  }

  std::vector<TreeDifference> found;

 private:
  using Names = std::map<std::string, std::pair<TreeItem, TreeItem>>;

  Result<void> Collect(const git_oid* id, Names& names,
                       TreeItem std::pair<TreeItem, TreeItem>::* side) {
    if (id == nullptr) return Ok();
    Result<GitTree> tree = LookUp(repository_, *id);
    if (!tree) return tree.error();
    const std::size_t count = git_tree_entrycount(tree->get());
    for (std::size_t i = 0; i < count; ++i) {
      const git_tree_entry* entry = git_tree_entry_byindex(tree->get(), i);
      names[git_tree_entry_name(entry)].*side = ItemOf(entry);
    }
    return Ok();
  }

  git_repository* repository_;
};

// The edits of one directory: of the name itself, and of what is below it.
struct NameEdits {
  const TreeEdit* itself = nullptr;
  std::vector<const TreeEdit*> below;
};

class Editor {
 public:
  explicit Editor(git_repository* repository) : repository_(repository) {}

  // No item: the directory is empty and goes.
  Result<TreeItem> Edit(const git_oid* id,
                        const std::vector<const TreeEdit*>& edits,
                        std::size_t depth) {
    GitTree tree;
    if (id != nullptr) {
      Result<GitTree> found = LookUp(repository_, *id);
      if (!found) return found.error();
      tree = std::move(*found);
    }
    GitTreeBuilder builder;
    if (git_treebuilder_new(builder.Out(), repository_, tree.get()) != 0) {
      return GitError("cannot build a tree");
    }
    std::map<std::string, NameEdits> names;
    for (const TreeEdit* edit : edits) {
      const std::size_t slash = edit->path.find('/', depth);
      NameEdits& name = names[edit->path.substr(depth, slash - depth)];
      if (slash == std::string::npos) {
        name.itself = edit;
      } else {
        name.below.push_back(edit);
      }
    }
    for (const auto& [name, change] : names) {
      const TreeItem old =
          tree ? ItemOf(git_tree_entry_byname(tree.get(), name.c_str()))
               : TreeItem{};
      Result<TreeItem> item = NewItem(old, change, depth + name.size() + 1);
      if (!item) return item.error();
      Result<void> put = Put(builder.get(), name, old, *item);
      if (!put) return put.error();
    }
    TreeItem made;
    if (git_treebuilder_entrycount(builder.get()) == 0) return made;
    made.mode = GIT_FILEMODE_TREE;
    if (git_treebuilder_write(&made.id, builder.get()) != 0) {
      return GitError("cannot write a tree");
    }
    return made;
  }

 private:
  Result<TreeItem> NewItem(const TreeItem& old, const NameEdits& change,
                           std::size_t depth) {
    TreeItem item = old;
    if (change.itself != nullptr && !IsTree(old)) item = change.itself->item;
    if (!change.below.empty()) {
      if (item.exists() && !IsTree(item)) return InTheWay(change);
      Result<TreeItem> directory =
          Edit(IsTree(item) ? &item.id : nullptr, change.below, depth);
      if (!directory) return directory;
      item = *directory;
    }
    if (change.itself != nullptr && IsTree(old)) {
      if (item.exists()) return InTheWay(change);
      item = change.itself->item;
    }
    return item;
  }

  static Error InTheWay(const NameEdits& change) {
    const TreeEdit* edit =
        change.itself != nullptr ? change.itself : change.below.front();
    return Error{.code = ErrorCode::kConflict,
                 .what = fmt::format("a file and a directory cannot both be at "
                                     "one place: {}",
                                     edit->path)};
  }

  static Result<void> Put(git_treebuilder* builder, const std::string& name,
                          const TreeItem& old, const TreeItem& item) {
    if (item == old) return Ok();
    const int error =
        item.exists()
            ? git_treebuilder_insert(nullptr, builder, name.c_str(), &item.id,
                                     static_cast<git_filemode_t>(item.mode))
            : git_treebuilder_remove(builder, name.c_str());
    if (error != 0) return GitError("cannot put " + name + " into a tree");
    return Ok();
  }

  git_repository* repository_;
};

bool NamesGit(std::string_view path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    std::string part(path.substr(begin, end - begin));
    std::ranges::transform(part, part.begin(), [](unsigned char c) {
      return static_cast<char>(std::tolower(c));
    });
    if (part == ".git") return true;
    begin = end + 1;
  }
  return false;
}

Error Refused(std::string_view path, std::string_view why) {
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("{}: {}", path, why)};
}

// A parent that is no directory, or the item at the path; git's own lookup
// stops at the first part that is no tree.
Result<TreeItem> FindForChange(git_repository* repository, const git_oid& tree,
                               const std::string& path,
                               const std::set<std::string>& removed) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    Result<TreeItem> above = Find(repository, tree, parent);
    if (!above) return above.error();
    if (above->exists() && !removed.contains(parent)) {
      return Refused(path, parent + " is no directory");
    }
  }
  return Find(repository, tree, path);
}

}  // namespace

Result<git_oid> TreeIdOf(git_repository* repository, ObjectId commit) {
  const git_oid id = ToOid(commit);
  GitObject object, tree;
  if (git_object_lookup(object.Out(), repository, &id, GIT_OBJECT_ANY) != 0 ||
      git_object_peel(tree.Out(), object.get(), GIT_OBJECT_TREE) != 0) {
    return Error{.code = ErrorCode::kNotFound,
                 .what = "no commit " + commit.Hex()};
  }
  return *git_object_id(tree.get());
}

Result<std::vector<TreeDifference>> DiffTrees(git_repository* repository,
                                              const git_oid* from,
                                              const git_oid* to) {
  Differ differ(repository);
  if (from != nullptr && to != nullptr && git_oid_equal(from, to)) {
    return std::move(differ.found);
  }
  Result<void> compared = differ.Compare("", from, to);
  if (!compared) return compared.error();
  std::ranges::sort(differ.found, {}, &TreeDifference::path);
  return std::move(differ.found);
}

Result<TreeItem> Find(git_repository* repository, const git_oid& tree,
                      const std::string& path) {
  Result<GitTree> root = LookUp(repository, tree);
  if (!root) return root.error();
  git_tree_entry* entry = nullptr;
  const int error = git_tree_entry_bypath(&entry, root->get(), path.c_str());
  if (error == GIT_ENOTFOUND) return TreeItem{};
  if (error != 0) return GitError("cannot read tree " + FromOid(tree).Hex());
  const TreeItem item = ItemOf(entry);
  git_tree_entry_free(entry);
  return IsTree(item) ? TreeItem{} : item;
}

Result<std::string> ReadBlobText(git_repository* repository,
                                 const git_oid& id) {
  GitObject blob;
  if (git_object_lookup(blob.Out(), repository, &id, GIT_OBJECT_BLOB) != 0) {
    return GitError("cannot read blob " + FromOid(id).Hex(),
                    ErrorCode::kNotFound);
  }
  const auto* content = reinterpret_cast<const git_blob*>(blob.get());
  return std::string(static_cast<const char*>(git_blob_rawcontent(content)),
                     static_cast<std::size_t>(git_blob_rawsize(content)));
}

Result<git_oid> EditTree(git_repository* repository, const git_oid& tree,
                         std::span<const TreeEdit> edits) {
  if (edits.empty()) return tree;
  std::vector<const TreeEdit*> all;
  for (const TreeEdit& edit : edits) all.push_back(&edit);
  Editor editor(repository);
  Result<TreeItem> made = editor.Edit(&tree, all, 0);
  if (!made) return made.error();
  if (made->exists()) return made->id;
  GitTreeBuilder nothing;
  git_oid empty;
  if (git_treebuilder_new(nothing.Out(), repository, nullptr) != 0 ||
      git_treebuilder_write(&empty, nothing.get()) != 0) {
    return GitError("cannot write the empty tree");
  }
  return empty;
}

Result<std::vector<TreeEdit>> EditsOf(git_repository* repository,
                                      const git_oid& tree,
                                      std::span<const FileChange> changes) {
  std::set<std::string> removed;
  for (const FileChange& change : changes) {
    if (!change.content) removed.insert(change.path);
  }
  std::set<std::string_view> seen;
  std::vector<TreeEdit> edits;
  for (const FileChange& change : changes) {
    const std::string& path = change.path;
    if (!IsSafeRelativePath(path) || NamesGit(path)) {
      return Refused(path, "not a path of the repository");
    }
    if (!seen.insert(path).second) return Refused(path, "changed twice");
    Result<TreeItem> old = FindForChange(repository, tree, path, removed);
    if (!old) return old.error();
    if (old->exists() && !old->regular()) {
      return Refused(path, "a symbolic link or a submodule");
    }
    TreeEdit edit{.path = path, .item = {}};
    if (change.content) {
      edit.item.mode = old->exists() ? old->mode : GIT_FILEMODE_BLOB;
      if (git_blob_create_from_buffer(&edit.item.id, repository,
                                      change.content->data(),
                                      change.content->size()) != 0) {
        return GitError("cannot store " + path);
      }
    } else if (!old->exists()) {
      return Error{.code = ErrorCode::kNotFound,
                   .what = path + ": there is no such file to remove"};
    }
    edits.push_back(std::move(edit));
  }
  return edits;
}

}  // namespace coppice::vcs

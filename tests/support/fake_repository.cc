#include "support/fake_repository.h"

#include <algorithm>
#include <set>

#include "base/digest.h"

namespace coppice::testing {
namespace {

ObjectId Named(const std::string& content) {
  return *ObjectId::FromHex(Sha256Hex(content).substr(0, 40));
}

ObjectId TreeId(const FakeRepository::Tree& tree) {
  std::string all;
  for (const auto& [path, text] : tree) {
    all += path + '\0' + std::to_string(text.size()) + '\0' + text;
  }
  return Named("tree " + all);
}

FakeRepository::Tree With(FakeRepository::Tree tree,
                          std::span<const FileChange> changes) {
  for (const FileChange& change : changes) {
    if (change.content) {
      tree[change.path] = *change.content;
    } else {
      tree.erase(change.path);
    }
  }
  return tree;
}

std::string DiffOf(const FakeRepository::Tree& from,
                   const FakeRepository::Tree& to) {
  std::set<std::string> paths;
  for (const auto& [path, text] : from) paths.insert(path);
  for (const auto& [path, text] : to) paths.insert(path);
  std::string patch;
  for (const std::string& path : paths) {
    auto text = [&](const FakeRepository::Tree& tree) {
      auto found = tree.find(path);
      return found == tree.end() ? std::optional<std::string>()
                                 : std::optional(found->second);
    };
    patch += MakePatch(path, text(from), text(to));
  }
  return patch;
}

Error Unknown(ObjectId id) {
  return Error{.code = ErrorCode::kNotFound, .what = "no commit " + id.Hex()};
}

}  // namespace

const FakeRepository::Tree* FakeRepository::Find(ObjectId commit) const {
  auto found = commits_.find(commit);
  return found == commits_.end() ? nullptr : &found->second.tree;
}

ObjectId FakeRepository::AddRoot(Tree tree) {
  std::lock_guard lock(mutex_);
  const ObjectId id = Named("root " + TreeId(tree).Hex());
  commits_[id] = Entry{std::move(tree), {}, true};
  return id;
}

void FakeRepository::LoseUnflushed() {
  std::lock_guard lock(mutex_);
  std::erase_if(commits_, [](const auto& c) { return !c.second.flushed; });
}

Result<ObjectId> FakeRepository::TreeOf(ObjectId parent,
                                        std::span<const FileChange> changes) {
  std::lock_guard lock(mutex_);
  const Tree* tree = Find(parent);
  if (tree == nullptr) return Unknown(parent);
  return TreeId(With(*tree, changes));
}

Result<vcs::CommitInfo> FakeRepository::Commit(
    const vcs::CommitRequest& request) {
  std::lock_guard lock(mutex_);
  const Tree* parent = Find(request.parents.front());
  if (parent == nullptr) return Unknown(request.parents.front());
  Tree tree = With(*parent, request.changes);
  vcs::CommitInfo info;
  info.tree = TreeId(tree);
  std::string content =
      info.tree.Hex() + request.message + std::to_string(request.time);
  for (ObjectId p : request.parents) content += p.Hex();
  info.commit = Named("commit " + content);
  info.patch = DiffOf(*parent, tree);
  if (!info.patch.empty()) info.files = Stats(*ParsePatch(info.patch));
  auto [at, fresh] = commits_.try_emplace(info.commit);
  if (fresh) at->second = Entry{std::move(tree), request.parents, false};
  return info;
}

Result<void> FakeRepository::Flush() {
  std::lock_guard lock(mutex_);
  ++flushes_;
  for (auto& [id, entry] : commits_) entry.flushed = true;
  return Ok();
}

std::vector<ObjectId> FakeRepository::Ancestors(ObjectId commit) const {
  std::vector<ObjectId> found{commit};
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto entry = commits_.find(found[i]);
    if (entry == commits_.end()) continue;
    for (ObjectId parent : entry->second.parents) {
      if (std::ranges::count(found, parent) == 0) found.push_back(parent);
    }
  }
  return found;
}

// File by file against the nearest common ancestor.
Result<vcs::MergeResult> FakeRepository::Merge(ObjectId ours, ObjectId theirs) {
  std::lock_guard lock(mutex_);
  const Tree* a = Find(ours);
  const Tree* b = Find(theirs);
  if (a == nullptr) return Unknown(ours);
  if (b == nullptr) return Unknown(theirs);
  const std::vector<ObjectId> above = Ancestors(ours);
  ObjectId base;
  for (ObjectId candidate : Ancestors(theirs)) {
    if (std::ranges::count(above, candidate) > 0) {
      base = candidate;
      break;
    }
  }
  const Tree& root = *Find(base);
  vcs::MergeResult merged;
  std::set<std::string> paths;
  for (const auto& [path, text] : *b) paths.insert(path);
  for (const auto& [path, text] : root) paths.insert(path);
  auto text = [](const Tree& tree, const std::string& path) {
    auto found = tree.find(path);
    return found == tree.end() ? std::optional<std::string>()
                               : std::optional(found->second);
  };
  for (const std::string& path : paths) {
    const auto in_base = text(root, path);
    const auto in_ours = text(*a, path);
    const auto in_theirs = text(*b, path);
    if (in_theirs == in_base || in_theirs == in_ours) continue;
    if (in_ours != in_base) {
      merged.conflicts.push_back(path);
    } else {
      merged.changes.push_back({path, in_theirs});
    }
  }
  if (!merged.conflicts.empty()) merged.changes.clear();
  return merged;
}

bool FakeRepository::Has(ObjectId object) {
  std::lock_guard lock(mutex_);
  return commits_.contains(object);
}

Result<std::string> FakeRepository::ReadFile(ObjectId commit,
                                             std::string_view path) {
  std::lock_guard lock(mutex_);
  const Tree* tree = Find(commit);
  if (tree == nullptr) return Unknown(commit);
  auto found = tree->find(std::string(path));
  if (found == tree->end()) {
    return Error{.code = ErrorCode::kNotFound,
                 .what = "no file " + std::string(path)};
  }
  return found->second;
}

Result<std::vector<vcs::TreeEntry>> FakeRepository::Files(ObjectId commit) {
  std::lock_guard lock(mutex_);
  const Tree* tree = Find(commit);
  if (tree == nullptr) return Unknown(commit);
  std::vector<vcs::TreeEntry> files;
  for (const auto& [path, text] : *tree) {
    files.push_back({.path = path, .blob = Named(text), .size = text.size()});
  }
  return files;
}

Result<std::string> FakeRepository::Diff(ObjectId from, ObjectId to) {
  std::lock_guard lock(mutex_);
  const Tree* a = Find(from);
  const Tree* b = Find(to);
  if (a == nullptr) return Unknown(from);
  if (b == nullptr) return Unknown(to);
  return DiffOf(*a, *b);
}

Result<void> FakeRepository::PublishBest(std::string_view, ObjectId commit) {
  std::lock_guard lock(mutex_);
  published_ = commit;
  return Ok();
}

}  // namespace coppice::testing

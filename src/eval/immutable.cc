#include "eval/immutable.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "eval/safe_file.h"

// A slot starts as the tree of its commit, so whatever was written since is
// known by name (Workspaces::Touched) and nothing has to be hashed: an
// immutable path among those names is an offence. Two things would make honest
// evaluators fail, and are excused if, and only if, the base does them too:
// files that an evaluator leaves beside its sources, and files that it opens
// for writing without changing them (a data base, mostly), which a file
// system cannot tell from a write.

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestCompared = 256 * 1024 * 1024;

std::string DirectoryOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? ""
                                                     : path.substr(0, slash));
}

// The part of a pattern before its first wildcard, up to a whole directory.
std::string WalkRoot(std::string_view pattern) {
  const std::size_t wild = pattern.find_first_of("*?[");
  if (wild == std::string_view::npos) {
    while (pattern.ends_with('/')) pattern.remove_suffix(1);
    return std::string(pattern);
  }
  return DirectoryOf(pattern.substr(0, wild));
}

}  // namespace

ImmutableGuard::ImmutableGuard(ImmutableRules rules)
    : rules_(std::move(rules)),
      files_(rules_.files.begin(), rules_.files.end()) {
  for (const std::string& file : files_) {
    for (std::string dir = DirectoryOf(file); !dir.empty();
         dir = DirectoryOf(dir)) {
      if (!directories_.insert(dir).second) break;
    }
  }
}

ImmutableGuard::Kind ImmutableGuard::KindOf(const std::string& path) const {
  if (files_.contains(path)) return Kind::kTracked;
  const bool inside = std::ranges::any_of(
      rules_.patterns,
      [&](const std::string& pattern) { return GlobMatch(pattern, path); });
  if (!inside) return Kind::kFree;
  return rules_.ignored && rules_.ignored(path) ? Kind::kFree : Kind::kNew;
}

std::vector<std::string> ImmutableGuard::Offences(
    const WorkTree& tree, std::span<const TouchedPath> touched,
    const BaselineHabits& habits) const {
  std::vector<std::string> offences;
  for (const TouchedPath& t : touched) {
    switch (KindOf(t.path)) {
      case Kind::kFree:
        break;
      case Kind::kTracked:
        if (habits.rewritten.contains(t.path) && IsAsInRoot(tree, t)) break;
        offences.push_back(
            fmt::format("{} ({})", t.path, t.removed ? "removed" : "written"));
        break;
      case Kind::kNew:
        if (IsByProduct(t.path, habits)) break;
        offences.push_back(
            fmt::format("{} ({})", t.path, t.removed ? "removed" : "new"));
        break;
    }
  }
  return offences;
}

void ImmutableGuard::Learn(const WorkTree& tree,
                           std::span<const TouchedPath> touched,
                           BaselineHabits& habits) const {
  for (const TouchedPath& t : touched) {
    const Kind kind = KindOf(t.path);
    if (kind == Kind::kTracked && IsAsInRoot(tree, t)) {
      habits.rewritten.insert(t.path);
    } else if (kind == Kind::kNew) {
      habits.by_products.insert(ByProductName(t.path));
    }
  }
}

void ImmutableGuard::LearnByWalking(const fs::path& root,
                                    BaselineHabits& habits) const {
  for (const std::string& pattern : rules_.patterns) {
    std::error_code failed, ignored;
    fs::recursive_directory_iterator it(
        root / WalkRoot(pattern), fs::directory_options::skip_permission_denied,
        failed);
    for (; !failed && it != fs::recursive_directory_iterator();
         it.increment(failed)) {
      if (it->path().filename() == ".git") it.disable_recursion_pending();
      if (it->symlink_status(ignored).type() == fs::file_type::directory) {
        continue;
      }
      const std::string path =
          it->path().lexically_relative(root).generic_string();
      if (!IsCopied(path) && KindOf(path) == Kind::kNew) {
        habits.by_products.insert(ByProductName(path));
      }
    }
  }
}

bool ImmutableGuard::IsCopied(const std::string& path) const {
  return std::ranges::any_of(rules_.copied, [&](const std::string& pattern) {
    return GlobMatch(pattern, path);
  });
}

// Same bytes and mode as at the base. What is there may be anything.
bool ImmutableGuard::IsAsInRoot(const WorkTree& tree,
                                const TouchedPath& touched) const {
  if (touched.removed || !rules_.root_file) return false;
  const fs::path& top = tree.overlay ? tree.overlay->upper : tree.root;
  const SafeRead now = ReadBeneath(top, touched.path, kLargestCompared);
  if (!now.file) return false;
  const Result<RootFile> before = rules_.root_file(touched.path);
  return before && before->bytes == now.file->bytes &&
         before->executable == now.file->executable;
}

// A directory that holds nothing tracked stands for all it holds, because
// names in caches change from run to run. What was copied in stands for itself:
// it is the evaluator's data.
std::string ImmutableGuard::ByProductName(const std::string& path) const {
  if (IsCopied(path)) return path;
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash);
    const bool immutable =
        std::ranges::any_of(rules_.patterns, [&](const std::string& pattern) {
          return GlobMatch(pattern, directory + "/x");
        });
    if (immutable && !directories_.contains(directory)) return directory + '/';
  }
  return path;
}

bool ImmutableGuard::IsByProduct(const std::string& path,
                                 const BaselineHabits& habits) const {
  return habits.by_products.contains(ByProductName(path)) ||
         habits.by_products.contains(path);
}

}  // namespace coppice::eval

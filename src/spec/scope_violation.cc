#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "spec/protected_names.h"
#include "spec/scope_lists.h"
#include "spec/scope_rules.h"

// A change is judged by the files of the base commit, not of its parent: a
// file that an ancestor created is known to no list, so the patterns of the
// scope answer for it, as they did when it was created.

namespace coppice::spec {
namespace {

constexpr std::size_t kMostShown = 300;  // characters of a list of paths

class Violations {
 public:
  Violations(const Spec& spec, const ResolvedScope& resolved)
      : scope_(spec.scope), spec_(spec), resolved_(resolved) {}

  std::optional<std::string> Of(std::span<const FileStat> changes) {
    Count(changes);
    std::vector<std::string> types, foreign, created;
    for (const FileStat& change : changes) {
      if (std::optional<std::string> why = Foreign(change)) {
        foreign.push_back(fmt::format("{} ({})", change.path, *why));
      } else if (change.created && !scope_.allow_create) {
        created.push_back(change.path);
      } else if (!AllowedType(change.path)) {
        types.push_back(change.path);
      }
    }
    if (!types.empty()) {
      Add("disallowed file type: {} (allowed: {})", List(types), Types());
    }
    if (!foreign.empty()) Add("non-artifact change: {}", List(foreign));
    if (!created.empty()) {
      Add("creates a file: {} (scope.allow_create is off)", List(created));
    }
    if (reasons_.empty()) return std::nullopt;
    return fmt::format("{}", fmt::join(reasons_, "; "));
  }

 private:
  template <class... Args>
  void Add(fmt::format_string<Args...> text, Args&&... args) {
    reasons_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  static std::string List(const std::vector<std::string>& paths) {
    return OneLine(fmt::format("{}", fmt::join(paths, ", ")), kMostShown);
  }

  void Count(std::span<const FileStat> changes) {
    const std::vector<FileStat> stats(changes.begin(), changes.end());
    if (stats.size() > static_cast<std::size_t>(scope_.max_files)) {
      Add("too many changed files: {} > {} ({})", stats.size(),
          scope_.max_files, OneLine(Summary(stats), kMostShown));
    }
    std::int64_t lines = 0;
    for (const FileStat& stat : stats) {
      lines += std::int64_t{stat.added} + stat.removed;
    }
    if (lines > scope_.max_lines) {
      Add("too many changed lines: {} > {} ({})", lines, scope_.max_lines,
          OneLine(Summary(stats), kMostShown));
    }
  }

  // Why the path is none of those that may change, or nothing.
  std::optional<std::string> Foreign(const FileStat& change) const {
    const std::string& path = change.path;
    if (!IsSafeRelativePath(path)) return "no path inside the repository";
    if (NamesFile(resolved_.mutable_files, path)) {
      if (!change.deleted || scope_.allow_create) return std::nullopt;
      return "removed, and scope.allow_create is off";
    }
    if (NamesFile(resolved_.immutable_files, path) ||
        MatchesAny(scope_.immutable, path)) {
      return "immutable";
    }
    if (!MatchesAny(scope_.mutable_paths, path)) return "not in scope.mutable";
    if (MatchesAny(spec_.evaluation.copy, path)) {
      return "evaluation.copy puts its own file there";
    }
    if (NamesFile(scope_.mutable_paths, path)) return std::nullopt;
    if (IsProtectedName(path) || IsManifest(spec_.dependencies, path)) {
      return "a protected name";
    }
    return Shadowed(path);
  }

  // Why a file that the base lacks could stand in for an immutable one.
  std::optional<std::string> Shadowed(std::string_view path) const {
    const std::string_view directory = DirectoryOf(path);
    const bool open = NamesDirectory(scope_.mutable_paths, directory);
    for (const std::string& immutable : resolved_.immutable_files) {
      const std::string_view extension = ExtensionOf(immutable);
      const std::string_view beside = DirectoryOf(immutable);
      if (!open && beside == directory && extension == ExtensionOf(path)) {
        return fmt::format("new beside the immutable {}", immutable);
      }
      if (extension == ".py" && ShadowsModule(path, beside)) {
        return fmt::format("{} would import it in place of a module",
                           immutable);
      }
    }
    return std::nullopt;
  }

  // Would a program in `directory` import this path under the name of an
  // immutable module, or of one it expects from elsewhere?
  bool ShadowsModule(std::string_view path, std::string_view directory) const {
    if (!directory.empty()) {
      if (!path.starts_with(directory) ||
          !path.substr(directory.size()).starts_with('/')) {
        return false;
      }
      path.remove_prefix(directory.size() + 1);
    }
    const std::string_view first = path.substr(0, path.find('/'));
    const std::string_view module = first.substr(0, first.find('.'));
    return IsCommonPythonModule(module) ||
           std::any_of(resolved_.immutable_files.begin(),
                       resolved_.immutable_files.end(),
                       [module](const std::string& immutable) {
                         return ExtensionOf(immutable) == ".py" &&
                                StemOf(immutable) == module;
                       });
  }

  bool AllowedType(std::string_view path) const {
    const std::vector<std::string>& allowed = resolved_.extensions;
    return allowed.empty() || NamesFile(resolved_.mutable_files, path) ||
           std::find(allowed.begin(), allowed.end(), ExtensionOf(path)) !=
               allowed.end();
  }

  std::string Types() const {
    std::vector<std::string> names;
    for (const std::string& type : resolved_.extensions) {
      names.push_back(type.empty() ? "no extension" : type);
    }
    return fmt::format("{}", fmt::join(names, ", "));
  }

  const Scope& scope_;
  const Spec& spec_;
  const ResolvedScope& resolved_;
  std::vector<std::string> reasons_;
};

}  // namespace

std::optional<std::string> ViolatesScope(const Spec& spec,
                                         const ResolvedScope& scope,
                                         std::span<const FileStat> changes) {
  return Violations(spec, scope).Of(changes);
}

}  // namespace coppice::spec

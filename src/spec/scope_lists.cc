#include "spec/scope_lists.h"

#include <algorithm>

#include "base/text.h"

namespace coppice::spec {

bool MatchesAny(const std::vector<std::string>& patterns,
                std::string_view path) {
  return std::any_of(
      patterns.begin(), patterns.end(),
      [path](const std::string& glob) { return GlobMatch(glob, path); });
}

bool NamesFile(const std::vector<std::string>& patterns,
               std::string_view path) {
  return std::find(patterns.begin(), patterns.end(), path) != patterns.end();
}

bool NamesDirectory(const std::vector<std::string>& patterns,
                    std::string_view directory) {
  return std::any_of(
      patterns.begin(), patterns.end(), [directory](std::string_view pattern) {
        if (pattern == ".") return true;
        if (pattern.ends_with('/')) pattern.remove_suffix(1);
        return !directory.empty() && GlobMatch(pattern, directory);
      });
}

}  // namespace coppice::spec

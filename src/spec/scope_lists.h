#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spec/spec.h"

namespace coppice::spec {

// Questions to the lists of `scope`, without knowing the files.

bool MatchesAny(const std::vector<std::string>& patterns,
                std::string_view path);
// Does one of the patterns name exactly this file?
bool NamesFile(const std::vector<std::string>& patterns, std::string_view path);
// Is the directory ("" is the root) matched as a whole?
bool NamesDirectory(const std::vector<std::string>& patterns,
                    std::string_view directory);

}  // namespace coppice::spec

#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace coppice::search {

// The fixed texts of prompts (configs/prompts/*.md), compiled in. Words in
// {{braces}} are filled in.
class Templates {
 public:
  static const Templates& BuiltIn();
  // The built-in ones, with those of a directory in their place. kUsage: no
  // such directory; a file that has no built-in text of its name; a word in
  // braces that this text does not know, or lacks and needs; texts too long
  // for their section.
  static Result<Templates> Load(const std::filesystem::path& directory);

  // The text of this name without its last newline. Words without a value
  // vanish, and so does a line that holds nothing else.
  using Values = std::vector<std::pair<std::string_view, std::string>>;
  std::string Fill(std::string_view name, const Values& values = {}) const;

 private:
  std::map<std::string, std::string, std::less<>> texts_;
};

}  // namespace coppice::search

#pragma once

#include <string>
#include <vector>

namespace coppice::search {

// configs/prompts/<name>.md, as compiled in.
struct PromptText {
  std::string name;
  std::string text;
};
const std::vector<PromptText>& BuiltInPrompts();

}  // namespace coppice::search

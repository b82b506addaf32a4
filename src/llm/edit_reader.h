#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llm/edit_block.h"
#include "llm/edit_path.h"
#include "llm/proposer.h"

namespace coppice::llm {

// What was found in an answer. Linear in its length; nothing throws.
struct AnswerParts {
  std::vector<EditBlock> blocks;
  std::string header;   // the lines that belong to no block, from a field on
  std::string nothing;  // what was expected when there is no block at all
};

AnswerParts ReadAnswer(std::string_view answer, EditFormat format,
                       const std::string& marker_suffix, const FindShown& find);

}  // namespace coppice::llm

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llm/edit_block.h"
#include "llm/edit_path.h"

namespace coppice::llm {

// The hunks of a unified diff, each as one block; line numbers are not
// trusted, so not read. `path` is that of hunks without a file header and may
// be empty; `first_line` is where the diff begins in the answer.
std::vector<EditBlock> ReadDiff(std::string_view diff, int first_line,
                                const std::string& path, const FindShown& find);

}  // namespace coppice::llm

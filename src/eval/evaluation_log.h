#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace coppice::eval {

// Appends one command's section to a node's eval.log: a title, the output kept
// in `output` (which is then removed), a closing line. Sections of commands
// that run at once do not mix. Blocks on disk; any thread.
Result<void> AppendSection(const std::filesystem::path& log,
                           std::string_view title,
                           const std::filesystem::path& output,
                           std::string_view closing);

}  // namespace coppice::eval

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llm/edit_lines.h"

namespace coppice::llm {

// Did a whole-file answer leave a part out? True of one that lost more than
// 30 % of the old lines where little but a new comment line stands now: by
// structure, not by what the comment says. Code that was written anew is
// shorter, but no such gap.
struct Elision {
  std::size_t lost = 0;              // lines
  std::vector<LineRange> gaps;       // in the old text
  std::vector<std::size_t> missing;  // old lines: lost top-level definitions

  explicit operator bool() const { return !gaps.empty(); }
};
Elision FindElision(const LineTable& before, std::string_view after);

}  // namespace coppice::llm

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "llm/edit_block.h"
#include "llm/edit_elision.h"
#include "llm/edit_lines.h"

namespace coppice::llm {

struct ShownTable {
  std::string_view path;
  const LineTable* table = nullptr;
};

// The details of not_found: the region of its file that lines resemble most,
// with what is around it, and the best one in the other files.
std::string DescribeNearest(std::span<const std::string_view> wanted,
                            const LineTable& own,
                            std::span<const ShownTable> others);

// The fault of a whole file that left parts out.
EditFault DescribeElision(const Elision& elision, const LineTable& table);

}  // namespace coppice::llm

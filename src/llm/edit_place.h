#pragma once

#include <string>
#include <variant>

#include "llm/edit_block.h"
#include "llm/edit_lines.h"

namespace coppice::llm {

// Where the lines of a block stand in the parent's text, and what they give
// way to: whole lines, with the line ends of the text.
struct Placement {
  LineRange lines;
  std::string text;
  std::string used;  // "indent+4", or empty: the lines stood there exactly
};

// Resolves the old lines of a kReplace block, which has some, by SPEC §9 rule
// 1. Faults: not_found (without details), ambiguous, already_present,
// no_change.
std::variant<Placement, EditFault> Place(const EditBlock& block,
                                         const LineTable& table);

// The whole text as a kWhole block gives it. Fault: no_change.
std::variant<Placement, EditFault> PlaceWhole(const EditBlock& block,
                                              const LineTable& table);

}  // namespace coppice::llm

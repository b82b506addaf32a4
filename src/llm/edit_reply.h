#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llm/edit_block.h"

namespace coppice::llm {

// A block that has to be sent again.
struct FailedBlock {
  int number = 0;
  std::string path;  // may be empty
  EditFault fault;
};

inline constexpr std::size_t kLongestReply = 8192;

// The reply to an answer that was not applied (SPEC §9): which blocks stand,
// and what is wrong with each of the others; details give way where there is
// no room.
std::string WriteReply(const std::vector<int>& kept,
                       const std::vector<FailedBlock>& failed);

// When no block was read at all, or, `kept`, none of those asked for.
std::string WriteReply(const std::vector<int>& kept,
                       const std::vector<int>& wanted,
                       std::string_view expected);

}  // namespace coppice::llm

#pragma once

#include <string>

namespace coppice {

// A piece of a candidate's output that a judge may see. On the lowest floor,
// because evaluators read what judges score, and the two do not know each
// other.
struct JudgeItem {
  std::string id;
  std::string bucket;
  std::string text;

  friend bool operator==(const JudgeItem&, const JudgeItem&) = default;
};

}  // namespace coppice

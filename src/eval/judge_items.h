#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/judge_item.h"
#include "base/workspaces.h"
#include "eval/metrics.h"

namespace coppice::eval {

// `judge.items` as a measurement left it in its slot: [{id, bucket, text}].
// Blocks on disk; reads without following links.
using ItemsRead = std::variant<std::vector<JudgeItem>, MetricProblem>;
ItemsRead ReadItems(const WorkTree& tree, std::string_view path);

// The same of its bytes. An id may be a number; without a bucket it is "".
ItemsRead ParseItems(std::string_view bytes, std::string_view path);

}  // namespace coppice::eval

#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace coppice::llm {

// What the edit "number" does to a literal.
enum class NumberChange {
  kHalf,
  kTenthLess,
  kTenthMore,
  kDouble,
  kOneMore,
  kOneLess,
  kNegate,
};
inline constexpr std::array kNumberChanges = {
    NumberChange::kHalf,   NumberChange::kTenthLess, NumberChange::kTenthMore,
    NumberChange::kDouble, NumberChange::kOneMore,   NumberChange::kOneLess,
    NumberChange::kNegate};

// The literal ("-3", "1'000u", "0.5f") after the change, as the same kind of
// number with the same suffix. Nothing when it would stay as it is, overflow,
// or is not understood.
std::optional<std::string> ChangedNumber(std::string_view literal,
                                         NumberChange change);

}  // namespace coppice::llm

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace coppice {

// A number that cannot be taken for another kind of number.
template <class Tag, class Rep>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  Rep value_ = 0;
};

// One try to grow the tree: 1, 2, 3, ... in the order of selection; 0 is the
// baseline. It is the number that users see, for attempts and nodes alike.
using AttemptId = Id<struct AttemptTag, std::int64_t>;

// The vertex of a solution tree: dense, in the order in which commits were
// recorded, hence topological. Rejected attempts have none. Internal.
using NodeId = Id<struct NodeTag, std::uint32_t>;

// The name of a git object (SHA-1).
struct ObjectId {
  std::array<std::uint8_t, 20> bytes{};

  bool IsZero() const;
  std::string Hex() const;
  // Nothing unless `hex` is exactly 40 hexadecimal digits.
  static std::optional<ObjectId> FromHex(std::string_view hex);

  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};

}  // namespace coppice

template <class Tag, class Rep>
struct std::hash<coppice::Id<Tag, Rep>> {
  std::size_t operator()(coppice::Id<Tag, Rep> id) const noexcept {
    return std::hash<Rep>()(id.value());
  }
};

template <>
struct std::hash<coppice::ObjectId> {
  std::size_t operator()(const coppice::ObjectId& id) const noexcept;
};

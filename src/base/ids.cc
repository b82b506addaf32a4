#include "base/ids.h"

#include <algorithm>
#include <cstring>

namespace coppice {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool ObjectId::IsZero() const {
  return std::ranges::all_of(bytes, [](std::uint8_t b) { return b == 0; });
}

std::string ObjectId::Hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (std::uint8_t b : bytes) {
    hex += kDigits[b >> 4];
    hex += kDigits[b & 15];
  }
  return hex;
}

std::optional<ObjectId> ObjectId::FromHex(std::string_view hex) {
  ObjectId id;
  if (hex.size() != 2 * id.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    int high = HexDigit(hex[2 * i]);
    int low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(16 * high + low);
  }
  return id;
}

}  // namespace coppice

std::size_t std::hash<coppice::ObjectId>::operator()(
    const coppice::ObjectId& id) const noexcept {
  std::size_t head;
  std::memcpy(&head, id.bytes.data(), sizeof head);
  return head;
}

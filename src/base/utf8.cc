#include "base/utf8.h"

#include <algorithm>
#include <cstdint>

namespace coppice {
namespace {

// What a first byte promises. The range of the second byte keeps overlong
// forms, surrogates and values above U+10FFFF out (Unicode, table 3-7).
struct Lead {
  int length = 0;  // 0: no first byte
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
};

Lead LeadOf(std::uint8_t byte) {
  if (byte < 0x80) return {.length = 1};
  if (byte < 0xc2) return {};
  if (byte < 0xe0) return {.length = 2};
  if (byte == 0xe0) return {.length = 3, .low = 0xa0};
  if (byte == 0xed) return {.length = 3, .high = 0x9f};
  if (byte < 0xf0) return {.length = 3};
  if (byte == 0xf0) return {.length = 4, .low = 0x90};
  if (byte < 0xf4) return {.length = 4};
  if (byte == 0xf4) return {.length = 4, .high = 0x8f};
  return {};
}

}  // namespace

std::optional<char32_t> DecodeUtf8(std::string_view text, std::size_t& at) {
  const auto first = static_cast<std::uint8_t>(text[at++]);
  Lead lead = LeadOf(first);
  if (lead.length == 1) return first;
  if (lead.length == 0) return std::nullopt;
  char32_t value = first & (0x7f >> lead.length);
  for (int i = 1; i < lead.length; ++i) {
    if (at == text.size()) return std::nullopt;
    const auto byte = static_cast<std::uint8_t>(text[at]);
    if (byte < lead.low || byte > lead.high) return std::nullopt;
    value = (value << 6) | (byte & 0x3f);
    lead.low = 0x80;
    lead.high = 0xbf;
    ++at;
  }
  return value;
}

void AppendUtf8(char32_t c, std::string& out) {
  const auto tail = [c](int shift) {
    return static_cast<char>(0x80 | ((c >> shift) & 0x3f));
  };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += {static_cast<char>(0xc0 | (c >> 6)), tail(0)};
  } else if (c < 0x10000) {
    out += {static_cast<char>(0xe0 | (c >> 12)), tail(6), tail(0)};
  } else {
    out += {static_cast<char>(0xf0 | (c >> 18)), tail(12), tail(6), tail(0)};
  }
}

std::size_t CountCodePoints(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return !IsContinuationByte(c); }));
}

std::size_t OffsetOfCodePoint(std::string_view text, std::size_t n) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (IsContinuationByte(text[at])) continue;
    if (n-- == 0) break;
  }
  return at;
}

}  // namespace coppice

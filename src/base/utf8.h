#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace coppice {

inline constexpr char32_t kReplacementCharacter = 0xfffd;

// The code point at `at`, which moves past it; nothing, past the longest
// prefix that could have begun one, where the bytes are not UTF-8.
std::optional<char32_t> DecodeUtf8(std::string_view text, std::size_t& at);
void AppendUtf8(char32_t c, std::string& out);

inline bool IsContinuationByte(char c) { return (c & 0xc0) == 0x80; }

// Code points of valid UTF-8, and where the nth begins (the end if there are
// fewer).
std::size_t CountCodePoints(std::string_view text);
std::size_t OffsetOfCodePoint(std::string_view text, std::size_t n);

}  // namespace coppice

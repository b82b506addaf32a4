#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

// What every dialect needs to read JSON that nobody vouches for.

namespace coppice::llm::wire {

// The text with U+FFFD for NUL and for bytes that are not UTF-8.
std::string ValidText(std::string_view text);
std::string Lower(std::string_view text);  // ASCII only
// One line, sanitized, of at most `width` code points.
std::string Word(std::string_view text, std::size_t width = 200);

// JSON as servers write it, or nothing: escaped NULs, lone surrogates and
// invalid bytes read as U+FFFD, a byte order mark is skipped, the last of equal
// keys wins. Deeper than 200 levels is refused before anything recurses.
std::optional<Json> ParseWire(std::string_view text);

// Of an object: the value, or nullptr if it is absent or null.
const Json* Field(const Json& object, std::string_view name);
// Null pointers stand for absent values.
const Json* Field(const Json* object, std::string_view name);
const Json* Item(const Json* array, std::size_t index);
// The elements of an array; none of anything else.
const Json& Items(const Json* array);
std::string_view TextField(const Json* object, std::string_view name);
std::string_view AsText(const Json* value);
std::optional<std::int64_t> AsInt(const Json* value);
bool AsFlag(const Json* value);

}  // namespace coppice::llm::wire

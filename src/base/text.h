#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

// Valid UTF-8 without NUL, control characters (but \n and \t) or ANSI escape
// sequences; invalid bytes become U+FFFD; text before a '\r' on the same line
// is dropped as a terminal would overwrite it. For whatever a candidate or a
// model wrote, before it is stored or shown.
std::string Sanitize(std::string_view raw);

// Sanitized, as one line of at most `width` code points: blanks for newlines
// and tabs, none at either end, "..." where cut.
std::string OneLine(std::string_view text, std::size_t width);

// The first and last part of `text` with "[... N bytes left out ...]" between
// when it is longer than `limit` bytes; cut at line ends where possible. Never
// longer than `limit`, unless that is too short for the mark itself.
std::string HeadAndTail(std::string_view text, std::size_t limit);
// The last `count` lines, without the newline that ends the last one.
std::string LastLines(std::string_view text, std::size_t count);
// Lines without their '\n'; one at the very end begins no further line.
std::vector<std::string_view> SplitLines(std::string_view text);
std::string_view Trim(std::string_view text);
// Breaks lines between words so that none is longer than `width` code points,
// but for single words that are.
std::string Wrap(std::string_view text, std::size_t width);

// Levenshtein distance, and the nearest of `candidates` if it is near enough
// to be what was meant (distance ≤ max(2, length/3), and something in common).
std::size_t EditDistance(std::string_view a, std::string_view b);
std::optional<std::string> Nearest(std::string_view word,
                                   std::span<const std::string> candidates);

// git-style glob against a relative path: '*' and '?' stop at '/', "**"
// crosses it, [a-z] classes. A pattern that names a directory (with or
// without a final '/') matches everything below it.
bool GlobMatch(std::string_view pattern, std::string_view path);

// A relative path with '/' and without empty, "." or ".." parts?
bool IsSafeRelativePath(std::string_view path);

// The fewest digits that read back as `value`; whole numbers below 1e15 without
// an exponent; "-0" is "0".
std::string FormatNumber(double value);
// At most `digits` significant digits, for people; the whole part of a number
// below 1e12 is never rounded.
std::string FormatShort(double value, int digits = 4);
// "+12.3%" of a fraction.
std::string FormatPercent(double fraction);
// "1h 05m", "12m 03s", "4.2s".
std::string FormatDuration(double seconds);

// Digits, sign, point, exponent, whole token, no locale (MEASURE §9); nan and
// inf are refused, numbers out of range too; -0 is 0.
std::optional<double> ParseNumber(std::string_view token);

// Quotes for /bin/sh.
std::string ShellQuote(std::string_view word);

}  // namespace coppice

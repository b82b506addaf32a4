#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/outcome.h"

// How views write: ideas, reasons, paths and names come from models,
// candidates and users, and pass through here before they reach a terminal or
// a page (SEC-06).

namespace coppice::report {

// One line of at most `width` columns without anything a terminal would act
// on.
std::string Safe(std::string_view text, std::size_t width = 120);
// The same with everything escaped that Markdown or HTML would act on.
std::string Markdown(std::string_view text, std::size_t width = 120);
// A fenced block whose fence is longer than any run of backticks inside.
std::string Fenced(std::string_view language, std::string_view text);

// Code points; what a column-aligned view counts.
std::size_t Columns(std::string_view text);
// Padded with blanks to `width` columns; longer text stays as it is.
std::string Left(std::string_view text, std::size_t width);
std::string Right(std::string_view text, std::size_t width);

// "#12"
std::string NodeName(AttemptId attempt);
// "3 attempts", "1 attempt".
std::string Count(std::int64_t count, std::string_view noun);
// "$0.41"; "$0" for nothing.
std::string Dollars(double usd);

// One column: how an attempt ended, to be found with the eye. '.' = under way.
std::string_view Mark(Outcome outcome);

// SPEC §5: |gain| / noise > 2 "high", 1 to 2 "moderate", < 1 "noise".
std::string_view ConfidenceWord(double gain, double noise);

}  // namespace coppice::report

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "base/text.h"

namespace coppice {
namespace {

TEST_CASE("numbers are read by their grammar alone") {
  struct Row {
    const char* token;
    double value;
  };
  for (const Row& row : {Row{"1", 1},
                         {"0", 0},
                         {"007", 7},
                         {"1.", 1},
                         {"1.5", 1.5},
                         {".5", .5},
                         {"+.5", .5},
                         {"-.5", -.5},
                         {"1e-3", 1e-3},
                         {"1E+3", 1000},
                         {"+1.25e2", 125},
                         {"1.e2", 100},
                         {"9007199254740993", 9007199254740992},
                         {"1e308", 1e308},
                         {"5e-324", 5e-324}}) {
    CAPTURE(row.token);
    const std::optional<double> value = ParseNumber(row.token);
    REQUIRE(value.has_value());
    CHECK(*value == row.value);
  }
}

TEST_CASE("minus zero is zero") {
  for (const char* token : {"-0.0", "-0", "-.0e5", "+0"}) {
    const std::optional<double> value = ParseNumber(token);
    REQUIRE(value.has_value());
    CHECK(std::bit_cast<std::uint64_t>(*value) == 0);
  }
}

TEST_CASE("what is not wholly a number is refused") {
  for (const char* token :
       {"",       "+",       "-",    ".",   "+.",       "e5",    ".e5",
        "1e",     "1e+",     "1e5.", "1,5", "0x10",     "1_000", "1e999",
        "-1e999", "1e-999",  "nan",  "NaN", "inf",      "-inf",  "infinity",
        "true",   "\"1.5\"", " 1",   "1 ",  "1\n",      "++1",   "+-1",
        "--1",    "1.2.3",   "1d",   "1f",  "\xd9\xa1", "1-2"}) {
    CAPTURE(token);
    CHECK_FALSE(ParseNumber(token).has_value());
  }
  CHECK_FALSE(ParseNumber(std::string_view("1\0", 2)).has_value());
}

TEST_CASE("numbers are written with the fewest digits that read back") {
  CHECK(FormatNumber(0) == "0");
  CHECK(FormatNumber(-0.0) == "0");
  CHECK(FormatNumber(0.1) == "0.1");
  CHECK(FormatNumber(-12.5) == "-12.5");
  CHECK(FormatNumber(100000) == "100000");
  CHECK(FormatNumber(-999999999999999.0) == "-999999999999999");
  CHECK(FormatNumber(1e300) == "1e+300");
  CHECK(FormatNumber(1e-7) == "1e-07");
}

TEST_CASE("every finite number survives writing and reading") {
  Rng rng(11);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(rng.Next());
    if (!std::isfinite(value)) continue;
    const std::optional<double> back = ParseNumber(FormatNumber(value));
    REQUIRE(back.has_value());
    REQUIRE(*back == value);
  }
  for (double value : {std::numeric_limits<double>::max(),
                       std::numeric_limits<double>::denorm_min(), 1e15, 1e16,
                       123456789012345678.0}) {
    CHECK(ParseNumber(FormatNumber(value)) == value);
  }
}

TEST_CASE("short numbers are for people") {
  CHECK(FormatShort(0) == "0");
  CHECK(FormatShort(12.3456) == "12.35");
  CHECK(FormatShort(9.99996) == "10");
  CHECK(FormatShort(12340.5) == "12340");
  CHECK(FormatShort(1234567) == "1234567");
  CHECK(FormatShort(-0.00123456) == "-0.001235");
  CHECK(FormatShort(0.5) == "0.5");
  CHECK(FormatShort(3.14159, 2) == "3.1");
  CHECK(FormatShort(1.5e-7) == "1.5e-07");
  CHECK(FormatShort(2e15) == "2e+15");
}

TEST_CASE("percents carry their sign") {
  CHECK(FormatPercent(0.123) == "+12.3%");
  CHECK(FormatPercent(-0.2049) == "-20.5%");
  CHECK(FormatPercent(0) == "+0.0%");
  CHECK(FormatPercent(-0.0001) == "+0.0%");
  CHECK(FormatPercent(12) == "+1200.0%");
}

TEST_CASE("durations name their two largest units") {
  CHECK(FormatDuration(0) == "0.0s");
  CHECK(FormatDuration(4.21) == "4.2s");
  CHECK(FormatDuration(59.94) == "59.9s");
  CHECK(FormatDuration(59.96) == "1m 00s");
  CHECK(FormatDuration(723) == "12m 03s");
  CHECK(FormatDuration(3599.6) == "1h 00m");
  CHECK(FormatDuration(3900) == "1h 05m");
  CHECK(FormatDuration(93600) == "26h 00m");
  CHECK(FormatDuration(-1) == "0.0s");
}

}  // namespace
}  // namespace coppice

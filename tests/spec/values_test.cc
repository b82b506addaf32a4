#include "spec/values.h"

#include <doctest/doctest.h>

#include <string>

#include "spec/findings.h"

namespace coppice::spec {
namespace {

TEST_CASE("comparisons have a sign and a number or truth value") {
  struct Row {
    const char* text;
    Comparison comparison;
    double bound;
  };
  for (const Row& row : {Row{">= 0.95", Comparison::kGe, 0.95},
                         {"<=1e3", Comparison::kLe, 1000},
                         {" > -2 ", Comparison::kGt, -2},
                         {"<+.5", Comparison::kLt, 0.5},
                         {"== true", Comparison::kEq, 1},
                         {"!= false", Comparison::kNe, 0}}) {
    CAPTURE(row.text);
    const auto parsed = ParseComparison(row.text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->comparison == row.comparison);
    CHECK(parsed->bound == row.bound);
  }
  for (const char* text : {"", ">", "5", "= 5", "=> 5", ">> 5", "> 5%", "> x",
                           "> nan", "> 1 2", "True"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseComparison(text).has_value());
  }
}

TEST_CASE("percentages are fractions and written back as they were") {
  CHECK(ParsePercentage("10%") == 0.1);
  CHECK(ParsePercentage(" 0.5 % ") == 0.005);
  for (const char* text : {"10", "%", "-1%", "x%", "nan%", "1%%", ""}) {
    CAPTURE(text);
    CHECK_FALSE(ParsePercentage(text).has_value());
  }
  for (int i = 0; i <= 3000; ++i) {
    const std::string text = std::to_string(i / 10) +
                             (i % 10 ? "." + std::to_string(i % 10) : "") + "%";
    CAPTURE(text);
    REQUIRE(FormatPercentage(*ParsePercentage(text)) == text);
  }
}

TEST_CASE("one path has one form") {
  CHECK(NormalPath("a/b") == "a/b");
  CHECK(NormalPath("./a//b/./c/") == "a/b/c/");
  CHECK(NormalPath("././a") == "a");
  CHECK(NormalPath(".") == ".");
  CHECK(NormalPath("./") == ".");
  CHECK(NormalPath("a/../b") == "a/../b");
}

TEST_CASE("keys are known by their shape, not words that resemble them") {
  for (const char* text :
       {"sk-abcdefghij0123456789", "x sk-proj-abcdefghij0123456789_- y",
        "Bearer:ghp_0123456789abcdefghijABCDEFGHIJ",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv", "AKIAIOSFODNN7EXAMPLE"}) {
    CAPTURE(text);
    CHECK(LooksLikeSecret(text));
  }
  for (const char* text :
       {"", "sk-", "sk-short1", "task-abcdefghij0123456789", "AIza",
        "sk-only-words-and-no-digits-here", "openai/gpt-5",
        "risk-0123456789abcdefghij0123456789"}) {
    CAPTURE(text);
    CHECK_FALSE(LooksLikeSecret(text));
  }
}

TEST_CASE("pointers are spoken as dotted paths") {
  CHECK(Spoken("") == "the spec");
  CHECK(Spoken("/evaluation/copy/0") == "evaluation.copy[0]");
  CHECK(Spoken(Child(Child("", "a/b"), "c~d")) == "a/b.c~d");
  CHECK(Spoken(Child("/checks", std::size_t{2})) == "checks[2]");
}

}  // namespace
}  // namespace coppice::spec

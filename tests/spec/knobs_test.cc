#include "spec/knobs.h"

#include <doctest/doctest.h>

#include <map>

#include "spec/samples.h"

namespace coppice::spec {
namespace {

Knob MakeKnob(std::string pattern) {
  return {.name = "B", .file = "a.h", .pattern = std::move(pattern)};
}

TEST_CASE("a knob is found where its group stands") {
  const std::string text = "int A = 1;\nint B = 42;\n";
  const Result<Span> span = FindKnob(MakeKnob("B = (\\d+)"), text);
  REQUIRE(span.has_value());
  CHECK(text.substr(span->begin, span->end - span->begin) == "42");
}

TEST_CASE("a point stops at the end of a line, ^ and $ match there") {
  const std::string text = "B = one\nC = two\n";
  const Result<Span> span = FindKnob(MakeKnob("^B = (.*)$"), text);
  REQUIRE(span.has_value());
  CHECK(text.substr(span->begin, span->end - span->begin) == "one");
}

TEST_CASE("a knob that matches nowhere or twice is refused with the lines") {
  const Result<Span> none = FindKnob(MakeKnob("C = (\\d+)"), "B = 1\n");
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().Text() == "a.h: knob \"B\": `C = (\\d+)` matches nothing");
  const Result<Span> twice =
      FindKnob(MakeKnob("B = (\\d+)"), "B = 1\n\nB = 2\n");
  REQUIRE_FALSE(twice.has_value());
  CHECK(twice.error().Text() ==
        "a.h: knob \"B\": `B = (\\d+)` matches on lines 1, 3; it must match "
        "exactly once");
  std::string many;
  for (int i = 0; i < 100; ++i) many += "B = 1\n";
  const Result<Span> often = FindKnob(MakeKnob("B = (\\d+)"), many);
  REQUIRE_FALSE(often.has_value());
  CHECK(often.error().Text() ==
        "a.h: knob \"B\": `B = (\\d+)` matches on lines 1, 2, 3, 4, 5, 6, "
        "...; it must match exactly once");
}

TEST_CASE("a hostile pattern ends with an error, not a crash") {
  const std::string text(3000, 'a');
  const Result<Span> span = FindKnob(MakeKnob("(a*a*a*a*a*a*)*b"), text);
  CHECK_FALSE(span.has_value());
}

TEST_CASE("all knobs of a spec are checked in their files") {
  const Result<Loaded> loaded = Parse(kFull);
  REQUIRE(loaded.has_value());
  std::map<std::string, std::string> files{
      {"src/parser.cpp", "int B = 16;\ndouble lr = 0.5;\n"}};
  const ReadText read = [&](const std::string& path) {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  };
  CHECK(CheckKnobs(loaded->spec, read).has_value());
  files["src/parser.cpp"] = "int B = 16;\n";
  const Result<void> missing = CheckKnobs(loaded->spec, read);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().Text() ==
        "src/parser.cpp: knob \"lr\": `lr = (\\S+)` matches nothing");
  files.clear();
  const Result<void> gone = CheckKnobs(loaded->spec, read);
  REQUIRE_FALSE(gone.has_value());
  CHECK(gone.error().Text() ==
        "src/parser.cpp: knob \"B\": there is no such file");
}

}  // namespace
}  // namespace coppice::spec

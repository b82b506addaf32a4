#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "spec/samples.h"
#include "spec/yaml_reader.h"

namespace coppice::spec {
namespace {

struct Read {
  std::optional<Json> value;
  Source source;
  Findings findings;
};

Read ReadText(std::string_view text) {
  Read read;
  const auto place = [](int line) {
    return Place{.line = line, .text = "f:" + std::to_string(line)};
  };
  read.value = ReadYaml({.text = text, .pointer = "", .place = place},
                        read.source, read.findings);
  return read;
}

Json Good(std::string_view text) {
  Read read = ReadText(text);
  REQUIRE(read.value.has_value());
  REQUIRE_MESSAGE(read.findings.empty(), read.findings.ToError().Text());
  return *read.value;
}

std::string Bad(std::string_view text) {
  const Read read = ReadText(text);
  REQUIRE_FALSE(read.findings.empty());
  return read.findings.ToError().Text();
}

TEST_CASE("plain scalars have the types of the YAML core schema") {
  CHECK(Good("[~, null, Null, NULL, ]") ==
        Json({nullptr, nullptr, nullptr, nullptr}));
  CHECK(Good("[true, True, TRUE, false, False, FALSE]") ==
        Json({true, true, true, false, false, false}));
  CHECK(Good("[0, -1, +7, 007, 0x1F, 0o17]") == Json({0, -1, 7, 7, 31, 15}));
  CHECK(Good("[1.5, .5, 1., -1e3, 6.02E+23]") ==
        Json({1.5, .5, 1., -1e3, 6.02e23}));
  CHECK(Good("[1.5]")[0].is_number_float());
  CHECK(Good("[12]")[0].is_number_integer());
  CHECK(Good("99999999999999999999") == Json(1e20));
}

TEST_CASE("what only looks like another type is text") {
  for (const char* text : {"yes",
                           "no",
                           "on",
                           "off",
                           "y",
                           "n",
                           ".inf",
                           "-.inf",
                           ".nan",
                           "1_000",
                           "0b1",
                           "1e999",
                           "0x",
                           "0xZ",
                           "0x-1",
                           "+-1",
                           "--1",
                           "1.2.3",
                           "12:30",
                           "2024-01-01",
                           "tRue",
                           "nulL",
                           "0x1FFFFFFFFFFFFFFFF"}) {
    CAPTURE(text);
    CHECK(Good(text) == Json(text));
  }
}

TEST_CASE("quoted and tagged scalars are text") {
  CHECK(Good("['1', \"true\", !!str 5, \"\", '~']") ==
        Json({"1", "true", "5", "", "~"}));
  CHECK(Good("|\n  a\n  b\n") == Json("a\nb\n"));
}

TEST_CASE("anchors are copied where they are named") {
  CHECK(Good("a: &x {p: [1, 2]}\nb: *x\n") ==
        Json({{"a", {{"p", {1, 2}}}}, {"b", {{"p", {1, 2}}}}}));
  CHECK(Bad("a: *x\n").starts_with("f:1: not YAML"));
}

TEST_CASE("JSON is read, tabs, escapes and all") {
  CHECK(Good("{\n\t\"a\": [1,\n\t\t2.5e1],\t\"b\":{\"c\":null,\"d\":\"\\u00e9"
             "\\/\\n\"}\n}\n") ==
        Json({{"a", {1, 25.0}}, {"b", {{"c", nullptr}, {"d", "é/\n"}}}}));
  CHECK(Good("{}") == Json::object());
}

TEST_CASE("line ends of other systems count lines") {
  const Read read = ReadText("a: 1\r\nb:\r\n  c: 2\r\n");
  CHECK(*read.value == Json({{"a", 1}, {"b", {{"c", 2}}}}));
  CHECK(read.source.Where("/b/c").line == 3);
}

TEST_CASE("every value knows its line; those below take the nearest") {
  const Read read = ReadText("a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n");
  CHECK(read.source.Where("").line == 1);
  CHECK(read.source.Where("/a").line == 1);
  CHECK(read.source.Where("/b").line == 2);
  CHECK(read.source.Where("/b/0").line == 3);
  CHECK(read.source.Where("/b/1").line == 4);
  CHECK(read.source.Where("/b/1/d").line == 5);
  CHECK(read.source.Where("/b/1/d/e/f").line == 5);
  CHECK(read.source.Where("/zebra").line == 1);
}

TEST_CASE("duplicate keys are errors that name both lines") {
  CHECK(Bad("a: 1\nb: 2\na: 3\n") ==
        "f:3: duplicate key \"a\" in the spec; it first stands on line 1");
  CHECK(Bad("m:\n  x: 1\n  'x': 1\n") ==
        "f:3: duplicate key \"x\" in m; it first stands on line 2");
  CHECK(Bad("{\"a\": 1, \"a\": 1}") ==
        "f:1: duplicate key \"a\" in the spec; it first stands on line 1");
}

TEST_CASE("keys are plain") {
  CHECK(Bad("? [a]\n: b\n") == "f:1: a list or map cannot be a key");
  CHECK(Bad("? {a: 1}\n: b\n") == "f:1: a list or map cannot be a key");
  CHECK(Bad("a: &x k\n*x : 1\n").find("an alias cannot be a key") !=
        std::string::npos);
}

TEST_CASE("what is not YAML is told with its line") {
  CHECK(Bad("a: 1\n b: 2\n") == "f:2: not YAML: illegal map value");
  CHECK(Bad("a: [1, 2\n").starts_with("f:"));
  CHECK(Bad("a: !thing 1\n") == "f:1: unknown tag \"!thing\"");
  CHECK(Bad("a: 1\n---\nb: 2\n") ==
        "f:1: the text holds more than one document");
}

TEST_CASE("bytes that no text holds are refused") {
  CHECK(Bad(std::string_view("a: 1\nb: \0x", 10)) ==
        "f:2: control character U+0000");
  CHECK(Bad("a: \x04") == "f:1: control character U+0004");
  CHECK(Bad("a: 1\nb: \xff") == "f:2: the text is not UTF-8");
}

TEST_CASE("bombs are refused") {
  std::string laughs = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) laughs += before + (k < 9 ? ", " : "");
    laughs += "]\n";
  }
  CHECK(Bad(laughs) == "f:1: more than 20000 values, aliases expanded");
  CHECK(Bad(std::string(5000, '[')).starts_with("f:1: not YAML"));
  CHECK(Bad(std::string(2 << 20, 'a')) == "f:1: the text is longer than 1 MiB");
}

}  // namespace
}  // namespace coppice::spec

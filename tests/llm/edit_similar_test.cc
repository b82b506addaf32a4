#include "llm/edit_similar.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/text.h"
#include "llm/edit_elision.h"

namespace coppice::llm {
namespace {

std::string Numbered(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) {
    text += "  line " + std::to_string(i) + ";\n";
  }
  return text;
}

std::size_t Common(const std::vector<std::string_view>& a,
                   const LineTable& table, const LineRange& range) {
  std::vector<std::size_t> row(range.size() + 1);
  for (std::string_view line : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < range.size(); ++j) {
      const std::size_t above = row[j + 1];
      const bool same = Trim(line) == Trim(table.Line(range.begin + j));
      row[j + 1] = same ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return row.back();
}

TEST_CASE("the region that differs in few lines is found, and where it does") {
  const std::string text = Numbered(0, 500);
  const LineTable table(text);
  std::string wanted = Numbered(200, 210);
  wanted.replace(wanted.find("line 204"), 8, "lime 204");
  const auto region = MostSimilar(SplitLines(wanted), table);
  REQUIRE(region);
  CHECK(region->lines == LineRange{200, 210});
  CHECK(region->differs == 204);
  CHECK(region->ratio == doctest::Approx(0.9));
}

TEST_CASE("lines left out or put in do not hide a region") {
  const std::string text = Numbered(0, 500);
  const LineTable table(text);
  const std::string wanted =
      Numbered(300, 303) + "new\n" + Numbered(303, 306) + Numbered(308, 312);
  const auto region = MostSimilar(SplitLines(wanted), table);
  REQUIRE(region);
  CHECK(region->lines == LineRange{300, 312});
  CHECK(region->differs == 303);
  CHECK(region->ratio == doctest::Approx(20.0 / 23));
}

TEST_CASE("a first or last line that differs belongs to the region") {
  const std::string text = Numbered(0, 50);
  const LineTable table(text);
  const std::string wanted = "x\n" + Numbered(21, 24) + "y\n";
  const auto region = MostSimilar(SplitLines(wanted), table);
  REQUIRE(region);
  CHECK(region->lines == LineRange{20, 25});
  CHECK(region->differs == 20);
  const auto start = MostSimilar(SplitLines("x\ny\n" + Numbered(0, 5)), table);
  REQUIRE(start);
  CHECK(start->lines == LineRange{0, 5});
}

TEST_CASE("nothing that shares less than six lines in ten is similar") {
  const std::string text = Numbered(0, 50);
  const LineTable table(text);
  CHECK_FALSE(MostSimilar(SplitLines("a\nb\nc\n" + Numbered(9, 11)), table));
  CHECK_FALSE(MostSimilar(SplitLines("a\nb\n"), table));
  CHECK_FALSE(MostSimilar({}, table));
  const LineTable empty("");
  CHECK_FALSE(MostSimilar(SplitLines("a\n"), empty));
}

TEST_CASE(
    "what is found is as similar as told, and no worse than the place "
    "it was taken from") {
  Rng rng(7);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    const std::uint64_t letters = 2 + rng.Below(60);
    for (int i = 0; i < 80; ++i) {
      text += "w" + std::to_string(rng.Below(letters)) + "\n";
    }
    const LineTable table(text);
    const std::size_t size = 5 + rng.Below(10);
    const std::size_t begin = rng.Below(80 - size);
    std::vector<std::string_view> wanted;
    for (std::size_t i = 0; i < size; ++i) {
      wanted.push_back(rng.Chance(0.15) ? "other" : table.Line(begin + i));
    }
    const auto other = std::count(wanted.begin(), wanted.end(), "other");
    const double there =
        1 - static_cast<double>(other) / static_cast<double>(size);
    const auto region = MostSimilar(wanted, table);
    if (letters > 20 && there >= 0.7) REQUIRE(region);
    if (!region) continue;
    CHECK(region->ratio >= kSimilar);
    CHECK(region->lines.end <= table.size());
    CHECK(region->ratio <=
          2.0 * static_cast<double>(Common(wanted, table, region->lines)) /
                  static_cast<double>(size + region->lines.size()) +
              1e-9);
    if (letters > 20) CHECK(region->ratio >= there - 1e-9);
  }
}

TEST_CASE("the most similar line is found letter by letter") {
  const LineTable table("int a = 1;\n\n  return CountCommas(p, end);\n}\n");
  const auto line =
      MostSimilarLine(SplitLines("{\nreturn CountComma(p, last);\n"), table);
  REQUIRE(line);
  CHECK(line->line == 2);
  CHECK_FALSE(MostSimilarLine(SplitLines("SELECT 1 FROM x\n"), table));
  CHECK_FALSE(MostSimilarLine(SplitLines("}\n"), table));
}

TEST_CASE("a part left out is found by structure, in any language") {
  std::string before = "import os\n\n";
  for (int i = 0; i < 10; ++i) {
    before += "def f" + std::to_string(i) + "(x):\n    return x\n\n";
  }
  const LineTable table(before);
  const std::string head = before.substr(0, before.find("def f2"));
  for (std::string_view comment :
       {"# ... rest unchanged", "// same as before", "/* */", "-- und so fort",
        "<!-- etc -->", "...", "; rest", "(* rest *)"}) {
    CAPTURE(comment);
    const Elision elision =
        FindElision(table, head + std::string(comment) + "\n");
    REQUIRE(elision);
    CHECK(elision.missing.size() == 8);
    CHECK(table.Line(elision.missing[0]) == "def f2(x):");
  }
  CHECK(FindElision(table, head + "# rest\n" + "def f9(x):\n    return x\n"));
}

TEST_CASE("a file made shorter is not elided") {
  std::string before;
  for (int i = 0; i < 30; ++i) {
    before += "  x" + std::to_string(i) + " = " + std::to_string(i) + ";\n";
  }
  const LineTable table(before);
  const std::string head = before.substr(0, before.find("  x10"));
  CHECK_FALSE(FindElision(table, head));
  CHECK_FALSE(FindElision(table, head + "#include <x>\n"));
  CHECK_FALSE(FindElision(table, head + "#pragma once\n#[inline]\n"));
  CHECK_FALSE(FindElision(table, head + "*p = 1;\n--i;\n"));
  CHECK_FALSE(FindElision(table, before + "// more\n"));
  std::string rewritten = "// Adds them up.\n";
  for (int i = 0; i < 15; ++i) rewritten += "y += " + std::to_string(i) + ";\n";
  CHECK_FALSE(FindElision(table, rewritten));
  // Few lines lost to a comment.
  const std::string most = before.substr(0, before.find("  x25"));
  CHECK_FALSE(FindElision(table, most + "// the rest was dead\n"));
}

}  // namespace
}  // namespace coppice::llm

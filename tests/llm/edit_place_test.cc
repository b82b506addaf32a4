#include <doctest/doctest.h>

#include "edit_fixture.h"

// SPEC §9 rule 1: exactly, or by one loss-free normalisation that is unique.

namespace coppice::llm {
namespace {

using testing::Block;
using testing::Fenced;
using testing::Session;
using testing::Shown;
using testing::TextOf;

struct Row {
  std::string_view what;
  std::string_view file, before, after;
  std::string_view result;   // empty: "(cause)"
  std::string_view matched;  // or the cause
};

EditVerdict Edit(std::string_view file, std::string_view before,
                 std::string_view after) {
  EditSession session = Session({Shown("src/a.txt", std::string(file))});
  return session.Take("IDEA: x\n\n" + Block("src/a.txt", before, after));
}

TEST_CASE("old lines are found exactly, else by one step that is unique") {
  const Row rows[] = {
      {"exactly", "a\nb\nc\n", "b\n", "B\n", "a\nB\nc\n", ""},
      {"whole lines only", "ab\nb\n", "b\n", "B\n", "ab\nB\n", ""},
      {"the last line without newline", "a\nb", "b\n", "B\nC\n", "a\nB\nC", ""},
      {"an inner line of such a file", "a\nb", "a\n", "A\n", "A\nb", ""},
      {"removed lines", "a\nb\nc\n", "b\n", "", "a\nc\n", ""},
      {"the last line removed", "a\nb", "b\n", "", "a", ""},
      {"everything removed", "a\nb\n", "a\nb\n", "", "", ""},
      {"a file of CRLF", "a\r\nb\r\nc\r\n", "b\nc\n", "b\nx\nc\n",
       "a\r\nb\r\nx\r\nc\r\n", "src/a.txt: crlf"},
      {"its last line without newline", "a\r\nb", "b\n", "b\nc\n",
       "a\r\nb\r\nc", ""},
      {"mixed line ends stay", "a\r\nb\nc\r\nd\n", "a\nb\nc\n", "a\nb\nx\nc\n",
       "a\r\nb\nx\r\nc\r\nd\n", "src/a.txt: crlf"},
      {"blanks at line ends of the file stay", "a  \nb\t\nc\n", "a\nb\nc\n",
       "a\nx\nc\n", "a  \nx\nc\n", "src/a.txt: trailing blanks"},
      {"blanks at line ends of the block", "a\nb\nc\n", "a \nb  \n", "a\nx\n",
       "a\nx\nc\n", "src/a.txt: trailing blanks"},
      {"moved right", "  if x:\n    y\n  z\n", "if x:\n  y\n", "if x:\n  w\n",
       "  if x:\n    w\n  z\n", "src/a.txt: indent+2"},
      {"moved left", "if x:\n  y\n", "    if x:\n      y\n",
       "    if x:\n      w\n", "if x:\n  w\n", "src/a.txt: indent-4"},
      {"moved by tabs", "\t\tif x\n", "if x\n", "if y\n", "\t\tif y\n",
       "src/a.txt: indent+\\t\\t"},
      {"blank lines take no indent", "  a\n\n  b\n", "a\n\nb\n", "a\n\nc\n",
       "  a\n\n  c\n", "src/a.txt: indent+2"},
      {"a blank line too many at the beginning", "x\na\nb\n", "\na\n", "\nc\n",
       "x\nc\nb\n", "src/a.txt: blank first line"},
      {"and at the end", "x\na\nb\n", "a\n\n", "c\n\n", "x\nc\nb\n",
       "src/a.txt: blank last line"},
      {"and at both", "x\na\nb\n", "\na\n\n", "\nc\n\n", "x\nc\nb\n",
       "src/a.txt: blank lines around"},
      {"no uniform shift", "  a\n   b\n", "a\nb\n", "c\n", "", "not_found"},
      {"a shift that the new lines cannot follow", "if x:\n  y\n",
       "    if x:\n      y\n", "  z\n", "", "not_found"},
      {"two steps at once", "  a  \n  b\n", "a\nb\n", "c\n", "", "not_found"},
      {"two blank lines too many", "a\n", "\n\na\n", "c\n", "", "not_found"},
      {"twice", "a\nb\na\n", "a\n", "c\n", "", "ambiguous"},
      {"twice, overlapping", "a\na\na\n", "a\na\n", "c\n", "", "ambiguous"},
      {"twice with a step", "a \na  \n", "a\n", "c\n", "", "ambiguous"},
      {"twice, at two indents", " a\n  a\n", "a\n", "c\n", "", "ambiguous"},
      {"part of a line", "int a = 1;\n", "a = 1;\n", "a = 2;\n", "",
       "not_found"},
      {"more lines than the file has", "a\n", "a\nb\n", "c\n", "", "not_found"},
      {"nothing new", "a\nb\n", "a\n", "a\n", "", "no_change"},
      {"nothing new after a step", "a\nb\n", "a \n", "a\n", "", "no_change"},
      {"new lines that stand there", "int b;\n", "int a;\n", "int b;\n", "",
       "already_present"},
      {"brackets stand anywhere", "f {\n}\n", "g\n", "}\n", "", "not_found"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const EditVerdict verdict = Edit(row.file, row.before, row.after);
    if (verdict.changes) {
      CHECK(TextOf(verdict) == row.result);
      CHECK(verdict.matched == row.matched);
    } else {
      CHECK(verdict.cause == row.matched);
    }
  }
}

TEST_CASE("an exact place wins over those that only a step would find") {
  const EditVerdict verdict = Edit("  a\na \na\n", "a\n", "b\n");
  CHECK(TextOf(verdict) == "  a\na \nb\n");
  CHECK(verdict.matched.empty());
}

TEST_CASE("all old lines are those of the parent, not of other blocks") {
  EditSession session = Session({Shown("src/a.txt", "one\ntwo\nthree\n")});
  const EditVerdict verdict = session.Take(
      Block("src/a.txt", "three\n", "one\n") +
      Block("", "one\n", "three\n1\n2\n") + Block("", "two\n", ""));
  CHECK(TextOf(verdict) == "three\n1\n2\none\n");
}

TEST_CASE("a whole file keeps the line ends of the old one") {
  auto whole = [](std::string_view file, std::string_view text) {
    EditSession session =
        Session({Shown("src/a.txt", std::string(file))}, EditFormat::kWhole);
    return TextOf(session.Take(Fenced("src/a.txt", text)));
  };
  CHECK(whole("a\r\nb\r\n", "a\nc\n") == "a\r\nc\r\n");
  CHECK(whole("a\nb", "a\nc\n") == "a\nc");
  CHECK(whole("a\r\nb", "b\na\n") == "b\r\na");
  CHECK(whole("a\r\nb\nc\n", "a\nx\nb\nc\n") == "a\r\nx\r\nb\nc\n");
  CHECK(whole("", "a\n") == "a\n");
  EditSession session =
      Session({Shown("src/a.txt", "a\r\n")}, EditFormat::kWhole);
  CHECK(session.Take("IDEA: x\n\n" + Fenced("src/a.txt", "b\n")).matched ==
        "src/a.txt: crlf");
}

TEST_CASE("an empty file is filled, and emptied only by removing its lines") {
  EditSession session = Session({Shown("src/a.txt", "")});
  CHECK(TextOf(session.Take(Block("src/a.txt", "", "a\n"))) == "a\n");
  EditSession other = Session({Shown("src/a.txt", "a\n")});
  CHECK(TextOf(other.Take(Block("src/a.txt", "a\n", ""))).empty());
}

}  // namespace
}  // namespace coppice::llm

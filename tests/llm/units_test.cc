#include "llm/units.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "llm/statements.h"

namespace coppice::llm {
namespace {

std::vector<std::string> Texts(std::string_view text,
                               const std::vector<Unit>& units) {
  std::vector<std::string> texts;
  for (const Unit& unit : units)
    texts.emplace_back(text.substr(unit.begin, unit.end - unit.begin));
  return texts;
}

std::vector<Unit> UnitsOf(std::string_view path, std::string_view text,
                          spec::EditUnit unit) {
  const Language language = LanguageOf(path);
  const std::vector<Cover> cover = CoverText(text, language);
  return unit == spec::EditUnit::kLine ? LineUnits(text, cover)
                                       : StatementUnits(text, cover, language);
}

std::vector<std::string> Lines(std::string_view path, std::string_view text) {
  return Texts(text, UnitsOf(path, text, spec::EditUnit::kLine));
}
std::vector<std::string> Statements(std::string_view path,
                                    std::string_view text) {
  return Texts(text, UnitsOf(path, text, spec::EditUnit::kStatement));
}
std::vector<std::string> Numbers(std::string_view path, std::string_view text) {
  std::vector<std::string> texts;
  for (const Literal& literal :
       Literals(text, CoverText(text, LanguageOf(path))))
    texts.emplace_back(text.substr(literal.begin, literal.end - literal.begin));
  return texts;
}

using Strings = std::vector<std::string>;

TEST_CASE("lines with code are units, blanks, comments and braces are not") {
  CHECK(Lines("a.cc",
              "#include <map>\n#define N 4\n// no\n\nint f() {  // f\n"
              "  /* no\n     no */ x = 1;\n  return x;\n}\n});\n"
              "  \"text\",\n") == Strings{"#define N 4", "int f() {", "x = 1;",
                                          "return x;", "\"text\","});
  CHECK(Lines("a.py", "# no\nx = 1  # yes\n\"\"\"No\nno\n\"\"\"\n)\n") ==
        Strings{"x = 1"});
  CHECK(Lines("notes.txt", "a\n\n{\nb") == Strings{"a", "b"});
  CHECK(Lines("a.cc", "").empty());
}

TEST_CASE("statements of braces end where their grammar ends them") {
  const std::string_view text =
      "int f(int a) {\n"
      "  int b[] = {1, 2};\n"
      "  for (int i = 0; i < a; ++i) b[0] += i;\n"
      "  if (a > 1) {\n    a = 2;\n  } else if (a) {\n    a--;\n  }\n"
      "  do { g(); } while (a);\n"
      "  sort(b, [](int x, int y) { return x < y; });\n"
      "  switch (a) {\n    case 1: h(); break;\n    default: ;\n  }\n"
      "  return b[0];  // done;\n"
      "}\n";
  CHECK(Statements("a.cc", text) ==
        Strings{"int b[] = {1, 2};", "for (int i = 0; i < a; ++i) b[0] += i;",
                "if (a > 1) {\n    a = 2;\n  } else if (a) {\n    a--;\n  }",
                "a = 2;", "a--;", "do { g(); } while (a);", "g();",
                "sort(b, [](int x, int y) { return x < y; });", "return x < y;",
                "switch (a) {\n    case 1: h(); break;\n    default: ;\n  }",
                "h();", "break;", "return b[0];"});
}

TEST_CASE("what stands outside of functions is no statement") {
  CHECK(Statements("a.cc",
                   "namespace n {\nstruct S { int a = 1; void m() const { "
                   "a_(); } };\nint global = 2;\n"
                   "template <class T>\nvoid t(T x) noexcept { use(x); }\n"
                   "S::S() : a(1), b{2} { init(); }\n}\n") ==
        Strings{"a_();", "use(x);", "init();"});
  CHECK(Statements("a.js", "let a = 1;\nfunction f() { g(); }\n") ==
        Strings{"let a = 1;", "g();"});
}

TEST_CASE("an if keeps its else, with and without braces") {
  CHECK(Statements("a.c", "void f() { if (a) b(); else c(); d(); }") ==
        Strings{"if (a) b(); else c();", "d();"});
  CHECK(Statements("a.cc",
                   "void f() { try { a(); } catch (...) { b(); } c(); }") ==
        Strings{"try { a(); } catch (...) { b(); }", "a();", "b();", "c();"});
}

TEST_CASE("statements of Python are found by indentation") {
  const std::string_view text =
      "import os\n"
      "def f(a):\n"
      "    \"\"\"Text: with\n  odd indentation\"\"\"\n"
      "    if a:  # why\n        x = [1,\n2]\n\n    # between\n"
      "    elif b:\n        y()\n    else:\n        z()\n"
      "    return x + \\\n        1\n";
  const std::vector<Unit> units =
      UnitsOf("a.py", text, spec::EditUnit::kStatement);
  CHECK(Texts(text, units) ==
        Strings{"import os",
                "if a:  # why\n        x = [1,\n2]\n\n    # between\n"
                "    elif b:\n        y()\n    else:\n        z()",
                "x = [1,\n2]", "y()", "z()", "return x + \\\n        1"});
  CHECK(units[2].only_child);
  CHECK(units[3].only_child);
  CHECK_FALSE(units[5].only_child);
}

TEST_CASE("other languages have balanced lines as statements") {
  CHECK(Statements("a.go",
                   "func f() {\n\tif x {\n\t\ty()\n\t} else {\n"
                   "\t\tz()\n\t}\n}\n") ==
        Strings{"func f() {\n\tif x {\n\t\ty()\n\t} else {\n\t\tz()\n\t}\n}",
                "if x {\n\t\ty()\n\t} else {\n\t\tz()\n\t}", "y()", "z()"});
}

TEST_CASE("numbers in code are literals, those in names and texts are not") {
  CHECK(Numbers("a.cc",
                "#include <x86>\n#define N 64\nint a1 = 5, b = -3;\n"
                "// 7\nf(\"8\", '9', 0x10, 010, 1'000u, .5, 1.e3, 2.5e-3f);\n"
                "x = a-1; y = a - 2; return -4; v.0; 1.2.3;\n") ==
        Strings{"64", "5", "-3", "1'000u", ".5", "1.e3", "2.5e-3f", "1", "2",
                "-4"});
  CHECK(Numbers("a.rs", "for i in 0..10u32 {}") == Strings{"0", "10u32"});
  CHECK(Numbers("a.py", "x = f'{1}' + 2 # 3\n") == Strings{"2"});
  CHECK(Numbers("a.yaml", "rate: 0.001\nname: don't 5\n") ==
        Strings{"0.001", "5"});
}

TEST_CASE("quotes of all kinds end where they should") {
  CHECK(
      Numbers("a.cc", "a = R\"x(1)\" )x\" + 2; c = '\\''; d = '\"'; e = 3;") ==
      Strings{"2", "3"});
  CHECK(Numbers("a.rs", "fn f<'a>(x: &'a str) { 4 }") == Strings{"4"});
  CHECK(Numbers("a.js", "x = `1\n${2}`; y = 'it 3'; z = 4;") == Strings{"4"});
  CHECK(Numbers("a.cc", "\"open\nx = 1;") == Strings{"1"});
}

TEST_CASE("a unit knows its lines, and a lasting comment spoils them") {
  const std::string_view text =
      "void f() {\n  a();  // b\n  c(); d();\n"
      "  e(); /* long\n  comment */\n}\n";
  const std::vector<Unit> units =
      UnitsOf("a.c", text, spec::EditUnit::kStatement);
  REQUIRE(units.size() == 4);
  CHECK(units[0].line == 2);
  CHECK(units[0].whole_lines);
  CHECK(text.substr(units[0].line_begin,
                    units[0].line_end - units[0].line_begin) == "  a();  // b");
  CHECK_FALSE(units[1].whole_lines);
  CHECK_FALSE(units[2].whole_lines);
  CHECK_FALSE(units[3].whole_lines);
}

// Do the brackets of this stretch of code close in the order they open?
bool Balanced(std::string_view text, const std::vector<Cover>& cover,
              const Unit& unit) {
  std::string open;
  for (std::size_t i = unit.begin; i < unit.end; ++i) {
    if (cover[i] != Cover::kCode) continue;
    const char c = text[i];
    if (c == '(' || c == '[' || c == '{') open += c;
    if (c == ')' || c == ']' || c == '}') {
      const char partner = c == ')' ? '(' : c == ']' ? '[' : '{';
      if (open.empty() || open.back() != partner) return false;
      open.pop_back();
    }
  }
  return open.empty();
}

TEST_CASE("no statement splits a bracket, whatever the text") {
  static constexpr std::string_view kPieces[] = {"if (a) ",
                                                 "{",
                                                 "}",
                                                 "(",
                                                 ")",
                                                 "[",
                                                 "]",
                                                 ";",
                                                 "\n",
                                                 "else ",
                                                 "x = 1",
                                                 "f(x)",
                                                 "// c\n",
                                                 "/* ",
                                                 "*/",
                                                 "\"",
                                                 "'",
                                                 "    ",
                                                 "def f():\n",
                                                 "return ",
                                                 "case 1:",
                                                 "struct S ",
                                                 "#if A\n",
                                                 "\\\n",
                                                 "\"\"\"",
                                                 ",",
                                                 "=",
                                                 "\r\n",
                                                 "void g() {",
                                                 "\xff",
                                                 "template <class T> "};
  static constexpr std::string_view kPaths[] = {"a.cc", "a.py",   "a.js",
                                                "a.go", "a.java", "unknown"};
  Rng rng(7);
  for (int i = 0; i < 4000; ++i) {
    std::string text;
    for (std::uint64_t n = rng.Below(40); n > 0; --n)
      text += kPieces[rng.Below(std::size(kPieces))];
    const std::string_view path = kPaths[rng.Below(std::size(kPaths))];
    const Language language = LanguageOf(path);
    const std::vector<Cover> cover = CoverText(text, language);
    for (const Unit& unit : StatementUnits(text, cover, language)) {
      CAPTURE(text);
      CHECK(unit.begin < unit.end);
      if (language.blocks != Language::Blocks::kIndent)
        CHECK(Balanced(text, cover, unit));
    }
    LineUnits(text, cover);
    Literals(text, cover);
  }
}

}  // namespace
}  // namespace coppice::llm

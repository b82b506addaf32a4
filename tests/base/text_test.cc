#include "base/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "base/rng.h"
#include "base/utf8.h"

namespace coppice {
namespace {

using std::string_literals::operator""s;

bool IsValidUtf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (!DecodeUtf8(text, at)) return false;
  }
  return true;
}

TEST_CASE("sanitize keeps text, tabs and newlines as they are") {
  CHECK(Sanitize("") == "");
  CHECK(Sanitize("a\tb\nc\n") == "a\tb\nc\n");
  CHECK(Sanitize("µs, 時間, 🎯") == "µs, 時間, 🎯");
}

TEST_CASE("sanitize drops NUL, control characters and C1 controls") {
  CHECK(Sanitize("a\0b\ac\bd\x7f"s) == "abcd");
  CHECK(Sanitize("a\u0085b\u009fc") == "abc");
}

TEST_CASE("sanitize drops escape sequences of every kind") {
  CHECK(Sanitize("\x1b[31mred\x1b[0m") == "red");
  CHECK(Sanitize("\x1b[?25lx\x1b[2Ky") == "xy");
  CHECK(Sanitize("\x1b]0;title\a!") == "!");
  CHECK(Sanitize("\x1b]8;;http://a.b\x1b\\link\x1b]8;;\x1b\\") == "link");
  CHECK(Sanitize("\x1bPq#0;2\x1b\\after") == "after");
  CHECK(Sanitize("\x1b(Bx\x1b=y\x1b"
                 "cz") == "xyz");
  CHECK(Sanitize("\u009b31mred") == "red");
}

TEST_CASE("sanitize loses at most a line to a string that never ends") {
  CHECK(Sanitize("a\x1b]0;evil\nb") == "a\nb");
  CHECK(Sanitize("a\x1b") == "a");
  CHECK(Sanitize("a\x1b[") == "a");
  CHECK(Sanitize("a\x1b[31") == "a");
  CHECK(Sanitize("a\x1b]0;evil\x1b") == "a");
  CHECK(Sanitize("a\x1b]0;evil\x1b[1mb") == "ab");
}

TEST_CASE("sanitize lets a carriage return overwrite its line") {
  CHECK(Sanitize("10%\r20%\r100%\n") == "100%\n");
  CHECK(Sanitize("keep\nold\rnew") == "keep\nnew");
  CHECK(Sanitize("dos\r\nlines\r\n") == "dos\nlines\n");
  CHECK(Sanitize("still there\r") == "still there");
  CHECK(Sanitize("old\r\x1b[0mnew") == "new");
}

TEST_CASE("sanitize replaces what is not UTF-8") {
  CHECK(Sanitize("a\xff"
                 "b") ==
        "a\ufffd"
        "b");
  CHECK(Sanitize("\xc3") == "\ufffd");
  CHECK(Sanitize("\xc0\xaf") == "\ufffd\ufffd");
  CHECK(Sanitize("\xe2\x82") == "\ufffd");
  CHECK(Sanitize("\xe2\x82x") == "\ufffdx");
  CHECK(Sanitize("\xed\xa0\x80") == "\ufffd\ufffd\ufffd");
  CHECK(Sanitize("\xf4\x90\x80\x80") == "\ufffd\ufffd\ufffd\ufffd");
  CHECK(Sanitize("\xf0\x9f\x8e") == "\ufffd");
}

TEST_CASE("sanitize of anything is clean, and clean text stays the same") {
  constexpr std::string_view kAlphabet = "\x1b[]m;\\\a\r\n\tab\xc3\xa9\x9b\xff";
  Rng rng(7);
  for (int round = 0; round < 3000; ++round) {
    std::string raw;
    for (std::uint64_t n = rng.Below(40); n > 0; --n) {
      raw += rng.Chance(0.8) ? kAlphabet[rng.Below(kAlphabet.size())]
                             : static_cast<char>(rng.Below(256));
    }
    const std::string clean = Sanitize(raw);
    CAPTURE(raw);
    REQUIRE(IsValidUtf8(clean));
    REQUIRE(clean.find_first_of("\x1b\r\0\a"s) == std::string::npos);
    REQUIRE(Sanitize(clean) == clean);
  }
}

TEST_CASE("one line is short and has no line breaks") {
  CHECK(OneLine("a\tb\nc\n", 80) == "a b c");
  CHECK(OneLine("  \x1b[1mbold\x1b[0m  ", 80) == "bold");
  CHECK(OneLine("abcdefgh", 8) == "abcdefgh");
  CHECK(OneLine("abcdefghi", 8) == "abcde...");
  CHECK(OneLine("ééééééééé", 8) == "ééééé...");
  CHECK(OneLine("abc", 2) == "..");
  CHECK(OneLine("", 2) == "");
}

TEST_CASE("head and tail leaves short text alone") {
  CHECK(HeadAndTail("abc\n", 4) == "abc\n");
  CHECK(HeadAndTail("", 0) == "");
}

TEST_CASE("head and tail keeps both ends whole lines and counts the middle") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += fmt::format("line {}\n", i);
  const std::string cut = HeadAndTail(text, 200);
  CHECK(cut.size() <= 200);
  CHECK(cut.starts_with("line 0\nline 1\n"));
  CHECK(cut.ends_with("line 998\nline 999\n"));
  const std::size_t mark = cut.find("\n[... ");
  REQUIRE(mark != std::string::npos);
  const std::size_t after = cut.find(" bytes left out ...]\n", mark);
  REQUIRE(after != std::string::npos);
  const std::size_t kept =
      cut.size() - (after + 21 - (mark + 1));  // the mark has a line
  const std::string count = cut.substr(mark + 6, after - mark - 6);
  CHECK(count == std::to_string(text.size() - kept));
}

TEST_CASE("head and tail cuts one endless line between code points") {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "é";
  for (std::size_t limit = 60; limit < 70; ++limit) {
    const std::string cut = HeadAndTail(text, limit);
    CHECK(cut.size() <= limit);
    CHECK(IsValidUtf8(cut));
    CHECK(cut.starts_with("é"));
    CHECK(cut.ends_with("é"));
  }
  CHECK(HeadAndTail(text, 3) == "[... 1000 bytes left out ...]\n");
}

TEST_CASE("last lines counts lines, not newlines") {
  CHECK(LastLines("a\nb\nc\n", 2) == "b\nc");
  CHECK(LastLines("a\nb\nc", 2) == "b\nc");
  CHECK(LastLines("a\nb", 5) == "a\nb");
  CHECK(LastLines("a\n\n", 2) == "a\n");
  CHECK(LastLines("\na", 2) == "\na");
  CHECK(LastLines("", 3) == "");
  CHECK(LastLines("a", 0) == "");
}

TEST_CASE("split lines ends no line twice") {
  using Lines = std::vector<std::string_view>;
  CHECK(SplitLines("") == Lines{});
  CHECK(SplitLines("a") == Lines{"a"});
  CHECK(SplitLines("a\n") == Lines{"a"});
  CHECK(SplitLines("\na\n\nb") == Lines{"", "a", "", "b"});
}

TEST_CASE("trim takes blanks from both ends only") {
  CHECK(Trim(" \t\r\na b\n\v\f") == "a b");
  CHECK(Trim("   ") == "");
  CHECK(Trim("") == "");
}

TEST_CASE("wrap breaks between words and keeps the lines there are") {
  CHECK(Wrap("one two three", 7) == "one two\nthree");
  CHECK(Wrap("one two three", 80) == "one two three");
  CHECK(Wrap("a incomprehensibilities b", 5) == "a\nincomprehensibilities\nb");
  CHECK(Wrap("first\n\nsecond one", 6) == "first\n\nsecond\none");
  CHECK(Wrap("éé éé éé", 5) == "éé éé\néé");
  CHECK(Wrap("", 10) == "");
  CHECK(Wrap("a\n", 10) == "a\n");
}

TEST_CASE("a safe path is relative and stays below its root") {
  CHECK(IsSafeRelativePath("a"));
  CHECK(IsSafeRelativePath("src/a.b/..c"));
  for (const std::string& path :
       {""s, "/"s, "/a"s, "a/"s, "a//b"s, "."s, "./a"s, "a/."s, ".."s, "../a"s,
        "a/../b"s, "a/.."s, "a\0b"s}) {
    CAPTURE(path);
    CHECK_FALSE(IsSafeRelativePath(path));
  }
}

TEST_CASE("shell quoting survives a shell") {
  CHECK(ShellQuote("bench/run.py") == "bench/run.py");
  CHECK(ShellQuote("") == "''");
  CHECK(ShellQuote("a b") == "'a b'");
  CHECK(ShellQuote("it's") == "'it'\\''s'");
  CHECK(ShellQuote("~") == "'~'");
  for (const char* word : {"a'b\"c", "$HOME `id` \\", "*?[a]", "#x", "é\n"}) {
    const std::string command = "printf %s " + ShellQuote(word);
    std::FILE* out = popen(command.c_str(), "r");
    REQUIRE(out != nullptr);
    char buffer[64];
    const std::size_t n = std::fread(buffer, 1, sizeof buffer, out);
    CHECK(pclose(out) == 0);
    CHECK(std::string_view(buffer, n) == word);
  }
}

}  // namespace
}  // namespace coppice

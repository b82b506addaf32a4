#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "base/text.h"

namespace coppice {
namespace {

TEST_CASE("globs match as git users expect") {
  struct Row {
    const char* pattern;
    const char* path;
    bool match;
  };
  for (const Row& row :
       std::vector<Row>{{"src/a.cpp", "src/a.cpp", true},
                        {"src/a.cpp", "src/a.cppx", false},
                        {"a.cpp", "src/a.cpp", false},
                        {"*.cpp", "a.cpp", true},
                        {"*.cpp", "src/a.cpp", false},
                        {"src/*.cpp", "src/a.cpp", true},
                        {"src/*.cpp", "src/x/a.cpp", false},
                        {"s*c/*", "src/a", true},
                        {"?.c", "a.c", true},
                        {"?.c", "é.c", true},
                        {"?.c", "ab.c", false},
                        {"a?b", "a/b", false},
                        {"**/a.c", "a.c", true},
                        {"**/a.c", "x/y/a.c", true},
                        {"**/a.c", "xa.c", false},
                        {"**/a.c", "x/ya.c", false},
                        {"a/**/b", "a/b", true},
                        {"a/**/b", "a/x/y/b", true},
                        {"a/**/b", "a/xb", false},
                        {"a/**", "a/b/c", true},
                        {"a/**", "a", false},
                        {"a/**/**/b", "a/b", true},
                        {"**", "any/thing", true},
                        {"src/**.c", "src/x/y.c", true},
                        {"**/test_*.py", "a/b/test_x.py", true},
                        {"**/test_*.py", "a/b/x_test_.py", false},
                        {"[a-c].c", "b.c", true},
                        {"[a-c].c", "d.c", false},
                        {"[!a-c].c", "d.c", true},
                        {"[^a-c].c", "b.c", false},
                        {"[]a].c", "].c", true},
                        {"[a-].c", "-.c", true},
                        {"a[/]b", "a/b", false},
                        {"[abc", "[abc", true},
                        {"\\*.c", "*.c", true},
                        {"\\*.c", "a.c", false},
                        {"src", "src/a/b.c", true},
                        {"src/", "src/a/b.c", true},
                        {"src/", "src", false},
                        {"src", "srcs/a.c", false},
                        {"src/*", "src/x/y.c", true},
                        {"./src/", "src/a.c", true},
                        {".", "a/b", true},
                        {"./", "a/b", true},
                        {"a.c", "", false}}) {
    CAPTURE(row.pattern);
    CAPTURE(row.path);
    CHECK(GlobMatch(row.pattern, row.path) == row.match);
  }
}

TEST_CASE("a hostile glob ends soon") {
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "a*";
  CHECK_FALSE(GlobMatch(pattern + "b", std::string(400, 'a')));
  std::string crossing;
  for (int i = 0; i < 60; ++i) crossing += "**/";
  std::string path;
  for (int i = 0; i < 200; ++i) path += "x/";
  CHECK_FALSE(GlobMatch(crossing + "y", path + "z"));
}

TEST_CASE("edit distance counts single changes") {
  CHECK(EditDistance("", "") == 0);
  CHECK(EditDistance("", "abc") == 3);
  CHECK(EditDistance("abc", "") == 3);
  CHECK(EditDistance("kitten", "sitting") == 3);
  CHECK(EditDistance("timeout_secs", "timeout_seconds") == 3);
}

TEST_CASE("edit distance is a metric") {
  Rng rng(3);
  const auto word = [&rng] {
    std::string w;
    for (std::uint64_t n = rng.Below(7); n > 0; --n) {
      w += static_cast<char>('a' + rng.Below(3));
    }
    return w;
  };
  for (int i = 0; i < 500; ++i) {
    const std::string a = word(), b = word(), c = word();
    REQUIRE((EditDistance(a, b) == 0) == (a == b));
    REQUIRE(EditDistance(a, b) == EditDistance(b, a));
    REQUIRE(EditDistance(a, c) <= EditDistance(a, b) + EditDistance(b, c));
  }
}

TEST_CASE("the nearest word is named only if it can be what was meant") {
  const std::vector<std::string> keys{"timeout_seconds", "command", "output",
                                      "cwd"};
  CHECK(Nearest("timeout_secs", keys) == "timeout_seconds");
  CHECK(Nearest("comand", keys) == "command");
  CHECK(Nearest("outputs", keys) == "output");
  CHECK(Nearest("cdw", keys) == "cwd");
  CHECK_FALSE(Nearest("stability", keys).has_value());
  CHECK_FALSE(Nearest("xy", keys).has_value());
  CHECK_FALSE(Nearest("x", {}).has_value());
  const std::vector<std::string> equal{"aab", "aac"};
  CHECK(Nearest("aad", equal) == "aab");
}

}  // namespace
}  // namespace coppice

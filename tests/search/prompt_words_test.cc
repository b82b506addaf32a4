#include "search/prompt_words.h"

#include <doctest/doctest.h>

#include <string>

#include "search/prompt_world.h"

namespace coppice {
namespace {

using search::FileText;
using search::LastThatFit;
using search::Listed;
using search::MarkerSuffix;
using search::MuchAlike;
using search::TitleWords;

search::PromptFiles Files(const std::string& text) {
  auto file = std::make_shared<llm::SourceFile>();
  file->path = "a.txt";
  file->text = text;
  return {file};
}

}  // namespace

TEST_CASE("plain text of a file is shown byte for byte") {
  const std::string text = "\tif (a)\n\t\tb();  \n\n\xc3\xa9\xe2\x86\x92\n  x";
  CHECK(FileText(text) == text);
}

TEST_CASE("returns and control characters of a file are left out") {
  CHECK(FileText("a\r\nb\r\n") == "a\nb\n");
  CHECK(FileText("a\x1b[31mb\x07\x7f\x0c") == "a[31mb");
  CHECK(FileText(std::string("a\0b", 3)) == "ab");
  CHECK(FileText("a\xc2\x85"
                 "b\xff") == "ab\xef\xbf\xbd");
}

TEST_CASE("the last entries that fit are kept, and the others counted") {
  const std::vector<std::string> entries{"first\n", "second\n", "third\n"};
  CHECK(LastThatFit(entries, 19) == "first\nsecond\nthird\n");
  CHECK(LastThatFit(entries, 54) == "first\nsecond\nthird\n");
  const std::vector<std::string> many(100, std::string(19, 'x') + "\n");
  const std::string some = LastThatFit(many, 240);
  CHECK(some.starts_with("(90 earlier ones left out)\n"));
  CHECK(some.size() <= 240);
}

TEST_CASE("a list says how much of it is left out") {
  CHECK(Listed({"a", "b"}, 100) == "a, b");
  CHECK(Listed({"aaaa", "bbbb", "cccc"}, 30) == "aaaa, bbbb and 1 more");
  CHECK(Listed({std::string(500, 'a')}, 30).size() <= 200);
}

TEST_CASE("titles are alike by their words, and differ by their numbers") {
  auto alike = [](const char* a, const char* b) {
    return MuchAlike(TitleWords(a), TitleWords(b));
  };
  CHECK(alike("Unroll the inner loop", "unroll inner loop"));
  CHECK(
      alike("Hoist the mask out of the loop", "hoist mask out of loops' loop"));
  CHECK_FALSE(alike("block of 64", "block of 128"));
  CHECK_FALSE(alike("a lookup table", "fewer passes"));
  CHECK_FALSE(alike("", ""));
}

TEST_CASE("a shown file with a marker line gives the markers a suffix") {
  const AttemptId attempt(3);
  for (const char* text : {"a\n=======\nb\n", "<<<<<<< SEARCH\n",
                           "x\n>>>>>>> REPLACE  \r\n", "======="}) {
    const std::string suffix = MarkerSuffix(Files(text), 7, attempt);
    CHECK(suffix.size() == 4);
    CHECK(suffix == MarkerSuffix(Files(text), 7, attempt));
    CHECK(suffix != MarkerSuffix(Files(text), 8, attempt));
    CHECK(suffix != MarkerSuffix(Files(text), 7, AttemptId(4)));
  }
  for (const char* text : {"", "a\n", "========\n", " =======\n", "x=======\n",
                           "<<<<<<< HEAD\n", "======= x\n"}) {
    CHECK(MarkerSuffix(Files(text), 7, attempt).empty());
  }
}

TEST_CASE("the suffix stands in no file") {
  const std::string first = MarkerSuffix(Files("=======\n"), 7, AttemptId(3));
  const std::string text = "=======\nxx" + first + "yy\n";
  const std::string second = MarkerSuffix(Files(text), 7, AttemptId(3));
  CHECK(second.size() == 4);
  CHECK(second != first);
  CHECK(text.find(second) == std::string::npos);
}

}  // namespace coppice

#include "llm/header.h"

#include <doctest/doctest.h>

#include <string>

namespace coppice::llm {
namespace {

using Strings = std::vector<std::string>;

TEST_CASE("fields are read in any order, unknown ones are ignored") {
  const auto plan = ParseHeader(
      "RISK: cache misses\nMOOD: good\nIDEA: use open addressing\n"
      "CATEGORY: data-structure\nEXPECT: -20%\nBOTTLENECK: memory\n"
      "ALTERNATIVES: a; b; c\nNEEDS: none\nLESSON: hashing dominates\n");
  REQUIRE(plan);
  CHECK(plan->idea == "use open addressing");
  CHECK(plan->category == "data-structure");
  CHECK(plan->bottleneck == "memory");
  CHECK(plan->alternatives == "a; b; c");
  CHECK(plan->expect == "-20%");
  CHECK(plan->risk == "cache misses");
  CHECK(plan->needs.empty());
  CHECK(plan->lesson == "hashing dominates");
}

TEST_CASE("what stands around the header does not belong to it") {
  const auto plan = ParseHeader(
      "Let me think. IDEA: not at a line's start\nNOTE: no field\n\n"
      "IDEA: first\n\nEXPECT: 5%\n\nsrc/a.cc\nRISK: too late\n");
  REQUIRE(plan);
  CHECK(plan->idea == "first");
  CHECK(plan->expect == "5%");
  CHECK(plan->risk.empty());
}

TEST_CASE("no known field, no header") {
  for (std::string_view text : {"", "\n\n", "idea: x", "Idea: x", "IDEA x",
                                "NOTE: x", "compiled 3 files\n"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseHeader(text));
  }
  CHECK(ParseHeader("EXPECT: 5%\n")->idea.empty());
}

TEST_CASE("emphasis and lists do not hide a field") {
  for (std::string_view text :
       {"**IDEA:** x", "**IDEA**: x", "- IDEA: x", "## IDEA: x", "> IDEA:x",
        "  IDEA:   x  \r\n"}) {
    CAPTURE(text);
    REQUIRE(ParseHeader(text));
    CHECK(ParseHeader(text)->idea == "x");
  }
}

TEST_CASE("emphasis around a whole field does not belong to its text") {
  CHECK(ParseHeader("**IDEA: x**\n")->idea == "x");
  CHECK(ParseHeader("IDEA: x**\n")->idea == "x**");
}

TEST_CASE("thinking is skipped, whichever of its marks the server left") {
  const std::string draft = "IDEA: draft\nRISK: draft\n\n";
  for (const std::string& answer :
       {"<think>\n" + draft + "</think>\nIDEA: x\n",
        "\n <think>" + draft + "</think>IDEA: x\n",
        "<thinking>\n" + draft + "</thinking>\n\nIDEA: x\n",
        std::string("hm, IDEA: y\n</think>\n\nIDEA: x\n")}) {
    CAPTURE(answer);
    REQUIRE(ParseHeader(answer));
    CHECK(ParseHeader(answer)->idea == "x");
    CHECK(ParseHeader(answer)->risk.empty());
  }
  CHECK_FALSE(ParseHeader("<think>\n" + draft));
}

TEST_CASE("a mark of thinking within an answer is text") {
  CHECK(ParseHeader("IDEA: x\n\n</think>\nIDEA: y\n")->idea == "x");
  CHECK(ParseHeader("IDEA: close </think> blocks\n")->idea ==
        "close </think> blocks");
  CHECK(SkipThinking("a\n</think>\nb\n") == "a\n</think>\nb\n");
}

TEST_CASE("only the known names begin a field") {
  CHECK(HeaderField("**IDEA:** x") == "IDEA");
  CHECK(HeaderField("RISK: y") == "RISK");
  CHECK(HeaderField("NOTE: x").empty());
  CHECK(HeaderField("FILE: src/a.cc").empty());
  CHECK(HeaderField("the IDEA: x").empty());
  CHECK(HeaderField("").empty());
}

TEST_CASE("text goes on in the lines below a field") {
  const auto plan = ParseHeader(
      "LESSON: one\ntwo\nthree\nfour\nIDEA: split\nthe loop\nRISK: r\n");
  REQUIRE(plan);
  CHECK(plan->lesson == "one\ntwo\nthree");
  CHECK(plan->idea == "split the loop");
}

TEST_CASE("the first of two equal fields counts") {
  CHECK(ParseHeader("IDEA: a\nIDEA: b\n")->idea == "a");
}

TEST_CASE("long text is cut to its cap, between characters") {
  std::string umlauts;
  for (int i = 0; i < 2000; ++i) umlauts += "\xc3\xbc";
  const auto plan =
      ParseHeader("IDEA: " + umlauts + "\nRISK: " + umlauts +
                  "\nEXPECT: " + umlauts + "\nALTERNATIVES: " + umlauts + "\n");
  REQUIRE(plan);
  CHECK(plan->idea == umlauts.substr(0, 240));
  CHECK(plan->risk == umlauts.substr(0, 800));
  CHECK(plan->expect == umlauts.substr(0, 160));
  CHECK(plan->alternatives == umlauts.substr(0, 2400));
  const auto other =
      ParseHeader("BOTTLENECK: " + umlauts + "\nNEEDS: " + umlauts +
                  "\nLESSON: " + umlauts + "\n");
  REQUIRE(other);
  CHECK(other->bottleneck == umlauts.substr(0, 800));
  CHECK(other->needs == Strings{umlauts.substr(0, 400)});
  CHECK(other->lesson == umlauts.substr(0, 800));
}

TEST_CASE("a category is one of the known words") {
  auto category = [](std::string_view text) {
    return ParseHeader("CATEGORY: " + std::string(text))->category;
  };
  CHECK(category("Algorithm") == "algorithm");
  CHECK(category("caching, mostly") == "caching");
  CHECK(category("magic") == "other");
  CHECK(category("") == "other");
}

TEST_CASE("needs are names") {
  auto needs = [](std::string_view text) {
    return ParseHeader("NEEDS: " + std::string(text))->needs;
  };
  CHECK(needs("none").empty());
  CHECK(needs("None.").empty());
  CHECK(needs("no new dependencies").empty());
  CHECK(needs("") == Strings{});
  CHECK(needs("zlib") == Strings{"zlib"});
  CHECK(needs("fmt >= 9, `zlib` (for crc); fmt") == Strings{"fmt", "zlib"});
  CHECK(needs("\n- numpy==1.2\n- scipy") == Strings{"numpy", "scipy"});
}

TEST_CASE("control characters and broken UTF-8 do no harm") {
  const auto plan = ParseHeader("IDEA: a\x1b[31mb\xff\nRISK: c\x01\n");
  REQUIRE(plan);
  CHECK(plan->idea == "ab\xef\xbf\xbd");
  CHECK(plan->risk == "c");
}

}  // namespace
}  // namespace coppice::llm

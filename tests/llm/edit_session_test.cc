#include "llm/edit_session.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "edit_fixture.h"

// All or nothing, and repairs (AC-24). The replies themselves are in
// edit_cases.

namespace coppice::llm {
namespace {

using testing::Block;
using testing::Fenced;
using testing::Files;
using testing::Session;
using testing::Shown;
using testing::TextOf;

const std::string kText = "one\ntwo\nthree\nfour\nfive\nfour\n";

Files OneFile() { return {Shown("src/a.txt", kText)}; }

bool Says(const EditVerdict& verdict, std::string_view what) {
  return verdict.reply.find(what) != std::string::npos;
}

TEST_CASE("each broken block is repaired by an answer that holds it alone") {
  struct Row {
    std::string_view cause;
    std::string broken, repaired;
  };
  const Row rows[] = {
      {"not_found", Block("src/a.txt", "seven\n", "7\n"),
       Block("src/a.txt", "five\n", "5\n")},
      {"ambiguous", Block("src/a.txt", "four\n", "4\n"),
       Block("src/a.txt", "three\nfour\n", "three\n4\n")},
      {"overlaps_block_1", Block("src/a.txt", "two\nthree\n", "2\n3\n"),
       Block("src/a.txt", "three\n", "3\n")},
      {"out_of_scope", Block("../a.txt", "three\n", "3\n"),
       Block("src/a.txt", "three\n", "3\n")},
      {"no_change", Block("src/a.txt", "three\n", "three\n"),
       Block("src/a.txt", "three\n", "3\n")},
  };
  const std::string good = Block("src/a.txt", "one\ntwo\n", "1\ntwo\n");
  for (const Row& row : rows) {
    CAPTURE(row.cause);
    EditSession session = Session(OneFile());
    const EditVerdict first =
        session.Take("IDEA: digits\n\n" + good + row.broken);
    CHECK_FALSE(first.changes);
    CHECK(first.cause == row.cause);
    CHECK(first.blocks == 2);
    CHECK(
        Says(first,
             "Block 1 is fine and kept; send only block 2 again.\nBlock 2, "));
    const EditVerdict second = session.Take(row.repaired);
    CHECK(second.blocks == 1);
    REQUIRE(second.changes);
    CHECK(second.plan.idea == "digits");
    CHECK(TextOf(second).starts_with("1\ntwo\n"));
    CHECK(TextOf(second).find_first_of("345") != std::string::npos);
  }
}

TEST_CASE("a repeated good block is no obstacle to a repair") {
  const std::string good = Block("src/a.txt", "one\n", "1\n");
  EditSession session = Session(OneFile());
  CHECK_FALSE(session.Take(good + Block("", "seven\n", "7\n")).changes);
  const EditVerdict repaired = session.Take(good + Block("", "five\n", "5\n"));
  CHECK(TextOf(repaired) == "1\ntwo\nthree\nfour\n5\nfour\n");
}

TEST_CASE("a whole answer sent again may cut its good blocks otherwise") {
  EditSession session = Session(OneFile());
  CHECK_FALSE(session
                  .Take(Block("src/a.txt", "one\n", "1\n") +
                        Block("", "seven\n", "7\n"))
                  .changes);
  const EditVerdict again = session.Take(
      Block("src/a.txt", "one\ntwo\n", "1\n2\n") + Block("", "five\n", "5\n"));
  CHECK(TextOf(again) == "1\n2\nthree\nfour\n5\nfour\n");
}

TEST_CASE("a repair may take two blocks") {
  EditSession session = Session(OneFile());
  CHECK_FALSE(session
                  .Take(Block("src/a.txt", "one\n", "1\n") +
                        Block("", "two\nfive\n", "2\n5\n"))
                  .changes);
  const EditVerdict both = session.Take(Block("src/a.txt", "two\n", "2\n") +
                                        Block("", "five\n", "5\n"));
  CHECK(TextOf(both) == "1\n2\nthree\nfour\n5\nfour\n");
}

TEST_CASE("blocks sent again go by path, then by order") {
  EditSession session =
      Session({Shown("src/a.txt", kText), Shown("src/b.txt", "b\n"),
               Shown("src/c.txt", "c\n")});
  const EditVerdict first = session.Take(Block("src/a.txt", "one\n", "1\n") +
                                         Block("src/b.txt", "x\n", "y\n") +
                                         Block("src/c.txt", "x\n", "y\n"));
  CHECK(Says(first, "Block 1 is fine and kept; send only blocks 2, 3 again."));
  const EditVerdict second = session.Take(Block("src/c.txt", "c\n", "C\n"));
  CHECK(
      Says(second, "Blocks 1, 3 are fine and kept; send only block 2 again."));
  const EditVerdict third = session.Take(Block("src/b.txt", "b\n", "B\n"));
  REQUIRE(third.changes);
  CHECK(*third.changes ==
        std::vector<FileChange>{
            {"src/a.txt", "1\ntwo\nthree\nfour\nfive\nfour\n"},
            {"src/b.txt", "B\n"},
            {"src/c.txt", "C\n"}});
}

TEST_CASE("where no block stands the next answer begins anew") {
  EditSession session = Session(OneFile());
  CHECK_FALSE(
      session.Take(Block("src/a.txt", "x\n", "y\n") + Block("", "u\n", "v\n"))
          .changes);
  CHECK(TextOf(session.Take(Block("src/a.txt", "five\n", "5\n"))) ==
        "one\ntwo\nthree\nfour\n5\nfour\n");
}

TEST_CASE("a kept block is replaced by one with the same old text") {
  EditSession session = Session(OneFile());
  CHECK_FALSE(session
                  .Take(Block("src/a.txt", "one\n", "1\n") +
                        Block("", "seven\n", "7\n") +
                        Block("", "eight\n", "8\n"))
                  .changes);
  CHECK(Says(session.Take(Block("src/a.txt", "one\n", "I\n") +
                          Block("", "two\n", "II\n")),
             "Blocks 1, 2 are fine and kept; send only block 3 again."));
  CHECK(TextOf(session.Take(Block("src/a.txt", "three\n", "III\n"))) ==
        "I\nII\nIII\nfour\nfive\nfour\n");
}

TEST_CASE("what was perhaps no block goes when all others are sent again") {
  const std::string one = Block("src/a.txt", "one\n", "1\n");
  const std::string two = Block("src/a.txt", "two\n", "2\n");
  EditSession session = Session(OneFile());
  CHECK(session.Take(one + two + ">>>>>>> REPLACE\n").cause == "malformed");
  CHECK(session.Take(one).cause == "malformed");
  CHECK(TextOf(session.Take(two + one)) == "1\n2\nthree\nfour\nfive\nfour\n");
}

TEST_CASE("a block that was to be sent again is never forgotten") {
  const std::string good = Block("src/a.txt", "one\n", "1\n");
  EditSession session = Session(OneFile());
  CHECK_FALSE(session.Take(good + Block("", "seven\n", "7\n")).changes);
  CHECK(session.Take(good).cause == "not_found");
  CHECK(session.Take("Done.").cause == "malformed");
  CHECK(session.Take(Block("src/a.txt", "two\n", "2\n")).changes);
}

TEST_CASE("a later block never displaces one that was kept") {
  EditSession session = Session(OneFile());
  CHECK_FALSE(session
                  .Take(Block("src/a.txt", "seven\n", "7\n") +
                        Block("", "one\ntwo\n", "1\n2\n"))
                  .changes);
  const EditVerdict second =
      session.Take(Block("src/a.txt", "two\nthree\n", "2\n3\n"));
  CHECK(second.cause == "overlaps_block_2");
  CHECK(Says(second, "Block 2 is fine and kept; send only block 1 again."));
}

TEST_CASE("the plan is that of the first answer that had one") {
  EditSession session = Session(OneFile());
  const std::string broken =
      Block("src/a.txt", "one\n", "1\n") + Block("", "seven\n", "7\n");
  CHECK(session.Take(broken).plan.idea.empty());
  CHECK(session.Take("RISK: first\n\n" + Block("src/a.txt", "8\n", "9\n"))
            .plan.risk == "first");
  CHECK(session
            .Take("IDEA: second\nRISK: second\n\n" +
                  Block("src/a.txt", "8\n", "9\n"))
            .plan.idea == "second");
  const EditVerdict last =
      session.Take("IDEA: third\n\n" + Block("src/a.txt", "two\n", "2\n"));
  REQUIRE(last.changes);
  CHECK(last.plan.idea == "second");
}

TEST_CASE("without an IDEA the changed paths are one") {
  EditSession session = Session(OneFile());
  const EditVerdict verdict =
      session.Take("CATEGORY: io\n\n" + Block("src/a.txt", "five\n", "5\n"));
  CHECK(verdict.plan.idea == "change src/a.txt");
  CHECK(verdict.plan.category == "io");
  CHECK(verdict.matched == "idea from paths");
}

TEST_CASE("two whole files for one path, or edits of a removed one, overlap") {
  EditSession session = Session(OneFile(), EditFormat::kSearchReplace, true);
  CHECK(
      session.Take(Block("src/a.txt", "one\n", "1\n") + Fenced("src/a.txt", ""))
          .cause == "overlaps_block_1");
  EditSession other = Session(OneFile(), EditFormat::kSearchReplace, true);
  CHECK(other
            .Take(Block("src/new.txt", "", "1\n") +
                  Block("src/new.txt", "", "2\n"))
            .cause == "overlaps_block_1");
}

TEST_CASE("a reply has room for every block, or says how many more") {
  std::string answer = "src/a.txt\n";
  for (int i = 0; i < 500; ++i) {
    answer += Block("", "missing " + std::to_string(i) + "\n", "x\n");
  }
  EditSession session = Session(OneFile());
  const EditVerdict verdict = session.Take(answer);
  CHECK(verdict.blocks == 500);
  CHECK(verdict.reply.size() <= 8192);
  CHECK(Says(verdict, "and 460 more again."));
  CHECK(Says(verdict, "\nAnd "));
}

TEST_CASE("blocks share the room of a reply") {
  std::string text;
  for (int i = 0; i < 90; ++i) {
    text += std::to_string(i) + std::string(150, 'x') + "\n";
  }
  std::string answer;
  for (const char* line : {"\n20x", "\n50x", "\n80x"}) {
    std::string part = text.substr(text.find(line) + 1, 153 * 8);
    part.replace(153 * 4, 1, "?");
    answer += Block("src/a.txt", part, "x\n");
  }
  EditSession session = Session({Shown("src/a.txt", text)});
  const EditVerdict verdict = session.Take(answer);
  CHECK(verdict.reply.size() <= 8192);
  CHECK(verdict.reply.size() > 6000);
  for (std::string_view shown : {"lines 21-28", "lines 51-58", "lines 81-88"}) {
    CHECK(Says(verdict, shown));
  }
}

TEST_CASE("long lines, control characters and broken UTF-8 are shown safely") {
  std::string text = "first\n";
  for (int i = 0; i < 40; ++i) {
    text +=
        std::string(3000, 'a') + "\x1b[31m\xff\xc3" + std::to_string(i) + "\n";
  }
  EditSession session = Session({Shown("src/a.txt", text)});
  const EditVerdict verdict =
      session.Take(Block("src/a.txt", text.substr(6, 30000) + "\n", "x\n"));
  CHECK(verdict.cause == "not_found");
  CHECK(verdict.reply.size() <= 8192);
  CHECK(verdict.reply.find('\x1b') == std::string::npos);
  CHECK(verdict.reply.find('\xff') == std::string::npos);
}

TEST_CASE("more than a thousand blocks are no answer") {
  std::string answer = "src/a.txt\n";
  for (int i = 0; i < 1200; ++i) answer += Block("", "one\n", "x\n");
  EditSession session = Session(OneFile());
  const EditVerdict verdict = session.Take(answer);
  CHECK(verdict.cause == "malformed");
  CHECK(verdict.blocks == 1);
}

TEST_CASE("binary content is refused") {
  using namespace std::string_literals;
  EditSession session = Session(OneFile());
  const EditVerdict verdict =
      session.Take(Block("src/a.txt", "one\n", "\0\n"s));
  CHECK(verdict.cause == "malformed");
  CHECK(Says(verdict, "binary content"));
}

TEST_CASE("answers of which nothing was read are told so by name") {
  for (std::string_view fact : {"empty", "refused", "truncated"}) {
    const std::string reply = EditSession::ReplyTo(fact);
    CHECK(reply.starts_with("Nothing was applied: the answer was " +
                            std::string(fact)));
  }
}

}  // namespace
}  // namespace coppice::llm

#include "llm/edit_reader.h"

#include <doctest/doctest.h>

#include "edit_fixture.h"

// The grammar of SPEC §9, apart from any file's content.

namespace coppice::llm {
namespace {

using testing::Block;
using testing::Fenced;
using testing::Files;
using testing::Shown;

const Files& Shelf() {
  static const Files files = {
      Shown("src/a.cc", "int a;\n"), Shown("src/b.py", "# src/b.py\nb = 1\n"),
      Shown("Makefile", "all:\n"), Shown("my file.txt", "x\n")};
  return files;
}

const SourceFile* FindIn(std::string_view path) {
  for (const auto& file : Shelf()) {
    if (file->path == path) return file.get();
  }
  return nullptr;
}

AnswerParts Read(std::string_view answer,
                 EditFormat format = EditFormat::kSearchReplace,
                 const std::string& suffix = "") {
  return ReadAnswer(answer, format, suffix, FindIn);
}

std::string Paths(const AnswerParts& parts) {
  std::string paths;
  for (const EditBlock& block : parts.blocks) {
    paths += block.malformed.empty() ? block.path : "(malformed)";
    paths += ' ';
  }
  return paths;
}

TEST_CASE("a path is found under its decorations") {
  for (std::string_view line :
       {"src/a.cc", "`src/a.cc`", "**src/a.cc**", "\"src/a.cc\"", "'src/a.cc'",
        "src/a.cc:", "# src/a.cc", "### `src/a.cc`:", "FILE: src/a.cc",
        "File: `src/a.cc`", "**FILE: src/a.cc**",
        "**`src/a.cc`**:", "  ./src/a.cc  ", "#### **src/a.cc:**"}) {
    CAPTURE(line);
    CHECK(PathAlone(line, FindIn) == "src/a.cc");
  }
  CHECK(PathAlone("Makefile", FindIn) == "Makefile");
  CHECK(PathAlone("`my file.txt`", FindIn) == "my file.txt");
  CHECK(PathAlone("src/new.h", FindIn) == "src/new.h");
  CHECK(PathAlone("/etc/passwd", FindIn) == "/etc/passwd");
  CHECK(PathAlone("FILE: LICENSE", FindIn) == "LICENSE");
}

TEST_CASE("prose is no path, even where it names one") {
  for (std::string_view line :
       {"", "Then:", "the file src/a.cc:", "**Changes**", "done.", "...",
        "In `src/a.cc`, replace", "https://example.org/a.cc", "</think>",
        "parse()", "`int x;`", "---", "src/"}) {
    CAPTURE(line);
    CHECK(PathAlone(line, FindIn).empty());
  }
}

TEST_CASE("a block without a path has that of the block before") {
  const std::string no_path = Block("", "o\n", "n\n");
  CHECK(Paths(Read(Block("src/a.cc", "o\n", "n\n") + no_path + "And:\n" +
                   no_path + Block("Makefile", "o\n", "n\n") + no_path)) ==
        "src/a.cc src/a.cc src/a.cc Makefile Makefile ");
  CHECK(Paths(Read(no_path)) == "(malformed) ");
  CHECK(Paths(Read("src/a.cc\nReplace the loop:\n" + no_path)) == "src/a.cc ");
  CHECK(Paths(Read(Block("src/a.cc", "o\n", "n\n") + "as in Makefile:\n" +
                   no_path)) == "src/a.cc (malformed) ");
  CHECK(Paths(Read(Block("src/a.cc", "o\n", "n\n") + "in src/z.cc now\n" +
                   no_path)) == "src/a.cc (malformed) ");
}

TEST_CASE("fences around blocks are optional, open or closed") {
  const std::string block = Block("", "o\n", "n\n");
  for (const std::string& answer :
       {"src/a.cc\n```cpp\n" + block + "```\n",
        "```\nsrc/a.cc\n" + block + "```\n",
        "```\n\nsrc/a.cc\n\n" + block + "\n```\n", "src/a.cc\n```\n" + block,
        "src/a.cc\n" + block + "```\n", "src/a.cc\n~~~\n" + block + "~~~\n"}) {
    CAPTURE(answer);
    const AnswerParts parts =
        Read(answer + Block("Makefile", "```\n", "```\nx\n") + answer);
    CHECK(Paths(parts) == "src/a.cc Makefile src/a.cc ");
    CHECK(parts.blocks[1].new_text == "```\nx\n");
  }
}

TEST_CASE("several blocks and files stand in one fence") {
  CHECK(Paths(Read("```\n" + Block("src/a.cc", "o\n", "n\n") + "\n" +
                   Block("Makefile", "o\n", "n\n") + Block("", "p\n", "q\n") +
                   "```\n" + Fenced("src/b.py", "b = 2\n"))) ==
        "src/a.cc Makefile Makefile src/b.py ");
}

TEST_CASE("markers are exact but for blanks behind them") {
  const auto blocks =
      Read("src/a.cc\n<<<<<<< SEARCH  \no\n=======\t\nn\n>>>>>>> REPLACE \r\n")
          .blocks;
  REQUIRE(blocks.size() == 1);
  CHECK(blocks[0].old_text == "o\n");
  CHECK(blocks[0].new_text == "n\n");
  for (std::string_view marker :
       {"<<<<<< SEARCH", "<<<<<<<< SEARCH", "<<<<<<<SEARCH", "<<<<<<< search",
        "<<<<<<< HEAD", "<<<<<<< ORIGINAL", "<<<<<<<", "<<<<<<< SEARCH wxyz"}) {
    CAPTURE(marker);
    CHECK(Paths(Read("src/a.cc\n" + std::string(marker) +
                     "\no\n=======\nn\n>>>>>>> REPLACE\n" +
                     Block("Makefile", "o\n", "n\n"))) ==
          "(malformed) Makefile ");
  }
}

TEST_CASE("lines that only resemble markers are content") {
  const auto blocks = Read(Block("src/a.cc", "======\n========\n== == ===\n",
                                 "<<<<<<\n>>>>>>> replace\n"))
                          .blocks;
  REQUIRE(blocks.size() == 1);
  CHECK(blocks[0].old_text == "======\n========\n== == ===\n");
  CHECK(blocks[0].new_text == "<<<<<<\n>>>>>>> replace\n");
}

TEST_CASE("with a suffix, plain markers are content") {
  const std::string inner = Block("", "o\n", "n\n");
  for (std::string_view glue : {"", " "}) {
    const std::string s = std::string(glue) + "wxyz\n";
    const auto blocks = Read("src/a.cc\n<<<<<<< SEARCH" + s + inner +
                                 "=======" + s + inner + ">>>>>>> REPLACE" + s,
                             EditFormat::kSearchReplace, "wxyz")
                            .blocks;
    REQUIRE(blocks.size() == 1);
    CHECK(blocks[0].malformed.empty());
    CHECK(blocks[0].old_text == inner);
    CHECK(blocks[0].new_text == inner);
  }
}

TEST_CASE("CRLF answers read as those of LF") {
  const std::string answer = "IDEA: x\n\n" + Block("src/a.cc", "o\n", "n\n") +
                             Fenced("Makefile", "a\nb\n");
  std::string crlf;
  for (char c : answer) crlf.append(c == '\n' ? "\r\n" : std::string(1, c));
  CHECK(Read(crlf).blocks == Read(answer).blocks);
}

TEST_CASE("a whole file ends at a fence as long as its own") {
  const auto read = [](std::string_view answer) {
    return Read(answer, EditFormat::kWhole).blocks;
  };
  CHECK(read("src/a.cc\n`````\n```\nx\n```\n````\n`````\n")[0].new_text ==
        "```\nx\n```\n````\n");
  CHECK(read("src/a.cc\n~~~\n```sh\nx\n```\n~~~\n")[0].new_text ==
        "```sh\nx\n```\n");
  CHECK(read("src/a.cc\n```\n  ```\n```\n")[0].new_text == "  ```\n");
  CHECK(read("src/a.cc\n```\n```\n")[0].new_text.empty());
  CHECK(read("src/a.cc\n```\n\n```\n")[0].new_text.empty());
  CHECK_FALSE(read("src/a.cc\n```\nx\n")[0].malformed.empty());
  CHECK_FALSE(read("src/a.cc\n```\n```sh\nx\n```\n```\n")[0].malformed.empty());
  CHECK_FALSE(
      read("src/a.cc\n```\n<<<<<<< SEARCH\n```\n")[0].malformed.empty());
}

TEST_CASE("the path of a whole file may be its first line") {
  const auto read = [](std::string_view answer) {
    return Read(answer, EditFormat::kWhole).blocks;
  };
  CHECK(read("```\nsrc/a.cc\nint b;\n```\n")[0] ==
        EditBlock{.kind = EditBlock::Kind::kWhole,
                  .path = "src/a.cc",
                  .new_text = "int b;\n"});
  CHECK(read("```\n# src/b.py\nb = 2\n```\n")[0].new_text ==
        "# src/b.py\nb = 2\n");
  CHECK(read("src/b.py\n```\n# src/b.py\nb = 2\n```\n")[0].new_text ==
        "# src/b.py\nb = 2\n");
}

TEST_CASE("an illustration in search_replace is prose") {
  CHECK(Paths(Read("It is slow:\n```cpp\nint x;\n```\nso\n\n" +
                   Block("src/a.cc", "o\n", "n\n"))) == "src/a.cc ");
  CHECK(Paths(Read("What src/a.cc does:\n```cpp\nint x;\n```\n\n" +
                   Block("src/a.cc", "o\n", "n\n"))) ==
        "(malformed) src/a.cc ");
}

TEST_CASE("hunks are blocks, whatever their line numbers say") {
  const auto blocks = Read(
                          "```diff\n--- a/src/a.cc\t2026\n+++ b/src/a.cc\n"
                          "@@ -1,9 +7 @@ int\n a\n\n-b\n+c\n\\ No newline at "
                          "end of file\n@@\n--- minus\n+++ plus\n\n"
                          "--- a/Makefile\n+++ b/Makefile\n@@ @@\n-x\n```\n",
                          EditFormat::kUdiff)
                          .blocks;
  REQUIRE(blocks.size() == 3);
  CHECK(blocks[0] == EditBlock{.path = "src/a.cc",
                               .old_text = "a\n\nb\n",
                               .new_text = "a\n\nc\n"});
  CHECK(blocks[1] == EditBlock{.path = "src/a.cc",
                               .old_text = "-- minus\n",
                               .new_text = "++ plus\n"});
  CHECK(blocks[2] ==
        EditBlock{.path = "Makefile", .old_text = "x\n", .new_text = ""});
}

TEST_CASE("a diff names files to create, to remove, and by the line before") {
  const auto blocks =
      Read(
          "src/a.cc\n```diff\n@@ @@\n-x\n```\n"
          "```diff\ndiff --git a/n.cc b/n.cc\nnew file mode 100644\nindex "
          "0..1\n--- /dev/null\n+++ b/n.cc\n@@ -0,0 +1 @@\n+y\ndiff --git "
          "a/o b/o\n--- /dev/null\n+++ b/o\n--- a/Makefile\n+++ /dev/null\n"
          "@@ -1 +0,0 @@\n-all:\n```\n",
          EditFormat::kUdiff)
          .blocks;
  REQUIRE(blocks.size() == 4);
  CHECK(blocks[0] == EditBlock{.path = "src/a.cc", .old_text = "x\n"});
  CHECK(blocks[1] == EditBlock{.path = "n.cc", .new_text = "y\n"});
  CHECK(blocks[2] == EditBlock{.path = "o"});
  CHECK(blocks[3] ==
        EditBlock{.kind = EditBlock::Kind::kWhole, .path = "Makefile"});
}

TEST_CASE("what is no diff is refused where it stands") {
  for (std::string_view body :
       {"--- a/src/a.cc\n+++ b/src/a.cc\n@@ @@\n", "@@ @@\n-x\n",
        "--- a/src/a.cc\n+++ b/src/b.py\n@@ @@\n-x\n+y\n",
        "--- a/src/a.cc\n+++ b/src/a.cc\n@@ @@\n-x\nint y;\n",
        "--- a/src/a.cc\n+++ b/src/a.cc\n-x\n+y\n",
        "diff --git a/x b/y\nrename from x\nrename to y\n",
        "Binary files a/x and b/x differ\n"}) {
    CAPTURE(body);
    const auto blocks =
        Read(Fenced("", body, "```").insert(4, "diff"), EditFormat::kUdiff)
            .blocks;
    REQUIRE_FALSE(blocks.empty());
    CHECK_FALSE(blocks[0].malformed.empty());
  }
}

TEST_CASE("the header ends before the path of the first block") {
  CHECK(Read("Hello.\nIDEA: x\nRISK: y\nz\nsrc/a.cc\n" +
             Block("", "RISK: no\n", "n\n") + "EXPECT: 5%\n")
            .header == "IDEA: x\nRISK: y\nz\n");
}

TEST_CASE("a hundred thousand fences that never end take no time") {
  std::string ticks, openers, nested;
  for (int i = 0; i < 100000; ++i) {
    openers += "src/a.cc\n```cpp\n";
    nested += "```\n~~~\n";
    ticks += std::string(static_cast<std::size_t>(3 + i % 60), '`') + "x\n";
  }
  for (const std::string& answer : {ticks, openers, nested}) {
    for (EditFormat format :
         {EditFormat::kSearchReplace, EditFormat::kWhole, EditFormat::kUdiff}) {
      CHECK(Read(answer + Block("src/a.cc", "o\n", "n\n"), format)
                .blocks.size() <= 1000);
    }
  }
}

}  // namespace
}  // namespace coppice::llm

#include "base/patch.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "base/line_diff.h"
#include "base/rng.h"
#include "support/temp_dir.h"

namespace coppice {
namespace {

using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;

using Text = std::optional<std::string>;

// `before` after MakePatch -> ParsePatch -> ApplyPatch.
Text RoundTrip(const Text& before, const Text& after) {
  const std::string made = MakePatch("src/a.txt", before, after);
  Result<Patch> parsed = ParsePatch(made);
  REQUIRE_MESSAGE(parsed.has_value(), made);
  REQUIRE(parsed->size() == 1);
  Result<std::string> applied =
      ApplyPatch(parsed->front(), before.value_or(""));
  REQUIRE_MESSAGE(applied.has_value(), applied.error().Text() << "\n" << made);
  if (parsed->front().new_path.empty()) return std::nullopt;
  return *applied;
}

// Few different lines, so that texts share many of them; sometimes CRLF,
// sometimes no newline at the end, sometimes lines that look like a patch.
std::string RandomText(Rng& rng, std::uint64_t most_lines) {
  static constexpr std::string_view kLines[] = {
      "a",           "b", "int x = 1;",    "",   "}", "--- a/x", "++", "-",
      "@@ -1 +1 @@", " ", "\\ No newline", "a\r"};
  std::string text;
  const std::uint64_t lines = rng.Below(most_lines + 1);
  for (std::uint64_t i = 0; i < lines; ++i) {
    text += kLines[rng.Below(std::size(kLines))];
    text += '\n';
  }
  if (!text.empty() && rng.Chance(0.3)) text.pop_back();
  return text;
}

// `text` with some lines removed, doubled or replaced.
std::string Disturbed(std::string_view text, Rng& rng) {
  std::string out;
  for (std::string_view line : LinesWithEnds(text)) {
    if (rng.Chance(0.1)) continue;
    out += line;
    if (rng.Chance(0.05)) out += RandomText(rng, 3);
  }
  return out;
}

int Shell(const std::string& command) { return std::system(command.c_str()); }

constexpr std::string_view kGit =
    "git -c core.autocrlf=false -c core.quotepath=true "
    "-c diff.mnemonicPrefix=false -c diff.noprefix=false ";

// What the patch makes of `before` when git applies it in an empty directory.
Text GitApply(const Text& before, std::string_view patch) {
  const TempDir dir;
  if (before) WriteFile(dir.path() / "src/a.txt", *before);
  WriteFile(dir.path() / "change.patch", patch);
  const int status = Shell(fmt::format(
      "cd '{}' && GIT_CEILING_DIRECTORIES=/ GIT_DIR=/nonexistent {} apply "
      "--whitespace=nowarn change.patch",
      dir.path().string(), kGit));
  REQUIRE_MESSAGE(status == 0, std::string(patch));
  if (!std::filesystem::exists(dir.path() / "src/a.txt")) return std::nullopt;
  return ReadFile(dir.path() / "src/a.txt");
}

// git's own patch between two texts, as a repository would write it.
std::string GitDiff(const std::string& before, const std::string& after) {
  const TempDir dir;
  WriteFile(dir.path() / "a/src/a.txt", before);
  WriteFile(dir.path() / "b/src/a.txt", after);
  const int status = Shell(
      fmt::format("cd '{}' && {} diff --no-index --minimal --no-prefix --text "
                  "a/src/a.txt b/src/a.txt > out.patch; test $? -le 1",
                  dir.path().string(), kGit));
  REQUIRE(status == 0);
  return ReadFile(dir.path() / "out.patch");
}

FileStat StatOf(std::string_view patch) {
  Result<Patch> parsed = ParsePatch(patch);
  REQUIRE(parsed.has_value());
  return Stats(*parsed).at(0);
}

TEST_CASE("a patch applied to the old text gives the new text") {
  Rng rng(1);
  for (int i = 0; i < 3000; ++i) {
    const std::string before = RandomText(rng, 30);
    const std::string after =
        rng.Chance(0.5) ? Disturbed(before, rng) : RandomText(rng, 30);
    if (before == after) continue;
    CHECK(RoundTrip(before, after) == after);
  }
}

TEST_CASE("files come, go and lose their last newline") {
  const Text texts[] = {std::nullopt, "",      "\n",   "x",
                        "x\n",        "x\r\n", "x\ny", "x\ny\n"};
  for (const Text& before : texts) {
    for (const Text& after : texts) {
      if (before == after) {
        CHECK(MakePatch("p", before, after).empty());
      } else {
        CHECK(RoundTrip(before, after) == after);
      }
    }
  }
}

TEST_CASE("git applies our patches as we do") {
  Rng rng(2);
  const Text corpus[] = {std::nullopt, "", "x", "x\n", "one\ntwo\r\nthree"};
  for (const Text& before : corpus) {
    for (const Text& after : corpus) {
      if (before != after)
        CHECK(GitApply(before, MakePatch("src/a.txt", before, after)) == after);
    }
  }
  for (int i = 0; i < 60; ++i) {
    const std::string before = RandomText(rng, 60);
    const std::string after = Disturbed(before, rng);
    if (before != after)
      CHECK(GitApply(before, MakePatch("src/a.txt", before, after)) == after);
  }
}

TEST_CASE("we apply git's patches, and ours are as short as its shortest") {
  Rng rng(3);
  for (int i = 0; i < 60; ++i) {
    const std::string before = RandomText(rng, 60);
    const std::string after = Disturbed(before, rng);
    if (before == after) continue;
    const std::string theirs = GitDiff(before, after);
    Result<Patch> parsed = ParsePatch(theirs);
    REQUIRE_MESSAGE(parsed.has_value(), theirs);
    Result<std::string> applied = ApplyPatch(parsed->front(), before);
    REQUIRE(applied.has_value());
    CHECK(*applied == after);
    CHECK(StatOf(MakePatch("src/a.txt", before, after)) == StatOf(theirs));
  }
}

TEST_CASE("a patch is exactly what git would write") {
  CHECK(MakePatch("src/a.c", "1\n2\n3\n4\n5\n6\n7\n8\n",
                  "1\n2\n3\n4\nfive\n6\n7\n8") ==
        "diff --git a/src/a.c b/src/a.c\n"
        "--- a/src/a.c\n"
        "+++ b/src/a.c\n"
        "@@ -2,7 +2,7 @@\n"
        " 2\n 3\n 4\n-5\n+five\n 6\n 7\n-8\n+8\n"
        "\\ No newline at end of file\n");
  CHECK(MakePatch("n", std::nullopt, "x\n") ==
        "diff --git a/n b/n\nnew file mode 100644\n--- /dev/null\n+++ b/n\n"
        "@@ -0,0 +1 @@\n+x\n");
  CHECK(MakePatch("n", "x\n", std::nullopt) ==
        "diff --git a/n b/n\ndeleted file mode 100644\n--- a/n\n"
        "+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
}

TEST_CASE("odd names survive") {
  for (std::string path :
       {"with blank.txt", "tab\there", "quote\"d", "back\\slash",
        "\xc3\xa9t\xc3\xa9", "a b/c d", "b/b", "x b/x"}) {
    Result<Patch> edited = ParsePatch(MakePatch(path, "1\n", "2\n"));
    REQUIRE(edited.has_value());
    CHECK(edited->front().old_path == path);
    CHECK(edited->front().new_path == path);
    Result<Patch> made = ParsePatch(MakePatch(path, std::nullopt, ""));
    REQUIRE(made.has_value());
    CHECK(made->front().old_path.empty());
    CHECK(made->front().new_path == path);
  }
}

TEST_CASE("a mail from git format-patch is read") {
  Result<Patch> patch = ParsePatch(
      "From 0123 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] x\n\n"
      "- a bullet\n---\n a.c | 2 +-\n\n"
      "diff --git a/a.c b/a.c\nindex 1..2 100644\n--- a/a.c\n+++ b/a.c\n"
      "@@ -1,2 +1,2 @@ int f()\n-x\n+y\n\n-- \n2.39.5\n\n");
  REQUIRE(patch.has_value());
  REQUIRE(patch->size() == 1);
  CHECK(*ApplyPatch(patch->front(), "x\n\nz\n") == "y\n\nz\n");
}

TEST_CASE("what cannot be applied as it stands is refused by line") {
  struct Case {
    std::string_view text, where, says;
  };
  const std::string head = "--- a/f\n+++ b/f\n";
  const std::string texts[] = {
      head + "@@ -1 +1 @@\n-a\n+a\n",
      head + "@@ -1,2 +1 @@\n-a\n+b\n",
      head + "@@ -1 +1 @@\n-a\n+b\n c\n",
      head + "@@ one @@\n-a\n+b\n",
      head,
      head + "@@ -1 +1 @@\n-a\n+b\n" + head + "@@ -1 +1 @@\n-a\n+b\n",
  };
  const Case cases[] = {
      {"", "patch:1", "no patch found"},
      {"no diff here\n", "patch:1", "no patch found"},
      {texts[0], "patch:3", "changes nothing"},
      {texts[1], "patch:5", "ends inside of a hunk"},
      {texts[2], "patch:6", "belongs to no hunk"},
      {texts[3], "patch:3", "hunk header"},
      {texts[4], "patch:1", "without a hunk"},
      {texts[5], "patch:6", "patched twice"},
      {"--- f\n+++ f\n", "patch:1", "not a path"},
      {"--- a/../f\n+++ b/../f\n", "patch:1", "not a path"},
      {"--- a/f\n+++ b/g\n", "patch:2", "renames"},
      {"diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", "patch:2",
       "mode changes"},
      {"diff --git a/f b/g\nsimilarity index 90%\n", "patch:2", "renames"},
      {"diff --git a/f b/f\nnew file mode 120000\n", "patch:2", "120000"},
      {"diff --git a/f b/f\nindex 1..2\nBinary files differ\n", "patch:3",
       "binary"},
      {"diff --git a/f b/f\nindex 1..2 100644\n", "patch:1", "changes nothing"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    Result<Patch> patch = ParsePatch(c.text);
    REQUIRE_FALSE(patch.has_value());
    CHECK(patch.error().where == c.where);
    CHECK(patch.error().what.find(c.says) != std::string::npos);
  }
}

TEST_CASE("every line that a patch names must stand at its place") {
  const std::string patch = MakePatch("f", "1\n2\n3\n", "1\ntwo\n3\n");
  const FilePatch file = ParsePatch(patch)->front();
  CHECK(*ApplyPatch(file, "1\n2\n3\n") == "1\ntwo\n3\n");
  CHECK(*ApplyPatch(file, "1\n2\n3\n4\n") == "1\ntwo\n3\n4\n");
  for (std::string_view other :
       {"", "1\n2\n", "0\n1\n2\n3\n", "1\n2\r\n3\n", "1\n2\n3"}) {
    Result<std::string> applied = ApplyPatch(file, other);
    REQUIRE_FALSE(applied.has_value());
    CHECK(applied.error().code == ErrorCode::kConflict);
    CHECK(applied.error().where.starts_with("f:"));
  }
  const FilePatch removal = ParsePatch(MakePatch("f", "1\n", {}))->front();
  CHECK_FALSE(ApplyPatch(removal, "1\n2\n").has_value());
  const FilePatch creation = ParsePatch(MakePatch("f", {}, "1\n"))->front();
  CHECK_FALSE(ApplyPatch(creation, "1\n").has_value());
}

TEST_CASE("changed lines are counted and told") {
  const std::string text = MakePatch("src/a.c", "1\n2\n3\n", "1\n3\n4\n5\n") +
                           MakePatch("new", std::nullopt, "x\n") +
                           MakePatch("old", "x\n", std::nullopt);
  Result<Patch> patch = ParsePatch(text);
  REQUIRE(patch.has_value());
  const std::vector<FileStat> stats = Stats(*patch);
  CHECK(stats ==
        std::vector<FileStat>{{.path = "src/a.c", .added = 2, .removed = 1},
                              {.path = "new", .added = 1, .created = true},
                              {.path = "old", .removed = 1, .deleted = true}});
  CHECK(Summary(stats) == "src/a.c +2 -1, new +1 -0, old +0 -1");
}

TEST_CASE("texts too different to compare are replaced in one piece") {
  std::string before, after;
  for (int i = 0; i < 9000; ++i) {
    before += fmt::format("{}\n", i);
    after += fmt::format("{}\n", i % 2 == 0 ? -i : i + 20000);
  }
  before = "same\n" + before + "end\n";
  after = "same\n" + after + "end\n";
  CHECK(RoundTrip(before, after) == after);
  CHECK(DiffLines(LinesWithEnds(before), LinesWithEnds(after)).size() <= 4);
}

}  // namespace
}  // namespace coppice

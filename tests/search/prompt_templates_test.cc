#include "search/prompt_templates.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "search/prompt_world.h"
#include "support/temp_dir.h"

namespace coppice {
namespace {

using search::Templates;
using testing::TempDir;
using testing::WriteFile;

Error LoadError(const TempDir& dir) {
  const Result<Templates> loaded = Templates::Load(dir.path());
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == ErrorCode::kUsage);
  return loaded.error();
}

}  // namespace

TEST_CASE("a text of the user's stands in the place of the built-in one") {
  TempDir dir;
  WriteFile(dir / "task_draft.md", "Be bold.\r\n");
  const Result<Templates> loaded = Templates::Load(dir.path());
  REQUIRE(loaded.has_value());
  testing::PromptWorld world;
  world.templates = *loaded;
  const llm::Prompt prompt = world.Build(world.Select(Operator::kDraft, 0));
  const std::string task = testing::Section(prompt, "task");
  CHECK(task.starts_with("# Task\nBe bold.\n\nThe header"));
  CHECK(testing::Section(prompt, "rules").find("{{") == std::string::npos);
}

TEST_CASE("the built-in texts may be taken as they are") {
  const Result<Templates> loaded = Templates::Load(
      std::filesystem::path(COPPICE_SOURCE_DIR) / "configs/prompts");
  REQUIRE(loaded.has_value());
  CHECK(loaded->Fill("header") == Templates::BuiltIn().Fill("header"));
}

TEST_CASE("a file of another name is refused with the nearest one") {
  TempDir dir;
  WriteFile(dir / ".hidden", "x");
  WriteFile(dir / "README.md", "x");
  CHECK(Templates::Load(dir.path()).has_value());
  WriteFile(dir / "task_darft.md", "x");
  const Error error = LoadError(dir);
  CHECK(error.where == (dir / "task_darft.md").string());
  CHECK(error.next == "did you mean task_draft.md?");
}

TEST_CASE("an unknown word in braces is refused with its line") {
  TempDir dir;
  WriteFile(dir / "search_replace.md", "one\n{{suffix}}\n{{creatin}}\n");
  const Error error = LoadError(dir);
  CHECK(error.where == (dir / "search_replace.md").string() + ":3");
  CHECK(error.what == "unknown placeholder {{creatin}}");
  CHECK(error.next == "did you mean {{creating}}?");
}

TEST_CASE("braces that do not close on their line are refused") {
  TempDir dir;
  WriteFile(dir / "task_draft.md", "a\nb {{metric\n}}\n");
  CHECK(LoadError(dir).where == (dir / "task_draft.md").string() + ":2");
}

TEST_CASE("what an answer cannot do without must stay") {
  TempDir dir;
  WriteFile(dir / "rules.md", "Do well. {{scope}}\n");
  CHECK(LoadError(dir).what == "rules.md needs the placeholder {{format}}");
}

TEST_CASE("texts that do not fit their section are refused") {
  TempDir dir;
  WriteFile(dir / "task_debug.md", std::string(1900, 'x'));
  CHECK(LoadError(dir).what.find("header.md and the longest task") !=
        std::string::npos);
}

TEST_CASE("a directory that is not there is refused") {
  TempDir dir;
  const Result<Templates> loaded = Templates::Load(dir / "none");
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == ErrorCode::kUsage);
  WriteFile(dir / "rules.md" / "inner", "x");
  CHECK(LoadError(dir).where == (dir / "rules.md").string());
}

TEST_CASE("values are put in once, and a line without one vanishes") {
  TempDir dir;
  WriteFile(dir / "others.md", "a{{categories}}b\n{{hint}}\n- {{hint}}\nc\n");
  const Result<Templates> loaded = Templates::Load(dir.path());
  REQUIRE(loaded.has_value());
  CHECK(loaded->Fill("others", {{"categories", "{{hint}}"}}) ==
        "a{{hint}}b\nc");
  CHECK(loaded->Fill("others", {{"hint", "h"}}) == "ab\nh\n- h\nc");
}

}  // namespace coppice

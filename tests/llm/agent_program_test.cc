#include "llm/agent_program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "support/temp_dir.h"

namespace coppice::llm {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;
using testing::WriteFile;

// A home directory with programs in it, in the ways people install them.
struct Home {
  TempDir temp;
  fs::path home = temp / "u";

  void Program(const std::string& path, const std::string& text) {
    WriteFile(home / path, text);
    fs::permissions(home / path, fs::perms(0755));
  }
  void Link(const std::string& path, const std::string& target) {
    fs::create_directories((home / path).parent_path());
    fs::create_symlink(target, home / path);
  }
  std::optional<FoundProgram> Find(const std::string& name,
                                   const std::string& directory) {
    return FindAgentProgram(
        name, (home / directory).string() + ":relative:/usr/bin:/bin", home);
  }
};

bool Shows(const FoundProgram& found, const fs::path& path) {
  return std::ranges::find(found.expose, path) != found.expose.end();
}
bool Searches(const FoundProgram& found, const fs::path& path) {
  return std::ranges::find(found.directories, path) != found.directories.end();
}

TEST_CASE("a program of npm brings the packages beside it, and its node") {
  Home u;
  const std::string modules = ".nvm/v22/lib/node_modules";
  u.Program(modules + "/@openai/codex/bin/codex.js", "#!/usr/bin/env node\n");
  u.Program(".nvm/v22/bin/node",
            "\x7f"
            "ELF");
  u.Link(".nvm/v22/bin/codex",
         "../lib/node_modules/@openai/codex/bin/codex.js");
  const auto found = u.Find("codex", ".nvm/v22/bin");
  REQUIRE(found);
  CHECK(found->file == u.home / modules / "@openai/codex/bin/codex.js");
  CHECK(Shows(*found, u.home / modules));
  CHECK(Shows(*found, u.home / ".nvm/v22"));
  CHECK(found->expose.size() == 2);
  CHECK(Searches(*found, u.home / ".nvm/v22/bin"));
}

TEST_CASE("a program in a virtual environment brings its python") {
  Home u;
  const fs::path venv = u.home / ".local/share/uv/tools/aider-chat";
  u.Program(".local/share/uv/python/cpython-3.12.4/bin/python3.12", "\x7f");
  u.Link(".local/share/uv/python/cpython-3.12", "cpython-3.12.4");
  u.Link(
      ".local/share/uv/tools/aider-chat/bin/python",
      (u.home / ".local/share/uv/python/cpython-3.12/bin/python3.12").string());
  u.Program(".local/share/uv/tools/aider-chat/bin/aider",
            "#!" + (venv / "bin/python").string() + "\nimport aider\n");
  u.Link(".local/bin/aider", (venv / "bin/aider").string());
  const auto found = u.Find("aider", ".local/bin");
  REQUIRE(found);
  CHECK(found->file == venv / "bin/aider");
  CHECK(Shows(*found, venv));
  CHECK(Shows(*found, u.home / ".local/share/uv/python/cpython-3.12"));
  CHECK(Shows(*found, u.home / ".local/share/uv/python/cpython-3.12.4"));
  CHECK(found->expose.size() == 3);
}

TEST_CASE("directories that others share are never shown whole") {
  Home u;
  u.Program(".local/bin/claude", "\x7f");
  const auto in_local = u.Find("claude", ".local/bin");
  REQUIRE(in_local);
  CHECK(in_local->expose ==
        std::vector<fs::path>{u.home / ".local/bin/claude"});
  u.Program("bin/claude", "\x7f");
  const auto in_bin = u.Find("claude", "bin");
  REQUIRE(in_bin);
  CHECK(in_bin->expose == std::vector<fs::path>{u.home / "bin/claude"});
  u.Program("claude", "\x7f");
  const auto in_home = u.Find("claude", "");
  REQUIRE(in_home);
  CHECK(in_home->expose == std::vector<fs::path>{u.home / "claude"});
}

TEST_CASE("what every sandbox shows is not exposed again") {
  Home u;
  const auto found = u.Find("sh", "nowhere");
  REQUIRE(found);
  CHECK(found->expose.empty());
}

TEST_CASE("a program without its interpreter is not installed") {
  Home u;
  u.Program("bin/gemini", "#!/usr/bin/env no-such-node\n");
  CHECK_FALSE(u.Find("gemini", "bin"));
  u.Program("bin/codex", "#!/no/such/node\n");
  CHECK_FALSE(u.Find("codex", "bin"));
  u.Program("bin/loop", "#!" + (u.home / "bin/loop").string() + "\n");
  CHECK(u.Find("loop", "bin"));
}

TEST_CASE("only files that may be executed are programs") {
  Home u;
  WriteFile(u.home / "bin/claude", "text");
  fs::permissions(u.home / "bin/claude", fs::perms(0644));
  CHECK_FALSE(u.Find("claude", "bin"));
  fs::create_directories(u.home / "bin/codex");
  CHECK_FALSE(u.Find("codex", "bin"));
  u.Link("bin/aider", "gone");
  CHECK_FALSE(u.Find("aider", "bin"));
}

}  // namespace
}  // namespace coppice::llm

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/aimock.h"
#include "support/cli.h"

// The program as agents drive it: the skill, and the tools of `coppice mcp`
// through the official client (tests/external/mcp_client.mjs).

namespace coppice {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Ran;
using testing::TinyRepo;
using testing::TinySpec;

std::string TextOf(const json& answer) {
  return answer.at("content").at(0).at("text");
}

bool Failed(const json& answer) { return answer.value("isError", false); }

}  // namespace

TEST_CASE("an agent's client checks, runs, watches and exports by tools") {
  if (testing::SkippedWithoutAiMock()) return;
  TinyRepo repo;
  const fs::path external = fs::path(COPPICE_SOURCE_DIR) / "tests/external";
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\n"
                      "budget: {max_nodes: 6, plateau_nodes: null}\n"));
  repo.Write("slow.yaml", TinySpec("evaluation: sleep 100 && sh measure.sh\n"));
  repo.Commit("spec");
  const Ran ran = testing::Shell(
      fmt::format(
          "'{0}/node_modules/.bin/node' '{0}/mcp_client.mjs' '{1}' '{2}'",
          external.string(), COPPICE_BINARY_DIR "/bin/coppice",
          repo.path().string()),
      repo.path(), repo.env());
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  const json seen = json::parse(ran.out);
  CHECK(seen["server"]["name"] == "coppice");
  CHECK(seen["instructions"].get<std::string>().find("data") !=
        std::string::npos);
  CHECK(seen["tools"] == json{"check", "run", "status", "top", "show", "diff",
                              "tell", "export"});
  for (const char* wrong :
       {"noRun", "wrongType", "unknownArgument", "flagAsWord", "noTool"}) {
    CAPTURE(wrong);
    CHECK(Failed(seen[wrong]));
  }
  CHECK(TextOf(seen["noRun"]).find("coppice run") != std::string::npos);
  for (const char* right : {"check", "run", "status", "top", "show", "diff",
                            "tell", "dryRun", "export"}) {
    CAPTURE(right);
    CAPTURE(seen[right].dump());
    CHECK_FALSE(Failed(seen[right]));
  }
  CHECK(seen["status"]["structuredContent"]["current_step"] == 6);
  CHECK(TextOf(seen["diff"]).find("cost") != std::string::npos);
  CHECK(repo.Git("rev-parse --verify by-agent").exit == 0);
  CHECK(seen["cancelled"] == true);
  for (int i = 0; i < 400 && repo.Leftovers() > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(repo.Leftovers() == 0);
}

TEST_CASE("the skill is installed where agents look, and never over an edit") {
  TinyRepo repo;
  const fs::path home = repo.path() / "../home";
  fs::create_directory(home);
  repo.env()["HOME"] = home;
  CHECK(repo.Coppice("skill").out.starts_with("---\nname: coppice\n"));
  for (const auto& [agent, place] : {std::pair{"claude-code", ".claude/skills"},
                                     {"codex", ".codex/skills"},
                                     {"cursor", ".cursor/skills"}}) {
    CAPTURE(agent);
    CHECK(repo.Coppice(fmt::format("skill --install {}", agent)).exit == 0);
    CHECK(fs::exists(home / place / "coppice/SKILL.md"));
    CHECK(fs::exists(home / place / "coppice/references/errors.md"));
  }
  CHECK(repo.Coppice("skill --install ../team").exit == 0);
  repo.Write("../team/coppice/SKILL.md", "ours\n");
  const Ran refused = repo.Coppice("skill --install ../team");
  CHECK(refused.exit == 2);
  CHECK(refused.err.find("--force") != std::string::npos);
  CHECK(repo.Read("../team/coppice/SKILL.md") == "ours\n");
  CHECK(repo.Coppice("skill --install ../team --force").exit == 0);
  CHECK(repo.Read("../team/coppice/SKILL.md") != "ours\n");
}

}  // namespace coppice

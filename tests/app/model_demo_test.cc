#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/model_world.h"

// A user's first night with a model: the bundled demo, a minimal spec, and the
// answers of tests/app/demo_answers played by an independent server. They were
// written by hand after what models send: a good idea, a poor one, a change
// that does not compile, one that breaks a test, a block that misquotes the
// file. (A cassette cannot play here: prompts tell measured times.)

namespace coppice {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AiMock;
using testing::Ran;
using testing::Shell;
using testing::SkippedWithoutAiMock;

constexpr const char* kSpec =
    "name: hash-table\n"
    "goal: Make the hash table faster\n"
    "scope: {mutable: [src/table.cc], immutable: [tests/, bench/]}\n"
    "metric: {name: milliseconds, direction: minimize}\n"
    "evaluation: {build: make -j2, command: build/bench}\n"
    "checks: [build/table_test]\n"
    "model: openai/gpt-5\n"
    "budget: {max_nodes: 5, max_cost_usd: 10}\n";

// Which answer is played to which last message, the first that fits. What a
// file says stands at the beginning of a line, in a patch it does not.
struct Recorded {
  const char* file;
  const char* said;
  int turn = -1;  // among the messages that say this
};

constexpr const char* kAsItIs = "\nconstexpr std::size_t kInitialCapacity = 16";
constexpr Recorded kAnswers[] = {
    {"misquoted_repaired.md", "Nothing was applied"},
    {"undeclared_repaired.md", "\n  h *= kGoldenRatio;"},
    {"no_hash_repaired.md", "\n  return h;  // a key is its own hash"},
    {"undeclared.md", kAsItIs, 0},
    {"cheap_hash.md", kAsItIs, 1},
    {"misquoted.md", kAsItIs, 2},
    {"no_hash.md", kAsItIs, 3},
    {"one_search.md", ""},
};

std::string DemoFixtures() {
  const fs::path directory =
      fs::path(COPPICE_SOURCE_DIR) / "tests/app/demo_answers";
  json all = json::array();
  for (const Recorded& recorded : kAnswers) {
    const std::string text = testing::ReadFile(directory / recorded.file);
    REQUIRE_FALSE(text.empty());
    json match = json::object();
    if (*recorded.said) match["userMessage"] = recorded.said;
    if (recorded.turn >= 0) match["sequenceIndex"] = recorded.turn;
    const json usage = {{"prompt_tokens", 2600}, {"completion_tokens", 340}};
    all.push_back({{"match", std::move(match)},
                   {"response", {{"content", text}, {"usage", usage}}}});
  }
  return json{{"fixtures", all}}.dump();
}

// What stands below a heading of the report.
std::string Section(const std::string& report, const std::string& title) {
  const std::string heading = "\n## " + title;
  const std::size_t at = report.find(heading);
  if (at == std::string::npos) return "";
  const std::size_t from = report.find('\n', at + heading.size());
  return report.substr(from, report.find("\n## ", from) - from);
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// RES-03: each section, by something that only it can say.
void CheckReport(const std::string& report) {
  CAPTURE(report);
  CHECK(report.starts_with("# Report: hash-table\n"));
  for (const char* row : {"Goal | Make the hash", "Run", "Started", "Status",
                          "Base", "Files | src/table.cc", "Metric | millisec",
                          "Attempts | 5", "Time", "Cost | $0.0"}) {
    CAPTURE(row);
    CHECK(Has(report, fmt::format("\n| {}", row)));
  }
  const std::pair<const char*, const char*> sections[] = {
      {"Result", "Measured again at the end"},
      {"Approaches tried", "take the upper bits of one product"},
      {"Approaches tried", "make -j2: exit 2"},
      {"Approaches tried", "build/table\\_test: exit 1"},
      {"Why node ", "a chain of dependent instructions"},
      {"What changed", "+constexpr std::size_t kInitialCapacity = 4096;"},
      {"Verification", "The final race, on fresh samples alone"},
      {"Tree", "the code as it is"},
      {"Where the effort went", "| operator draft |"},
      {"Proposers", "| openai/gpt-5 | draft | edit | 1 |"},
      {"Environment", "| cores |"},
      {"Reproduce", "coppice export"},
  };
  std::size_t last = 0;
  for (const auto& [title, says] : sections) {
    CAPTURE(title);
    CAPTURE(says);
    CHECK(Has(Section(report, title), says));
    const std::size_t at = report.find(fmt::format("\n## {}", title));
    CHECK(at >= last);
    last = at;
  }
}

}  // namespace

TEST_CASE(
    "AC-50 the minimal spec on the demo, with recorded answers, ends with a "
    "confirmed gain, a whole report and a branch that passes its tests") {
  if (SkippedWithoutAiMock()) return;
  const AiMock mock(DemoFixtures());
  ModelRepo home;
  home.env()["OPENAI_API_KEY"] = "sk-test-1";
  home.env()["OPENAI_BASE_URL"] = mock.url() + "/v1";
  const fs::path demo = home.path().parent_path() / "demo";
  auto coppice = [&](const std::string& words) {
    return home.Coppice("--repo " + demo.string() + " " + words);
  };
  auto sh = [&](const std::string& command) {
    return Shell(command, demo, home.env());
  };
  REQUIRE(home.Coppice("init --demo " + demo.string()).exit == 0);
  testing::WriteFile(demo / "coppice.yaml", kSpec);
  REQUIRE(sh("git commit -qam 'Ask a model'").exit == 0);
  const std::string look = "git status --porcelain && git rev-parse HEAD main";
  const std::string before = sh(look).out;

  const Ran run = coppice(
      "--output plain run --set search.num_drafts=4 "
      "--set parallel.evaluations=1");
  CAPTURE(run.err);
  CAPTURE(run.out);
  REQUIRE(run.exit == 0);
  CHECK(sh(look).out == before);
  const json status = json::parse(coppice("--output json status").out);
  CAPTURE(status.dump());
  CHECK(status["status"] == "finished");
  CHECK(status["outcomes"]["buggy"].get<int>() >= 1);
  CHECK(status["outcomes"]["checks_failed"].get<int>() >= 1);
  CHECK(status["outcomes"].value("edit_failed", 0) == 0);
  // One block was asked for twice.
  CHECK(status["tokens"]["input"] == 6 * 2600);
  CHECK(status["cost"]["reserved"] == 0);
  CHECK(mock.Journal().size() == 6);

  const std::string marker = "report: ";
  const std::size_t at = run.out.rfind(marker);
  REQUIRE(at != std::string::npos);
  const std::string path = run.out.substr(at + marker.size());
  CheckReport(testing::ReadFile(path.substr(0, path.find('\n'))));

  const Ran exported = coppice("export");
  CAPTURE(exported.err);
  CAPTURE(exported.out);
  CHECK(exported.exit == 0);
  CHECK(sh(look).out == before);
  CHECK(sh("git diff --name-only main optimize/hash-table").out ==
        "src/table.cc\n");
  const Ran tested =
      sh("git clone -q -b optimize/hash-table . ../clean && cd ../clean && "
         "make -s -j2 && make -s test");
  CAPTURE(tested.err);
  CHECK(tested.exit == 0);
  CHECK(Has(tested.out, "all tests passed"));
}

}  // namespace coppice

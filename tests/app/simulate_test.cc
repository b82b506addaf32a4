#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/cli.h"

// `coppice simulate` as a user meets it.

namespace coppice {
namespace {

using Json = nlohmann::json;
using testing::Ran;
using testing::TempDir;
using testing::TinyRepo;
using testing::TinySpec;

bool Says(const Ran& ran, const std::string& text) {
  return ran.err.find(text) != std::string::npos ||
         ran.out.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE(
    "simulate without arguments compares all policies, in no repository") {
  TempDir nowhere;
  const Ran ran = testing::Shell(COPPICE_BINARY_DIR
                                 "/bin/coppice --output plain simulate "
                                 "--seeds 4",
                                 nowhere.path());
  CHECK(ran.exit == 0);
  for (const char* text : {"ucb", "abmcts", "best_of_n", "tunnel", "shallow",
                           "cannot tell", "against ucb"}) {
    CAPTURE(text);
    CHECK(Says(ran, text));
  }
}

TEST_CASE("simulate says the same twice, and its JSON has every row") {
  TinyRepo repo;
  const std::string ask =
      "--output json simulate --landscape smooth,tunnel --seeds 10 --nodes 40 "
      "--noise .05 --policy ucb,greedy:num_drafts=2 --split 1x40,4x10,40x1";
  const Ran ran = repo.Coppice(ask);
  REQUIRE(ran.exit == 0);
  CHECK(ran.out == repo.Coppice(ask).out);
  const Json json = Json::parse(ran.out);
  CHECK(json["rows"].size() == 5);
  CHECK(json["rows"][1]["policy"] == "greedy:num_drafts=2");
  CHECK(json["rows"][3]["chains"] == 4);
  CHECK(json["landscapes"][0]["name"] == "plain");
  for (const Json& row : json["rows"]) {
    CHECK(row["low"] <= row["score"]);
    CHECK(row["score"] <= row["high"]);
    const Json& curve = row["landscapes"]["tunnel"]["curve"];
    CHECK(curve.back()[0] == 40);
    CHECK(
        curve.back()[1].get<double>() ==
        doctest::Approx(row["landscapes"]["tunnel"]["quality"].get<double>()));
  }
  CHECK(json["rows"][0]["to_first"]["verdict"] == "cannot tell");
  CHECK(json["rows"][4]["to_first"]["verdict"] == "worse");
}

TEST_CASE("simulate draws curves as text and as SVG") {
  TinyRepo repo;
  const Ran ran = repo.Coppice(
      "simulate --landscape tunnel --seeds 5 --chains 1,5,25 --nodes 50 "
      "--plot --svg curves.svg");
  CHECK(ran.exit == 0);
  CHECK(Says(ran, "Best so far"));
  CHECK(Says(ran, "Score by number of chains"));
  CHECK(Says(ran, "Best split:"));
  const std::string svg = repo.Read("curves.svg");
  CHECK(svg.starts_with("<svg"));
  CHECK(svg.find("<polyline") != std::string::npos);
  CHECK(svg.find("5x10") != std::string::npos);
}

TEST_CASE("simulate refuses wrong names and numbers before it computes") {
  TinyRepo repo;
  for (const auto& [flags, word] :
       std::vector<std::pair<std::string, std::string>>{
           {"--landscape tunel", "did you mean \"tunnel\""},
           {"--policy ucd", "ucb"},
           {"--policy ucb:num_draft=3", "did you mean \"num_drafts\""},
           {"--policy ucb:num_drafts", "KEY=VALUE"},
           {"--policy ucb,ucb", "twice"},
           {"--landscape smooth,plain", "twice"},
           {"--seeds 1", "one seed tells nothing"},
           {"--split 10by10", "is no KxT"},
           {"--split 10x10,1x50", "takes 50 attempts, not 100"},
           {"--chains 200", "cannot share 100"},
           {"--noise -1", "--noise"},
           {"--nodes 0", "--nodes"},
           {"--from nothing", "coppice"},
       }) {
    CAPTURE(flags);
    const Ran ran = repo.Coppice("simulate " + flags);
    CHECK(ran.exit == 2);
    CHECK(ran.out.empty());
    CHECK(Says(ran, word));
  }
}

TEST_CASE("a spec's search is the first row, a study's arms are the rows") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\n"
                      "search: {policy: greedy, num_drafts: 3}\n"
                      "parallel: {evaluations: 2}\n"
                      "budget: {max_nodes: 30, plateau_nodes: null}\n"));
  Ran ran = repo.Coppice(
      "--output json simulate coppice.yaml --policy ucb --seeds 5 --landscape "
      "tunnel");
  REQUIRE(ran.exit == 0);
  Json json = Json::parse(ran.out);
  CHECK(json["nodes"] == 30);
  CHECK(json["workers"] == 2);
  CHECK(json["rows"][0]["policy"] == "spec (greedy)");
  CHECK(json["rows"].size() == 2);

  repo.Write("split.yaml",
             "name: split\nspec: coppice.yaml\nequalize: nodes\ntotal: 40\n"
             "arms:\n"
             "  - {name: 1x40, policy: linear, chains: 1}\n"
             "  - {name: 4x10, policy: linear, chains: 4}\n"
             "seeds: 3\nmax_cost_usd: 1\n");
  ran = repo.Coppice(
      "--output json simulate split.yaml --seeds 5 --landscape tunnel");
  REQUIRE_MESSAGE(ran.exit == 0, ran.err);
  json = Json::parse(ran.out);
  CHECK(json["nodes"] == 40);
  CHECK(json["rows"][1]["policy"] == "4x10");
}

TEST_CASE("a recorded run is resampled under other policies (CMP-07)") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: {command: sh measure.sh, repeats: 1}\n"
                      "search: {merge: 0}\n"
                      "budget: {max_nodes: 40, plateau_nodes: null}\n"));
  // Takes one to five off, as it happens.
  repo.Write("propose.sh",
             "n=$(sed -n 's/^cost //p' app.txt)\n"
             "r=$(od -An -N1 -tu1 /dev/urandom)\n"
             "echo \"cost $((n - 1 - r % 5))\" >app.txt\n");
  repo.Commit("spec");
  REQUIRE(repo.Coppice("run").exit != 2);
  const Ran ran = repo.Coppice(
      "--output json simulate --from tiny --policy ucb,best_of_n --seeds 20 "
      "--nodes 30 --workers 1");
  REQUIRE_MESSAGE(ran.exit == 0, ran.err);
  const Json json = Json::parse(ran.out);
  CHECK(json["landscapes"][0]["resampled"] == true);
  CHECK(json["notes"][0].get<std::string>().find("Resampled from run") !=
        std::string::npos);
  // A draft takes off five at most, and growing goes on from there.
  CHECK(json["rows"][0]["score"].get<double>() < 94);
  CHECK(json["rows"][1]["score"].get<double>() >= 95 - 1e-9);
  CHECK(json["rows"][1]["score"].get<double>() < 98);
  CHECK(json["rows"][1]["to_first"]["verdict"] == "worse");
  const Ran both = repo.Coppice("simulate --from tiny --landscape tunnel");
  CHECK(both.exit == 2);
}

TEST_CASE("a run with too little on record is no landscape") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: {command: sh measure.sh, repeats: 1}\n"
                      "budget: {max_nodes: 3, plateau_nodes: null}\n"));
  repo.Commit("spec");
  repo.Coppice("run");
  const Ran ran = repo.Coppice("simulate --from tiny");
  CHECK(ran.exit == 2);
  CHECK(Says(ran, "attempts to draw from"));
}

}  // namespace coppice

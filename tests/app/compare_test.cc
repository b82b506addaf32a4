#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "app/model_world.h"
#include "support/cli.h"
#include "support/fault_server.h"

// Whole studies of the built program on a small real repository.

namespace coppice {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::FaultServer;
using testing::Peer;
using testing::Ran;
using testing::ReadFile;
using testing::TinyRepo;
using testing::TinySpec;

// Eight numbers that add up to 800: an edit takes at most 50 off, so a chain of
// attempts gets further than any single one. Numbers below 0 cost.
constexpr const char* kEdits =
    "proposers: [{edits: {kinds: [number], max_edits: 1}}]\n";

void WriteSpec(TinyRepo& repo, const std::string& extra = {}) {
  std::string numbers;
  for (int i = 0; i < 8; ++i) numbers += "cost 100\n";
  repo.Write("app.txt", numbers);
  repo.Write("measure.sh",
             "awk '{ s += $2 < 0 ? 1000 : $2 } END { print \"cost: \" s }' "
             "app.txt\n");
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\nchecks: [sh check.sh]\n"
                      "parallel: {evaluations: 1}\n" +
                          extra,
                      kEdits));
  repo.Commit("spec");
}

std::string Study(const std::string& arms, const std::string& rest) {
  return "name: study\nspec: coppice.yaml\n" + rest + "arms:\n" + arms;
}

constexpr const char* kTwoArms =
    "  - {name: chain, policy: linear}\n"
    "  - {name: drafts, policy: best_of_n}\n";

fs::path StudyDir(const TinyRepo& repo) {
  const fs::path all = repo.path() / ".git" / "coppice" / "compare";
  fs::path latest;
  if (!fs::exists(all)) return latest;
  for (const auto& entry : fs::directory_iterator(all)) {
    if (latest.empty() || entry.path() > latest) latest = entry.path();
  }
  return latest;
}

json Result(const TinyRepo& repo) {
  return json::parse(ReadFile(StudyDir(repo) / "compare.json"));
}

const json& Arm(const json& result, const std::string& name) {
  for (const json& arm : result["arms"]) {
    if (arm["name"] == name) return arm;
  }
  FAIL("no such arm");
  return result;
}

// What must not depend on clocks: arm, seed, attempts, best of every curve.
std::string Curves(const TinyRepo& repo) {
  std::istringstream in(ReadFile(StudyDir(repo) / "curves.tsv"));
  std::string line, kept;
  while (std::getline(in, line)) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, '\t');) {
      cells.push_back(cell);
    }
    REQUIRE(cells.size() == 7);
    kept += cells[0] + " " + cells[1] + " " + cells[2] + " " + cells[6] + "\n";
  }
  return kept;
}

// The searches of a study without what time and place put into them.
json Timeless(json result) {
  json kept = json::array();
  for (const json& s : result["searches"]) {
    kept.push_back({s["arm"], s["seed"], s["winner"], s["value"], s["fresh"],
                    s["nodes"], s["deepest"], s["drafts"], s["outcomes"],
                    s["winner_depth"]});
  }
  return kept;
}

}  // namespace

TEST_CASE(
    "AC-16 a study is plain runs side by side, and the better split wins") {
  TinyRepo repo;
  WriteSpec(repo);
  repo.Write("split.yaml", Study(kTwoArms,
                                 "total: 10\nseeds: 3\n"
                                 "remeasure: 2\nmax_cost_usd: 0\n"));
  repo.Commit("study");
  const std::string before = repo.Fingerprint();

  const Ran plan = repo.Coppice("compare split.yaml --dry-run");
  CAPTURE(plan.err);
  CHECK(plan.exit == 0);
  CHECK(Says(plan, "2 arms x 3 seeds = 6 searches, 10 nodes each"));
  CHECK(Says(plan, "3 find (in 4 of 5 studies)"));
  CHECK(StudyDir(repo).empty());

  const Ran ran = repo.Coppice("compare split.yaml");
  CAPTURE(ran.err);
  CAPTURE(ran.out);
  REQUIRE(ran.exit == 0);
  CHECK(before == repo.Fingerprint());

  const json result = Result(repo);
  CHECK(result["finished"] == true);
  CHECK(result["equalize"] == "nodes");
  CHECK(Arm(result, "drafts")["mean"].get<double>() >= 750);
  CHECK(Arm(result, "chain")["mean"].get<double>() < 750);
  REQUIRE(result["differences"].size() == 1);
  const json& difference = result["differences"][0];
  CHECK(difference["difference"].get<double>() > 0);
  CHECK(difference["wins"] == 3);
  CHECK(difference["sign_p"] == 0.25);
  // What three seeds cannot tell is said to be so.
  const bool decided = difference["decided"];
  CHECK(decided == (difference["interval"][0].get<double>() > 0));
  CHECK(Says(ran, decided ? "chain is better than every other arm (3 seeds)"
                          : "3 seeds cannot tell these apart"));
  REQUIRE(result["searches"].size() == 6);
  for (const json& search : result["searches"]) {
    CHECK(search["nodes"] == 10);
    CHECK(search["fresh"].size() == 2);
    CHECK(search["ended"] == "max_nodes");
  }
  const std::string md = ReadFile(StudyDir(repo) / "compare.md");
  CHECK(md.find("Held equal: nodes (10 for each search; used 10 to 10)") !=
        std::string::npos);
  CHECK(md.find("another search, not the same one faster") !=
        std::string::npos);
  const std::string html = ReadFile(StudyDir(repo) / "report.html");
  CHECK(html.find("<svg") != std::string::npos);
  CHECK(html.find("http://") == std::string::npos);
  CHECK(html.find("<script") == std::string::npos);

  // Every search is a run like any other, but does not go on alone.
  const std::string id = result["searches"][0]["run"];
  for (const std::string& command :
       {"status " + id, "tree " + id, "top " + id, "show " + id + " best",
        "replay " + id, "run --replay " + id}) {
    CAPTURE(command);
    const Ran view = repo.Coppice(command);
    CAPTURE(view.err);
    CHECK(view.exit <= 3);
    CHECK(view.exit != 1);
    CHECK(view.exit != 2);
  }
  const Ran alone = repo.Coppice("resume " + id);
  CHECK(alone.exit == 2);
  CHECK(Says(alone, "part of the study study-"));

  // A finished study only has its views written again.
  const std::string curves = ReadFile(StudyDir(repo) / "curves.tsv");
  fs::remove(StudyDir(repo) / "curves.tsv");
  CHECK(repo.Coppice("compare split.yaml --resume").exit == 0);
  CHECK(ReadFile(StudyDir(repo) / "curves.tsv") == curves);
  CHECK(Result(repo)["searches"] == result["searches"]);
}

TEST_CASE("a study killed at any time and resumed is the undisturbed one") {
  const std::string study =
      Study(kTwoArms, "total: 10\nseeds: 2\nremeasure: 2\nmax_cost_usd: 0\n");
  TinyRepo calm;
  WriteSpec(calm);
  calm.Write("split.yaml", study);
  REQUIRE(calm.Coppice("compare split.yaml").exit == 0);

  TinyRepo repo;
  WriteSpec(repo);
  repo.Write("split.yaml", study);
  int kills = 0;
  bool fresh = true;
  for (int wait : {900, 600, 400}) {
    const pid_t pid = repo.Start(fresh ? "compare split.yaml"
                                       : "compare split.yaml --resume");
    if (fresh) {
      CHECK(Eventually([&] { return !StudyDir(repo).empty(); }));
    }
    SleepMs(wait);
    const bool alive = kill(pid, SIGKILL) == 0;
    const int exit = TinyRepo::Wait(pid);
    kills += alive && exit == 128 + SIGKILL ? 1 : 0;
    fresh = !fs::exists(StudyDir(repo) / "study.json");
    CHECK_FALSE(fresh);
  }
  CHECK(kills >= 1);
  const Ran last = repo.Coppice("compare split.yaml --resume");
  CAPTURE(last.err);
  REQUIRE(last.exit == 0);
  CHECK(Curves(repo) == Curves(calm));
  CHECK(Timeless(Result(repo)) == Timeless(Result(calm)));
}

TEST_CASE("a study that is interrupted says how it goes on") {
  TinyRepo repo;
  WriteSpec(repo);
  repo.Write("split.yaml", Study(kTwoArms,
                                 "total: 400\nseeds: 2\nremeasure: 2\n"
                                 "max_cost_usd: 0\n"));
  const pid_t pid = repo.Start("compare split.yaml");
  CHECK(Eventually([&] { return !repo.RunDir().empty(); }));
  SleepMs(500);
  kill(pid, SIGINT);
  CHECK(TinyRepo::Wait(pid) == 130);
  CHECK(Result(repo)["finished"] == false);
  CHECK(Result(repo)["verdicts"][0] == "undecided: no seed is whole yet");

  repo.Write("split.yaml", Study(kTwoArms,
                                 "total: 500\nseeds: 2\nremeasure: 2\n"
                                 "max_cost_usd: 0\n"));
  const Ran changed = repo.Coppice("compare split.yaml --resume");
  CHECK(changed.exit == 2);
  CHECK(Says(changed, "is not the one that study"));
}

TEST_CASE("AC-38 a study shows what parallelism changes") {
  TinyRepo repo;
  WriteSpec(repo);
  repo.Write("wide.yaml",
             Study("  - {name: one, evaluations: 1}\n"
                   "  - {name: sixteen, evaluations: 16}\n",
                   "vary: parallel\ntotal: 24\nseeds: 2\nremeasure: 1\n"
                   "max_cost_usd: 0\n"));
  const Ran ran = repo.Coppice("compare wide.yaml");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  const json result = Result(repo);
  for (const json& search : result["searches"]) {
    CAPTURE(search.dump());
    const bool wide = search["arm"] == "sixteen";
    CHECK(search["nodes"] == 24);
    CHECK(search["in_flight"]["most"] == (wide ? 15 : 0));
    // Fifteen but for the beginning and the end.
    const double mean = search["in_flight"]["mean"];
    CHECK(mean >= (wide ? 7 : 0));
    CHECK(mean <= (wide ? 15 : 0));
  }
  // Depth is what this landscape rewards, and what sixteen at once lose.
  const json& one = Arm(result, "one");
  const json& sixteen = Arm(result, "sixteen");
  CHECK(one["mean"].get<double>() < sixteen["mean"].get<double>());
  const std::string md = ReadFile(StudyDir(repo) / "compare.md");
  CHECK(md.find("What parallelism changed") != std::string::npos);
}

TEST_CASE("what cannot be compared is refused before anything is spent") {
  TinyRepo repo;
  WriteSpec(repo);
  struct Case {
    std::string study;
    std::string says;
    std::string where = "s.yaml";
  };
  const std::string ok = "total: 20\nseeds: 2\nmax_cost_usd: 0\n";
  const std::string models =
      "  - {name: a, model: openai/gpt-5}\n"
      "  - {name: b, model: openai/gpt-5-mini, policy: linear}\n";
  const Case cases[] = {
      {Study(kTwoArms, "total: 20\nseeds: 1\nmax_cost_usd: 0\n"),
       "one seed tells nothing", "s.yaml:4"},
      {Study(kTwoArms, "total: 20\nseeds: 2\n"), "max_cost_usd is missing"},
      {Study(kTwoArms, "total: 5\nseeds: 2\nmax_cost_usd: 0\n"),
       "a total of 5 attempts is too small to tell anything", "s.yaml:3"},
      {Study("  - {name: a, policy: linear, max_nodes: 50}\n"
             "  - {name: b, policy: ucb}\n",
             ok),
       "an arm has no budget of its own (\"max_nodes\")", "s.yaml:7"},
      {Study("  - {name: a, policy: linear, seed: 3}\n"
             "  - {name: b, policy: ucb}\n",
             ok),
       "an arm has no seed of its own"},
      {Study("  - {name: a, policy: linear}\n"
             "  - {name: b, policy: ucb, evaluations: 4}\n",
             ok),
       "the arms \"a\" and \"b\" differ in parallel.evaluations as well",
       "s.yaml:8"},
      {Study(models, ok), "say `vary: [split, proposers]`"},
      {Study("  - {name: a, policy: ucb}\n  - {name: b, policy: ucb}\n", ok),
       "the arms \"a\" and \"b\" are the same"},
      {Study("  - {name: a, policy: ucb}\n  - {name: a, policy: beam}\n", ok),
       "two arms are called \"a\""},
      {Study("  - {name: a, chains: 2}\n  - {name: b, chains: 30}\n", ok),
       "30 chains cannot share 20 attempts"},
      {Study("  - {name: a, polcy: ucb}\n  - {name: b, policy: beam}\n", ok),
       "unknown key \"polcy\" in arms[0]; did you mean \"policy\"?",
       "s.yaml:7"},
      {Study("  - {name: a, policy: ucbb}\n  - {name: b, policy: beam}\n", ok),
       "did you mean \"ucb\"?"},
      {Study(kTwoArms, ok + "equalise: nodes\n"),
       "unknown key \"equalise\" in the spec; did you mean \"equalize\"?",
       "s.yaml:6"},
      {Study(kTwoArms, "total: 3\nseeds: 2\nequalize: cost\n"),
       "no proposer of the arm \"chain\" uses any"},
      {Study(kTwoArms, "total: 20\nseeds: 2\nequalize: watts\n"),
       "equalize is \"watts\"; it must be one of nodes, cost", "s.yaml:5"},
      {"name: study\nspec: nowhere.yaml\ntotal: 20\nmax_cost_usd: 0\narms:\n" +
           std::string(kTwoArms),
       "there is no such spec", "nowhere.yaml"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.study);
    repo.Write("s.yaml", one.study);
    const Ran ran = repo.Coppice("compare s.yaml");
    CAPTURE(ran.err);
    CHECK(ran.exit == 2);
    CHECK(Says(ran, one.says));
    CHECK(Says(ran, one.where));
  }
  CHECK(StudyDir(repo).empty());
  CHECK(repo.RunDir().empty());
  CHECK(repo.Coppice("compare nothing.yaml").exit == 2);
  repo.Write("s.yaml", Study(kTwoArms, ok));
  testing::Shell(
      "sed -i 's|^evaluation: .*|evaluation: {command: sh measure.sh, "
      "backend: slurm, slurm: {shared_dir: /tmp}}|' coppice.yaml",
      repo.path());
  repo.Commit("a cluster");
  const Ran cluster = repo.Coppice("compare s.yaml");
  CAPTURE(cluster.err);
  CHECK(cluster.exit == 2);
  CHECK(Says(cluster, "on this machine, not on a cluster"));
  repo.Git("reset -q --hard HEAD~1");
  repo.Write("s.yaml", Study(kTwoArms, ok));
  const Ran none = repo.Coppice("compare s.yaml --resume");
  CHECK(none.exit != 0);
  CHECK(Says(none, "no study called \"study\" was started here"));
}

TEST_CASE("arms that ask a model the same get one answer, paid for by each") {
  // Every answer lowers the number of the file; the server counts.
  int asked = 0;
  const testing::Script answer = [&asked](Peer& peer) {
    while (true) {
      peer.ReadRequest();
      const int cost = 90 - asked++;
      peer.Send(testing::SseResponse(ChatEvents(WholeAnswer(cost))));
    }
  };
  FaultServer server(answer);
  ModelRepo repo;
  repo.Spec(ModelArm("local/qwen", server.Url("/v1"),
                     "price: {input: 1, output: 10}"),
            2, "parallel: {evaluations: 1, requests: 1}\n");
  // Two arms that do the same until the third attempt: one would draft for
  // ever, the other only three times.
  repo.Write("split.yaml",
             "name: prefix\nspec: coppice.yaml\ntotal: 10\nseeds: 2\n"
             "remeasure: 1\nmax_cost_usd: 1\nvary: split\narms:\n"
             "  - {name: three, policy: greedy, num_drafts: 3}\n"
             "  - {name: many, policy: greedy, num_drafts: 100}\n");
  const Ran ran = repo.Coppice("compare split.yaml");
  CAPTURE(ran.err);
  CAPTURE(ran.out);
  REQUIRE(ran.exit == 0);
  const json result = Result(repo);
  const auto requests = static_cast<int>(server.requests().size());
  // 2 arms x 2 seeds x 10 attempts, of which some are shared in each seed.
  CHECK(requests < 40);
  CHECK(requests >= 24);
  for (const json& search : result["searches"]) {
    CHECK(search["nodes"] == 10);
    CHECK(search["tokens"] == 10 * 450);
    CHECK(search["cost_usd"].get<double>() ==
          doctest::Approx(10 * (400 * 1e-6 + 50 * 10e-6)));
  }
  // Seeds are not answered alike.
  CHECK(result["searches"][0]["fresh"] != result["searches"][2]["fresh"]);
}

}  // namespace coppice

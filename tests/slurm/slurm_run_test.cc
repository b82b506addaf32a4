#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <string>

#include "slurm/slurm_world.h"

// Whole searches whose evaluations are jobs of a real Slurm.

namespace coppice::testing {
namespace {

// Built-in edits: one knob, whose best value is known.
const std::string kKnob =
    "proposers:\n"
    "  - edits: {kinds: [], knobs: [{name: N, file: app.txt, pattern: 'cost "
    "(\\d+)', values: [70, 80, 85, 90, 95]}]}\n";
const std::string kSearch =
    "checks: [sh check.sh]\n"
    "search: {policy: greedy, num_drafts: 2, merge: 0}\n"
    "budget: {max_nodes: 5, max_cost_usd: null}\n";

// A whole search in which every value of the knob was measured.
void CheckSearch(const std::string& mode) {
  SlurmWorld slurm;
  TinyRepo repo;
  slurm.Join(repo);
  repo.Write(
      "coppice.yaml",
      TinySpec(slurm.Evaluation("sh measure.sh", mode) + kSearch, kKnob));
  repo.Commit("spec");
  const Ran check = repo.Coppice("check");
  CAPTURE(check.out);
  CAPTURE(check.err);
  REQUIRE(check.exit == 0);
  CHECK(check.out.find("the base ran on n") != std::string::npos);
  const Ran ran = repo.Coppice("run");
  CAPTURE(ran.out);
  CAPTURE(ran.err);
  CHECK(ran.exit == 0);
  // The winner is the best of what was measured.
  const std::string least = repo.Sql(
      "select cast(min(json_extract(body, '$.value')) as int) from "
      "events where kind='evaluated'");
  CHECK(std::stoi(least) < 100);
  CHECK(ran.out.find("cost 100 -> " + least + ",") != std::string::npos);
  CHECK(repo.Sql("select count(*) from events where kind='noted' and "
                 "json_extract(body, '$.kind') = 'slurm'") != "0");
  const std::string measured =
      repo.Sql("select max(attempt) from events where kind='evaluated'");
  CHECK(ReadFile(repo.RunDir() / "nodes" / measured / "eval.log")
            .find("sh measure.sh") != std::string::npos);
  const Ran verified = repo.Coppice("replay tiny --verify");
  CAPTURE(verified.out);
  CAPTURE(verified.err);
  CHECK(verified.exit == 0);
  // Every job ends, and nothing of the run is left behind.
  CHECK(Eventually([&] { return slurm.Slurm("squeue -h").out.empty(); }));
  CHECK(std::filesystem::is_empty(
      slurm.scratch() / fmt::format("coppice-{}", getuid()) / "jobs"));
}

TEST_CASE("a search measures its nodes in jobs and finds the best") {
  CheckSearch("mode: job");
}

TEST_CASE("a search measures its nodes in steps of one allocation") {
  CheckSearch("mode: allocation");
}

TEST_CASE("keys of the caller reach no job (AC-45)") {
  SlurmWorld slurm(1);
  TinyRepo repo;
  slurm.Join(repo);
  repo.env()["ANTHROPIC_API_KEY"] = "sk-ant-of-the-user";
  repo.env()["WANTED"] = "let-through";
  repo.Write("measure.sh",
             "env\ncat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'\n"
             "test \"$WANTED\" = let-through || exit 1\n"
             "sed -n 's/^cost /cost: /p' app.txt\n");
  repo.Write("coppice.yaml", TinySpec(slurm.Evaluation("sh measure.sh") +
                                          "  pass_env: [WANTED]\n"
                                          "  output: lines\n" +
                                          kSearch,
                                      kKnob));
  repo.Commit("spec");
  const Ran check = repo.Coppice("check");
  CAPTURE(check.out);
  CAPTURE(check.err);
  REQUIRE(check.exit == 0);
  const Ran found = Shell(
      "grep -rl sk-ant-of-the-user . " + slurm.shared().string(), repo.path());
  CHECK(found.out.empty());
}

}  // namespace
}  // namespace coppice::testing

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "slurm/slurm_world.h"

// Whole searches whose evaluations are jobs of a real Slurm.

namespace coppice::testing {
namespace {

const std::string kSearch =
    "checks: [sh check.sh]\n"
    "search: {policy: greedy, num_drafts: 2, merge: 0}\n"
    "budget: {max_nodes: 4, max_cost_usd: null}\n";

// What every search on a cluster must have come to.
void CheckFound(TinyRepo& repo, const Ran& ran) {
  CAPTURE(ran.out);
  CAPTURE(ran.err);
  CHECK(ran.exit == 0);
  CHECK(repo.Sql("select count(*) from events where kind='evaluated'") == "5");
  CHECK(repo.Sql("select count(*) from events where kind='noted' and "
                 "json_extract(body, '$.kind') = 'slurm'") != "0");
  const Ran best = repo.Coppice("show best");
  CAPTURE(best.out);
  CHECK(best.out.find("improved") != std::string::npos);
  const Ran verified = repo.Coppice("replay '' --verify");
  CAPTURE(verified.out);
  CAPTURE(verified.err);
  CHECK(verified.exit == 0);
}

TEST_CASE("a search measures its nodes in jobs and finds the best") {
  SlurmWorld slurm;
  TinyRepo repo;
  slurm.Join(repo);
  repo.Write("coppice.yaml",
             TinySpec(slurm.Evaluation("sh measure.sh") + kSearch));
  repo.Commit("spec");
  const Ran check = repo.Coppice("check");
  CAPTURE(check.out);
  CAPTURE(check.err);
  REQUIRE(check.exit == 0);
  CheckFound(repo, repo.Coppice("run"));
  CHECK(ReadFile(repo.RunDir() / "nodes/1/eval.log").find("sh measure.sh") !=
        std::string::npos);
  // Every job has ended, and nothing of the run is left behind.
  CHECK(Eventually([&] { return slurm.Slurm("squeue -h").out.empty(); }));
  CHECK(std::filesystem::is_empty(slurm.scratch() /
                                  fmt::format("coppice-{}", getuid()) /
                                  "jobs"));
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
  repo.Write("coppice.yaml",
             TinySpec(slurm.Evaluation("sh measure.sh") +
                      "  pass_env: [WANTED]\n"
                      "  output: lines\n" +
                      kSearch));
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

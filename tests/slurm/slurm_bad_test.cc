#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "slurm/slurm_world.h"

// What `check` says of a cluster that cannot be used. Nothing is scored.

namespace coppice::testing {
namespace {

struct Checked {
  Ran ran;
  bool Says(const std::string& words) const {
    return (ran.out + ran.err).find(words) != std::string::npos;
  }
};

Checked Check(TinyRepo& repo, const std::string& evaluation) {
  repo.Write("coppice.yaml", TinySpec(evaluation));
  repo.Commit("spec");
  return {repo.Coppice("check")};
}

TEST_CASE("check names what is wrong with a cluster") {
  SlurmWorld slurm(1);
  TinyRepo repo;
  slurm.Join(repo);
  const Checked partition =
      Check(repo, slurm.Evaluation("sh measure.sh", "partition: nowhere"));
  CAPTURE(partition.ran.err);
  CHECK(partition.ran.exit == 2);
  CHECK(partition.Says("nowhere"));

  const Checked nothing = Check(
      repo,
      "evaluation: {command: sh measure.sh, backend: slurm, slurm: "
      "{shared_dir: /nonexistent/shared}}\n");
  CAPTURE(nothing.ran.err);
  CHECK(nothing.ran.exit == 2);
  CHECK(nothing.Says("/nonexistent/shared"));

  slurm.Stop("ctld");
  const Checked down = Check(repo, slurm.Evaluation("sh measure.sh"));
  CAPTURE(down.ran.err);
  CHECK(down.ran.exit == 2);
  CHECK(down.Says("the cluster does not answer"));
}

}  // namespace
}  // namespace coppice::testing

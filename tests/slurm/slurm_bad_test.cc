#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "slurm/slurm_night.h"

// What is said of a cluster that cannot be used. Nothing is scored.

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

TEST_CASE("check says where there is no cluster") {
  TinyRepo repo;
  const Checked none =
      Check(repo,
            "evaluation: {command: sh measure.sh, backend: slurm, slurm: "
            "{shared_dir: /tmp}}\n");
  CAPTURE(none.ran.err);
  CHECK(none.ran.exit == 2);
  CHECK(none.Says("this machine belongs to no cluster"));
  CHECK(none.Says("SLURM_CONF"));
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

  const Checked nothing =
      Check(repo,
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

TEST_CASE("check tells a directory that the nodes do not see") {
  SlurmWorld slurm(1);
  TinyRepo repo;
  slurm.Join(repo);
  slurm.Hide("n1");
  const Checked hidden = Check(repo, slurm.Evaluation("sh measure.sh"));
  CAPTURE(hidden.ran.err);
  CHECK(hidden.ran.exit == 2);
  CHECK(hidden.Says("is not shared"));
  CHECK(hidden.Says("n1"));
}

TEST_CASE("a time limit below that of a command is refused with its line") {
  SlurmWorld slurm(1);
  TinyRepo repo;
  slurm.Join(repo);
  const Checked refused =
      Check(repo, slurm.Evaluation("sh measure.sh", "time: \"0:01:00\""));
  CAPTURE(refused.ran.err);
  CHECK(refused.ran.exit == 2);
  CHECK(refused.Says("evaluation.slurm.time"));
  CHECK(refused.Says("coppice.yaml:"));
}

TEST_CASE("a cluster that is down pauses the run until it answers") {
  Night night;
  night.slurm.Stop("ctld");
  night.search = night.repo.Start("run");
  const bool paused = Eventually([&] {
    return night.repo.Sql(
               "select count(*) from events where kind='paused' "
               "and json_extract(body, '$.class') = 'outage'") == "1";
  });
  CAPTURE(night.repo.BackgroundOutput());
  CHECK(paused);
  night.slurm.Start("ctld");
  night.CheckEnd();
  CHECK(night.repo.Sql("select count(*) from events where kind='resumed'") ==
        "1");
}

}  // namespace
}  // namespace coppice::testing

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "slurm/slurm_night.h"

// What ends a job that its search has not ended. It is said, nothing is scored,
// and nothing is lost.

namespace coppice::testing {
namespace {

TEST_CASE("a job that is put back into the queue or preempted runs again") {
  Night night;
  night.Begin();
  const std::string first = night.RunningJob();
  // Ours ask for no requeue; an administrator may all the same.
  REQUIRE(night.slurm.Slurm("scontrol update Requeue=1 JobId=" + first).exit ==
          0);
  REQUIRE(night.slurm.Slurm("scontrol requeue " + first).exit == 0);
  night.AwaitMeasurement(2);
  REQUIRE(night.slurm
              .Slurm("sbatch --partition=urgent --nodes=2 --exclusive "
                     "--output=/dev/null --wrap='sleep 1'")
              .exit == 0);
  night.AwaitMeasurement(3);
  CHECK_FALSE(night.Scored());
  night.gate.Open();
  night.CheckEnd();
  CHECK(night.Pauses().empty());
  CHECK(night.Logs("was put back into the queue"));
  CHECK(night.Logs("was preempted"));
}

TEST_CASE("a job that its own time limit ends waits for the user") {
  Night night;
  night.Begin();
  REQUIRE(night.slurm
              .Slurm("scontrol update TimeLimit=0 JobId=" + night.RunningJob())
              .exit == 0);
  night.CheckPause("evaluation.slurm.time");
  CHECK(night.gate.Came() == 1);
  night.gate.Open();
  night.Resume();
  night.CheckEnd();
}

TEST_CASE("jobs that the controller has forgotten are submitted again") {
  Night night;
  night.Begin();
  night.slurm.Forget();
  night.AwaitMeasurement(2);
  CHECK_FALSE(night.Scored());
  night.gate.Open();
  night.CheckEnd();
  CHECK(night.Logs("Slurm does not know job"));
}

void CheckPruned(const std::string& mode) {
  Night night(mode);
  night.Begin();
  const std::string running = "squeue -h -s -o %j | grep -qx 1-1";
  if (mode == "mode: allocation") {
    REQUIRE(night.slurm.Slurm(running).exit == 0);
  }
  REQUIRE(night.repo.Coppice("tell tiny --prune 1").exit == 0);
  const bool gone = Eventually([&] {
    return mode == "mode: allocation"
               ? night.slurm.Slurm(running).exit != 0
               : night.slurm.Slurm("squeue -h").out.empty();
  });
  CHECK(gone);
  night.gate.Open();
  TinyRepo::Wait(night.search);
  CAPTURE(night.repo.BackgroundOutput());
  CHECK(night.gate.Came() == 1);
  CHECK(night.repo.Sql("select json_extract(body, '$.outcome') from events "
                       "where kind='evaluated' and attempt=1") == "cancelled");
  CHECK(night.repo.Sql("select count(*) from events where kind='sampled' and "
                       "attempt=1 and json_extract(body, '$.metrics.cost') is "
                       "not null") == "0");
}

TEST_CASE("the job of a node that is pruned in mid-evaluation is cancelled") {
  CheckPruned("mode: job");
}

TEST_CASE("the step of a node that is pruned in mid-evaluation is cancelled") {
  CheckPruned("mode: allocation");
}

}  // namespace
}  // namespace coppice::testing

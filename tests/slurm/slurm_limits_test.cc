#include <doctest/doctest.h>

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

}  // namespace
}  // namespace coppice::testing

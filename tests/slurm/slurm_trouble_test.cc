#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "slurm/slurm_night.h"

// What a cluster does to a search at night.

namespace coppice::testing {
namespace {

TEST_CASE("a node that dies in mid-evaluation costs a retry, not a score") {
  Night night;
  night.Begin();
  const std::string node = night.NodeOfJob();
  REQUIRE(!node.empty());
  night.slurm.Kill(node);
  night.gate.Open();
  night.CheckEnd();
  CHECK(night.Jobs().find('\n') != std::string::npos);  // two of them
}

TEST_CASE(
    "a restarted controller is not noticed, a cancelled job is replaced") {
  Night night;
  night.Begin();
  night.slurm.Stop("ctld");
  night.slurm.Start("ctld");
  const bool back = Eventually(
      [&] { return night.slurm.Slurm("squeue -h -o %i").exit == 0; });
  REQUIRE(back);
  CHECK(night.Jobs().find('\n') == std::string::npos);  // still the first
  night.slurm.Slurm("scancel --user=" + std::to_string(getuid()));
  night.gate.Open();
  night.CheckEnd();
  CHECK(night.repo.Sql("select count(*) from events where kind='paused'") ==
        "0");
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

}  // namespace
}  // namespace coppice::testing

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <functional>
#include <string>

#include "slurm/slurm_night.h"

// Jobs that outlive their search, and jobs that it wants no more.

namespace coppice::testing {
namespace {

// Kills the search while node 1 is measured and resumes it.
void KillAndResume(Night& night, const std::function<void()>& meanwhile) {
  night.Begin();
  const std::string before = night.Jobs();
  REQUIRE(!before.empty());
  kill(night.search, SIGKILL);
  TinyRepo::Wait(night.search);
  meanwhile();
  night.search = night.repo.Start("resume");
  CHECK(Eventually([&] {
    return night.repo.Sql("select count(*) from events where kind='resumed'") ==
           "1";
  }));
  night.gate.Open();
  night.CheckEnd();
  CHECK(night.Jobs() == before);  // no second one
  // What the first process took of its log is not taken again.
  const Ran twice =
      Shell("grep -ho 'drawn.*' nodes/1/eval.log | sort | uniq -d",
            night.repo.RunDir());
  CHECK(twice.out.empty());
  CHECK(Shell("grep -q drawn nodes/1/eval.log", night.repo.RunDir()).exit == 0);
}

TEST_CASE("a killed search adopts its job at resume") {
  Night night;
  KillAndResume(night, [] {});
}

TEST_CASE("a job is adopted though its number was never kept") {
  Night night;
  KillAndResume(night, [&] {
    const Ran ran = Shell(fmt::format("rm -v {}/coppice/*/batches/*.id",
                                      night.slurm.shared().string()),
                          "/");
    CHECK(ran.exit == 0);
  });
}

TEST_CASE("a killed search adopts its step of an allocation at resume") {
  Night night("mode: allocation");
  KillAndResume(night, [] {});
}

void CheckUnwanted(const std::string& mode) {
  Night night(mode);
  night.Begin();
  kill(night.search, SIGKILL);
  TinyRepo::Wait(night.search);
  CHECK(night.repo.Coppice("tell tiny --prune 1").exit == 0);
  CHECK(!night.slurm.Slurm("squeue -h -r -o %i").out.empty());
  const Ran resumed = night.repo.Coppice("resume");
  CAPTURE(resumed.out);
  CAPTURE(resumed.err);
  CHECK(night.repo.Sql("select json_extract(body, '$.outcome') from events "
                       "where kind='evaluated' and attempt=1") == "cancelled");
  CHECK(Eventually([&] { return night.slurm.Slurm("squeue -h").out.empty(); }));
  CHECK(night.gate.Came() == 1);
}

TEST_CASE("what a killed search wanted is cancelled if nobody wants it now") {
  CheckUnwanted("mode: job");
}

TEST_CASE("so is the step of an allocation") {
  CheckUnwanted("mode: allocation");
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

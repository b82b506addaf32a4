#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <functional>
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

TEST_CASE("what a killed search wanted is cancelled if nobody wants it now") {
  Night night;
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

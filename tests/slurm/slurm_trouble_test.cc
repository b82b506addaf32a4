#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "slurm/slurm_world.h"

// What a cluster does to a search at night.

namespace coppice::testing {
namespace {

// A measurement that waits until the test lets it go on. Without a sandbox it
// may write to /dev/shm.
struct Gate {
  Gate() { std::filesystem::create_directories(dir); }
  ~Gate() { std::filesystem::remove_all(dir); }
  std::string Script() const {
    return fmt::format(
        "if [ -e {0}/closed ]; then\n"
        "  echo $$ >>{0}/waiting\n"
        "  while [ -e {0}/closed ]; do sleep 0.1; done\n"
        "fi\n"
        "sed -n 's/^cost /cost: /p' app.txt\n",
        dir.string());
  }
  void Close() const { WriteFile(dir / "closed", ""); }
  void Open() const { std::filesystem::remove(dir / "closed"); }
  bool AnyWaits() const { return std::filesystem::exists(dir / "waiting"); }

  TempDir name;
  std::filesystem::path dir =
      std::filesystem::path("/dev/shm") / name.path().filename();
};

struct Night {
  explicit Night(const std::string& mode = "mode: job") {
    slurm.Join(repo);
    repo.Write("measure.sh", gate.Script());
    repo.Write("coppice.yaml",
               TinySpec(slurm.Evaluation("sh measure.sh", mode) +
                        "  sandbox: none\n"
                        "search: {policy: greedy, num_drafts: 1, merge: 0}\n"
                        "parallel: {evaluations: 1}\n"
                        "budget: {max_nodes: 1, max_cost_usd: null}\n"));
    repo.Commit("spec");
    const Ran check = repo.Coppice("check");
    CAPTURE(check.out);
    CAPTURE(check.err);
    REQUIRE(check.exit == 0);
  }

  // Starts the search; returns when node 1 is being measured.
  void Begin() {
    gate.Close();
    search = repo.Start("run");
    const bool waits = Eventually([&] { return gate.AnyWaits(); });
    CAPTURE(repo.BackgroundOutput());
    REQUIRE(waits);
  }
  void CheckEnd(int exit = 0) {
    const int ended = TinyRepo::Wait(search);
    CAPTURE(repo.BackgroundOutput());
    CHECK(ended == exit);
    CHECK(repo.Sql("select count(*) from events where kind='evaluated' and "
                   "json_extract(body, '$.outcome') = 'improved'") == "1");
    const Ran verified = repo.Coppice("replay tiny --verify");
    CAPTURE(verified.out);
    CHECK(verified.exit == 0);
  }
  // Those submitted for node 1 until its first sample was there.
  std::string Jobs() {
    return repo.Sql(
        "select json_extract(json_extract(body, '$.text'), '$.job') from "
        "events where kind='noted' and attempt=1 and json_extract(body, "
        "'$.kind') = 'slurm' and seq < (select coalesce(min(seq), 1000) from "
        "events where kind='sampled' and attempt=1)");
  }
  std::string NodeOfJob() {
    std::string node = slurm.Slurm("squeue -h -t running -o %N").out;
    return node.substr(0, node.find('\n'));
  }

  SlurmWorld slurm;
  TinyRepo repo;
  Gate gate;
  pid_t search = -1;
};

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

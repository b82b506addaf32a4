#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <optional>
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

// A file system of its own; false where that is not allowed.
bool MountSmall(const SlurmWorld& slurm, int megabytes) {
  return Shell(fmt::format("mount -t tmpfs -o size={}m none {}", megabytes,
                           slurm.shared().string()),
               "/")
             .exit == 0;
}

// Taken away when the cluster is no more.
struct Unmount {
  explicit Unmount(std::filesystem::path where) : place(std::move(where)) {}
  ~Unmount() { Shell("umount -l " + place.string(), "/"); }
  const std::filesystem::path place;
};

TEST_CASE("check says of a shared directory that it is too small") {
  SlurmWorld slurm(1);
  TinyRepo repo;
  slurm.Join(repo);
  if (!MountSmall(slurm, 8)) {
    MESSAGE("NOT TESTED: only root can mount a file system");
    return;
  }
  const Unmount unmount(slurm.shared());
  repo.Write("coppice.yaml", TinySpec(slurm.Evaluation("sh measure.sh")));
  repo.Commit("spec");
  const Ran ran = repo.Coppice("check");
  CAPTURE(ran.err);
  CHECK(ran.exit == 2);
  CHECK(ran.err.find("evaluation.slurm.shared_dir is full") !=
        std::string::npos);
}

TEST_CASE("what is measured waits for room in a full shared directory") {
  bool mounted = false;
  std::optional<Unmount> unmount;
  Night night("mode: job", [&](Night& own) {
    mounted = MountSmall(own.slurm, 1500);
    if (mounted) unmount.emplace(own.slurm.shared());
  });
  if (!mounted) {
    MESSAGE("NOT TESTED: only root can mount a file system");
    return;
  }
  night.Begin();
  const std::string filler = (night.slurm.shared() / "filler").string();
  Shell("dd if=/dev/zero bs=1M of=" + filler, "/");
  Shell("dd if=/dev/zero bs=1 count=8192 of=" + filler + "2", "/");
  night.gate.Open();
  const bool said = Eventually([&] {
    return night.Pauses().find("outage: evaluation.slurm.shared_dir is full") !=
           std::string::npos;
  });
  CAPTURE(night.Pauses());
  CHECK(said);
  CHECK_FALSE(night.Scored());
  Shell("rm " + filler + " " + filler + "2", "/");
  night.CheckEnd();
  CHECK(night.Jobs().find('\n') == std::string::npos);  // still the first
  CHECK(night.repo.Sql("select count(*) from events where kind='resumed'") ==
        "1");
}

TEST_CASE("nodes that cannot run the program pause the run for the user") {
  Night night;
  const Ran library =
      Shell(fmt::format("ldd {}/bin/coppice | awk '/libgit2/ {{print $3}}'",
                        COPPICE_BINARY_DIR),
            "/");
  const std::string file = library.out.substr(0, library.out.find('\n'));
  REQUIRE(!file.empty());
  for (const char* node : {"n1", "n2"}) night.slurm.Spoil(node, file);
  night.search = night.repo.Start("run");
  night.CheckPause("cannot run coppice");
  CHECK(night.Pauses().find("libgit2") != std::string::npos);
  for (const char* node : {"n1", "n2"}) {
    night.slurm.Stop(node);
    night.slurm.Start(node);
  }
  night.Resume();
  night.CheckEnd();
}

TEST_CASE("the clock of a node that is an hour ahead is named, and no more") {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  MESSAGE("NOT TESTED: a sanitizer must be loaded first");
#else
  Night night("mode: job", [](Night& own) {
    own.slurm.Preload(COPPICE_BINARY_DIR "/lib/libclock_ahead.so");
  });
  const Ran check = night.repo.Coppice("check");
  CAPTURE(check.out);
  CAPTURE(check.err);
  CHECK(check.exit == 0);
  CHECK((check.out + check.err).find("is 1h 00m ahead of this machine's") !=
        std::string::npos);
  night.search = night.repo.Start("run");
  night.CheckEnd();
  CHECK(night.repo.Sql("select max(at) - min(at) < 1800000000 from events") ==
        "1");
#endif
}

}  // namespace
}  // namespace coppice::testing

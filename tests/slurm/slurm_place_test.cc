#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>

#include "slurm/slurm_night.h"

// Nodes and a shared directory that are not as they should be. It is said,
// nothing is scored, and nothing is lost.

namespace coppice::testing {
namespace {

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
    mounted = MountSmall(own.slurm, 800);
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
  CHECK(
      (check.out + check.err).find("is about 1h 00m ahead of this machine's") !=
      std::string::npos);
  night.search = night.repo.Start("run");
  night.CheckEnd();
  CHECK(night.repo.Sql("select max(at) - min(at) < 1800000000 from events") ==
        "1");
#endif
}

}  // namespace
}  // namespace coppice::testing

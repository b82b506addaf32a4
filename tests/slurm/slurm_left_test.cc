#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "slurm/slurm_night.h"

// What a search leaves on a cluster when it is killed, and what `gc` does.

namespace coppice::testing {
namespace {

namespace fs = std::filesystem;

TEST_CASE("the allocation of a killed search ends when nothing is done in it") {
  Night night("mode: allocation", [](Night& own) {
    own.repo.env()["COPPICE_IDLE_SECONDS"] = "10";
  });
  night.Begin();
  const std::string before = night.Jobs();
  kill(night.search, SIGKILL);
  TinyRepo::Wait(night.search);
  // Longer than that: what is being measured is not cut off.
  Shell("sleep 16", "/");
  CHECK(night.slurm.Slurm("squeue -h -s -o %j | grep -qx 1-1").exit == 0);
  night.gate.Open();
  CHECK(Eventually([&] { return night.slurm.Slurm("squeue -h").out.empty(); }));
  night.Resume();
  night.CheckEnd();
  CHECK(night.Jobs() == before);  // its answer lay there
}

struct Shared {
  explicit Shared(Night& owner)
      : night(owner), root(owner.slurm.shared() / "coppice") {}

  Ran Collect(const std::string& flags = "") {
    return night.repo.Coppice("gc --runs --older-than 1d " + flags);
  }
  bool Has(const std::string& pattern) const {
    return Shell("ls -d " + pattern, root).exit == 0;
  }
  // As if nobody had touched any of it for days.
  void Age() const {
    Shell("touch -d '3 days ago' */alive/* bin/* packs/*", root);
  }
  // A directory as the search of some run would leave it.
  void Leave(const std::string& run, const std::string& repository,
             const fs::path& directory) const {
    const Ran host = Shell("uname -n", "/");
    fs::create_directories(root / run);
    WriteFile(root / run / "owner.json",
              fmt::format("{{\"directory\":\"{}\",\"host\":\"{}\",\"needs\":"
                          "[],\"repository\":\"{}\"}}",
                          directory.string(),
                          host.out.substr(0, host.out.find('\n')), repository));
  }

  Night& night;
  const fs::path root;
};

TEST_CASE("gc frees what no run needs of a shared directory") {
  Night night;
  Shared shared(night);
  night.Begin();
  const std::string run = night.repo.RunDir().filename();
  const TempDir elsewhere;
  WriteFile(elsewhere / "journal.db", "");
  shared.Leave("of-another-repository", "other", elsewhere.path());
  shared.Leave("whose-journal-is-gone", "other", elsewhere / "gone");

  shared.Age();
  Ran gc = shared.Collect();
  CAPTURE(gc.out);
  CAPTURE(gc.err);
  CHECK(gc.exit == 0);
  CHECK(shared.Has(run));  // a search is there
  CHECK(shared.Has("of-another-repository"));
  CHECK_FALSE(shared.Has("whose-journal-is-gone"));
  CHECK(shared.Has("bin/*"));

  kill(night.search, SIGKILL);
  TinyRepo::Wait(night.search);
  shared.Age();
  shared.Collect();
  CHECK(shared.Has(run));  // its answers are wanted at resume
  night.gate.Open();
  night.Resume();
  night.CheckEnd();
  CHECK(Eventually([&] { return night.slurm.Slurm("squeue -h").out.empty(); }));

  fs::remove_all(shared.root / "of-another-repository");
  shared.Leave("left-by-a-check", "other", elsewhere / "gone");
  shared.Age();
  gc = shared.Collect("--dry-run");
  CHECK(gc.out.find("would free ") != std::string::npos);
  CHECK(gc.out.find(" 2 staged files") != std::string::npos);
  CHECK(shared.Has("left-by-a-check"));
  gc = shared.Collect();
  CAPTURE(gc.out);
  CHECK(gc.out.find("freed ") != std::string::npos);
  CHECK_FALSE(shared.Has(run));
  CHECK_FALSE(shared.Has("left-by-a-check"));
  CHECK_FALSE(shared.Has("bin/*"));
  CHECK_FALSE(shared.Has("packs/*"));
}

}  // namespace
}  // namespace coppice::testing

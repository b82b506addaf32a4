#include <doctest/doctest.h>

#include <filesystem>

#include "support/cli.h"

// The example tasks, copied into fresh repositories and searched as a user
// would.

namespace coppice {
namespace {

using testing::Ran;
using testing::Shell;
using testing::TinyRepo;

namespace fs = std::filesystem;

fs::path Example(TinyRepo& repo, const std::string& name) {
  const fs::path dir = repo.path().parent_path() / name;
  fs::copy(fs::path(COPPICE_SOURCE_DIR) / "examples" / name, dir,
           fs::copy_options::recursive);
  Shell("git init -q && git add -A && git commit -qm example", dir, repo.env());
  return dir;
}

}  // namespace

TEST_CASE("AC-46 knobs reach their known optimum without a model") {
  TinyRepo repo;
  const fs::path dir = Example(repo, "knobs");
  const Ran run = repo.Coppice("--repo " + dir.string() + " run " +
                               (dir / "coppice.yaml").string());
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  CHECK(run.out.find("22069") != std::string::npos);
}

TEST_CASE("a bug is repaired by the built-in edits") {
  TinyRepo repo;
  const fs::path dir = Example(repo, "repair");
  const Ran run = repo.Coppice("--repo " + dir.string() + " run " +
                               (dir / "coppice.yaml").string());
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK(run.out.find("target") != std::string::npos);
}

TEST_CASE("the demo is made, refuses to be made twice, and checks out") {
  TinyRepo repo;
  const fs::path dir = repo.path().parent_path() / "demo";
  CHECK(repo.Coppice("init --demo " + dir.string()).exit == 0);
  CHECK(repo.Coppice("init --demo " + dir.string()).exit == 2);
  const Ran check = repo.Coppice("--repo " + dir.string() + " check");
  CAPTURE(check.err);
  CHECK(check.exit == 0);
  CHECK(check.out.find("milliseconds") != std::string::npos);
}

}  // namespace coppice

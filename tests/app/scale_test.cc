#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "support/cli.h"

// Large searches and what people do meanwhile: whole runs of the program.

namespace coppice {
namespace {

namespace fs = std::filesystem;
using testing::Ran;
using testing::TinyRepo;
using testing::TinySpec;

bool Says(const Ran& ran, const std::string& text) {
  return ran.err.find(text) != std::string::npos ||
         ran.out.find(text) != std::string::npos;
}

int CountDirectories(const fs::path& below, const std::string& begins) {
  int count = 0;
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(
           below, fs::directory_options::skip_permission_denied, none)) {
    const std::string name = entry.path().filename().string();
    count += entry.is_directory(none) && name.starts_with(begins) ? 1 : 0;
  }
  return count;
}

// Some real bytes of work between nodes, whatever the machine.
constexpr const char* kSlow =
    "evaluation: sleep 0.1; sh measure.sh\n"
    "parallel: {evaluations: 2}\n"
    "budget: {max_nodes: 24, plateau_nodes: null}\n";

}  // namespace

TEST_CASE(
    "SCA-03 SCA-07 git gc, branch switches, deleted slots and coppice gc under "
    "a live run lose no node") {
  TinyRepo repo;
  repo.Write("coppice.yaml", TinySpec(kSlow));
  repo.Commit("spec");
  REQUIRE(repo.Coppice("check --load 2").exit == 0);
  const pid_t pid = repo.Start("--output plain run");
  for (int tries = 0; tries < 1200 && repo.RunDir().empty(); ++tries) {
    usleep(50'000);
  }
  REQUIRE_FALSE(repo.RunDir().empty());
  int rounds = 0;
  for (; rounds < 3 && kill(pid, 0) == 0; ++rounds) {
    repo.Git(fmt::format("checkout -q -b other-{}", rounds));
    repo.Write("other.txt", fmt::format("{}\n", rounds));
    repo.Commit("elsewhere");
    repo.Git("reflog expire --expire=now --all");
    CHECK(repo.Git("gc -q --prune=now").exit == 0);
    // Nothing that is in use is freed, nor a run that goes on.
    CHECK(repo.Coppice("gc --older-than 0s").exit == 0);
    testing::Shell("rm -rf " + repo.cache().string(), repo.path());
  }
  CHECK(rounds == 3);
  CHECK(TinyRepo::Wait(pid) == 0);
  CHECK(repo.Sql("select count(distinct attempt) from events where attempt>0 "
                 "and kind in ('evaluated','rejected')") == "24");
  CHECK(repo.Sql("select count(*) from events where kind='evaluated' and "
                 "json_extract(body,'$.outcome') in ('buggy','lost')") == "0");
  // Every node is a commit that git reads, and the run proves itself.
  std::istringstream commits(
      repo.Sql("select json_extract(body,'$.commit') from events where "
               "kind='committed'"));
  for (std::string commit; commits >> commit;) {
    CAPTURE(commit);
    CHECK(repo.Git("--git-dir=.git/coppice/store.git cat-file -e " + commit +
                   "^{tree}")
              .exit == 0);
  }
  const Ran verified =
      repo.Coppice("replay " + repo.RunDir().filename().string() + " --verify");
  CAPTURE(verified.out);
  CHECK(verified.exit == 0);
  const Ran exported = repo.Coppice("export");
  CAPTURE(exported.err);
  CHECK(exported.exit == 0);
}

TEST_CASE("what overlay slots write may be on another file system") {
  TinyRepo repo;
  testing::TempDir other;
  repo.env()["COPPICE_OVERLAY_DIR"] = other.path().string();
  repo.Write("coppice.yaml",
             TinySpec("evaluation: {build: touch built.o, command: test -f "
                      "built.o && sh measure.sh}\n"
                      "budget: {max_nodes: 3, plateau_nodes: null}\n"));
  repo.Commit("spec");
  const Ran ran = repo.Coppice("run");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  if (CountDirectories(repo.cache(), "base-") == 0) {
    MESSAGE("skipped: no overlay can be mounted on this machine");
    return;
  }
  CHECK(CountDirectories(other.path(), "slot-") > 0);
  CHECK(CountDirectories(repo.cache(), "slot-") == 0);
  CHECK(repo.Coppice("gc --slots").exit == 0);
  CHECK(CountDirectories(other.path(), "slot-") == 0);
  CHECK(CountDirectories(repo.cache(), "base-") == 0);
}

TEST_CASE("SCA-03 more than twelve whole checkouts are warned of") {
  TinyRepo repo;
  auto write = [&](int evaluations) {
    repo.Write("coppice.yaml",
               TinySpec(fmt::format(
                   "evaluation: {{command: sh measure.sh, wrap: env}}\n"
                   "parallel: {{evaluations: {}}}\n"
                   "budget: {{max_nodes: 3, plateau_nodes: null}}\n",
                   evaluations)));
    repo.Commit("spec");
  };
  write(11);
  const Ran many = repo.Coppice("check");
  CAPTURE(many.err);
  CHECK(many.exit == 0);
  CHECK(Says(many, "slots are 13 whole checkouts here"));
  CHECK(Says(many, "under evaluation.wrap"));
  write(2);
  const Ran few = repo.Coppice("check");
  CHECK(few.exit == 0);
  CHECK_FALSE(Says(few, "whole checkouts"));
}

}  // namespace coppice

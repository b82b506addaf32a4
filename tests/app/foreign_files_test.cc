#include <doctest/doctest.h>

#include <string>

#include "support/cli.h"

// Repositories whose commits do not hold all of their files (SCA-08): real
// ones, made by git. What cannot be done is refused by name before anything is
// spent, and the way on that the refusal names is gone.

namespace coppice {
namespace {

using testing::Ran;
using testing::TinyRepo;
using testing::TinySpec;

bool Says(const Ran& ran, const std::string& text) {
  return ran.err.find(text) != std::string::npos ||
         ran.out.find(text) != std::string::npos;
}

std::string SpecWith(const std::string& command, const std::string& copy) {
  return TinySpec("evaluation: {command: '" + command + " && sh measure.sh'" +
                  (copy.empty() ? "" : ", copy: [" + copy + "]") +
                  "}\nparallel: {evaluations: 1}\n"
                  "budget: {max_nodes: 2, plateau_nodes: null}\n");
}

void CheckRefused(const Ran& ran, TinyRepo& repo) {
  CAPTURE(ran.out);
  CAPTURE(ran.err);
  CHECK(ran.exit == 2);
  CHECK(repo.RunDir().empty());
}

void CheckRuns(TinyRepo& repo) {
  const Ran ran = repo.Coppice("run");
  CAPTURE(ran.out);
  CAPTURE(ran.err);
  CHECK((ran.exit == 0 || ran.exit == 3));
  CHECK(repo.Sql("select count(*) > 0 from events where kind='evaluated' and "
                 "attempt > 0 and json_extract(body,'$.outcome') in "
                 "('improved','valid')") == "1");
}

}  // namespace

TEST_CASE("SCA-08 a submodule is copied from the work tree, or refused") {
  TinyRepo library;
  library.Write("lib.txt", "of the library\n");
  library.Commit("library");
  TinyRepo repo;
  const std::string command = "grep -q library sub/lib.txt";
  repo.Write("coppice.yaml", SpecWith(command, ""));
  repo.Git("-c protocol.file.allow=always submodule --quiet add file://" +
           library.path().string() + " sub");
  repo.Commit("submodule");
  const Ran refused = repo.Coppice("check");
  CheckRefused(refused, repo);
  CHECK(Says(refused, "\"sub\" is a submodule"));
  CHECK(Says(refused, "copy: [sub]"));
  repo.Write("coppice.yaml", SpecWith(command, "sub"));
  repo.Commit("copy");
  CheckRuns(repo);
  repo.Git("submodule --quiet deinit -f sub");
  const Ran empty = repo.Coppice("check");
  CHECK(empty.exit == 2);
  CHECK(Says(empty, "git submodule update --init sub"));
}

TEST_CASE("SCA-08 a file of Git LFS is copied from the work tree, or refused") {
  TinyRepo repo;
  const std::string command = "grep -q weights model.bin";
  repo.Write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
  repo.Write("model.bin",
             "version https://git-lfs.github.com/spec/v1\n"
             "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca"
             "24d17e2393\nsize 12345\n");
  repo.Write("coppice.yaml", SpecWith(command, ""));
  repo.Commit("pointer");
  const Ran refused = repo.Coppice("check");
  CheckRefused(refused, repo);
  CHECK(Says(refused, "\"model.bin\" is kept by Git LFS"));
  CHECK(Says(refused, "copy: [model.bin]"));
  repo.Write("coppice.yaml", SpecWith(command, "model.bin"));
  repo.Commit("copy");
  const Ran pointer = repo.Coppice("check");
  CheckRefused(pointer, repo);
  CHECK(Says(pointer, "git lfs pull --include model.bin"));
  repo.Write("model.bin", "the weights themselves\n");  // as a pull leaves it
  CheckRuns(repo);
}

TEST_CASE("SCA-08 a sparse checkout is searched whole") {
  TinyRepo repo;
  repo.Write("bench/weight.txt", "not in the work tree\n");
  repo.Write("coppice.yaml", SpecWith("grep -q tree bench/weight.txt", ""));
  repo.Commit("files");
  SUBCASE("with an ordinary index") {
    repo.Git("sparse-checkout set --cone docs");
    REQUIRE_FALSE(std::filesystem::exists(repo.path() / "bench"));
    CheckRuns(repo);
    CHECK_FALSE(std::filesystem::exists(repo.path() / "bench"));
  }
  SUBCASE("what is changed outside the cone is still seen") {
    repo.Git("sparse-checkout set --cone docs");
    repo.Write("app.txt", "cost 50\n");
    const Ran refused = repo.Coppice("check");
    CheckRefused(refused, repo);
    CHECK(Says(refused, "uncommitted changes in scope: app.txt"));
  }
  SUBCASE("with a sparse index") {
    repo.Git("sparse-checkout set --cone --sparse-index docs");
    const Ran ran = repo.Coppice("check");
    CAPTURE(ran.out);
    CAPTURE(ran.err);
    if (ran.exit != 0) CHECK(Says(ran, "--no-sparse-index"));
    repo.Git("sparse-checkout reapply --no-sparse-index");
    CheckRuns(repo);
  }
}

TEST_CASE("SCA-08 what a partial clone has left out is named") {
  TinyRepo from;
  from.Write("bench/weight.txt", "not fetched\n");
  from.Write("coppice.yaml", SpecWith("grep -q fetched bench/weight.txt", ""));
  from.Commit("spec");
  from.Git("config uploadpack.allowFilter true");
  from.Git("config uploadpack.allowAnySHA1InWant true");
  TinyRepo place;
  const std::string clone = (place.path() / "clone").string();
  REQUIRE(place
              .Git("clone -q --filter=blob:none --sparse file://" +
                   from.path().string() + " " + clone)
              .exit == 0);
  const Ran refused = place.Coppice("--repo " + clone + " check");
  CheckRefused(refused, place);
  CHECK(Says(refused, "\"bench/weight.txt\" is not in this repository"));
  CHECK(Says(refused, "git archive"));
  place.Git("-C " + clone + " archive -o /dev/null --format=tar HEAD");
  const Ran check = place.Coppice("--repo " + clone + " check");
  CAPTURE(check.err);
  CHECK(check.exit == 0);
}

}  // namespace coppice

#include <doctest/doctest.h>

#include "support/eval_world.h"

// Candidates that change what measures them (AC-06, MC-17, MC-18, FM-14).

namespace coppice::eval {
namespace {

using testing::EvalWorld;

// bench/ is immutable; candidate.sh is the candidate's and may do anything.
struct TamperWorld : EvalWorld {
  ObjectId root;

  explicit TamperWorld(std::vector<std::string> patterns = {"bench/"}) {
    spec.evaluation.command = "sh bench/evaluate.sh";
    root = trees.Add(
        {{"bench/evaluate.sh", {"sh ./candidate.sh; echo score: 1", true}},
         {"bench/data.txt", {"data"}},
         {"candidate.sh", {"true"}},
         {"Makefile", {"all:"}}});
    immutable.files = {"Makefile", "bench/data.txt", "bench/evaluate.sh"};
    immutable.patterns = std::move(patterns);
    immutable.root_file = [this](const std::string& path) -> Result<RootFile> {
      const auto found = trees.base().find(path);
      if (found == trees.base().end()) {
        return Error{.code = ErrorCode::kNotFound, .what = path};
      }
      return RootFile{found->second.text, found->second.executable};
    };
  }
  ObjectId Candidate(const std::string& script) {
    return trees.AddChange({{"candidate.sh", script}});
  }
};

TEST_CASE("FM-14 MC-17 MC-18 writing an immutable path is tampering") {
  struct Row {
    const char* script;
    const char* offence;
  };
  const Row rows[] = {
      {"echo 'echo score: 0' > bench/evaluate.sh",
       "bench/evaluate.sh (written)"},
      {"rm bench/data.txt", "bench/data.txt (removed)"},
      {"chmod +x bench/data.txt", "bench/data.txt (written)"},
      {"rm bench/data.txt; ln -s /etc/passwd bench/data.txt",
       "bench/data.txt (written)"},
      {"cp bench/data.txt x; mv x bench/data.txt", "bench/data.txt (written)"},
      {"echo forged > bench/statistics.py", "bench/statistics.py (new)"},
      {"mkdir -p bench/sub; echo x > bench/sub/y", "bench/sub/y (new)"},
      {"echo 'all: evil' > Makefile", "Makefile (written)"},
      {"rm -rf bench", "bench/data.txt (removed), bench/evaluate.sh (removed)"},
  };
  for (const Row& row : rows) {
    TamperWorld world;
    CAPTURE(row.script);
    REQUIRE_FALSE(world.Evaluate(world.root, 0).failure);
    const Sample sample = world.Evaluate(world.Candidate(row.script), 1);
    REQUIRE(sample.failure);
    CHECK(sample.failure->outcome == Outcome::kTampered);
    CHECK(sample.failure->reason ==
          std::string("wrote what is immutable: ") + row.offence);
    CHECK(world.trees.dirty == 1);
    // The next node measures with the original.
    const Sample next = world.Evaluate(world.Candidate("echo honest"), 2);
    CHECK_FALSE(next.failure);
    CHECK(next.metrics.at("score") == 1);
  }
}

TEST_CASE("tampering in a build or a check is found before the next phase") {
  for (const bool in_check : {false, true}) {
    TamperWorld world;
    if (in_check) {
      world.spec.checks = {{.command = "sh ./candidate.sh"}};
    } else {
      world.spec.evaluation.build = "sh ./candidate.sh";
    }
    const ObjectId bad =
        world.Candidate("echo 'echo score: 0' > bench/evaluate.sh; exit 1");
    const Opened opened = world.Open(bad, 3);
    REQUIRE(opened.failure);
    CHECK(opened.failure->outcome == Outcome::kTampered);
    CHECK(opened.failure->phase ==
          (in_check ? EvalPhase::kCheck : EvalPhase::kBuild));
    CHECK(world.sandbox.requests.back().command == "sh ./candidate.sh");
  }
}

TEST_CASE("files outside the immutable places may be written") {
  TamperWorld world;
  CHECK_FALSE(world
                  .Evaluate(world.Candidate("echo x > out.txt; mkdir -p b; "
                                            "echo y > b/evaluate.sh"),
                            1)
                  .failure);
}

TEST_CASE("what git ignores may appear beside immutable files") {
  TamperWorld world;
  world.immutable.ignored = [](const std::string& path) {
    return path.ends_with(".o");
  };
  CHECK_FALSE(
      world.Evaluate(world.Candidate("echo x > bench/evaluate.o"), 1).failure);
  CHECK(
      world.Evaluate(world.Candidate("echo x > bench/evaluate.so"), 2).failure);
}

TEST_CASE("what the evaluator leaves on the base is no offence later") {
  TamperWorld world;
  world.spec.evaluation.command =
      "sh bench/evaluate.sh; mkdir -p bench/cache; echo x > bench/cache/$$;"
      "echo x > bench/last.txt";
  CHECK_FALSE(world.Evaluate(world.root, 0).failure);
  CHECK(world.local().habits().by_products ==
        std::set<std::string>{"bench/cache/", "bench/last.txt"});
  CHECK_FALSE(world.Evaluate(world.Candidate("true #"), 1).failure);
  const Sample bad =
      world.Evaluate(world.Candidate("echo x > bench/other.txt"), 2);
  REQUIRE(bad.failure);
  CHECK(bad.failure->reason ==
        "wrote what is immutable: bench/other.txt (new)");
}

TEST_CASE("what setup and build leave on the base is no offence later") {
  TamperWorld world;
  world.trees.ignored = {"bench"};  // stays in the slot, as built
  world.spec.evaluation.build = "cp candidate.sh bench/built";
  CHECK_FALSE(world.Evaluate(world.Candidate("true #"), 1).failure);
  CHECK(world.local().habits().by_products ==
        std::set<std::string>{"bench/built"});
}

TEST_CASE("habits that the lock remembers hold without measuring the base") {
  TamperWorld world;
  world.habits.by_products = {"bench/cache/"};
  CHECK_FALSE(world
                  .Evaluate(world.Candidate("mkdir -p bench/cache; echo x > "
                                            "bench/cache/1"),
                            1)
                  .failure);
}

TEST_CASE("a file that the evaluator opens for writing may be opened later") {
  TamperWorld world;
  world.spec.evaluation.command =
      "touch bench/data.txt; sh bench/evaluate.sh";  // as a data base does
  CHECK_FALSE(world.Evaluate(world.root, 0).failure);
  CHECK(world.local().habits().rewritten ==
        std::set<std::string>{"bench/data.txt"});
  CHECK_FALSE(world.Evaluate(world.Candidate("true #"), 1).failure);
  const Sample bad =
      world.Evaluate(world.Candidate("echo forged > bench/data.txt"), 2);
  REQUIRE(bad.failure);
  CHECK(bad.failure->outcome == Outcome::kTampered);
  // Written and put back: the base's habit does not cover another file.
  const Sample back = world.Evaluate(
      world.Candidate("cat bench/evaluate.sh > x; cat x > bench/evaluate.sh"),
      3);
  REQUIRE(back.failure);
  CHECK(back.failure->outcome == Outcome::kTampered);
}

TEST_CASE("an evaluator that changes tracked files of its own is named") {
  TamperWorld world;
  world.spec.evaluation.command =
      "sh bench/evaluate.sh; echo $$ > bench/data.txt";
  const Sample sample = world.Evaluate(world.root, 0);
  REQUIRE(sample.failure);
  CHECK(sample.failure->outcome == Outcome::kTampered);
  CHECK(sample.failure->reason.find("bench/data.txt (written)") !=
        std::string::npos);
  CHECK(sample.failure->reason.find("take it out of scope.immutable") !=
        std::string::npos);
}

TEST_CASE("copied data in an immutable directory belongs to the evaluator") {
  TamperWorld world;
  world.spec.evaluation.copy = {"bench/held.csv"};
  world.immutable.copied = {"bench/held.csv"};
  world.trees.copies = {{"bench/held.csv", {"1,2"}}};
  CHECK_FALSE(world.Evaluate(world.root, 0).failure);
  const Sample bad =
      world.Evaluate(world.Candidate("echo 3 > bench/held.csv"), 1);
  REQUIRE(bad.failure);
  CHECK(bad.failure->outcome == Outcome::kTampered);
  CHECK_FALSE(world.Evaluate(world.Candidate("true #"), 2).failure);
}

TEST_CASE("with an overlay the upper directory tells what was written") {
  testing::TempDir dir;
  testing::WriteFile(dir / "lower/bench/data.db", "data");
  testing::WriteFile(dir / "upper/bench/data.db", "data");
  ImmutableRules rules;
  rules.files = {"bench/data.db"};
  rules.patterns = {"bench"};
  rules.root_file = [](const std::string&) -> Result<RootFile> {
    return RootFile{.bytes = "data"};
  };
  const ImmutableGuard guard(rules);
  WorkTree tree;
  tree.root = dir / "lower";
  tree.overlay = Overlay{
      .lower = dir / "lower", .upper = dir / "upper", .work = dir / "work"};
  const std::vector<TouchedPath> touched{{"bench/data.db"}};
  BaselineHabits habits;
  CHECK(guard.Offences(tree, touched, habits).size() == 1);
  guard.Learn(tree, touched, habits);
  CHECK(guard.Offences(tree, touched, habits).empty());
  testing::WriteFile(dir / "upper/bench/data.db", "forged");
  CHECK(guard.Offences(tree, touched, habits) ==
        std::vector<std::string>{"bench/data.db (written)"});
  // Even a link to the true content is not the file.
  std::filesystem::remove(dir / "upper/bench/data.db");
  std::filesystem::create_symlink(dir / "lower/bench/data.db",
                                  dir / "upper/bench/data.db");
  CHECK(guard.Offences(tree, touched, habits).size() == 1);
}

}  // namespace
}  // namespace coppice::eval

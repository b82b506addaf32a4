#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "app/init_text.h"
#include "spec/load.h"

// SET-02, SET-04: what a repository shows, as a spec.

namespace coppice::app {
namespace {

RepositoryFacts Repository(std::map<std::string, std::string> texts) {
  RepositoryFacts facts;
  facts.project = "Some Project";
  for (const auto& [path, text] : texts) {
    facts.files.push_back({path, text.size()});
  }
  facts.read = [texts = std::move(texts)](const std::string& path) {
    const auto found = texts.find(path);
    return found == texts.end() ? std::string() : found->second;
  };
  return facts;
}

std::vector<std::string> Values(const std::vector<Guess>& guesses) {
  std::vector<std::string> values;
  for (const Guess& guess : guesses) values.push_back(guess.value);
  return values;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("the words of a goal say metric and direction") {
  auto read = [](const std::string& goal) {
    const auto word = ReadGoal(goal);
    return word ? word->metric + " " + word->direction : "nothing";
  };
  CHECK(read("parsing is too slow") == "seconds minimize");
  CHECK(read("lower the peak memory in less time") == "peak_mb minimize");
  CHECK(read("its answers are wrong") == "accuracy maximize");
  CHECK(read("get the validation loss down") == "loss minimize");
  CHECK(read("more throughput") == "throughput maximize");
  CHECK(read("make the code nicer") == "nothing");
}

TEST_CASE("a file that a benchmark imports is the one to change") {
  const auto facts =
      Repository({{"Makefile", "all:\n\tcc\ntest: all\n"},
                  {"src/hot.c", std::string(2000, 'x')},
                  {"src/big.c", std::string(9000, 'x')},
                  {"bench/bench.c", "#include \"hot.h\"\n"},
                  {"src/main.c", "#include \"hot.h\"\n#include \"big.h\"\n"},
                  {"tests/test_hot.c", "#include \"hot.h\"\n"},
                  {"vendor/zlib.c", std::string(90000, 'x')}});
  const SpecDraft draft = DraftOf(facts, "make it fast");
  CHECK(draft.language == "C");
  CHECK(draft.manager == "make");
  CHECK(draft.mutable_files.front().value == "src/hot.c");
  CHECK(draft.mutable_files.front().from.find("a benchmark among them") !=
        std::string::npos);
  CHECK(Values(draft.immutable_files) == Strings{"bench/", "tests/"});
  CHECK(Values(draft.checks) == Strings{"make test"});
}

TEST_CASE("each build system has its commands") {
  struct Row {
    std::map<std::string, std::string> texts;
    const char* manager;
    const char* check;
  };
  const Row rows[] = {
      {{{"CMakeLists.txt", "enable_testing()"}, {"a.cc", "x"}},
       "cmake",
       "ctest --test-dir build --output-on-failure"},
      {{{"Cargo.toml", ""}, {"src/lib.rs", "x"}},
       "cargo",
       "cargo test --release --offline"},
      {{{"go.mod", ""}, {"a.go", "x"}}, "go", "go test ./..."},
      {{{"package.json", R"({"scripts": {"test": "x"}})"}, {"a.js", "x"}},
       "npm",
       "npm test"},
      {{{"pyproject.toml", ""},
        {"a.py", "x"},
        {"tests/test_a.py", "import pytest"}},
       "pip",
       "python3 -m pytest -q"},
      {{{"pyproject.toml", ""},
        {"uv.lock", ""},
        {"a.py", "x"},
        {"tests/test_a.py", "import unittest"}},
       "uv",
       "uv run --offline python3 -m unittest discover"},
      {{{"meson.build", ""}, {"a.c", "x"}}, "meson", "meson test -C build"},
      {{{"pom.xml", ""},
        {"src/main/java/A.java", "x"},
        {"src/test/java/ATest.java", "x"}},
       "maven",
       "mvn -q -o test"},
      {{{"Makefile.PL", ""}, {"lib/A.pm", "x"}, {"t/a.t", "x"}},
       "perl",
       "prove -b t"}};
  for (const Row& row : rows) {
    CAPTURE(row.manager);
    const SpecDraft draft = DraftOf(Repository(row.texts), "");
    CHECK(draft.manager == row.manager);
    REQUIRE(draft.checks.size() == 1);
    CHECK(draft.checks.front().value == row.check);
  }
}

TEST_CASE("an evaluator that is there is used, one that is not is a TODO") {
  const SpecDraft found =
      DraftOf(Repository({{"tools/evaluate.py", "x"},
                          {"eval/evaluate.py", "print('seconds:', 1)"},
                          {"a.py", "x"}}),
              "faster");
  CHECK(found.command.value == "python3 eval/evaluate.py");
  CHECK(found.command.todo.empty());
  const SpecDraft none = DraftOf(Repository({{"a.py", "x"}}), "faster");
  CHECK_FALSE(none.command.todo.empty());
  CHECK_FALSE(none.remarks.empty());
  const SpecDraft go =
      DraftOf(Repository({{"go.mod", ""},
                          {"a.go", "x"},
                          {"sub/a_test.go", "func BenchmarkSum(b"}}),
              "faster");
  CHECK(go.command.value ==
        "go test -run '^$' -bench '^BenchmarkSum$' -cpu 1 ./sub");
}

TEST_CASE("every template is a spec that loads, whatever the names are") {
  const auto facts = Repository({{"odd: [name] #1.py", "x"},
                                 {"tests/test_a.py", "import pytest"},
                                 {"requirements.txt", ""}});
  const SpecDraft draft = DraftOf(facts, "say \"fast\": #1 {a}\n- b");
  for (const char* name : {"plain", "speed", "accuracy", "memory", "loss",
                           "judge", "knobs", "slurm"}) {
    CAPTURE(name);
    const auto files = FilesOf(draft, name);
    REQUIRE(files.has_value());
    CHECK(files->front().path == "coppice.yaml");
    const auto loaded =
        spec::ParseSpec(files->front().text, "coppice.yaml", {});
    const std::string error = loaded ? "" : loaded.error().Text();
    CAPTURE(error);
    CAPTURE(files->front().text);
    REQUIRE(loaded.has_value());
    CHECK(loaded->spec.goal == "say \"fast\": #1 {a}\n- b");
    CHECK(loaded->spec.scope.mutable_paths == Strings{"odd: [name] #1.py"});
    for (const EmbeddedFile& file : *files) {
      CHECK(file.text.find("{{") == std::string::npos);
    }
  }
}

}  // namespace coppice::app

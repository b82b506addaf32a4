#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "spec/samples.h"
#include "spec/scope_rules.h"

namespace coppice::spec {
namespace {

using Texts = std::vector<std::string>;

std::vector<TrackedFile> Files(const Texts& paths) {
  std::vector<TrackedFile> files;
  for (const std::string& path : paths) {
    files.push_back({.path = path, .size = 1000});
  }
  return files;
}

const Texts kRepository{
    "Makefile",          "README.md",         "bench/data.csv",
    "bench/evaluate.py", "coppice.yaml",      "docs/notes.md",
    "requirements.txt",  "src/lex/lexer.cpp", "src/lex/lexer.h",
    "src/parser.cpp",    "src/util.py",       "tests/test_parser.py",
    "train.py"};

Spec SpecWith(std::string_view scope,
              std::string_view evaluation = "python bench/evaluate.py") {
  const std::string text =
      With(With(kMinimal, "{mutable: [src/parser.cpp]}", scope),
           "python bench/evaluate.py", evaluation);
  const Result<Loaded> loaded = Parse(text);
  REQUIRE_MESSAGE(loaded.has_value(), ErrorOf(text));
  return loaded->spec;
}

ResolvedScope Resolved(const Spec& spec, const Texts& paths = kRepository) {
  const auto resolved = ResolveScope(spec, "coppice.yaml", Files(paths));
  REQUIRE_MESSAGE(resolved.has_value(), resolved.error().Text());
  return *resolved;
}

std::string Refusal(const Spec& spec, const std::vector<TrackedFile>& files) {
  const auto resolved = ResolveScope(spec, "coppice.yaml", files);
  REQUIRE_FALSE(resolved.has_value());
  CHECK(resolved.error().code == ErrorCode::kUsage);
  return resolved.error().Text();
}

TEST_CASE("files, directories and globs of mutable may change") {
  CHECK(Resolved(SpecWith("{mutable: [src/parser.cpp]}")).mutable_files ==
        Texts{"src/parser.cpp"});
  CHECK(Resolved(SpecWith("{mutable: [src/lex/]}")).mutable_files ==
        Texts{"src/lex/lexer.cpp", "src/lex/lexer.h"});
  CHECK(Resolved(SpecWith("{mutable: [./src//lex]}")).mutable_files ==
        Texts{"src/lex/lexer.cpp", "src/lex/lexer.h"});
  CHECK(Resolved(SpecWith("{mutable: [\"src/**/*.cpp\"]}")).mutable_files ==
        Texts{"src/lex/lexer.cpp", "src/parser.cpp"});
}

TEST_CASE("immutable wins, even over a file that mutable names") {
  const ResolvedScope scope = Resolved(
      SpecWith("{mutable: [src/, src/parser.cpp], immutable: [src/parser.cpp, "
               "src/lex/*.h]}"));
  CHECK(scope.mutable_files == Texts{"src/lex/lexer.cpp", "src/util.py"});
  CHECK(std::count(scope.immutable_files.begin(), scope.immutable_files.end(),
                   "src/parser.cpp") == 1);
}

TEST_CASE(
    "the spec, named files, manifests and protected names are immutable") {
  const ResolvedScope scope =
      Resolved(SpecWith("{mutable: [src/parser.cpp], readable: [docs/]}"));
  CHECK(scope.immutable_files == Texts{"Makefile", "bench/evaluate.py",
                                       "coppice.yaml", "requirements.txt"});
  CHECK(scope.readable_files == Texts{"docs/notes.md"});
  CHECK(scope.warnings.empty());
}

TEST_CASE("a directory that is mutable does not open what is protected in it") {
  const ResolvedScope scope =
      Resolved(SpecWith("{mutable: [.], max_files: 50}"));
  for (const char* path :
       {"Makefile", "bench/evaluate.py", "coppice.yaml", "requirements.txt"}) {
    CAPTURE(path);
    CHECK(std::count(scope.immutable_files.begin(), scope.immutable_files.end(),
                     path) == 1);
    CHECK(std::count(scope.mutable_files.begin(), scope.mutable_files.end(),
                     path) == 0);
  }
  REQUIRE(scope.warnings.size() == 4);
  CHECK(scope.warnings[1] ==
        "bench/evaluate.py stays immutable: it is named in evaluation.command; "
        "name the file itself in scope.mutable to let it change");
}

TEST_CASE("the automatic immutables yield to a file named in mutable") {
  const ResolvedScope scope =
      Resolved(SpecWith("{mutable: [train.py, Makefile]}", "python train.py"));
  CHECK(scope.mutable_files == Texts{"Makefile", "train.py"});
  REQUIRE(scope.warnings.size() == 2);
  CHECK(scope.warnings[1] ==
        "train.py may change although it is named in evaluation.command: it "
        "can change what it is measured by");
  // A glob that happens to match is not a name.
  CHECK(Refusal(SpecWith("{mutable: [\"trai*.py\"]}", "python train.py"),
                Files(kRepository))
            .find("nothing may change") != std::string::npos);
}

TEST_CASE("files are found in commands through cwd, cd, globs and modules") {
  const auto immutable = [](std::string_view evaluation) {
    return Resolved(SpecWith("{mutable: [src/parser.cpp]}", evaluation),
                    {"src/parser.cpp", "bench/evaluate.py", "bench/data.csv",
                     "run", "tests/a.py", "tests/b.py"})
        .immutable_files;
  };
  CHECK(immutable("{command: ./evaluate.py, cwd: bench}") ==
        Texts{"bench/evaluate.py"});
  CHECK(immutable("{command: ../run, cwd: bench}") == Texts{"run"});
  CHECK(immutable("sh run") == Texts{"run"});
  CHECK(immutable("cd bench && python evaluate.py <data.csv") ==
        Texts{"bench/evaluate.py", "bench/data.csv"});
  CHECK(immutable("python -m bench.evaluate") == Texts{"bench/evaluate.py"});
  CHECK(immutable("cat tests/*.py") == Texts{"tests/a.py", "tests/b.py"});
  CHECK(immutable("sh -c 'python bench/evaluate.py'") ==
        Texts{"bench/evaluate.py"});
}

TEST_CASE("every command of a spec protects what it names") {
  const Result<Loaded> loaded = Parse(
      "name: x\ngoal: g\nscope: {mutable: [src/a.c]}\n"
      "metric: {name: s, direction: minimize}\n"
      "evaluation: {setup: sh 1.sh, build: sh 2.sh, smoke: sh 3.sh, command: "
      "sh 4.sh, diagnose: sh 5.sh, holdout: {command: sh 6.sh}}\n"
      "checks: [sh 7.sh]\nproposers: [{command: sh 8.sh}]\n");
  REQUIRE(loaded.has_value());
  CHECK(Resolved(loaded->spec, {"src/a.c", "0.sh", "1.sh", "2.sh", "3.sh",
                                "4.sh", "5.sh", "6.sh", "7.sh", "8.sh"})
            .immutable_files ==
        Texts{"1.sh", "2.sh", "3.sh", "4.sh", "5.sh", "6.sh", "7.sh", "8.sh"});
}

TEST_CASE("extensions are those given, else those present") {
  CHECK(Resolved(SpecWith("{mutable: [src/]}")).extensions ==
        Texts{".cpp", ".h", ".py"});
  const ResolvedScope given =
      Resolved(SpecWith("{mutable: [src/], extensions: [cpp]}"));
  CHECK(given.extensions == Texts{".cpp"});
  CHECK(given.mutable_files == Texts{"src/lex/lexer.cpp", "src/parser.cpp"});
  CHECK(Refusal(SpecWith("{mutable: [src/util.py], extensions: [cpp]}"),
                Files(kRepository)) ==
        "coppice.yaml: scope.mutable: src/util.py is of a type that "
        "scope.extensions leaves out");
}

TEST_CASE("a path that matches nothing is named with the nearest") {
  CHECK(Refusal(SpecWith("{mutable: [src/prser.cpp]}"), Files(kRepository)) ==
        "coppice.yaml: scope.mutable: \"src/prser.cpp\" matches no file of the "
        "base commit; did you mean \"src/parser.cpp\"?");
  CHECK(Refusal(SpecWith("{mutable: [src/], immutable: [zebra/], readable: "
                         "[\"*.xyz\"]}"),
                Files(kRepository)) ==
        "coppice.yaml: scope.immutable: \"zebra/\" matches no file of the base "
        "commit (untracked files do not count)\n"
        "scope.readable: \"*.xyz\" matches no file of the base commit "
        "(untracked files do not count)");
  // Where files may be created, a path may be new.
  CHECK(Resolved(SpecWith("{mutable: [src/new/], allow_create: true}"))
            .mutable_files.empty());
}

TEST_CASE("nothing to change is an error") {
  CHECK(Refusal(SpecWith("{mutable: [src/], immutable: [src/]}"),
                Files(kRepository)) ==
        "coppice.yaml: nothing may change: every file that scope.mutable "
        "matches is immutable");
}

TEST_CASE("symbolic links do not change, and are no names of files") {
  std::vector<TrackedFile> files = Files({"src/a.cpp"});
  files.push_back({.path = "src/link.cpp", .size = 5, .symlink = true});
  const Spec directory = SpecWith("{mutable: [src/]}");
  const auto resolved = ResolveScope(directory, "coppice.yaml", files);
  REQUIRE(resolved.has_value());
  CHECK(resolved->mutable_files == Texts{"src/a.cpp"});
  CHECK(resolved->immutable_files == Texts{"src/link.cpp"});
  CHECK(Refusal(SpecWith("{mutable: [src/link.cpp]}"), files) ==
        "coppice.yaml: scope.mutable: src/link.cpp is a symbolic link; name "
        "the file it points to");
}

TEST_CASE("files that are too large or too many are refused early") {
  std::vector<TrackedFile> files = Files({"src/a.c", "src/b.c", "src/c.c"});
  files[0].size = 3 * 1024;
  files[1].size = 201 * 1024;
  files[2].size = 300 * 1024 + 1;
  CHECK(Refusal(SpecWith("{mutable: [src/]}"), files) ==
        "coppice.yaml: mutable files of more than 200 KB: src/c.c (301 KB), "
        "src/b.c (201 KB); move the part to be changed into a file of its own "
        "or raise scope.max_file_kb\n"
        "mutable files of 504 KB together, more than 500 KB; the largest are "
        "src/c.c (301 KB), src/b.c (201 KB), src/a.c (3 KB); narrow "
        "scope.mutable or raise scope.max_total_kb");
  files[1].size = files[2].size = 200 * 1024;
  CHECK(ResolveScope(SpecWith("{mutable: [src/]}"), "coppice.yaml", files)
            .has_value());
  CHECK(Refusal(SpecWith("{mutable: [src/], max_files: 2}"), files) ==
        "coppice.yaml: 3 mutable files, more than 2; narrow scope.mutable or "
        "raise scope.max_files");
}

TEST_CASE("the files of knobs must be mutable") {
  const Result<Loaded> loaded = Parse(
      std::string(kMinimal) +
      "proposers: [{edits: {knobs: [{name: B, file: ./src/util.py, pattern: "
      "'B = (.)', values: [1]}]}}]\n");
  REQUIRE(loaded.has_value());
  CHECK(Refusal(loaded->spec, Files(kRepository)) ==
        "coppice.yaml: knob \"B\": src/util.py is not a mutable file");
}

TEST_CASE("a large repository is resolved") {
  Texts paths{"src/parser.cpp", "bench/evaluate.py"};
  for (int i = 0; i < 30000; ++i) {
    paths.push_back("third_party/d" + std::to_string(i % 100) + "/f" +
                    std::to_string(i) + ".h");
  }
  CHECK(Resolved(SpecWith("{mutable: [src/, \"lib*/**/x?.cpp\", "
                          "\"third_party/d1/f1.h\"], allow_create: true}"),
                 paths)
            .mutable_files.size() == 2);
}

}  // namespace
}  // namespace coppice::spec

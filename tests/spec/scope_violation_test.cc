#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "spec/samples.h"
#include "spec/scope_rules.h"

namespace coppice::spec {
namespace {

using Texts = std::vector<std::string>;

FileStat Changed(std::string path, int added = 1, int removed = 1) {
  return {.path = std::move(path), .added = added, .removed = removed};
}
FileStat Created(std::string path) {
  return {.path = std::move(path), .added = 1, .created = true};
}
FileStat Deleted(std::string path) {
  return {.path = std::move(path), .removed = 1, .deleted = true};
}

// A scope over a small repository of C++ and Python.
struct World {
  explicit World(std::string_view scope,
                 std::string_view evaluation = "python bench/evaluate.py") {
    const std::string text =
        With(With(kMinimal, "{mutable: [src/parser.cpp]}", scope),
             "python bench/evaluate.py", evaluation);
    const Result<Loaded> loaded = Parse(text);
    REQUIRE_MESSAGE(loaded.has_value(), ErrorOf(text));
    spec = loaded->spec;
    std::vector<TrackedFile> files;
    for (const char* path :
         {"Makefile", "bench/evaluate.py", "bench/helper.py", "coppice.yaml",
          "evaluate.py", "lib/core.py", "solve.py", "src/lexer.cpp",
          "src/parser.cpp", "src/parser.h", "tests/data.csv"}) {
      files.push_back({.path = path, .size = 10});
    }
    files.push_back({.path = "src/link.cpp", .size = 3, .symlink = true});
    const auto resolved_scope = ResolveScope(spec, "coppice.yaml", files);
    REQUIRE_MESSAGE(resolved_scope.has_value(), resolved_scope.error().Text());
    resolved = *resolved_scope;
  }

  std::string Reason(const std::vector<FileStat>& changes) const {
    return ViolatesScope(spec, resolved, changes).value_or("");
  }

  Spec spec;
  ResolvedScope resolved;
};

TEST_CASE("changes of mutable files stand") {
  const World world("{mutable: [src/]}");
  CHECK(world.Reason({}) == "");
  CHECK(world.Reason({Changed("src/parser.cpp"), Changed("src/parser.h")}) ==
        "");
}

TEST_CASE("too many changed files are counted and named") {
  const World world("{mutable: [src/parser.cpp], max_files: 1}");
  CHECK(world.Reason({Changed("src/parser.cpp"), Changed("src/lexer.cpp")}) ==
        "too many changed files: 2 > 1 (src/parser.cpp +1 -1, src/lexer.cpp +1 "
        "-1); non-artifact change: src/lexer.cpp (not in scope.mutable)");
}

TEST_CASE("too many changed lines are counted, added and removed") {
  const World world("{mutable: [src/]}");
  CHECK(world.Reason({Changed("src/parser.cpp", 300, 100)}) == "");
  CHECK(world.Reason({Changed("src/parser.cpp", 300, 101)}) ==
        "too many changed lines: 401 > 400 (src/parser.cpp +300 -101)");
  CHECK(world.Reason({Changed("src/parser.cpp", 300, 0),
                      Changed("src/parser.h", 0, 212)}) ==
        "too many changed lines: 512 > 400 (src/parser.cpp +300 -0, "
        "src/parser.h +0 -212)");
  CHECK(world.Reason({Changed("src/parser.cpp", 2000000000, 2000000000)})
            .starts_with("too many changed lines: 4000000000 > 400"));
}

TEST_CASE("a change outside of mutable is no change of the artifact") {
  const World world("{mutable: [src/], immutable: [src/lexer.cpp]}");
  const auto reason = [&](const char* path) {
    return world.Reason({Changed(path)});
  };
  CHECK(reason("bench/evaluate.py") ==
        "non-artifact change: bench/evaluate.py (immutable)");
  CHECK(reason("src/lexer.cpp") ==
        "non-artifact change: src/lexer.cpp (immutable)");
  CHECK(reason("src/link.cpp") ==
        "non-artifact change: src/link.cpp (immutable)");
  CHECK(reason("tests/data.csv") ==
        "non-artifact change: tests/data.csv (not in scope.mutable)");
  CHECK(world.Reason({Deleted("tests/data.csv")}) ==
        "non-artifact change: tests/data.csv (not in scope.mutable)");
  for (const char* path :
       {"../x.cpp", "/etc/x.cpp", "src/../x.cpp", "src//a", ""}) {
    CAPTURE(path);
    CHECK(reason(path).find("(no path inside the repository)") !=
          std::string::npos);
  }
}

TEST_CASE("creating and removing files needs allow_create") {
  const World closed("{mutable: [src/]}");
  CHECK(closed.Reason({Created("src/new.cpp")}) ==
        "creates a file: src/new.cpp (scope.allow_create is off)");
  CHECK(closed.Reason({Deleted("src/parser.cpp")}) ==
        "non-artifact change: src/parser.cpp (removed, and scope.allow_create "
        "is off)");
  const World open("{mutable: [src/], allow_create: true}");
  CHECK(open.Reason({Created("src/new.cpp"), Created("src/sub/new.h"),
                     Deleted("src/parser.cpp")}) == "");
  CHECK(open.Reason({Created("other/new.cpp")}) ==
        "non-artifact change: other/new.cpp (not in scope.mutable)");
}

TEST_CASE("what an ancestor created may be changed and removed later") {
  const World open("{mutable: [src/], allow_create: true}");
  CHECK(open.Reason({Changed("src/made_before.cpp")}) == "");
  CHECK(open.Reason({Deleted("src/made_before.cpp")}) == "");
}

TEST_CASE("a file that is copied into the slots is not created") {
  const World world("{mutable: [src/], allow_create: true}",
                    "{command: x, copy: [src/tables/]}");
  CHECK(world.Reason({Created("src/tables/a.h")}) ==
        "non-artifact change: src/tables/a.h (evaluation.copy puts its own "
        "file there)");
}

TEST_CASE("only types that are allowed are created") {
  const World open("{mutable: [src/], allow_create: true}");
  CHECK(open.Reason({Created("src/run.sh"), Created("src/tool")}) ==
        "disallowed file type: src/run.sh, src/tool (allowed: .cpp, .h)");
  const World script(
      "{mutable: [src/], extensions: [cpp, sh], "
      "allow_create: true}");
  CHECK(script.Reason({Created("src/run.sh")}) == "");
}

TEST_CASE("FM-14 protected names are not created, unless mutable names them") {
  const char* const kNames[] = {"src/CMakeLists.txt", "src/Makefile",
                                "src/.github/x.cpp", "src/a.cmake"};
  const World open(
      "{mutable: [src/], extensions: [txt, cmake, cpp, \"mk\"], "
      "allow_create: true}");
  for (const char* name : kNames) {
    CAPTURE(name);
    CHECK(open.Reason({Created(name)}) ==
          "non-artifact change: " + std::string(name) + " (a protected name)");
  }
  const World named(
      "{mutable: [src/, src/CMakeLists.txt], extensions: [txt, "
      "cpp], allow_create: true}");
  CHECK(named.Reason({Created("src/CMakeLists.txt")}) == "");
}

TEST_CASE("a new file beside immutable ones needs the directory itself") {
  const World glob("{mutable: [\"*.py\"], allow_create: true}",
                   "python evaluate.py");
  CHECK(glob.Reason({Changed("solve.py")}) == "");
  CHECK(glob.Reason({Created("helper.py")}) ==
        "non-artifact change: helper.py (new beside the immutable "
        "evaluate.py)");
  const World directory("{mutable: [.], allow_create: true, max_files: 20}",
                        "python evaluate.py");
  CHECK(directory.Reason({Created("fast_solver.py")}) == "");
  const World named("{mutable: [\"*.py\", helper.py], allow_create: true}",
                    "python evaluate.py");
  CHECK(named.Reason({Created("helper.py")}) == "");
}

TEST_CASE("FM-15 a new module never stands in for one that is imported") {
  const World world("{mutable: [., lib/], allow_create: true, max_files: 20}",
                    "{command: python evaluate.py, build: python "
                    "bench/helper.py}");
  for (const char* path :
       {"statistics.py", "json/__init__.py", "numpy.py", "helper.py",
        "evaluate/__init__.py", "bench/time.py", "bench/evaluate.py2/a.py"}) {
    CAPTURE(path);
    CHECK(world.Reason({Created(path)}).find("in place of a module") !=
          std::string::npos);
  }
  CHECK(world.Reason({Created("lib/statistics.py")}) == "");
  CHECK(world.Reason({Created("solver_fast.py")}) == "");
}

}  // namespace
}  // namespace coppice::spec

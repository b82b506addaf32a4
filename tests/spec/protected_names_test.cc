#include "spec/protected_names.h"

#include <doctest/doctest.h>

#include "spec/scope_rules.h"

namespace coppice::spec {
namespace {

TEST_CASE("names that steer builds, tests and tools are protected anywhere") {
  for (const char* path :
       {"Makefile", "src/Makefile", "CMakeLists.txt", "cmake/x.cmake",
        ".github/workflows/ci.yml", "a/.cargo/config", ".gitmodules",
        "tests/conftest.py", "lib/sitecustomize.py", "x.pth", "build.rs",
        "package.json", ".envrc", "Dockerfile", ".git/config"}) {
    CAPTURE(path);
    CHECK(IsProtectedName(path));
  }
  for (const char* path :
       {"src/parser.cpp", "makefile.txt", "src/cmake", "github/x", "a.pthx",
        "conftest.pyc", "", "xMakefile"}) {
    CAPTURE(path);
    CHECK_FALSE(IsProtectedName(path));
  }
}

TEST_CASE("manifests are the usual ones, or those that are listed") {
  const Dependencies usual;
  CHECK(IsManifest(usual, "go.mod"));
  CHECK(IsManifest(usual, "sub/requirements-dev.txt"));
  CHECK_FALSE(IsManifest(usual, "deps.txt"));
  const Dependencies listed{.manifests = {{"deps.txt", "env/"}}};
  CHECK(IsManifest(listed, "deps.txt"));
  CHECK(IsManifest(listed, "env/x"));
  CHECK_FALSE(IsManifest(listed, "go.mod"));
}

TEST_CASE("common Python modules are known by their whole name") {
  CHECK(IsCommonPythonModule("statistics"));
  CHECK(IsCommonPythonModule("numpy"));
  CHECK_FALSE(IsCommonPythonModule("statistic"));
  CHECK_FALSE(IsCommonPythonModule("parser_core"));
  CHECK_FALSE(IsCommonPythonModule(""));
  CHECK_FALSE(IsCommonPythonModule("io json"));
}

TEST_CASE("paths have a directory, a stem and an extension") {
  CHECK(DirectoryOf("a/b/c.py") == "a/b");
  CHECK(DirectoryOf("c.py") == "");
  CHECK(StemOf("a/c.tar.gz") == "c.tar");
  CHECK(ExtensionOf("a.d/c") == "");
  CHECK(ExtensionOf("a/.profile") == "");
  CHECK(StemOf("a/.profile") == ".profile");
  CHECK(ExtensionOf("a/c.py") == ".py");
}

TEST_CASE("paths that a command names are found as a shell would") {
  using Paths = std::vector<std::string>;
  CHECK(PathsNamedIn("python bench/evaluate.py --n 3") ==
        Paths{"bench/evaluate.py"});
  CHECK(PathsNamedIn("./run.sh && ./run.sh; cat <data/in.txt | x >out/o") ==
        Paths{"run.sh", "data/in.txt", "out/o"});
  CHECK(PathsNamedIn("A=x/y prog --config=conf/a.yml 'my file.txt'") ==
        Paths{"x/y", "conf/a.yml", "my file.txt", "file.txt"});
  CHECK(PathsNamedIn("sh -c 'python a.py \"b c.py\"'") ==
        Paths{"python a.py \"b c.py\"", "a.py", "b c.py", "c.py"});
  CHECK(PathsNamedIn("python3 -m bench.run -x") ==
        Paths{"bench/run.py", "bench/run/__main__.py"});
  CHECK(PathsNamedIn("$HOME/a /usr/bin/env ~/b http://a/b.c 1.5 . ..").empty());
  CHECK(PathsNamedIn("make -j4 test").empty());
  CHECK(PathsNamedIn("").empty());
  CHECK(PathsNamedIn("x 'unterminated.py") == Paths{"unterminated.py"});
}

}  // namespace
}  // namespace coppice::spec

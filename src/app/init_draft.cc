#include "app/init_draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/json.h"
#include "base/text.h"

// One table of what projects are built and tested with, asked in the order in
// which one hides another (a CMake project may have a Makefile for its
// documents); one list of places where benchmarks live.

namespace coppice::app {
namespace {

// SPEC: scope.max_file_kb and max_total_kb.
constexpr std::size_t kMostFileBytes = 200 << 10;
constexpr std::size_t kMostBytes = 400 << 10;
constexpr std::size_t kMostFiles = 3;
constexpr std::size_t kMostPlaces = 12;  // immutable ones that are named

bool HasTarget(const std::string& makefile, std::string_view target) {
  for (std::string_view line : SplitLines(makefile)) {
    if (line.starts_with(target) &&
        Trim(line.substr(target.size())).starts_with(":") &&
        !Trim(line.substr(target.size())).starts_with(":=")) {
      return true;
    }
  }
  return false;
}

Json PackageJson(const RepositoryFacts& facts) {
  Result<Json> json = ParseJson(facts.read("package.json"), "package.json");
  return json && json->is_object() ? *json : Json::object();
}

bool HasScript(const Json& package, const char* script) {
  const auto scripts = package.find("scripts");
  return scripts != package.end() && scripts->is_object() &&
         scripts->contains(script);
}

bool AnyFile(const RepositoryFacts& facts,
             const std::function<bool(const std::string&)>& is) {
  return std::ranges::any_of(
      facts.files, [&](const TrackedFile& file) { return is(file.path); });
}

void CMake(const RepositoryFacts& facts, SpecDraft& draft) {
  draft.setup = {
      {"cmake -S . -B build -DCMAKE_BUILD_TYPE=Release", "CMakeLists.txt", ""}};
  draft.build = {{"cmake --build build -j2", "CMakeLists.txt", ""}};
  const std::string lists = facts.read("CMakeLists.txt");
  const bool tests =
      lists.find("enable_testing") != std::string::npos ||
      lists.find("include(CTest)") != std::string::npos ||
      AnyFile(facts, [&](const std::string& path) {
        return path.ends_with("CMakeLists.txt") &&
               facts.read(path).find("add_test") != std::string::npos;
      });
  if (tests) {
    draft.checks = {{"ctest --test-dir build --output-on-failure",
                     "add_test in CMakeLists.txt", ""}};
  }
}

void Make(const RepositoryFacts& facts, SpecDraft& draft,
          const std::string& makefile) {
  draft.build = {{"make -j2", makefile, ""}};
  const std::string text = facts.read(makefile);
  for (const char* target : {"check", "test", "tests"}) {
    if (!HasTarget(text, target)) continue;
    draft.checks = {{fmt::format("make {}", target),
                     fmt::format("target \"{}\" in {}", target, makefile), ""}};
    return;
  }
}

void Cargo(const RepositoryFacts&, SpecDraft& draft) {
  draft.build = {{"cargo build --release --offline", "Cargo.toml", ""}};
  draft.checks = {{"cargo test --release --offline", "Cargo.toml", ""}};
  draft.expose = {{"~/.cargo", "cargo, which keeps crates there", ""},
                  {"~/.rustup", "rustup, which keeps compilers there", ""}};
  draft.remarks.push_back(
      "cargo works offline in the sandbox: run `cargo fetch` once");
}

void Go(const RepositoryFacts&, SpecDraft& draft) {
  draft.build = {{"go build ./...", "go.mod", ""}};
  draft.checks = {{"go test ./...", "go.mod", ""}};
  draft.expose = {{"~/go", "go, which keeps modules there", ""}};
}

void Npm(const RepositoryFacts& facts, SpecDraft& draft) {
  const Json package = PackageJson(facts);
  if (facts.Has("package-lock.json")) {
    draft.setup = {{"npm ci", "package-lock.json",
                    "needs network: true, or a node_modules under "
                    "evaluation.copy"}};
  }
  if (HasScript(package, "build")) {
    draft.build = {{"npm run build", "script \"build\" in package.json", ""}};
  }
  if (HasScript(package, "test")) {
    draft.checks = {{"npm test", "script \"test\" in package.json", ""}};
  }
}

void Python(const RepositoryFacts& facts, SpecDraft& draft) {
  if (facts.Has("uv.lock")) {
    draft.manager = "uv";
    draft.setup = {{"uv sync --offline", "uv.lock", ""}};
    draft.expose = {{"~/.cache/uv", "uv, which keeps packages there", ""}};
  } else if (facts.Has("requirements.txt")) {
    draft.setup = {
        {"python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
         "requirements.txt", "needs network: true, or leave it out"}};
  }
  const std::string run = draft.manager == "uv" ? "uv run --offline " : "";
  const bool pytest = AnyFile(facts, [&](const std::string& path) {
    return path.ends_with("conftest.py") || path == "pytest.ini" ||
           (IsTest(path) && path.ends_with(".py") &&
            facts.read(path).find("import pytest") != std::string::npos);
  });
  const bool tests = AnyFile(facts, [](const std::string& path) {
    return IsTest(path) && path.ends_with(".py");
  });
  if (pytest) {
    draft.checks = {{run + "python3 -m pytest -q", "tests for pytest", ""}};
  } else if (tests) {
    draft.checks = {
        {run + "python3 -m unittest discover", "tests for unittest", ""}};
  }
}

void Meson(const RepositoryFacts&, SpecDraft& draft) {
  draft.setup = {{"meson setup build --buildtype=release", "meson.build", ""}};
  draft.build = {{"ninja -C build", "meson.build", ""}};
  draft.checks = {{"meson test -C build", "meson.build", ""}};
}

void Autotools(const RepositoryFacts& facts, SpecDraft& draft) {
  const bool made = facts.Has("configure");
  draft.setup = {{made ? "./configure" : "autoreconf -fi && ./configure",
                  made ? "configure" : "configure.ac", ""}};
  draft.build = {{"make -j2", "configure.ac", ""}};
  draft.checks = {{"make check", "configure.ac", ""}};
}

void Maven(const RepositoryFacts&, SpecDraft& draft) {
  draft.build = {{"mvn -q -o package -DskipTests", "pom.xml", ""}};
  draft.checks = {{"mvn -q -o test", "pom.xml", ""}};
  draft.expose = {{"~/.m2", "maven, which keeps packages there", ""}};
}

void Gradle(const RepositoryFacts&, SpecDraft& draft) {
  draft.build = {{"./gradlew --offline assemble", "build.gradle", ""}};
  draft.checks = {{"./gradlew --offline test", "build.gradle", ""}};
  draft.expose = {{"~/.gradle", "gradle, which keeps packages there", ""}};
}

void Dune(const RepositoryFacts&, SpecDraft& draft) {
  draft.build = {{"dune build --profile release", "dune-project", ""}};
  draft.checks = {{"dune test", "dune-project", ""}};
}

void Ruby(const RepositoryFacts& facts, SpecDraft& draft) {
  const std::string rake = facts.read("Rakefile");
  if (facts.Has(".rspec") || facts.Has("spec/spec_helper.rb")) {
    draft.checks = {{"rspec", "specs for rspec", ""}};
  } else if (rake.find("TestTask") != std::string::npos) {
    draft.checks = {{"rake test", "TestTask in Rakefile", ""}};
  }
}

void Perl(const RepositoryFacts& facts, SpecDraft& draft) {
  if (facts.Has("Makefile.PL")) {
    draft.setup = {{"perl Makefile.PL", "Makefile.PL", ""}};
    draft.build = {{"make", "Makefile.PL", ""}};
  }
  if (AnyFile(facts, [](const std::string& path) {
        return path.starts_with("t/") && path.ends_with(".t");
      })) {
    draft.checks = {{"prove -b t", "tests in t/", ""}};
  }
}

struct Manager {
  const char* name;
  const char* manifest;
  void (*fill)(const RepositoryFacts&, SpecDraft&);
};
constexpr Manager kManagers[] = {
    {"cargo", "Cargo.toml", Cargo},
    {"go", "go.mod", Go},
    {"dune", "dune-project", Dune},
    {"npm", "package.json", Npm},
    {"pip", "pyproject.toml", Python},
    {"pip", "setup.py", Python},
    {"maven", "pom.xml", Maven},
    {"gradle", "build.gradle", Gradle},
    {"cmake", "CMakeLists.txt", CMake},
    {"meson", "meson.build", Meson},
    {"autotools", "configure.ac", Autotools},
    {"rake", "Rakefile", Ruby},
    {"perl", "Makefile.PL", Perl},
    {"pip", "requirements.txt", Python},
};

void FillBuild(const RepositoryFacts& facts, SpecDraft& draft) {
  for (const Manager& manager : kManagers) {
    if (!facts.Has(manager.manifest)) continue;
    draft.manager = manager.name;
    manager.fill(facts, draft);
    return;
  }
  for (const char* makefile : {"Makefile", "makefile", "GNUmakefile"}) {
    if (!facts.Has(makefile)) continue;
    draft.manager = "make";
    Make(facts, draft, makefile);
    return;
  }
}

// How a script is run; empty for what is no script.
std::string Run(const std::string& path) {
  if (path.ends_with(".py")) return "python3 " + path;
  if (path.ends_with(".sh")) return "sh " + path;
  if (path.ends_with(".js")) return "node " + path;
  if (path.ends_with(".rb")) return "ruby " + path;
  if (path.ends_with(".pl")) return "perl " + path;
  return "";
}

// `func BenchmarkX` of Go prints "1234 ns/op" by itself.
bool GoBenchmark(const RepositoryFacts& facts, SpecDraft& draft) {
  static const std::regex function(R"(func (Benchmark\w+)\()");
  for (const TrackedFile& file : facts.files) {
    if (!file.path.ends_with("_test.go")) continue;
    const std::string text = facts.read(file.path);
    std::smatch match;
    if (!std::regex_search(text, match, function)) continue;
    const std::size_t slash = file.path.rfind('/');
    const std::string package =
        slash == std::string::npos ? "." : "./" + file.path.substr(0, slash);
    draft.command = {fmt::format("go test -run '^$' -bench '^{}$' -cpu 1 {}",
                                 match[1].str(), package),
                     file.path, "choose the benchmark that matters"};
    draft.metric = {"nanoseconds", file.path, ""};
    draft.direction = {"minimize", file.path, ""};
    draft.output = R"({regex: '([0-9.]+) ns/op'})";
    return true;
  }
  return false;
}

bool FindCommand(const RepositoryFacts& facts, SpecDraft& draft) {
  const std::string print =
      fmt::format("must print `{}: NUMBER`", draft.metric.value);
  for (const char* name :
       {"evaluate.py", "eval.py", "evaluate.sh", "benchmark.py", "bench.py",
        "benchmark.sh", "bench.sh", "benchmark.js", "bench.js", "benchmark.rb",
        "benchmark.pl"}) {
    if (const auto path = facts.Named(name)) {
      const bool says =
          facts.read(*path).find(draft.metric.value) != std::string::npos;
      draft.command = {Run(*path), *path, says ? "" : print};
      return true;
    }
  }
  if (draft.manager == "go" && GoBenchmark(facts, draft)) return true;
  if (draft.manager == "npm") {
    for (const char* script : {"benchmark", "bench"}) {
      if (!HasScript(PackageJson(facts), script)) continue;
      draft.command = {fmt::format("npm run --silent {}", script),
                       fmt::format("script \"{}\" in package.json", script),
                       print};
      return true;
    }
  }
  for (const char* makefile : {"Makefile", "Rakefile"}) {
    for (const char* target : {"bench", "benchmark"}) {
      if (!HasTarget(facts.read(makefile), target)) continue;
      draft.command = {fmt::format("make {}", target),
                       fmt::format("target \"{}\" in {}", target, makefile),
                       print};
      return true;
    }
  }
  for (const TrackedFile& file : facts.files) {
    if (!IsBenchmark(file.path) || IsTest(file.path)) continue;
    if (draft.manager == "cargo" && file.path.starts_with("benches/")) {
      draft.command = {"cargo bench --offline", file.path, print};
      return true;
    }
    if (!Run(file.path).empty()) {
      draft.command = {Run(file.path), file.path, print};
      return true;
    }
  }
  return false;
}

void FillCommand(const RepositoryFacts& facts, SpecDraft& draft) {
  if (FindCommand(facts, draft)) return;
  draft.command = {
      "echo 'no measurement yet: see the TODO in coppice.yaml' >&2; exit 1", "",
      fmt::format("a command that prints `{}: NUMBER`; `coppice init "
                  "--template speed` writes one to begin with",
                  draft.metric.value)};
  draft.remarks.push_back(
      "nothing here measures anything yet: write a command that prints a "
      "number, or begin with --template speed|accuracy|memory|loss|judge");
}

std::string Why(const Candidate& file) {
  std::string why = file.importers > 0
                        ? fmt::format("{} file{} import{} it", file.importers,
                                      file.importers == 1 ? "" : "s",
                                      file.importers == 1 ? "s" : "")
                        : "the largest source file left";
  if (file.measured) why += ", a benchmark among them";
  return why;
}

// The directory that makes the file a test or a benchmark, or the file itself.
std::string PlaceOf(const std::string& path) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash + 1);
    if (IsTest(directory + "x") || IsBenchmark(directory + "x")) {
      return directory;
    }
  }
  return path;
}

void FillScope(const RepositoryFacts& facts, SpecDraft& draft) {
  std::size_t total = 0;
  for (const Candidate& file :
       HotFiles(facts, draft.language, kMostFileBytes)) {
    const auto tracked =
        std::ranges::find(facts.files, file.path, &TrackedFile::path);
    if (draft.mutable_files.size() == kMostFiles ||
        total + tracked->bytes > kMostBytes) {
      continue;
    }
    total += tracked->bytes;
    draft.mutable_files.push_back({file.path, Why(file), ""});
  }
  if (draft.mutable_files.empty()) {
    draft.mutable_files = {{"src/", "", "the files that may change"}};
  }
  for (const TrackedFile& file : facts.files) {
    const bool test = IsTest(file.path);
    if ((!test && !IsBenchmark(file.path)) || IsAside(file.path)) continue;
    const std::string place = PlaceOf(file.path);
    const bool known = std::ranges::any_of(
        draft.immutable_files,
        [&](const Guess& guess) { return guess.value == place; });
    if (!known && draft.immutable_files.size() < kMostPlaces) {
      draft.immutable_files.push_back(
          {place, test ? "tests by name" : "measures by name", ""});
    }
  }
}

std::string NameOf(const std::string& text) {
  std::string name;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) {
      name += static_cast<char>(std::tolower(byte));
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name = name.substr(0, 40);
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "search" : name;
}

}  // namespace

std::optional<GoalWord> ReadGoal(const std::string& goal) {
  struct Row {
    const char* pattern;
    const char* metric;
    const char* direction;
  };
  // The first that matches: what is said of memory is not about "less time".
  static const Row rows[] = {
      {"memory|ram|footprint|alloc\\w*|rss", "peak_mb", "minimize"},
      {"loss|perplexity", "loss", "minimize"},
      {"rmse|mae|mse", "rmse", "minimize"},
      {"error rate|wer", "error_rate", "minimize"},
      {"throughput|requests per second|ops|qps", "throughput", "maximize"},
      {"wrong|accura\\w*|correct\\w*|precision|recall|f1|map50\\S*|score|"
       "quality|better answers",
       "accuracy", "maximize"},
      {"binary size|code size|smaller|shrink|bundle", "bytes", "minimize"},
      {"compress\\w* ratio|ratio", "ratio", "maximize"},
      {"slow\\w*|fast\\w*|speed\\w*|time|latency|quick\\w*|performance|"
       "seconds|hot path|efficien\\w*",
       "seconds", "minimize"}};
  for (const Row& row : rows) {
    const std::regex words(std::string("\\b(") + row.pattern + ")\\b",
                           std::regex::icase);
    std::smatch match;
    if (std::regex_search(goal, match, words)) {
      return GoalWord{row.metric, row.direction, match.str()};
    }
  }
  return std::nullopt;
}

SpecDraft DraftOf(const RepositoryFacts& facts, const std::string& goal) {
  SpecDraft draft;
  draft.name = NameOf(facts.project);
  const Language language = MainLanguage(facts);
  draft.language = language.name;
  draft.goal = goal.empty()
                   ? Guess{fmt::format("Make {} faster without changing what "
                                       "it does",
                                       facts.project),
                           "", "what should get better, and what must stay"}
                   : Guess{goal, "the command line", ""};
  const auto word = ReadGoal(draft.goal.value);
  const std::string from = word && !goal.empty()
                               ? fmt::format("\"{}\" in the goal", word->word)
                               : "";
  draft.metric = {word ? word->metric : "score", from,
                  word ? "" : "what your command prints"};
  draft.direction = {word ? word->direction : "maximize", from,
                     word ? "" : "minimize or maximize"};
  FillBuild(facts, draft);
  FillCommand(facts, draft);
  FillScope(facts, draft);
  if (draft.checks.empty()) {
    draft.remarks.push_back(
        "no tests were found: without a check a faster wrong answer wins");
  }
  return draft;
}

}  // namespace coppice::app

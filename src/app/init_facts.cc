#include "app/init_facts.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <functional>
#include <set>
#include <utility>

#include "base/text.h"

// What hangs on a file is guessed from imports: a line that begins as imports
// do in any of these languages and names the stem of the file. A benchmark
// that does counts for three. Size breaks ties: where nothing imports by file
// (packages of Go, modules of OCaml) the largest file is the best guess.

namespace coppice::app {
namespace {

struct Extension {
  std::string_view ending, language;
};
constexpr Extension kExtensions[] = {{".c", "C"},
                                     {".cc", "C++"},
                                     {".cpp", "C++"},
                                     {".cxx", "C++"},
                                     {".hpp", "C++"},
                                     {".hh", "C++"},
                                     {".py", "Python"},
                                     {".rs", "Rust"},
                                     {".go", "Go"},
                                     {".js", "JavaScript"},
                                     {".mjs", "JavaScript"},
                                     {".cjs", "JavaScript"},
                                     {".ts", "TypeScript"},
                                     {".java", "Java"},
                                     {".rb", "Ruby"},
                                     {".pm", "Perl"},
                                     {".pl", "Perl"},
                                     {".ml", "OCaml"},
                                     {".hs", "Haskell"},
                                     {".jl", "Julia"},
                                     {".f90", "Fortran"},
                                     {".swift", "Swift"},
                                     {".kt", "Kotlin"},
                                     {".cs", "C#"},
                                     {".lua", "Lua"},
                                     {".zig", "Zig"},
                                     {".cu", "CUDA"},
                                     {".h", "C"}};

constexpr std::string_view kTestParts[] = {
    "test",  "tests",     "testing",  "t",        "spec",
    "specs", "__tests__", "unittest", "unittests"};
constexpr std::string_view kBenchmarkParts[] = {"bench", "benches", "benchmark",
                                                "benchmarks", "perf"};
constexpr std::string_view kAsideParts[] = {
    "example", "examples",    "doc",        "docs",
    "vendor",  "third_party", "thirdparty", "node_modules",
    "debian",  "contrib",     "build",      "dist",
    "fuzz",    "scripts",     "script",     "tools",
    "cmake",   "support",     "site",       "website",
    "ci",      "packaging",   "tasks",      ".github",
    "ossfuzz", "visual",      "ext",        "m4"};
constexpr std::string_view kImports[] = {
    "#include", "import", "from",   "require", "require_relative",
    "use",      "mod",    "pub",    "open",    "const",
    "var",      "let",    "export", "load"};

std::vector<std::string> Parts(std::string_view path) {
  std::vector<std::string> parts(1);
  for (char c : path) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() +=
          static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return parts;
}

template <class List>
bool AnyDirectory(std::string_view path, const List& list) {
  std::vector<std::string> parts = Parts(path);
  parts.pop_back();
  return std::ranges::any_of(parts, [&](const std::string& part) {
    return std::ranges::find(list, part) != std::end(list);
  });
}

std::string Stem(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  return std::string(path.substr(0, path.find('.')));
}

bool IsWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         c == '-';
}

// Words of the lines that import something.
std::set<std::string> Imported(const std::string& text) {
  std::set<std::string> words;
  for (std::string_view line : SplitLines(text)) {
    line = Trim(line);
    const bool imports =
        std::ranges::any_of(kImports, [&](std::string_view keyword) {
          return line.starts_with(keyword) && (line.size() == keyword.size() ||
                                               !IsWord(line[keyword.size()]));
        });
    if (!imports || line.size() > 300) continue;
    std::string word;
    for (char c : line) {
      if (IsWord(c)) {
        word += c;
      } else if (!word.empty()) {
        words.insert(std::exchange(word, {}));
      }
    }
    if (!word.empty()) words.insert(word);
  }
  return words;
}

}  // namespace

bool RepositoryFacts::Has(std::string_view path) const {
  return std::ranges::any_of(
      files, [&](const TrackedFile& file) { return file.path == path; });
}

std::optional<std::string> RepositoryFacts::Named(std::string_view name) const {
  const std::string* found = nullptr;
  for (const TrackedFile& file : files) {
    const std::size_t slash = file.path.rfind('/');
    const std::size_t at = slash == std::string::npos ? 0 : slash + 1;
    if (std::string_view(file.path).substr(at) != name ||
        AnyDirectory(file.path, kAsideParts)) {
      continue;
    }
    if (found == nullptr || file.path.size() < found->size()) {
      found = &file.path;
    }
  }
  if (found == nullptr) return std::nullopt;
  return *found;
}

bool IsTest(std::string_view path) {
  if (AnyDirectory(path, kTestParts)) return true;
  const std::string stem = Stem(path);
  const std::string name = Parts(path).back();
  return stem.starts_with("test_") || stem.ends_with("_test") ||
         stem.ends_with("_spec") || stem == "conftest" || stem == "tests" ||
         (stem.ends_with("Test") && name.ends_with(".java")) ||
         name.find(".test.") != std::string::npos ||
         name.find(".spec.") != std::string::npos;
}

bool IsBenchmark(std::string_view path) {
  const std::string stem = Parts(Stem(path)).back();
  return AnyDirectory(path, kBenchmarkParts) || stem == "bench" ||
         stem == "benchmark" || stem.ends_with("_bench") ||
         stem.starts_with("bench_") || stem == "evaluate" || stem == "eval";
}

bool IsAside(std::string_view path) {
  const std::string name = Parts(path).back();
  return AnyDirectory(path, kAsideParts) || name == "setup.py" ||
         name == "gruntfile.js" || name == "rakefile.rb" ||
         name.find(".min.") != std::string::npos || name.ends_with("_pb2.py") ||
         name.ends_with(".config.js") || path.front() == '.';
}

std::string LanguageOf(std::string_view path) {
  for (const Extension& extension : kExtensions) {
    if (path.ends_with(extension.ending)) {
      return std::string(extension.language);
    }
  }
  return "";
}

Language MainLanguage(const RepositoryFacts& facts) {
  std::map<std::string, std::size_t> bytes;
  std::map<std::string, std::size_t> counts;
  for (const TrackedFile& file : facts.files) {
    const std::string language = LanguageOf(file.path);
    if (language.empty() || IsTest(file.path) || IsBenchmark(file.path) ||
        IsAside(file.path)) {
      continue;
    }
    bytes[language] += file.bytes;
    ++counts[language];
  }
  // A header is of the language that includes it.
  const auto cpp = bytes.find("C++");
  const auto c = bytes.find("C");
  if (cpp != bytes.end() && c != bytes.end()) {
    std::size_t headers = 0;
    for (const TrackedFile& file : facts.files) {
      if (file.path.ends_with(".h") && !IsTest(file.path) &&
          !IsAside(file.path)) {
        headers += file.bytes;
      }
    }
    if (c->second <= headers + cpp->second) cpp->second += c->second;
  }
  const auto most = std::ranges::max_element(
      bytes, {}, [](const auto& entry) { return entry.second; });
  if (most == bytes.end()) return {};
  return {most->first, counts[most->first]};
}

std::vector<Candidate> HotFiles(const RepositoryFacts& facts,
                                const std::string& language,
                                std::size_t most_bytes) {
  struct Rated {
    Candidate candidate;
    double score = 0;
  };
  std::map<std::string, int> importers;  // by stem
  std::set<std::string> measured;
  for (const TrackedFile& file : facts.files) {
    const std::string own = LanguageOf(file.path);
    if (own.empty() || file.bytes > (1U << 20) || IsTest(file.path)) continue;
    const bool benchmark = IsBenchmark(file.path);
    const std::string stem = Stem(file.path);
    for (const std::string& word : Imported(facts.read(file.path))) {
      if (word == stem) continue;
      ++importers[word];
      if (benchmark) measured.insert(word);
    }
  }
  const bool headers = language == "C++";
  std::vector<Rated> rated;
  for (const TrackedFile& file : facts.files) {
    const std::string own = LanguageOf(file.path);
    const bool same = own == language || (headers && file.path.ends_with(".h"));
    if (!same || (language == "C" && file.path.ends_with(".h")) ||
        IsTest(file.path) || IsBenchmark(file.path) || IsAside(file.path) ||
        file.bytes == 0 || file.bytes > most_bytes) {
      continue;
    }
    Rated one;
    const std::string stem = Stem(file.path);
    one.candidate.path = file.path;
    one.candidate.importers = importers[stem];
    one.candidate.measured = measured.contains(stem);
    one.score = (1 + one.candidate.importers) *
                (one.candidate.measured ? 3 : 1) *
                std::sqrt(static_cast<double>(file.bytes));
    rated.push_back(std::move(one));
  }
  std::ranges::sort(rated, [](const Rated& a, const Rated& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.candidate.path < b.candidate.path;
  });
  std::vector<Candidate> hot;
  for (Rated& one : rated) {
    // Far below the first nothing is a guess any more.
    if (one.score < rated.front().score / 4) break;
    hot.push_back(std::move(one.candidate));
  }
  return hot;
}

}  // namespace coppice::app

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What a repository shows of itself: names of tracked files and their texts.
// Pure functions over them; nothing is run.

namespace coppice::app {

struct TrackedFile {
  std::string path;
  std::size_t bytes = 0;
};

struct RepositoryFacts {
  std::string project;  // the name of its directory
  std::vector<TrackedFile> files;
  // The text of a tracked file; empty if there is none.
  std::function<std::string(const std::string& path)> read;

  bool Has(std::string_view path) const;
  // The first file whose name without directories is `name`; shortest path.
  std::optional<std::string> Named(std::string_view name) const;
};

// Directories of tests, benchmarks, examples, documents and other people's
// code, and files that say by their name that they are one of these.
bool IsTest(std::string_view path);
bool IsBenchmark(std::string_view path);
bool IsAside(std::string_view path);  // neither, and not the program either

struct Language {
  std::string name;  // "C++"; empty: none of those known
  std::size_t files = 0;
};
// Of the most bytes of source that is not aside.
Language MainLanguage(const RepositoryFacts& facts);
// "C++" for "a.cc"; empty for what is no source.
std::string LanguageOf(std::string_view path);

// A file worth changing, and why.
struct Candidate {
  std::string path;
  int importers = 0;      // other files that name it in an import
  bool measured = false;  // a benchmark imports it
};
// Source files of the language by how much hangs on them, best first; none
// above `most_bytes`.
std::vector<Candidate> HotFiles(const RepositoryFacts& facts,
                                const std::string& language,
                                std::size_t most_bytes);

}  // namespace coppice::app

#include "llm/agent_program.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

// Agents are installed under the user's home more often than not: npm with a
// prefix of its own, nvm, pipx, uv. So a link like ~/.npm-global/bin/codex is
// followed to the file, and the package around it is shown: all of the
// outermost node_modules (packages lean on their neighbours), else what the
// directory `bin` belongs to, else the file's directory. Then the same for the
// interpreter that the file's first line names, and for that one's.

namespace coppice::llm {
namespace fs = std::filesystem;
namespace {

constexpr int kMostInterpreters = 4;

fs::path Find(std::string_view name, std::string_view path) {
  std::istringstream directories{std::string(path)};
  for (std::string directory; std::getline(directories, directory, ':');) {
    const fs::path candidate = fs::path(directory) / name;
    std::error_code ignored;
    if (candidate.is_absolute() && fs::is_regular_file(candidate, ignored) &&
        access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return {};
}

bool IsWithin(const fs::path& path, const fs::path& directory) {
  return std::ranges::mismatch(directory, path).in1 == directory.end();
}

// In every sandbox, whatever is exposed.
bool IsShown(const fs::path& path) {
  static constexpr std::array<const char*, 6> kShown{"/usr",  "/opt", "/bin",
                                                     "/sbin", "/lib", "/lib64"};
  return std::ranges::any_of(
      kShown, [&](const char* shown) { return IsWithin(path, shown); });
}

// What has to be shown with a file.
fs::path PackageOf(const fs::path& file, const fs::path& home) {
  fs::path modules;
  for (const fs::path& part : file) {
    modules /= part;
    if (part == "node_modules") return modules;
  }
  const fs::path directory = file.parent_path();
  const bool in_bin = directory.filename() == "bin";
  const fs::path package = in_bin ? directory.parent_path() : directory;
  // A directory that others share shows more than this program.
  const bool shared = IsWithin(home, package) || package == home / ".local" ||
                      package == home / "bin";
  return shared ? file : package;
}

// What follows "#!" on the first line, in words.
std::vector<std::string> Interpreter(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  char mark[2] = {};
  if (!in.read(mark, 2) || mark[0] != '#' || mark[1] != '!') return {};
  std::string line;
  std::getline(in, line);
  std::istringstream words(line.substr(0, 4096));
  std::vector<std::string> all;
  for (std::string word; words >> word;) all.push_back(word);
  return all;
}

class Finder {
 public:
  Finder(std::string_view path, const fs::path& home)
      : path_(path), home_(home) {}

  // False if something is missing on the way.
  bool Follow(const fs::path& file) {
    std::error_code error;
    found_.file = fs::canonical(file, error);
    if (error) return false;
    Show(found_.file);
    fs::path script = found_.file;
    for (int i = 0; i < kMostInterpreters; ++i) {
      const std::vector<std::string> words = Interpreter(script);
      if (words.empty()) return true;
      const fs::path interpreter = Named(words);
      if (interpreter.empty()) return false;
      ShowLinks(interpreter);
      script = fs::canonical(interpreter, error);
      if (error) return false;
    }
    return true;
  }

  FoundProgram Take() { return std::move(found_); }

 private:
  // The program that a first line means: "/usr/bin/env -S node --flag".
  fs::path Named(const std::vector<std::string>& words) const {
    if (fs::path(words[0]).filename() != "env") return words[0];
    const auto name =
        std::find_if(words.begin() + 1, words.end(), [](const auto& word) {
          return !word.starts_with('-') && word.find('=') == word.npos;
        });
    return name == words.end() ? fs::path() : Find(*name, path_);
  }

  // The kernel and the loader open an interpreter by the name in the script,
  // so each link on the way to it is shown too.
  void ShowLinks(fs::path link) {
    constexpr int kMostLinks = 16;
    std::error_code error;
    for (int i = 0; i < kMostLinks; ++i) {
      Show(link);
      const fs::path target = fs::read_symlink(link, error);
      if (error) break;
      link = (link.parent_path() / target).lexically_normal();
    }
    const fs::path file = fs::canonical(link, error);
    if (!error) Show(file);
  }

  void Show(const fs::path& file) {
    Add(found_.directories, file.parent_path());
    if (IsShown(file)) return;
    Add(found_.expose, PackageOf(file, home_));
  }

  static void Add(std::vector<fs::path>& paths, fs::path path) {
    if (std::ranges::find(paths, path) == paths.end()) {
      paths.push_back(std::move(path));
    }
  }

  const std::string_view path_;
  const fs::path& home_;
  FoundProgram found_;
};

}  // namespace

std::optional<FoundProgram> FindAgentProgram(std::string_view name,
                                             std::string_view path,
                                             const fs::path& home) {
  const fs::path file = Find(name, path);
  if (file.empty()) return std::nullopt;
  Finder finder(path, home);
  if (!finder.Follow(file)) return std::nullopt;
  return finder.Take();
}

}  // namespace coppice::llm

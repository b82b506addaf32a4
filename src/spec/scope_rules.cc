#include "spec/scope_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "spec/command_words.h"
#include "spec/judge_names.h"
#include "spec/protected_names.h"
#include "spec/scope_lists.h"
#include "spec/values.h"

// Each tracked file is judged once: explicit immutables win, then the
// automatic ones, which yield only to a file that `mutable` names itself, then
// `mutable` by name, directory or glob. What is wrong is collected and told
// together.

namespace coppice::spec {
namespace {

constexpr std::uint64_t kKb = 1024;
constexpr std::size_t kLargestShown = 3;

// The words of one command, as paths from the root.
struct CommandPaths {
  std::string key;
  std::set<std::string, std::less<>> files;
  std::vector<std::string> globs;
};

// `word` seen from `directory`; "../" steps are taken back.
std::string Below(std::string_view directory, std::string_view word) {
  std::string path = directory == "."
                         ? NormalPath(word)
                         : NormalPath(fmt::format("{}/{}", directory, word));
  for (std::size_t at = path.find("/../"); at != std::string::npos;
       at = path.find("/../")) {
    const std::size_t slash =
        at == 0 ? std::string::npos : path.rfind('/', at - 1);
    const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
    path.erase(begin, at + 4 - begin);
  }
  return path;
}

CommandPaths PathsOf(const NamedCommand& command, const std::string& cwd) {
  CommandPaths paths{.key = command.key};
  std::set<std::string> directories{".", cwd};
  std::string before;
  for (const std::string& word : WordsOf(command.command)) {
    if (before == "cd") directories.insert(Below(cwd, word));
    for (const std::string& directory : directories) {
      std::string path = Below(directory, word);
      if (path.find_first_of("*?[") != std::string::npos) {
        paths.globs.push_back(std::move(path));
      } else {
        paths.files.insert(std::move(path));
      }
    }
    before = word;
  }
  return paths;
}

class Resolver {
 public:
  Resolver(const Spec& spec, std::string_view spec_path,
           std::span<const TrackedFile> files)
      : spec_(spec), scope_(spec.scope), spec_path_(spec_path), files_(files) {
    const std::string cwd = NormalPath(spec.evaluation.cwd);
    for (const NamedCommand& command : CommandsOf(spec)) {
      commands_.push_back(PathsOf(command, cwd));
    }
  }

  Result<ResolvedScope> Resolve() {
    for (const TrackedFile& file : files_) Judge(file);
    CheckPatterns();
    CheckSizes();
    CheckKnobFiles();
    FillExtensions();
    if (problems_.empty()) return std::move(resolved_);
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("{}", fmt::join(problems_, "\n")),
                 .where = std::string(spec_path_)};
  }

 private:
  // Why a file is immutable without being listed, or nothing.
  std::optional<std::string> Automatic(std::string_view path) const {
    if (path == spec_path_) return "it is this specification";
    for (const CommandPaths& command : commands_) {
      const bool named = command.files.contains(path) ||
                         std::any_of(command.globs.begin(), command.globs.end(),
                                     [path](const std::string& glob) {
                                       return GlobMatch(glob, path);
                                     });
      if (named) return "it is named in " + command.key;
    }
    if (std::ranges::count(rubrics_, path) > 0) {
      return "it is what the judge scores by";
    }
    if (IsManifest(spec_.dependencies, path)) return "it declares dependencies";
    if (IsProtectedName(path)) {
      return "files of this name steer builds, tests or tools";
    }
    return std::nullopt;
  }

  bool AllowedType(std::string_view path) const {
    const std::vector<std::string>& allowed = scope_.extensions;
    return allowed.empty() || std::find(allowed.begin(), allowed.end(),
                                        ExtensionOf(path)) != allowed.end();
  }

  void Judge(const TrackedFile& file) {
    const std::string& path = file.path;
    const bool listed = MatchesAny(scope_.mutable_paths, path);
    const bool named = listed && NamesFile(scope_.mutable_paths, path);
    if (MatchesAny(scope_.immutable, path)) {
      resolved_.immutable_files.push_back(path);
      return;
    }
    const std::optional<std::string> reason = Automatic(path);
    if (!listed) {
      if (reason) {
        resolved_.immutable_files.push_back(path);
      } else if (MatchesAny(scope_.readable, path)) {
        resolved_.readable_files.push_back(path);
      }
      return;
    }
    if (reason && !named) {
      resolved_.immutable_files.push_back(path);
      Warn(
          "{} stays immutable: {}; name the file itself in scope.mutable to "
          "let it change",
          path, *reason);
    } else if (file.symlink) {
      resolved_.immutable_files.push_back(path);
      if (named)
        Problem(
            "scope.mutable: {} is a symbolic link; name the file "
            "it points to",
            path);
    } else if (!AllowedType(path)) {
      resolved_.immutable_files.push_back(path);
      if (named)
        Problem(
            "scope.mutable: {} is of a type that "
            "scope.extensions leaves out",
            path);
    } else {
      if (reason)
        Warn(
            "{} may change although {}: it can change what it is "
            "measured by",
            path, *reason);
      resolved_.mutable_files.push_back(path);
      sizes_.emplace_back(file.size, path);
    }
  }

  void CheckPatterns() {
    CheckList("mutable", scope_.mutable_paths, scope_.allow_create);
    CheckList("immutable", scope_.immutable, false);
    CheckList("readable", scope_.readable, false);
    if (!problems_.empty() || !resolved_.mutable_files.empty()) return;
    if (scope_.allow_create) return;  // what is made later may change
    Problem(
        "nothing may change: every file that scope.mutable matches is "
        "immutable{}",
        resolved_.warnings.empty() ? "" : ": " + resolved_.warnings[0]);
  }

  void CheckList(std::string_view key, const std::vector<std::string>& patterns,
                 bool may_be_new) {
    for (const std::string& pattern : patterns) {
      const bool matches = std::any_of(files_.begin(), files_.end(),
                                       [&pattern](const TrackedFile& file) {
                                         return GlobMatch(pattern, file.path);
                                       });
      if (matches || may_be_new) continue;
      std::vector<std::string> paths;
      for (const TrackedFile& file : files_) paths.push_back(file.path);
      const std::optional<std::string> near = Nearest(pattern, paths);
      Problem("scope.{}: \"{}\" matches no file of the base commit{}", key,
              pattern,
              near ? fmt::format("; did you mean \"{}\"?", *near)
                   : " (untracked files do not count)");
    }
  }

  void CheckSizes() {
    std::sort(sizes_.rbegin(), sizes_.rend());
    const std::uint64_t total = std::accumulate(
        sizes_.begin(), sizes_.end(), std::uint64_t{0},
        [](std::uint64_t sum, const auto& file) { return sum + file.first; });
    const auto max_file = static_cast<std::uint64_t>(scope_.max_file_kb) * kKb;
    const auto max_total =
        static_cast<std::uint64_t>(scope_.max_total_kb) * kKb;
    if (!sizes_.empty() && sizes_[0].first > max_file) {
      Problem(
          "mutable files of more than {} KB: {}; move the part to be "
          "changed into a file of its own or raise scope.max_file_kb",
          scope_.max_file_kb, Largest(max_file));
    }
    if (total > max_total) {
      Problem(
          "mutable files of {} KB together, more than {} KB; the largest "
          "are {}; narrow scope.mutable or raise scope.max_total_kb",
          total / kKb, scope_.max_total_kb, Largest(0));
    }
    if (sizes_.size() > static_cast<std::size_t>(scope_.max_files)) {
      Problem(
          "{} mutable files, more than {}; narrow scope.mutable or raise "
          "scope.max_files",
          sizes_.size(), scope_.max_files);
    }
  }

  // The largest files above `least` bytes, with their sizes.
  std::string Largest(std::uint64_t least) const {
    std::vector<std::string> shown;
    for (const auto& [size, path] : sizes_) {
      if (size <= least || shown.size() == kLargestShown) break;
      shown.push_back(fmt::format("{} ({} KB)", path, (size + kKb - 1) / kKb));
    }
    return fmt::format("{}", fmt::join(shown, ", "));
  }

  void CheckKnobFiles() {
    for (const Proposer& proposer : spec_.proposers) {
      const auto* arm = std::get_if<EditsArm>(&proposer.arm);
      if (arm == nullptr) continue;
      for (const Knob& knob : arm->knobs) {
        if (NamesFile(resolved_.mutable_files, knob.file)) continue;
        Problem("knob \"{}\": {} is not a mutable file", knob.name, knob.file);
      }
    }
  }

  void FillExtensions() {
    if (!scope_.extensions.empty()) {
      resolved_.extensions = scope_.extensions;
      return;
    }
    std::set<std::string> present;
    for (const std::string& path : resolved_.mutable_files) {
      present.emplace(ExtensionOf(path));
    }
    resolved_.extensions.assign(present.begin(), present.end());
  }

  template <class... Args>
  void Problem(fmt::format_string<Args...> text, Args&&... args) {
    problems_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }
  template <class... Args>
  void Warn(fmt::format_string<Args...> text, Args&&... args) {
    resolved_.warnings.push_back(
        fmt::format(text, std::forward<Args>(args)...));
  }

  const Spec& spec_;
  const Scope& scope_;
  std::string_view spec_path_;
  std::span<const TrackedFile> files_;
  std::vector<CommandPaths> commands_;
  const std::vector<std::string> rubrics_ = RubricFiles(spec_);

  ResolvedScope resolved_;
  std::vector<std::pair<std::uint64_t, std::string>> sizes_;  // of mutable ones
  std::vector<std::string> problems_;
};

}  // namespace

Result<ResolvedScope> ResolveScope(const Spec& spec, std::string_view spec_path,
                                   std::span<const TrackedFile> files) {
  return Resolver(spec, spec_path, files).Resolve();
}

}  // namespace coppice::spec

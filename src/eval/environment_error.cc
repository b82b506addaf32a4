#include "eval/environment_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "eval/line_pattern.h"
#include "spec/scope_rules.h"

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

struct Rule {
  std::string_view kind;
  std::string_view pattern;  // the group is the subject
  std::string_view fix;      // {} is the subject
};

// First match in this order, on the last line that has one.
constexpr std::array kRules = {
    Rule{"missing module", R"(No module named ['"]?([\w.]+))",
         "install {} in evaluation.setup"},
    Rule{"missing module", R"(Cannot find module ['"]([^'"./][^'"]*)['"])",
         "install {} in evaluation.setup"},
    Rule{"missing library",
         R"(error while loading shared libraries: ([^:\s]+))",
         "install the package that has {}, or name its directory under "
         "evaluation.expose"},
    Rule{"missing command", R"(sh: (?:\d+: |line \d+: )?([^\s:]+): not found)",
         "install {}, or name its directory under evaluation.expose if it is "
         "below the home directory"},
    Rule{"missing command", R"(([^\s:]+): command not found)",
         "install {}, or name its directory under evaluation.expose if it is "
         "below the home directory"},
    Rule{"missing command", R"(env: ['"‘]?([\w./+-]+)['"’]?: No such file)",
         "install {}, or name its directory under evaluation.expose if it is "
         "below the home directory"},
    Rule{"missing file", R"(can't open file ['"]([^'"]+)['"])",
         "track {} in git, or list it under evaluation.copy"},
    Rule{"missing file", R"(No such file or directory: ['"]([^'"]+)['"])",
         "track {} in git, or list it under evaluation.copy"},
    Rule{"missing file", R"(([^\s:'"]+): No such file or directory)",
         "track {} in git, or list it under evaluation.copy"},
    Rule{"permission", R"(([^\s:'"]*)['"]?: Permission denied)",
         "candidates may write only in their slot and in TMPDIR; check the "
         "mode of {}"},
    Rule{"permission", R"(Permission denied: ['"]([^'"]+)['"])",
         "candidates may write only in their slot and in TMPDIR; check the "
         "mode of {}"},
    Rule{"read-only file", R"((?:([^\s:'"]+): )?Read-only file system)",
         "candidates may write only in their slot and in TMPDIR, not to {}"},
    Rule{"no space", R"((No space left on device|Disk quota exceeded))",
         "free disk space: {}"},
    Rule{
        "no network",
        R"((Temporary failure in name resolution|Network is unreachable|Could not resolve host))",
        "download in evaluation.setup, or set evaluation.network: true ({})"},
};

struct CompiledRule {
  const Rule* rule;
  LinePattern pattern;
};

const std::vector<CompiledRule>& CompiledRules() {
  static const std::vector<CompiledRule> rules = [] {
    std::vector<CompiledRule> compiled;
    for (const Rule& rule : kRules) {
      compiled.push_back({&rule, LinePattern::Make(rule.pattern).value()});
    }
    return compiled;
  }();
  return rules;
}

EnvironmentError Told(const Rule& rule, std::string subject) {
  EnvironmentError error{
      .kind = std::string(rule.kind), .subject = std::move(subject), .fix = {}};
  error.fix =
      fmt::format(fmt::runtime(rule.fix),
                  error.subject.empty() ? std::string("it") : error.subject);
  return error;
}

std::vector<std::string> CommandsOf(const spec::Spec& spec) {
  std::vector<std::string> commands;
  const spec::Evaluation& e = spec.evaluation;
  for (const auto& command : {e.setup, e.build, e.smoke}) {
    if (command) commands.push_back(*command);
  }
  for (const spec::Check& check : spec.checks)
    commands.push_back(check.command);
  commands.push_back(e.command);
  return commands;
}

// Words of the output that may be paths; an absolute one inside a slot is
// also tried without its leading directories.
std::vector<std::string> PathsIn(std::string_view text) {
  std::vector<std::string> paths;
  constexpr std::string_view kEnds = " \t\n'\"`(),;:=<>[]{}|";
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t start = text.find_first_not_of(kEnds, at);
    if (start == std::string_view::npos) break;
    at = std::min(text.find_first_of(kEnds, start), text.size());
    std::string_view word = text.substr(start, at - start);
    while (word.ends_with('.')) word.remove_suffix(1);
    if (word.starts_with("./")) word.remove_prefix(2);
    if (word.find_first_of("./") == std::string_view::npos) continue;
    paths.emplace_back(word);
    if (!word.starts_with('/')) continue;
    for (std::size_t slash = word.find('/'); slash != std::string_view::npos;
         slash = word.find('/', slash + 1)) {
      paths.emplace_back(word.substr(slash + 1));
    }
  }
  return paths;
}

bool IsTracked(const std::set<std::string>& tracked, const std::string& path) {
  if (tracked.contains(path)) return true;
  const auto below = tracked.lower_bound(path + "/");
  return below != tracked.end() && below->starts_with(path + "/");
}

// A path that is in the user's tree but in no slot.
std::optional<std::string> MissingFromSlots(
    const spec::Spec& spec, const std::vector<std::string>& words,
    const fs::path& user_tree, const std::set<std::string>& tracked) {
  const auto& copied = spec.evaluation.copy;
  for (const std::string& word : words) {
    for (const fs::path& base : {fs::path(), fs::path(spec.evaluation.cwd)}) {
      const std::string path = (base / word).lexically_normal().string();
      if (!IsSafeRelativePath(path) || IsTracked(tracked, path)) continue;
      if (std::ranges::any_of(copied, [&](const std::string& pattern) {
            return GlobMatch(pattern, path);
          })) {
        continue;
      }
      std::error_code ignored;
      if (fs::exists(user_tree / path, ignored)) return path;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string EnvironmentError::Signature() const {
  return fmt::format("{}{}:{}", kEnvironmentPrefix, kind, subject);
}

std::optional<EnvironmentError> FindEnvironmentError(Verdict verdict,
                                                     int exit_code,
                                                     std::string_view tail) {
  if (verdict != Verdict::kFailed) return std::nullopt;
  const std::vector<std::string_view> lines = SplitLines(tail);
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    for (const CompiledRule& compiled : CompiledRules()) {
      if (std::optional<std::string> subject = compiled.pattern.Find(*line)) {
        return Told(*compiled.rule, OneLine(*subject, 120));
      }
    }
  }
  if (exit_code == 127) {
    return EnvironmentError{.kind = "missing command",
                            .subject = {},
                            .fix =
                                "install the program that the command "
                                "names"};
  }
  return std::nullopt;
}

Error ExplainBaselineFailure(const spec::Spec& spec, const Failure& failure,
                             const fs::path& user_tree,
                             const std::set<std::string>& tracked) {
  Error error{.code = ErrorCode::kCheck,
              .what = fmt::format("the baseline failed in {}: {}",
                                  Name(failure.phase), failure.reason),
              .where = failure.log};
  if (!failure.tail.empty()) error.what += "\n" + failure.tail;
  if (failure.verdict == Verdict::kLost && spec.evaluation.backend == "slurm") {
    error.what = "the baseline could not be measured: " + failure.reason;
    error.next = "nothing was scored; see to the cluster and check again";
    return error;
  }
  std::vector<std::string> words = PathsIn(failure.tail);
  for (const std::string& command : CommandsOf(spec)) {
    for (std::string& word : spec::PathsNamedIn(command)) {
      words.push_back(std::move(word));
    }
  }
  if (const auto path = MissingFromSlots(spec, words, user_tree, tracked)) {
    error.cause = fmt::format(
        "{} is in your work tree but not tracked by git, so no slot has it",
        *path);
    error.next =
        fmt::format("add it to the spec: evaluation: {{copy: [{}]}}", *path);
    return error;
  }
  if (const auto found =
          FindEnvironmentError(failure.verdict, -1, failure.tail)) {
    error.cause = found->subject.empty()
                      ? found->kind
                      : fmt::format("{}: {}", found->kind, found->subject);
    error.next = found->fix;
    return error;
  }
  error.next = "run the command in a clean clone of the repository";
  return error;
}

}  // namespace coppice::eval

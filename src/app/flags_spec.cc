#include "app/flags_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/places.h"
#include "base/json.h"
#include "base/text.h"

namespace coppice::app {
namespace {

constexpr std::size_t kNameCap = 40;

Error Missing(std::string_view flag, std::string_view example) {
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("{} is missing", flag),
               .cause = "without a spec file these flags make up the spec",
               .next = fmt::format("for example {}", example)};
}

// The stem of the first source, as a spec's name may be written.
std::string NameOf(const std::string& source) {
  std::string name;
  for (char c : std::filesystem::path(source).stem().string()) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) {
      name += static_cast<char>(std::tolower(byte));
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name = name.substr(0, kNameCap);
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "search" : name;
}

Result<std::string> DirectionOf(const std::string& goal) {
  if (goal == "minimize" || goal == "min") return std::string("minimize");
  if (goal == "maximize" || goal == "max") return std::string("maximize");
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("--goal {} is no direction", goal),
               .next = "write minimize or maximize"};
}

// JSON strings are YAML strings.
std::string Quoted(const std::string& text) { return Json(text).dump(); }

}  // namespace

Result<std::string> SpecFromFlags(const RunOptions::Flags& flags) {
  if (!flags.api_key.empty()) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "a key does not belong on a command line",
                 .cause = "every user of this machine could read it there",
                 .next =
                     "export ANTHROPIC_API_KEY, OPENAI_API_KEY, "
                     "GEMINI_API_KEY or OPENROUTER_API_KEY instead of "
                     "--api-key"};
  }
  if (flags.sources.empty()) return Missing("--source", "--source src/a.cc");
  if (flags.eval_command.empty()) {
    return Missing("--eval-command", "--eval-command \"python bench.py\"");
  }
  if (flags.metric.empty()) return Missing("--metric", "--metric seconds");
  if (flags.goal.empty()) return Missing("--goal", "--goal minimize");
  Result<std::string> direction = DirectionOf(flags.goal);
  if (!direction) return direction.error();
  std::vector<std::string> sources;
  for (const std::string& source : flags.sources) {
    sources.push_back(Quoted(source));
  }
  std::string spec = fmt::format(
      "name: {}\n"
      "goal: {}\n"
      "scope: {{mutable: [{}]}}\n"
      "metric: {{name: {}, direction: {}}}\n",
      NameOf(flags.sources.front()),
      Quoted(fmt::format("{} {} by changing {}",
                         *direction == "minimize" ? "Lower" : "Raise",
                         flags.metric, fmt::join(flags.sources, ", "))),
      fmt::join(sources, ", "), Quoted(flags.metric), *direction);
  spec += fmt::format("evaluation: {{command: {}", Quoted(flags.eval_command));
  if (!flags.eval_timeout.empty()) {
    spec += fmt::format(", timeout_seconds: {}", flags.eval_timeout);
  }
  spec += "}\n";
  if (!flags.model.empty()) {
    spec += fmt::format("model: {}\n", Quoted(flags.model));
  }
  if (!flags.instructions.empty()) {
    std::string text = flags.instructions;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(text, ignored)) {
      Result<std::string> read = ReadTextFile(text);
      if (!read) return read.error();
      text = std::move(*read);
    }
    spec += fmt::format("instructions: [{}]\n", Quoted(text));
  }
  if (!flags.steps.empty()) {
    spec += fmt::format("budget: {{max_nodes: {}}}\n", flags.steps);
  }
  return spec;
}

}  // namespace coppice::app

#include "llm/agent_script.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/text.h"

namespace coppice::llm {
namespace {

// Of all names of files together: they stand in one argument of `sh -c`.
constexpr std::size_t kFilesCap = std::size_t{64} << 10;

// TMPDIR must not hold HOME: codex takes no programs from a home that could be
// anybody's.
constexpr std::string_view kTakePrompt =
    "TMPDIR=\"$TMPDIR/coppice\"\n"
    "coppice_prompt=\"$TMPDIR/prompt.md\"\n"
    "mkdir -p \"$TMPDIR\" && cat > \"$coppice_prompt\" || exit 125\n";

constexpr std::string_view kShortPrompt = "\"$(cat \"$coppice_prompt\")\"";
constexpr std::string_view kNamedPrompt =
    "\"Your task is in the file $coppice_prompt, which is too long to stand "
    "here. Read all of it first, then do what it says.\"";

// A word for the shell, or nothing if the placeholder has no value.
std::optional<std::string> ValueOf(std::string_view placeholder,
                                   const AgentValues& values) {
  auto given = [](const std::string& value) -> std::optional<std::string> {
    if (value.empty()) return std::nullopt;
    return ShellQuote(value);
  };
  if (placeholder == "prompt") {
    return std::string(values.prompt_bytes > kLongPrompt ? kNamedPrompt
                                                         : kShortPrompt);
  }
  if (placeholder == "prompt_file") return "\"$coppice_prompt\"";
  if (placeholder == "dir") return "\"$PWD\"";
  if (placeholder == "home") return "\"$HOME\"";
  if (placeholder == "tmp" || placeholder == "prompt_dir") return "\"$TMPDIR\"";
  if (placeholder == "model") return given(values.model);
  return given(values.max_usd);
}

// One argument as words that the shell joins.
std::optional<std::string> Word(std::string_view argument,
                                const AgentValues& values) {
  std::string word;
  while (!argument.empty()) {
    std::size_t open = argument.find('{');
    std::size_t close = argument.find('}', open);
    while (close != argument.npos &&
           !spec::IsPlaceholder(argument.substr(open + 1, close - open - 1))) {
      open = argument.find('{', open + 1);
      close = argument.find('}', open);
    }
    if (close == argument.npos) open = argument.size();
    if (open > 0) word += ShellQuote(argument.substr(0, open));
    if (open == argument.size()) break;
    const std::optional<std::string> value =
        ValueOf(argument.substr(open + 1, close - open - 1), values);
    if (!value) return std::nullopt;
    word += *value;
    argument.remove_prefix(close + 1);
  }
  return word.empty() ? "''" : word;
}

std::string Files(const AgentValues& values) {
  std::string words;
  for (const std::string& file : values.files) {
    const std::string word =
        ShellQuote(file.starts_with('-') ? "./" + file : file);
    if (words.size() + word.size() > kFilesCap) break;
    words += ' ' + word;
  }
  return words;
}

// Each argument of the group behind a blank; nothing if one lacks its value.
std::string Words(const spec::ArgumentGroup& group, const AgentValues& values) {
  std::string words;
  for (const std::string& argument : group) {
    if (argument == "{files}") {
      const std::string files = Files(values);
      if (files.empty()) return {};
      words += files;
      continue;
    }
    const std::optional<std::string> word = Word(argument, values);
    if (!word) return {};
    words += ' ' + *word;
  }
  return words;
}

}  // namespace

std::string AgentScript(const spec::AgentProfile& profile,
                        const AgentValues& values) {
  std::string script(kTakePrompt);
  for (const auto& [path, text] : profile.home) {
    const std::string parent =
        std::filesystem::path(path).parent_path().string();
    script += fmt::format(
        "mkdir -p \"$HOME\"/{} && printf %s {} > \"$HOME\"/{} || exit 125\n",
        ShellQuote(parent), ShellQuote(text), ShellQuote(path));
  }
  script += "exec " + ShellQuote(values.program);
  for (std::size_t i = 1; i < profile.command.size(); ++i) {
    script += Words(profile.command[i], values);
  }
  return script + " < /dev/null\n";
}

}  // namespace coppice::llm

#include "spec/command_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <variant>

#include "base/text.h"
#include "spec/scope_rules.h"
#include "spec/values.h"

namespace coppice::spec {
namespace {

constexpr std::string_view kSeparators = " \t\n;|&()<>`";
constexpr int kDeepestQuote = 3;  // sh -c "sh -c '...'"

// Words outside of quotes end at separators; quotes are taken off.
std::vector<std::string> Split(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '\\' && i + 1 < command.size()) {
      word += command[++i];
    } else if (kSeparators.find(c) != std::string_view::npos) {
      end_word();
    } else {
      word += c;
    }
  }
  end_word();
  return words;
}

void AddModule(const std::string& module, std::vector<std::string>& out) {
  std::string path = module;
  std::replace(path.begin(), path.end(), '.', '/');
  out.push_back(path + ".py");
  out.push_back(path + "/__main__.py");
}

void AddWords(std::string_view command, int depth,
              std::vector<std::string>& out) {
  std::string before;
  for (const std::string& word : Split(command)) {
    const std::size_t equals = word.find('=');
    if (word.find_first_of(kSeparators) != std::string::npos) {
      out.push_back(word);  // a name with blanks, or a command of its own
      if (depth < kDeepestQuote) AddWords(word, depth + 1, out);
    } else if (before == "-m") {
      AddModule(word, out);
    } else if (equals != std::string::npos) {
      out.push_back(word.substr(equals + 1));
    } else if (!word.starts_with('-')) {
      out.push_back(word);
    }
    before = word;
  }
}

bool LooksLikePath(std::string_view word) {
  return word.find_first_of("/.") != std::string_view::npos &&
         word.find_first_not_of("./") != std::string_view::npos &&
         word.find('$') == std::string_view::npos &&
         word.find("://") == std::string_view::npos && !word.starts_with('/') &&
         !word.starts_with('~') && !ParseNumber(word);
}

}  // namespace

std::vector<NamedCommand> CommandsOf(const Spec& spec) {
  std::vector<NamedCommand> commands;
  const auto add = [&](std::string key,
                       const std::optional<std::string>& command) {
    if (command) commands.push_back({std::move(key), *command});
  };
  const Evaluation& e = spec.evaluation;
  add("evaluation.setup", e.setup);
  add("evaluation.build", e.build);
  add("evaluation.smoke", e.smoke);
  add("evaluation.command", e.command);
  add("evaluation.diagnose", e.diagnose);
  if (e.holdout) add("evaluation.holdout", e.holdout->command);
  for (std::size_t i = 0; i < spec.checks.size(); ++i) {
    add(fmt::format("checks[{}]", i), spec.checks[i].command);
  }
  for (const Proposer& proposer : spec.proposers) {
    if (const auto* arm = std::get_if<CommandArm>(&proposer.arm)) {
      add("proposers: " + proposer.name, arm->command);
    }
  }
  return commands;
}

std::vector<std::string> WordsOf(std::string_view command) {
  std::vector<std::string> words;
  AddWords(command, 0, words);
  return words;
}

std::vector<std::string> PathsNamedIn(std::string_view command) {
  std::vector<std::string> paths;
  for (const std::string& word : WordsOf(command)) {
    if (!LooksLikePath(word)) continue;
    std::string path = NormalPath(word);
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) {
      paths.push_back(std::move(path));
    }
  }
  return paths;
}

}  // namespace coppice::spec

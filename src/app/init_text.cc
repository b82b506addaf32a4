#include "app/init_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/text.h"

// A template is YAML with {{places}} for what was inferred; a comment behind a
// value says where it comes from or what is left to do.

namespace coppice::app {
namespace {

constexpr std::size_t kColumn = 32;

// As YAML reads back the same text: plain where nothing in it means anything.
std::string Scalar(const std::string& text) {
  static constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "_./-+= ";
  const bool plain =
      !text.empty() && text.find_first_not_of(kPlain) == std::string::npos &&
      text.front() != '-' && text.front() != '=' && text.front() != ' ' &&
      text.back() != ' ' &&
      std::isalpha(static_cast<unsigned char>(text.front())) != 0 &&
      text != "null" && text != "true" && text != "false" && text != "yes" &&
      text != "no" && text != "on" && text != "off" && text != "y" &&
      text != "n";
  return plain ? text : Json(text).dump();
}

std::string Comment(const Guess& guess) {
  std::string text;
  if (!guess.from.empty()) {
    text = "inferred from: " + OneLine(guess.from, 100);
  }
  if (!guess.todo.empty()) {
    text += (text.empty() ? "TODO: " : "; TODO: ") + guess.todo;
  }
  return text;
}

// "  key: value   # inferred from ..."
std::string Line(const std::string& code, const Guess& guess) {
  const std::string comment = Comment(guess);
  if (comment.empty()) return code + "\n";
  const std::size_t blanks = std::max<std::size_t>(
      2, kColumn > code.size() ? kColumn - code.size() : 0);
  return code + std::string(blanks, ' ') + "# " + comment + "\n";
}

std::string List(const std::string& key, const std::string& indent,
                 const std::vector<Guess>& values) {
  if (values.empty()) return "";
  std::string text = indent + key + ":\n";
  for (const Guess& value : values) {
    text += Line(indent + "  - " + Scalar(value.value), value);
  }
  return text;
}

std::string Head(const SpecDraft& draft) {
  std::string text =
      "# Written by `coppice init`. What is inferred is a guess: read every "
      "line, do what is marked TODO,\n# commit, then `coppice check`.\n";
  text += fmt::format("name: {}\n", Scalar(draft.name));
  text += Line("goal: " + Json(draft.goal.value).dump(), draft.goal);
  text += "scope:\n" + List("mutable", "  ", draft.mutable_files) +
          List("immutable", "  ", draft.immutable_files);
  return text;
}

// Commands one after another, as one.
std::string Commands(const std::string& key,
                     const std::vector<Guess>& commands) {
  if (commands.empty()) return "";
  Guess all;
  for (const Guess& command : commands) {
    all.value += (all.value.empty() ? "" : " && ") + command.value;
    if (all.from.empty()) all.from = command.from;
    if (all.todo.empty()) all.todo = command.todo;
  }
  return Line(fmt::format("  {}: {}", key, Scalar(all.value)), all);
}

std::string Build(const SpecDraft& draft) {
  std::string text = Commands("setup", draft.setup) +
                     Commands("build", draft.build) +
                     List("expose", "  ", draft.expose);
  if (draft.network) text += "  network: true\n";
  return text;
}

std::string Command(const SpecDraft& draft) {
  std::string text =
      Line("  command: " + Scalar(draft.command.value), draft.command);
  if (!draft.output.empty()) text += "  output: " + draft.output + "\n";
  if (draft.holdout) {
    text += fmt::format("  holdout: {{command: {}}}\n", Scalar(*draft.holdout));
  }
  return text;
}

std::string Checks(const SpecDraft& draft) {
  if (!draft.checks.empty()) return List("checks", "", draft.checks);
  return "checks: []                      # TODO: commands that must exit 0; "
         "without one a faster wrong answer wins\n";
}

constexpr char kProposers[] =
    "# model: anthropic/claude-sonnet-4-5   # default: the first provider "
    "whose "
    "key variable is set\n"
    "# proposers: [{edits: {}}]             # or without any model\n";

using Places = std::vector<std::pair<std::string, std::string>>;

std::string Filled(const std::string& text, const Places& places) {
  std::string filled;
  for (std::string_view line : SplitLines(text)) {
    std::string one(line);
    bool whole = false;
    for (const auto& [place, value] : places) {
      const std::string mark = "{{" + place + "}}";
      if (one == mark) {
        filled += value;
        whole = true;
        break;
      }
      for (std::size_t at; (at = one.find(mark)) != std::string::npos;) {
        one.replace(at, mark.size(), value);
      }
    }
    if (!whole) filled += one + "\n";
  }
  return filled;
}

}  // namespace

Result<std::vector<EmbeddedFile>> FilesOf(const SpecDraft& draft,
                                          const std::string& name) {
  const std::string from = Comment(draft.metric);
  const std::string budget = "budget: " + draft.budget + "\n";
  const Places places{
      {"head", Head(draft)},
      {"build", Build(draft)},
      {"command", Command(draft)},
      {"checks", Checks(draft)},
      {"proposers", kProposers},
      {"budget", budget},
      {"metric", Scalar(draft.metric.value)},
      {"direction", draft.direction.value +
                        (draft.target ? ", target: " + *draft.target : "")},
      {"metric_from", from.empty() ? "TODO: what your command prints" : from},
      {"first_mutable", Json(draft.mutable_files.front().value).dump()}};
  std::vector<EmbeddedFile> files;
  const std::string prefix = name + "/";
  for (const EmbeddedFile& file : InitTemplates()) {
    if (!file.path.starts_with(prefix)) continue;
    const std::string path = file.path.substr(prefix.size());
    if (path == "spec.yaml") {
      std::string text = Filled(file.text, places);
      files.insert(files.begin(), {"coppice.yaml", std::move(text)});
    } else {
      files.push_back({path, Filled(file.text, places)});
    }
  }
  if (!files.empty()) return files;
  return Error{.code = ErrorCode::kInternal, .what = "no template " + name};
}

}  // namespace coppice::app

#include "app/mcp_tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

// Each tool is a command, each argument one of its flags or words, in one
// table: what the schema promises is what the command line is made of.

namespace coppice::app {
namespace {

enum class Kind { kText, kNode, kInteger, kNumber, kFlag };

struct Argument {
  const char* name;
  Kind kind;
  const char* flag;  // "": a word, in the order of the table
  const char* about;
  bool required = false;
};

struct Tool {
  const char* name;
  const char* about;
  std::vector<const char*> command;
  std::vector<Argument> arguments;
  bool reads = true;  // changes nothing
};

constexpr Argument kRun{"run", Kind::kText, "",
                        "id, unique prefix or name of a run; default: latest"};
constexpr Argument kNode{"node", Kind::kNode, "", "a number, best or base",
                         true};

// A node is the last word, so that a run may be left out before it.
const std::vector<Tool>& Tools() {
  static const std::vector<Tool> tools{
      {.name = "check",
       .about = "Preflight: does the spec load, does the evaluator run and how "
                "noisy is it, what will the budget buy. Costs no money but a "
                "one-token call per model. May take minutes.",
       .command = {"check"},
       .arguments = {{"spec", Kind::kText, "", "default: coppice.yaml"},
                     {"null_test", Kind::kFlag, "--null",
                      "also: must an unchanged or emptied tree not count?"}},
       .reads = false},
      {.name = "run",
       .about = "Start a search in the background and return its id at once; "
                "look in with status every 30 to 60 seconds.",
       .command = {"run", "--daemon"},
       .arguments = {{"spec", Kind::kText, "", "default: coppice.yaml"},
                     {"max_nodes", Kind::kInteger, "--max-nodes", "attempts"},
                     {"max_hours", Kind::kNumber, "--max-hours", "wall clock"},
                     {"max_cost_usd", Kind::kNumber, "--max-cost", "dollars"},
                     {"trial", Kind::kFlag, "--trial",
                      "4 nodes, 1 h, $5, one slot"}},
       .reads = false},
      {.name = "status",
       .about = "Where a run stands: attempts, best, cost, what is waited for "
                "and why, whether it is paused and how to go on.",
       .command = {"status"},
       .arguments = {kRun}},
      {.name = "top",
       .about = "The ranking of a run's nodes.",
       .command = {"top"},
       .arguments = {kRun,
                     {"n", Kind::kInteger, "-n", "how many; default 10"}}},
      {.name = "show",
       .about = "One node: idea, plan, outcome and why, values, samples.",
       .command = {"show"},
       .arguments = {kRun, kNode}},
      {.name = "diff",
       .about = "What a node changed.",
       .command = {"diff"},
       .arguments = {kRun,
                     kNode,
                     {"against", Kind::kNode, "--against",
                      "parent, base or a node; default parent"}}},
      {.name = "tell",
       .about = "Say something to the proposers of a run, or give them an idea "
                "to try next; only what the user wants said.",
       .command = {"tell"},
       .arguments = {kRun,
                     {"text", Kind::kText, "", "for every later prompt"},
                     {"idea", Kind::kText, "--idea", "to be tried once"},
                     {"at", Kind::kNode, "--at", "node the idea starts from"}},
       .reads = false},
      {.name = "export",
       .about = "Make a branch of the best node, minimised and verified in a "
                "clean checkout. Ask the user first; dry_run shows what would "
                "be made. May take minutes.",
       .command = {"export"},
       .arguments = {kRun,
                     {"node", Kind::kNode, "--node", "default: best"},
                     {"branch", Kind::kText, "--branch", "its name"},
                     {"onto", Kind::kText, "--onto", "a revision"},
                     {"dry_run", Kind::kFlag, "--dry-run",
                      "say what would be made, make nothing"}},
       .reads = false},
  };
  return tools;
}

Json TypeOf(Kind kind) {
  switch (kind) {
    case Kind::kText:
      return "string";
    case Kind::kNode:
      return Json::array({"string", "integer"});
    case Kind::kInteger:
      return "integer";
    case Kind::kNumber:
      return "number";
    case Kind::kFlag:
      break;
  }
  return "boolean";
}

bool Fits(Kind kind, const Json& value) {
  switch (kind) {
    case Kind::kText:
      return value.is_string();
    case Kind::kNode:
      return value.is_string() || value.is_number_integer();
    case Kind::kInteger:
      return value.is_number_integer();
    case Kind::kNumber:
      return value.is_number();
    case Kind::kFlag:
      break;
  }
  return value.is_boolean();
}

Error Wrong(std::string what, std::string next) {
  return Error{.code = ErrorCode::kUsage,
               .what = std::move(what),
               .next = std::move(next)};
}

std::string WordOf(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// A word that begins with a dash would be taken for a flag.
Result<void> CheckWord(const Argument& argument, const std::string& word) {
  if (word.starts_with('-') && argument.flag[0] == '\0') {
    return Wrong(fmt::format("\"{}\" may not begin with a dash", argument.name),
                 argument.about);
  }
  return Ok();
}

}  // namespace

Json McpTools() {
  Json tools = Json::array();
  for (const Tool& tool : Tools()) {
    Json properties = Json::object();
    Json required = Json::array();
    for (const Argument& argument : tool.arguments) {
      properties[argument.name] = {{"type", TypeOf(argument.kind)},
                                   {"description", argument.about}};
      if (argument.required) required.push_back(argument.name);
    }
    properties["repo"] = {{"type", "string"},
                          {"description",
                           "path of the repository; default: where the server "
                           "was started"}};
    Json schema{{"type", "object"},
                {"properties", std::move(properties)},
                {"additionalProperties", false}};
    if (!required.empty()) schema["required"] = std::move(required);
    tools.push_back(
        {{"name", tool.name},
         {"description", tool.about},
         {"inputSchema", std::move(schema)},
         {"annotations",
          {{"readOnlyHint", tool.reads}, {"destructiveHint", false}}}});
  }
  return tools;
}

Result<std::vector<std::string>> McpCommand(const std::string& name,
                                            const Json& arguments) {
  const auto tool = std::ranges::find_if(
      Tools(), [&](const Tool& t) { return name == t.name; });
  if (tool == Tools().end()) {
    return Wrong(fmt::format("there is no tool \"{}\"", name),
                 "tools/list names them");
  }
  std::vector<std::string> words(tool->command.begin(), tool->command.end());
  std::vector<std::string> plain;
  for (const auto& [key, value] : arguments.items()) {
    const bool known =
        key == "repo" ||
        std::ranges::any_of(tool->arguments,
                            [&](const Argument& a) { return key == a.name; });
    if (!known) {
      return Wrong(fmt::format("{} takes no argument \"{}\"", name, key),
                   "tools/list names its arguments");
    }
  }
  for (const Argument& argument : tool->arguments) {
    const auto given = arguments.find(argument.name);
    if (given == arguments.end() || given->is_null()) {
      if (!argument.required) continue;
      return Wrong(fmt::format("{} needs \"{}\"", name, argument.name),
                   argument.about);
    }
    if (!Fits(argument.kind, *given)) {
      return Wrong(fmt::format("\"{}\" must be of type {}", argument.name,
                               TypeOf(argument.kind).dump()),
                   argument.about);
    }
    if (argument.kind == Kind::kFlag) {
      if (given->get<bool>()) words.emplace_back(argument.flag);
      continue;
    }
    const std::string word = WordOf(*given);
    Result<void> fits = CheckWord(argument, word);
    if (!fits) return fits.error();
    if (argument.flag[0] == '\0') {
      plain.push_back(word);
    } else if (std::string_view(argument.flag).starts_with("--")) {
      words.push_back(fmt::format("{}={}", argument.flag, word));
    } else {
      words.insert(words.end(), {argument.flag, word});
    }
  }
  words.insert(words.end(), plain.begin(), plain.end());
  return words;
}

}  // namespace coppice::app

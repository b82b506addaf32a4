#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "spec/samples.h"

namespace coppice::spec {
namespace {

struct Row {
  const char* from;   // what of the minimal spec gives way
  const char* to;     // to this
  const char* error;  // and this is said
};

void CheckRows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.to);
    CHECK(ErrorOf(With(kMinimal, row.from, row.to)) == row.error);
  }
}

TEST_CASE("an unknown key is named with its line, its place and the nearest") {
  CheckRows({
      {"evaluation: python bench/evaluate.py",
       "evaluation:\n  command: x\n  timeout_secs: 3",
       "coppice.yaml:7: unknown key \"timeout_secs\" in evaluation; did you "
       "mean \"timeout_seconds\"?"},
      {"evaluation:", "stability:\n  mode: stable\nevaluation:",
       "coppice.yaml:5: unknown key \"stability\" in the spec; did you mean "
       "\"evaluation.repeats\"?"},
      {"evaluation:", "stability.mode: stable\nevaluation:",
       "coppice.yaml:5: unknown key \"stability.mode\" in the spec; did you "
       "mean \"evaluation.repeats\"?"},
      {"evaluation:", "timeout_seconds: 3\nevaluation:",
       "coppice.yaml:5: unknown key \"timeout_seconds\" in the spec; did you "
       "mean \"evaluation.timeout_seconds\"?"},
      {"goal:", "budget: {zebra: 1}\ngoal:",
       "coppice.yaml:2: unknown key \"zebra\" in budget; known are "
       "max_cost_usd, max_evaluation_hours, max_hours, max_nodes, max_tokens, "
       "plateau_nodes, stop_at_target"},
      {"goal:", "proposers: [{edits: {kind: [swap]}}]\ngoal:",
       "coppice.yaml:2: unknown key \"kind\" in proposers[0].edits; did you "
       "mean \"kinds\"?"},
  });
}

TEST_CASE("a wrong type or range names the value and what is allowed") {
  CheckRows({
      {"goal: Make parse() faster", "goal: 0x1F",
       "coppice.yaml:2: goal is 0x1F; it must be text"},
      {"goal: Make parse() faster",
       "goal:", "coppice.yaml:2: goal is empty; it must be text"},
      {"name: faster-parser", "name: Faster parser",
       "coppice.yaml:1: name is \"Faster parser\"; it must be lower-case words "
       "joined by single dashes, at most 40 characters"},
      {"name: faster-parser", "name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
       "coppice.yaml:1: name is \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"; "
       "it must be lower-case words joined by single dashes, at most 40 "
       "characters"},
      {"goal:", "budget: {max_nodes: 1e3}\ngoal:",
       "coppice.yaml:2: budget.max_nodes is 1e3; it must be a whole number "
       "from 1 to 1000000000 or null"},
      {"goal:", "budget: {max_hours: 0}\ngoal:",
       "coppice.yaml:2: budget.max_hours is 0; it must be a number greater "
       "than 0 or null"},
      {"goal:", "search: {debug_prob: 1.5}\ngoal:",
       "coppice.yaml:2: search.debug_prob is 1.5; it must be a number from 0 "
       "to 1"},
      {"goal:", "search: {policy: ucp}\ngoal:",
       "coppice.yaml:2: search.policy is \"ucp\"; it must be one of ucb, beam, "
       "greedy, linear, best_of_n, abmcts, rank, uct, puct; did you mean "
       "\"ucb\"?"},
      {"goal:",
       "search: {chain_budget: halving}\nbudget: {max_nodes: null}\ngoal:",
       "coppice.yaml:2: search.chain_budget is halving, which divides "
       "budget.max_nodes, and that is null: set it"},
      {"goal:", "search: [1]\ngoal:",
       "coppice.yaml:2: search is [1]; it must be a map"},
      {"goal:", "parallel: {evaluations: many}\ngoal:",
       "coppice.yaml:2: parallel.evaluations is \"many\"; it must be auto or a "
       "whole number from 1 to 10000"},
      {"evaluation: python bench/evaluate.py",
       "evaluation: {command: x, network: yes}",
       "coppice.yaml:5: evaluation.network is \"yes\"; it must be true or "
       "false"},
      {"evaluation: python bench/evaluate.py", "evaluation: [x]",
       "coppice.yaml:5: evaluation is [\"x\"]; it must be text or a map with "
       "command"},
      {"goal:", "model: claude\ngoal:",
       "coppice.yaml:2: model is \"claude\"; it must be provider/model, the "
       "provider being one of anthropic, openai, gemini, openrouter, local or "
       "null"},
      {"goal:", "version: 2\ngoal:",
       "coppice.yaml:2: version is 2; this coppice (" COPPICE_VERSION
       ") reads version 1"},
      {"mutable: [src/parser.cpp]", "mutable: []",
       "coppice.yaml:3: scope.mutable is an empty list"},
      {"goal:", "search: {exploration: [1]}\ngoal:",
       "coppice.yaml:2: search.exploration is [1]; it must be two numbers of "
       "at least 0"},
  });
}

TEST_CASE("what is required is asked for") {
  CheckRows({
      {"goal: Make parse() faster\n", "",
       "coppice.yaml:1: the spec lacks "
       "\"goal\""},
      {"evaluation: python bench/evaluate.py", "evaluation: {build: make}",
       "coppice.yaml:5: evaluation lacks \"command\""},
      {"{mutable: [src/parser.cpp]}", "{readable: [docs]}",
       "coppice.yaml:3: scope lacks \"mutable\""},
      {"{name: seconds, direction: minimize}", "{direction: minimize}",
       "coppice.yaml:4: metric lacks \"name\": the key that the evaluation "
       "prints (or give \"weights\")"},
      {"{name: seconds, direction: minimize}", "{name: seconds}",
       "coppice.yaml:4: metric lacks \"direction\": minimize or maximize"},
      {"{name: seconds, direction: minimize}",
       "{name: s, weights: [{name: s, direction: minimize}]}",
       "coppice.yaml:4: metric.name and metric.weights exclude each other: the "
       "weighted score is the metric; put the name among weights or "
       "diagnostics"},
      {"{name: seconds, direction: minimize}",
       "{direction: minimize, weights: [{name: s, direction: minimize}]}",
       "coppice.yaml:4: with weights the score is always maximized; leave the "
       "direction out, each weight has its own"},
  });
}

TEST_CASE("paths stay inside the repository") {
  CheckRows({
      {"src/parser.cpp", "/etc/passwd",
       "coppice.yaml:3: scope.mutable[0] is \"/etc/passwd\"; paths are "
       "relative to the repository root"},
      {"src/parser.cpp", "~/x",
       "coppice.yaml:3: scope.mutable[0] is \"~/x\"; paths are relative to the "
       "repository root"},
      {"src/parser.cpp", "src/../../x",
       "coppice.yaml:3: scope.mutable[0] is \"src/../../x\"; \"..\" may lead "
       "out of the repository"},
      {"src/parser.cpp", ".git/hooks",
       "coppice.yaml:3: scope.mutable[0] is \".git/hooks\"; git's own files "
       "are out of bounds"},
      {"evaluation: python bench/evaluate.py",
       "evaluation: {command: x, cwd: /tmp}",
       "coppice.yaml:5: evaluation.cwd is \"/tmp\"; paths are relative to the "
       "repository root"},
      {"evaluation: python bench/evaluate.py",
       "evaluation: {command: x, copy: [data, sub/.env]}",
       "coppice.yaml:5: evaluation.copy[1] is \"sub/.env\"; files of secrets "
       "are never copied; name single variables in evaluation.pass_env"},
      {"evaluation: python bench/evaluate.py",
       "evaluation: {command: x, expose: [cargo]}",
       "coppice.yaml:5: evaluation.expose[0] is \"cargo\"; it must be a "
       "directory under the home directory, such as ~/.cargo"},
      {"goal:", "instructions: [\"@../notes.md\"]\ngoal:",
       "coppice.yaml:2: instructions[0] is \"@../notes.md\"; \"..\" may lead "
       "out of the repository"},
      {"goal:", "export: {branch: \"a b\"}\ngoal:",
       "coppice.yaml:2: export.branch is \"a b\"; it must be the name of a git "
       "branch"},
  });
}

TEST_CASE("conditions, amounts and patterns are read when the spec is") {
  CheckRows({
      {"direction: minimize}",
       "direction: minimize, gates: [{name: r, check: \"=> 1\"}]}",
       "coppice.yaml:4: metric.gates[0].check is \"=> 1\"; it must be a "
       "comparison with a number: \">= 0.95\", \"== true\"; one of >= <= > < "
       "== !="},
      {"direction: minimize}",
       "direction: minimize, guards: [{name: m, direction: minimize, "
       "max_regression: ten%}]}",
       "coppice.yaml:4: metric.guards[0].max_regression is \"ten%\"; it must "
       "be a number of at least 0, or a percentage of the baseline such as "
       "\"10%\""},
      {"direction: minimize}", "direction: minimize, min_improvement: -1}",
       "coppice.yaml:4: metric.min_improvement is -1; it must be auto, a "
       "number of at least 0 in the metric's unit, or a percentage such as "
       "\"5%\""},
      {"direction: minimize}", "direction: minimize, range: [2, 1]}",
       "coppice.yaml:4: metric.range is [2, 1]; the low end must be below the "
       "high end"},
      {"direction: minimize}", "direction: minimize, range: [1, 2], target: 3}",
       "coppice.yaml:4: metric.target is 3, outside metric.range: it can never "
       "be reached"},
      {"evaluation: python bench/evaluate.py",
       "evaluation: {command: x, output: {regex: 'a('}}",
       "coppice.yaml:5: evaluation.output.regex is \"a(\"; it is no regular "
       "expression: Unmatched marking parenthesis ( or \\("},
      {"evaluation: python bench/evaluate.py",
       "evaluation: {command: x, output: {regex: 'a'}}",
       "coppice.yaml:5: evaluation.output.regex is \"a\"; it has 0 groups; "
       "exactly one, for the value, is needed ((?:...) groups without "
       "counting)"},
      {"evaluation: python bench/evaluate.py",
       "evaluation: {command: x, env: {1X: a}}",
       "coppice.yaml:5: evaluation.env is a map; \"1X\" is no name of a "
       "variable"},
      {"evaluation: python bench/evaluate.py",
       "evaluation: {command: x, env: {COPPICE_SEED: a}}",
       "coppice.yaml:5: evaluation.env is a map; COPPICE_SEED is set by "
       "coppice itself"},
  });
}

TEST_CASE("proposers are told apart, and knobs are whole") {
  const auto proposers = [](std::string_view list) {
    return ErrorOf(std::string(kMinimal) + "proposers: " + std::string(list));
  };
  const auto knob = [&](std::string_view rest) {
    return proposers("[{edits: {knobs: [{name: B, file: a, pattern: '(x)', " +
                     std::string(rest) + "}]}}]");
  };
  CHECK(proposers("[{edits: {}}]\nmodel: openai/x") ==
        "coppice.yaml:7: model and proposers exclude each other; model is "
        "short for proposers with that one entry");
  CHECK(proposers("[{model: openai/x, command: y}]") ==
        "coppice.yaml:6: proposers[0] has the keys model, command together; "
        "only one may stand there");
  CHECK(proposers("[{weight: 1}]") ==
        "coppice.yaml:6: proposers[0] has none of the keys model, agent, "
        "command, edits; one is needed");
  CHECK(proposers("[{edits: {kinds: []}}]") ==
        "coppice.yaml:6: proposers[0].edits has neither kinds nor knobs: it "
        "could change nothing");
  CHECK(knob("values: []") ==
        "coppice.yaml:6: proposers[0].edits.knobs[0] needs one of values and "
        "range");
  CHECK(knob("values: [1], range: [1, 2]") ==
        "coppice.yaml:6: proposers[0].edits.knobs[0] needs only one of values "
        "and range");
  CHECK(knob("range: [0, 2], scale: log") ==
        "coppice.yaml:6: proposers[0].edits.knobs[0].range begins at 0; a log "
        "scale needs numbers greater than 0");
  CHECK(proposers("[{edits: {knobs: [{name: B, file: a, pattern: '(x)', "
                  "values: [1]}, {name: B, file: a, pattern: '(y)', values: "
                  "[1]}]}}]") ==
        "coppice.yaml:6: proposers[0].edits.knobs has the name \"B\" twice");
}

TEST_CASE("a key in a spec is an error that does not repeat it") {
  for (const char* key :
       {"sk-ant-api03-abcdefghijklmnop1234", "sk-proj-abcdefghijklmnop1234",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv"}) {
    for (const char* place : {"instructions: [use %]", "api_key: %", "model: %",
                              "proposers: [{model: openai/x, api_key_env: %}]",
                              "%: 1", "hooks: {on_node: curl -H %}"}) {
      const std::string text =
          std::string(kMinimal) + With(place, "%", key) + "\n";
      const std::string error = ErrorOf(text);
      CAPTURE(text);
      CHECK(error.find("coppice.yaml:6: this looks like an API key") !=
            std::string::npos);
      CHECK(error.find(key) == std::string::npos);
    }
  }
  CHECK(ErrorOf(With(kMinimal, "Make parse() faster",
                     "use task-scheduling-with-many-dashes-1 well")) == "");
}

TEST_CASE("every error of a file is told, in the order of lines") {
  CHECK(ErrorOf("name: X\ngoal: 3\nscope: {mutabel: [a]}\n"
                "evaluation: {command: x, warmup: -1}\nmetric: 4\n") ==
        "coppice.yaml:1: name is \"X\"; it must be lower-case words joined by "
        "single dashes, at most 40 characters\n"
        "coppice.yaml:2: goal is 3; it must be text\n"
        "coppice.yaml:3: unknown key \"mutabel\" in scope; did you mean "
        "\"mutable\"?\n"
        "coppice.yaml:3: scope lacks \"mutable\"\n"
        "coppice.yaml:4: evaluation.warmup is -1; it must be a whole number "
        "from 0 to 10000\n"
        "coppice.yaml:5: metric is 4; it must be a map");
}

TEST_CASE("a flood of errors is cut") {
  std::string text(kMinimal);
  for (int i = 0; i < 100; ++i) text += "zz" + std::to_string(i) + ": 1\n";
  const std::string error = ErrorOf(text);
  CHECK(error.ends_with("\n... and 60 more"));
}

}  // namespace
}  // namespace coppice::spec

#include "spec/load.h"

#include <doctest/doctest.h>

#include <variant>

#include "spec/samples.h"
#include "support/temp_dir.h"

namespace coppice::spec {
namespace {

using Texts = std::vector<std::string>;

Spec SpecOf(std::string_view text) {
  const Result<Loaded> loaded = Parse(text);
  REQUIRE_MESSAGE(loaded.has_value(), ErrorOf(text));
  return loaded->spec;
}

TEST_CASE("the minimal spec of the contract loads") {
  const Spec spec = SpecOf(R"(name: faster-parser
goal: Make parse() faster without changing its output
scope: {mutable: [src/parser.cpp], immutable: [bench/, tests/]}
metric: {name: seconds, direction: minimize}
evaluation: {build: make -j4, command: python bench/evaluate.py}   # JSON
checks: [make test]                      # each must exit 0
model: anthropic/claude-sonnet-4-5
budget: {max_nodes: 40, max_cost_usd: 10}
)");
  CHECK(spec.name == "faster-parser");
  CHECK(spec.scope.mutable_paths == Texts{"src/parser.cpp"});
  CHECK(spec.scope.immutable == Texts{"bench/", "tests/"});
  CHECK(spec.metric.direction == Direction::kMinimize);
  CHECK(spec.evaluation.build == "make -j4");
  REQUIRE(spec.checks.size() == 1);
  CHECK(spec.checks[0].command == "make test");
  CHECK_FALSE(spec.checks[0].timeout_seconds.has_value());
  REQUIRE(spec.proposers.size() == 1);
  CHECK(spec.proposers[0].name == "anthropic/claude-sonnet-4-5");
  CHECK(std::get<ModelArm>(spec.proposers[0].arm).model ==
        "anthropic/claude-sonnet-4-5");
  CHECK(spec.budget.max_nodes == 40);
  CHECK(HasProposer(spec));
}

TEST_CASE("a spec without a proposer loads and says so") {
  CHECK_FALSE(HasProposer(SpecOf(kMinimal)));
}

TEST_CASE("every key reaches its field: scope and metric") {
  const Spec spec = SpecOf(kFull);
  CHECK(spec.instructions == Texts{"@notes.md", "no dependencies"});
  CHECK(spec.base == "main");
  CHECK(spec.scope.mutable_paths ==
        Texts{"src/lex/", "src/parser.cpp", "lib/*.h"});
  CHECK(spec.scope.readable == Texts{"docs"});
  CHECK(spec.scope.allow_create);
  CHECK(spec.scope.extensions == Texts{".cpp", ".h", ".inc"});
  CHECK(spec.scope.max_files == 3);
  CHECK(spec.scope.max_lines == 50);
  CHECK(spec.scope.max_file_kb == 100);
  CHECK(spec.scope.max_total_kb == 300);
  const Metric& metric = spec.metric;
  CHECK(metric.name == "time.median");
  CHECK(metric.target == 9.5);
  CHECK(metric.min_improvement ==
        MinImprovement{MinImprovement::Kind::kRelative, 0.025});
  CHECK(metric.range == std::pair(0.5, 20.0));
  CHECK(metric.gates == std::vector<Gate>{{"recall", Comparison::kGe, 0.95,
                                           ">= 0.95", "finds all"}});
  CHECK(metric.guards ==
        std::vector<Guard>{{"mb", Direction::kMinimize, 0.1, true},
                           {"ms", Direction::kMaximize, 0.25, false}});
  CHECK(metric.diagnostics == Texts{"recall", "cache_misses"});
}

TEST_CASE("every key reaches its field: evaluation") {
  const Evaluation e = SpecOf(kFull).evaluation;
  CHECK(e.setup == "cmake -B build");
  CHECK(e.smoke == "./smoke.sh");
  CHECK(e.diagnose == "perf report");
  CHECK(e.holdout == Holdout{"python run.py --held-out", {"data/heldout.csv"}});
  CHECK(e.cwd == "bench");
  CHECK(e.output == OutputFormat::kRegex);
  CHECK(e.output_regex == "time: ([0-9.]+)");
  CHECK(e.timeout_seconds == 30);
  CHECK(e.abort_on == std::vector<AbortRule>{
                          {"loss: (.*)", Comparison::kGt, 100, "> 100", 5}});
  CHECK(e.repeats == 7);
  CHECK(e.warmup == 1);
  CHECK(e.aggregation == Aggregation::kMin);
  CHECK(e.env == std::map<std::string, std::string>{{"THREADS", "4"},
                                                    {"LEVEL", "1.50"},
                                                    {"FLAG", "true"},
                                                    {"NAME", "x y"}});
  CHECK(e.pass_env == Texts{"CUDA_HOME"});
  CHECK(e.copy == Texts{"data/train.csv"});
  CHECK(e.keep == Texts{"build/"});
  CHECK(e.expose == Texts{"~/.cargo"});
  CHECK(e.exclusive == Texts{"gpu"});
  CHECK(e.limits == Limits{2, 512, 8});
  CHECK_FALSE(e.sandbox);
  CHECK(e.network);
  CHECK(e.wrap == "nice");
  CHECK(e.backend == "slurm");
  CHECK(e.slurm.mode == "allocation");
  CHECK(e.slurm.time == "1:00");
  CHECK(e.slurm.extra == Texts{"--qos=low"});
}

TEST_CASE("every key reaches its field: proposers") {
  const Spec spec = SpecOf(kFull);
  Texts names;
  for (const Proposer& proposer : spec.proposers)
    names.push_back(proposer.name);
  CHECK(names == Texts{"openai/gpt-5", "openai/gpt-5-2", "agent:codex",
                       "command", "edits"});
  const Proposer& first = spec.proposers[0];
  CHECK(first.weight == 2);
  CHECK(first.operators == Texts{"draft", "improve"});
  CHECK(first.proposal.edit_format == "udiff");
  CHECK(first.proposal.deadline_seconds == 120);
  const auto& model = std::get<ModelArm>(first.arm);
  CHECK(model.temperature == 0.7);
  CHECK(model.api_key_env == "MY_KEY");
  CHECK(model.price == Price{1.25, 10, 0.125});
  CHECK(model.requests_per_minute == 60);
  CHECK(spec.proposers[1].proposal == spec.proposal);
  CHECK(std::get<AgentArm>(spec.proposers[2].arm).max_usd == 0.5);
  CHECK(spec.proposers[2].proposal.deadline_seconds == 100);
  CHECK(std::get<CommandArm>(spec.proposers[3].arm).timeout_seconds == 10);
  CHECK(spec.proposers[3].proposal.templates == "prompts/");
  const auto& edits = std::get<EditsArm>(spec.proposers[4].arm);
  CHECK(edits.kinds ==
        std::vector<EditKind>{EditKind::kSwap, EditKind::kNumber});
  CHECK(edits.unit == EditUnit::kStatement);
  CHECK(edits.max_edits == 1);
  REQUIRE(edits.knobs.size() == 2);
  CHECK(edits.knobs[0].values == Texts{"16", "1.50", "0x20", "true", "a b"});
  CHECK(edits.knobs[1].range == std::pair(1e-4, 1e-1));
  CHECK(edits.knobs[1].logarithmic);
  CHECK(edits.knobs[1].integer);
}

TEST_CASE("every key reaches its field: the rest") {
  const Spec spec = SpecOf(kFull);
  CHECK(spec.checks ==
        std::vector<Check>{{"make test", {}}, {"make lint", 60}});
  REQUIRE(spec.judge.has_value());
  CHECK(spec.judge->seed == 7);
  CHECK(spec.judge->anchors == std::vector<Anchor>{{"bad", "a text", 5}});
  CHECK(spec.judge->strata == std::vector<Stratum>{{"small", 4, "@small.md"}});
  CHECK(spec.search.policy == "beam");
  CHECK(spec.search.chain_budget == ChainBudget::kLuby);
  CHECK(spec.search.exploration == std::pair(0.5, 2.0));
  CHECK_FALSE(spec.search.lineage_floor);
  CHECK(spec.search.hypotheses == "ideas.md");
  CHECK(spec.dependencies.manifests == Texts{"deps.txt"});
  CHECK(spec.parallel.evaluations == 3);
  CHECK_FALSE(spec.budget.max_cost_usd.has_value());
  CHECK_FALSE(spec.budget.plateau_nodes.has_value());
  CHECK(spec.budget.max_tokens == 1000000);
  CHECK(spec.usage.calls_per_day == 10000);
  CHECK(spec.export_.branch == "perf/{name}");
  CHECK_FALSE(spec.export_.minimise);
  CHECK(spec.hooks.webhook == "https://example.org/hook");
}

TEST_CASE("weights make a score that is maximized") {
  const Spec spec = SpecOf(
      With(kMinimal, "{name: seconds, direction: minimize}",
           "{weights: [{name: seconds, direction: minimize, weight: 0.7}, "
           "{name: mb, direction: minimize}]}"));
  CHECK(spec.metric.name == "score");
  CHECK(spec.metric.direction == Direction::kMaximize);
  REQUIRE(spec.metric.weights.size() == 2);
  CHECK(spec.metric.weights[0].weight == 0.7);
  CHECK(spec.metric.weights[1].weight == 1);
}

TEST_CASE("improvements are automatic, absolute or relative") {
  const auto least = [](std::string_view written) {
    return SpecOf(With(kMinimal, "direction: minimize",
                       "direction: minimize, min_improvement: " +
                           std::string(written)))
        .metric.min_improvement;
  };
  using Kind = MinImprovement::Kind;
  CHECK(least("auto") == MinImprovement{Kind::kAuto, 0});
  CHECK(least("0.02") == MinImprovement{Kind::kAbsolute, 0.02});
  CHECK(least("3") == MinImprovement{Kind::kAbsolute, 3});
  CHECK(least("\"5%\"") == MinImprovement{Kind::kRelative, 0.05});
  CHECK(least("7 %") == MinImprovement{Kind::kRelative, 0.07});
}

TEST_CASE("without a sandbox there is a warning about the network") {
  const auto warnings = [](std::string_view evaluation) {
    return Parse(With(kMinimal, "python bench/evaluate.py", evaluation))
        ->warnings;
  };
  CHECK(warnings("x").empty());
  const Texts bare = warnings("{command: x, sandbox: none}");
  REQUIRE(bare.size() == 1);
  CHECK(bare[0].find("network") != std::string::npos);
  CHECK(warnings("{command: x, sandbox: none, network: true}").size() == 1);
}

TEST_CASE("a file is read, and its name stands before every error") {
  const testing::TempDir dir;
  testing::WriteFile(dir / "good.yaml", kMinimal);
  testing::WriteFile(dir / "bad.yaml", "nam: x\n");
  testing::WriteFile(dir / "empty.yaml", "");
  CHECK(LoadSpec(dir / "good.yaml", {}).has_value());
  const Result<Loaded> bad = LoadSpec(dir / "bad.yaml", {});
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().code == ErrorCode::kUsage);
  CHECK(bad.error().where == (dir / "bad.yaml").string() + ":1");
  CHECK(
      bad.error().what.starts_with("unknown key \"nam\" in the spec; did you "
                                   "mean \"name\"?\n"));
  const Result<Loaded> empty = LoadSpec(dir / "empty.yaml", {});
  REQUIRE_FALSE(empty.has_value());
  CHECK(empty.error().what ==
        "the spec is empty; it must be a map with name, goal, scope, metric, "
        "evaluation");
}

TEST_CASE("a file that cannot be read is named with the way out") {
  const testing::TempDir dir;
  for (const auto& path : {dir / "none.yaml", dir.path()}) {
    const Result<Loaded> loaded = LoadSpec(path, {});
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error().where == path.string());
    CHECK(loaded.error().next == "coppice init writes one");
  }
}

}  // namespace
}  // namespace coppice::spec

#include "support/sample_run.h"

#include <chrono>
#include <stdexcept>
#include <utility>

#include "base/digest.h"
#include "spec/load.h"

namespace coppice::testing {
namespace {

using search::Committed;
using search::Evaluated;
using search::Record;
using search::Rejected;
using search::Selected;

constexpr const char* kSpec = R"(
name: faster-parser
goal: Make parse() faster without changing its output
scope: {mutable: [src/parser.cpp, src/lex.cpp], immutable: [bench/]}
metric:
  name: seconds
  direction: minimize
  target: 9
  gates: [{name: recall, check: ">= 0.95"}]
  diagnostics: [peak_mb]
evaluation: {build: make -j4, command: python bench/evaluate.py}
checks: [make test]
proposers:
  - {model: anthropic/claude-sonnet-4-5}
  - edits: {kinds: [delete, number]}
budget: {max_nodes: 60, max_cost_usd: 10}
usage: {calls_per_day: 10000, usd_per_hour: 3}
)";

constexpr const char* kLock =
    R"({"environment":{"os":"Debian 12","cpu":"x|86 <b>","cores":2,)"
    R"("tools":{"git":"2.39.2"}}})";

constexpr const char* kModel = "anthropic/claude-sonnet-4-5";
constexpr const char* kEdits = "edits";

ObjectId IdOf(const std::string& name) {
  return *ObjectId::FromHex(Sha256Hex(name).substr(0, 40));
}

// Writes records one after the other.
class Writer {
 public:
  explicit Writer(const std::string& spec_yaml) {
    Result<spec::Loaded> loaded = spec::ParseSpec(spec_yaml, "sample.yaml", {});
    if (!loaded) throw std::runtime_error(loaded.error().Text());
    search::Started started;
    started.coppice = "0.1.0";
    started.run = "20260901-223015-kqa";
    started.spec_json = loaded->merged_json;
    started.spec_sha256 = Sha256Hex(started.spec_json);
    started.base = IdOf("base");
    started.lock_json = kLock;
    started.seed = 7;
    Add(std::move(started));
  }

  void Add(search::Event event) {
    const auto start = std::chrono::sys_days(std::chrono::year(2026) / 9 / 1) +
                       std::chrono::seconds(22 * 3600 + 30 * 60 + 15);
    const auto seq = static_cast<std::int64_t>(records_.size()) + 1;
    records_.push_back(
        Record{.seq = seq,
               .at = start + std::chrono::seconds(20 * (seq - 1)),
               .event = std::move(event)});
  }

  void Select(int attempt, Operator op, const std::vector<int>& parents,
              const char* arm) {
    Selected selected;
    selected.attempt = AttemptId(attempt);
    selected.op = op;
    for (int parent : parents) selected.parents.emplace_back(parent);
    selected.arm = arm;
    Add(std::move(selected));
  }

  void Answer(int attempt, double usd) {
    search::Asked asked;
    asked.attempt = AttemptId(attempt);
    Add(std::move(asked));
    search::Answered answered;
    answered.attempt = AttemptId(attempt);
    answered.text = "IDEA: see the plan";
    answered.usage = {.usd = usd, .input = 9120, .output = 812, .seconds = 14};
    answered.stop = "complete";
    Add(std::move(answered));
  }

  void Commit(int attempt, llm::Plan plan, std::vector<FileStat> files,
              std::vector<std::string> needs = {}) {
    Committed committed;
    committed.attempt = AttemptId(attempt);
    committed.commit = IdOf("commit " + std::to_string(attempt));
    committed.tree = IdOf("tree " + std::to_string(attempt));
    committed.plan = std::move(plan);
    committed.files = std::move(files);
    committed.needs = std::move(needs);
    Add(std::move(committed));
  }

  void Sample(int node, SamplePhase phase, int index, double seconds,
              std::optional<int> versus = std::nullopt, double recall = 0.97) {
    search::Sampled sampled;
    sampled.node = AttemptId(node);
    sampled.sample.index = index;
    sampled.sample.phase = phase;
    sampled.sample.metrics = {
        {"seconds", seconds}, {"recall", recall}, {"peak_mb", 81}};
    sampled.sample.seconds = seconds;
    sampled.sample.rss_kb = 83'000 + index;
    sampled.sample.log = "nodes/" + std::to_string(node) + "/eval.log";
    if (versus) sampled.versus = AttemptId(*versus);
    Add(std::move(sampled));
  }

  void Baseline(const std::vector<double>& values) {
    Commit(0, {.idea = "baseline"}, {});
    for (std::size_t i = 0; i < values.size(); ++i) {
      Sample(0, SamplePhase::kBaseline, static_cast<int>(i), values[i]);
    }
    Judge(0, Outcome::kBaseline, "measured before anything was proposed",
          values[values.size() / 2]);
  }

  // Fresh pairs of `node` and the best of that moment.
  void Pairs(int node, const std::vector<double>& candidate, int best,
             const std::vector<double>& others) {
    for (std::size_t i = 0; i < candidate.size(); ++i) {
      Sample(node, SamplePhase::kConfirm, next_confirm_, candidate[i], best);
      Sample(best, SamplePhase::kConfirm, next_confirm_++, others[i], node);
    }
  }

  void Judge(int node, Outcome outcome, std::string reason,
             std::optional<double> value = std::nullopt,
             std::optional<search::Gain> gain = std::nullopt,
             std::vector<std::string> flags = {}, std::string tail = "") {
    Evaluated evaluated;
    evaluated.node = AttemptId(node);
    evaluated.outcome = outcome;
    evaluated.reason = std::move(reason);
    evaluated.value = value;
    evaluated.sigma = 0.005;
    evaluated.gain = gain;
    evaluated.flags = std::move(flags);
    evaluated.seconds = {.build = 3.1, .checks = 2};
    evaluated.tail = std::move(tail);
    evaluated.log = "nodes/" + std::to_string(node) + "/eval.log";
    Add(std::move(evaluated));
  }

  void Reject(int attempt, Outcome outcome, std::string reason) {
    Rejected rejected;
    rejected.attempt = AttemptId(attempt);
    rejected.outcome = outcome;
    rejected.reason = std::move(reason);
    Add(std::move(rejected));
  }

  std::vector<Record> Take() { return std::move(records_); }

 private:
  std::vector<Record> records_;
  int next_confirm_ = 0;
};

const FileStat kParser{.path = "src/parser.cpp", .added = 12, .removed = 3};
const FileStat kLexer{.path = "src/lex.cpp", .added = 4, .removed = 40};

void FirstImprovement(Writer& run) {
  run.Select(1, Operator::kDraft, {0}, kModel);
  run.Answer(1, 0.03);
  run.Commit(
      1,
      {.idea = "a lookup table <script>alert(1)</script> | \x1b[31mred",
       .category = "data-structure",
       .bottleneck = "CPU: one branch a byte; tables replace branches",
       .alternatives = "a) table b) SIMD c) fewer passes; a) is smallest",
       .expect = "5%",
       .risk = "cache misses",
       .lesson = "branches cost more than loads"},
      {kParser});
  run.Sample(1, SamplePhase::kScreen, 0, 11.75);
  run.Pairs(1, {11.8, 11.82, 11.79, 11.8, 11.85}, 0,
            {12.41, 12.38, 12.44, 12.4, 12.43});
  run.Judge(1, Outcome::kImproved,
            "improved: 12.41 -> 11.8 (gain 4.9% > threshold 1.1%)", 11.8,
            search::Gain{0.049, 0.049, 0.049});
}

void WithinNoise(Writer& run) {
  run.Select(2, Operator::kDraft, {0}, kModel);
  run.Answer(2, 0.03);
  run.Commit(2, {.idea = "reorder the branches of lex()", .category = "cpu"},
             {kLexer});
  run.Sample(2, SamplePhase::kScreen, 0, 12.38);
  run.Judge(2, Outcome::kValid,
            "screen 12.38 against 11.8: gain -4.9% <= noise 0.5%", 12.38,
            search::Gain{0.002, -0.049, 0.002});
}

void FailureAndRepair(Writer& run) {
  run.Select(3, Operator::kImprove, {1}, kModel);
  run.Answer(3, 0.04);
  run.Commit(3, {.idea = "read four bytes at once"}, {kParser, kLexer});
  run.Judge(3, Outcome::kBuggy, "make -j4: exit 2", std::nullopt, std::nullopt,
            {},
            "\x1b]0;owned\x07src/parser.cpp:120: error: 'mask' undeclared\n"
            "make: *** [parser.o] Error 2\n");
  run.Select(4, Operator::kDebug, {3}, kModel);
  run.Answer(4, 0.02);
  run.Commit(4, {.idea = "declare the mask before the loop"}, {kParser});
  run.Sample(4, SamplePhase::kScreen, 0, 10.9);
  run.Pairs(4, {10.9, 10.95, 10.88, 10.91, 10.9}, 1,
            {11.8, 11.79, 11.84, 11.81, 11.8});
  run.Judge(4, Outcome::kImproved,
            "improved: 11.8 -> 10.9 (gain 7.6% > threshold 1.1%)", 10.9,
            search::Gain{0.076, 0.076, 0.121});
}

void Rejections(Writer& run) {
  run.Select(5, Operator::kImprove, {1}, kEdits);
  run.Reject(5, Outcome::kDuplicate, "duplicate of 4");
  run.Select(6, Operator::kImprove, {4}, kModel);
  run.Answer(6, 0.05);
  run.Reject(6, Outcome::kScopeViolation,
             "too many changed lines: 512 > 400 in src/\x1b[2Jparser.cpp");
}

// Measured, but not better; and the ways in which a measurement ends early.
void DeadEnds(Writer& run) {
  run.Select(7, Operator::kDraft, {0}, kEdits);
  run.Commit(7, {.idea = "delete src/lex.cpp:41"}, {kLexer});
  run.Sample(7, SamplePhase::kScreen, 0, 12.6);
  run.Judge(7, Outcome::kValid, "screen 12.6 against 10.9: no gain", 12.6,
            search::Gain{-0.015, -0.156, -0.015});
  run.Select(8, Operator::kImprove, {2}, kEdits);
  run.Commit(8, {.idea = "number src/lex.cpp:12 64 -> 128"}, {kLexer});
  run.Sample(8, SamplePhase::kScreen, 0, 10.7);
  run.Pairs(8, {10.9, 10.96}, 4, {10.9, 10.9});
  run.Judge(8, Outcome::kInconclusive, "2 pairs without a gain", 10.93,
            search::Gain{0.117, -0.003, 0.119});
  run.Select(9, Operator::kImprove, {4}, kEdits);
  run.Commit(9, {.idea = "delete src/parser.cpp:88"}, {kParser});
  run.Sample(9, SamplePhase::kScreen, 0, 6.1, std::nullopt, 0.93);
  run.Judge(9, Outcome::kDegenerate, "gate recall: 0.93 >= 0.95 fails", 6.1,
            std::nullopt, {"suspicious"});
  run.Select(10, Operator::kImprove, {4}, kEdits);
  run.Commit(10, {.idea = "delete src/parser.cpp:97"}, {kParser});
  run.Judge(10, Outcome::kTimeout, "bench: wall 600s");
}

void Merge(Writer& run) {
  run.Select(11, Operator::kMerge, {4, 2}, "");
  run.Commit(11, {.idea = "merge 2 into 4"}, {kLexer});
  run.Sample(11, SamplePhase::kScreen, 0, 9.85);
  run.Pairs(11, {9.87, 9.9, 9.8, 9.87, 9.88}, 4,
            {10.9, 10.92, 10.9, 10.89, 10.91});
  run.Judge(11, Outcome::kImproved,
            "improved: 10.9 -> 9.87 (gain 9.4% > threshold 1.1%)", 9.87,
            search::Gain{0.094, 0.094, 0.205});
}

void LastAttempts(Writer& run) {
  run.Select(12, Operator::kDraft, {0}, kModel);
  run.Answer(12, 0.06);
  run.Commit(12, {.idea = "parse with simdjson", .needs = {"simdjson"}},
             {kParser}, {"simdjson"});
  run.Judge(12, Outcome::kDeferred,
            "needs a dependency that is not approved: simdjson");
  for (int attempt = 13; attempt <= 18; ++attempt) {
    run.Select(attempt, Operator::kImprove, {11}, kEdits);
    if (attempt % 2 == 0) {
      run.Reject(attempt, Outcome::kEditFailed, "no edit changed the tree");
      continue;
    }
    run.Commit(attempt, {.idea = "swap src/lex.cpp:" + std::to_string(attempt)},
               {kLexer});
    run.Sample(attempt, SamplePhase::kScreen, 0, 9.9 + attempt * 0.01);
    run.Judge(attempt, Outcome::kValid, "screen: no gain",
              9.9 + attempt * 0.01);
  }
  run.Select(19, Operator::kImprove, {11}, kModel);
}

void Ending(Writer& run) {
  run.Reject(19, Outcome::kCancelled, "stopped by the user");
  run.Add(search::Noted{.kind = "budget", .text = "max_nodes: 48 of 60"});
  run.Add(search::Noted{.kind = "race", .text = "[11,4]"});
  search::Final final;
  for (int node : {11, 4, 0}) {
    search::Finalist finalist{.node = AttemptId(node)};
    for (int i = 0; i < 4; ++i) {
      const double base = node == 11 ? 9.87 : node == 4 ? 10.9 : 12.41;
      finalist.values.push_back(base + 0.01 * i);
      run.Sample(node, SamplePhase::kFinal, i, base + 0.01 * i);
    }
    final.finalists.push_back(std::move(finalist));
  }
  final.winner = AttemptId(11);
  final.gain = 0.2046;
  final.sigma = 0.004;
  final.confirmed = true;
  final.word = "high";
  run.Add(std::move(final));
  run.Add(search::Stopped{.reason = "plateau", .exit = 0});
  run.Add(search::Exported{.node = AttemptId(11),
                           .branch = "optimize/faster-parser",
                           .commits = {IdOf("exported")},
                           .mode = "squash"});
}

}  // namespace

std::vector<Record> FruitfulRun() {
  Writer run(kSpec);
  run.Baseline({12.45, 12.41, 12.38, 12.4, 12.52});
  FirstImprovement(run);
  WithinNoise(run);
  FailureAndRepair(run);
  Rejections(run);
  DeadEnds(run);
  Merge(run);
  LastAttempts(run);
  Ending(run);
  return run.Take();
}

std::size_t BeforeTheFinal(const std::vector<Record>& records) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto* rejected = std::get_if<Rejected>(&records[i].event);
    if (rejected != nullptr && rejected->attempt == AttemptId(19)) return i;
  }
  throw std::logic_error("the run has no attempt 19");
}

std::vector<Record> FruitlessRun() {
  Writer run(kSpec);
  run.Baseline({12.1, 12.9, 12.4, 11.8, 12.6});
  run.Select(1, Operator::kDraft, {0}, kEdits);
  run.Commit(1, {.idea = "number src/parser.cpp:7 8 -> 16"}, {kParser});
  run.Sample(1, SamplePhase::kScreen, 0, 12.1);
  run.Judge(1, Outcome::kValid, "gain 2.4% <= noise 3.6%", 12.1,
            search::Gain{0.024, 0.024, 0.024});
  for (int attempt = 2; attempt <= 4; ++attempt) {
    run.Select(attempt, Operator::kDraft, {0}, kModel);
    run.Answer(attempt, 0.02);
    run.Commit(attempt, {.idea = "unroll the loop"}, {kParser});
    run.Judge(attempt, Outcome::kBuggy, "make -j4: exit 2");
  }
  run.Add(search::Paused{.pause = search::PauseClass::kNeedsUser,
                         .cause = "signature",
                         .detail = "3 attempts in a row: build failed make: "
                                   "exit 2; look at nodes/4/eval.log"});
  run.Add(search::Resumed{.coppice = "0.1.0", .drift = {"cpu: a -> b"}});
  search::Final final;
  final.finalists = {{AttemptId(1), {12.3, 12.2}},
                     {AttemptId(0), {12.4, 12.1}}};
  final.winner = AttemptId(1);
  final.gain = 0.004;
  final.word = "noise";
  run.Add(std::move(final));
  run.Add(search::Stopped{.reason = "plateau", .exit = 3});
  return run.Take();
}

std::vector<Record> OverruledRun(bool confirmed) {
  std::vector<Record> records = FruitfulRun();
  for (Record& record : records) {
    auto* final = std::get_if<search::Final>(&record.event);
    if (final == nullptr) continue;
    final->winner = AttemptId(4);
    final->gain = confirmed ? 0.12 : 0.002;
    final->confirmed = confirmed;
    final->word = confirmed ? "high" : "noise";
  }
  return records;
}

std::string OutputOf(const std::vector<search::Record>& records,
                     AttemptId attempt) {
  std::string output;
  for (const search::Record& record : records) {
    const auto* e = std::get_if<search::Evaluated>(&record.event);
    if (e != nullptr && e->node == attempt) output = e->tail;
  }
  return output;
}

std::unique_ptr<search::State> Fold(const std::vector<Record>& records,
                                    std::size_t count) {
  auto state = std::make_unique<search::State>();
  for (const Record& record : records) {
    if (static_cast<std::size_t>(record.seq) > count) break;
    Result<void> applied = state->Apply(record);
    if (!applied) throw std::runtime_error(applied.error().Text());
  }
  return state;
}

}  // namespace coppice::testing

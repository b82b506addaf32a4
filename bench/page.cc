#include "report/page.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "app/page_texts.h"
#include "base/digest.h"
#include "base/rng.h"
#include "bed.h"
#include "report/views.h"
#include "search/sqlite_journal.h"
#include "search/state.h"
#include "spec/load.h"

// What report.html weighs and costs for a long run with a model: a journal is
// written as such a run leaves it (prompts with whole files and a history that
// changes, answers, patches, samples in pairs), then read and drawn as `coppice
// report --format html` does.
//
//   coppice_bench_page [NODES] [FILE]     default: 2000, no file kept

namespace coppice {
namespace {

namespace fs = std::filesystem;
using bench::CpuSeconds;

constexpr const char* kSpec = R"(
name: faster-parser
goal: Make parse() faster without changing its output
scope: {mutable: [src/parser.cpp, src/lex.cpp], immutable: [bench/]}
metric: {name: seconds, direction: minimize}
evaluation: {build: make -j4, command: python bench/evaluate.py}
checks: [make test]
proposers: [{model: anthropic/claude-sonnet-4-5}, {edits: {}}]
budget: {max_nodes: 100000, max_cost_usd: 1000}
)";

std::string Lines(std::string_view what, int count, Rng& rng) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += fmt::format("  {} {} = step({}, {}) + table[{}];\n", what, i,
                        rng.Below(4096), rng.Below(64), rng.Below(256));
  }
  return text;
}

class Night {
 public:
  explicit Night(search::SqliteJournal& journal)
      : journal_(journal), source_(Lines("auto", 500, rng_)) {}

  void Write(int nodes) {
    Begin();
    for (int n = 1; n <= nodes; ++n) Attempt(n);
    Add(search::Stopped{.reason = "max_nodes", .exit = 0});
  }

 private:
  void Add(const search::Event& event) {
    at_ += std::chrono::milliseconds(1500);
    Result<std::int64_t> seq = journal_.Append(at_, event);
    if (!seq) throw std::runtime_error(seq.error().Text());
  }

  static ObjectId Id(std::string_view kind, int n) {
    return *ObjectId::FromHex(
        Sha256Hex(fmt::format("{} {}", kind, n)).substr(0, 40));
  }

  void Begin() {
    Result<spec::Loaded> loaded = spec::ParseSpec(kSpec, "bench.yaml", {});
    if (!loaded) throw std::runtime_error(loaded.error().Text());
    search::Started started;
    started.coppice = COPPICE_VERSION;
    started.run = "20260901-223015-kqa";
    started.spec_json = loaded->merged_json;
    started.base = Id("base", 0);
    Add(started);
    search::Committed base;
    base.commit = Id("commit", 0);
    base.tree = Id("tree", 0);
    Add(base);
    for (int i = 0; i < 5; ++i) Sample(0, SamplePhase::kBaseline, i, 100);
    Evaluate(0, Outcome::kBaseline, 100);
  }

  void Sample(int node, SamplePhase phase, int index, double about,
              std::optional<AttemptId> versus = std::nullopt) {
    search::Sampled sampled;
    sampled.node = AttemptId(node);
    sampled.sample.index = index;
    sampled.sample.phase = phase;
    const double value = about * (1 + 0.002 * rng_.Normal());
    sampled.sample.metrics = {{"seconds", value}, {"peak_mb", 81}};
    sampled.sample.seconds = value / 100;
    sampled.versus = versus;
    Add(sampled);
  }

  void Evaluate(int node, Outcome outcome, std::optional<double> value) {
    search::Evaluated evaluated;
    evaluated.node = AttemptId(node);
    evaluated.outcome = outcome;
    evaluated.value = value;
    evaluated.reason =
        value ? fmt::format("screen {:.4g}", *value) : "make -j4: exit 2";
    evaluated.seconds = {.build = 3.1, .checks = 1.9};
    if (value) evaluated.gain = search::Gain{0.01, -0.01, 0.2};
    if (!value) evaluated.tail = Lines("error: line", 30, rng_);
    Add(evaluated);
  }

  void Attempt(int n) {
    const int parent =
        n <= 5 || good_.empty() ? 0 : good_[rng_.Below(good_.size())];
    search::Selected selected;
    selected.attempt = AttemptId(n);
    selected.op = parent == 0 ? Operator::kDraft : Operator::kImprove;
    selected.parents = {AttemptId(parent)};
    selected.arm = "anthropic/claude-sonnet-4-5";
    Add(selected);
    Ask(n);
    if (rng_.Chance(0.08)) {
      Add(search::Rejected{.attempt = AttemptId(n),
                           .outcome = Outcome::kEditFailed,
                           .reason = "block 2, src/parser.cpp: not_found"});
      return;
    }
    Commit(n);
    if (rng_.Chance(0.35)) return Evaluate(n, Outcome::kBuggy, std::nullopt);
    Measure(n);
  }

  void Ask(int n) {
    history_ = fmt::format("#{} valid: {}", n, Lines("tried", 2, rng_)) +
               history_.substr(0, 6000);
    search::Asked asked;
    asked.attempt = AttemptId(n);
    asked.role = "propose";
    asked.model = "claude-sonnet-4-5";
    asked.prompt = {{llm::Speaker::kUser, "# Rules\n" + source_},
                    {llm::Speaker::kUser, "# History\n" + history_}};
    Add(asked);
    search::Answered answered;
    answered.attempt = AttemptId(n);
    answered.text = "IDEA: hoist the mask\n" + Lines("new", 60, rng_);
    answered.usage = {.usd = .03, .input = 9120, .output = 812, .seconds = 14};
    answered.stop = "complete";
    Add(answered);
  }

  void Commit(int n) {
    search::Committed committed;
    committed.attempt = AttemptId(n);
    committed.commit = Id("commit", n);
    committed.tree = Id("tree", n);
    committed.plan = {
        .idea = fmt::format("hoist the mask out of loop {} of parse()", n),
        .category = n % 3 == 0 ? "memory" : "algorithm",
        .bottleneck = "CPU: one branch a byte; tables replace branches",
        .alternatives = "a) table b) SIMD c) fewer passes; a) is smallest",
        .expect = "5%",
        .risk = "the table falls out of the first-level cache",
        .lesson = "branches cost more than loads here"};
    committed.patch =
        "diff --git a/src/parser.cpp b/src/parser.cpp\n"
        "--- a/src/parser.cpp\n+++ b/src/parser.cpp\n@@ -10,12 +10,12 @@\n";
    for (int i = 0; i < 12; ++i) {
      committed.patch += "-" + Lines("old", 1, rng_);
      committed.patch += "+" + Lines("new", 1, rng_);
    }
    committed.files = {{.path = "src/parser.cpp", .added = 12, .removed = 12}};
    Add(committed);
  }

  void Measure(int n) {
    const double value =
        100 - 40 * (1 - 1 / (1 + n / 400.0)) + 3 * std::abs(rng_.Normal());
    Sample(n, SamplePhase::kScreen, 0, value);
    const bool better = value < best_ * 0.99;
    for (int i = 0; better && i < 5; ++i) {
      Sample(n, SamplePhase::kConfirm, confirms_, value, AttemptId(best_node_));
      Sample(best_node_, SamplePhase::kConfirm, confirms_++, best_,
             AttemptId(n));
    }
    Evaluate(n, better ? Outcome::kImproved : Outcome::kValid, value);
    if (better) {
      best_ = value;
      best_node_ = n;
    }
    if (value < best_ * 1.06) good_.push_back(n);
    if (good_.size() > 40) good_.erase(good_.begin());
  }

  search::SqliteJournal& journal_;
  Rng rng_{7};
  const std::string source_;
  std::string history_;
  WallTime at_{std::chrono::microseconds(1'788'302'000'000'000)};
  std::vector<int> good_;
  double best_ = 100;
  int best_node_ = 0;
  int confirms_ = 0;
};

int Run(int nodes, const std::string& file) {
  const fs::path dir =
      fs::temp_directory_path() / fmt::format("coppice-page-{}", getpid());
  fs::create_directories(dir);
  {
    auto journal = search::CreateJournal(dir / "journal.db");
    if (!journal) throw std::runtime_error(journal.error().Text());
    Night(**journal).Write(nodes);
  }
  auto journal = search::OpenJournalForReading(dir / "journal.db");
  if (!journal) throw std::runtime_error(journal.error().Text());
  const double begin = CpuSeconds();
  search::State state;
  Result<void> read = (*journal)->Replay(
      [&](const search::Record& record) { return state.Apply(record); });
  if (!read) throw std::runtime_error(read.error().Text());
  const double folded = CpuSeconds();
  Result<std::string> page = report::StaticPage(
      state, {.now = state.last_at()}, app::AllTextsOf(**journal, state),
      report::LogsIn(dir, report::kPageLogBytes));
  if (!page) throw std::runtime_error(page.error().Text());
  const double drawn = CpuSeconds();
  fmt::print(
      "report.html of {} attempts: {:.2f} MB (template {:.2f}); journal {:.1f} "
      "MB read in {:.2f} s, page made in {:.2f} s (CPU)\n",
      nodes, static_cast<double>(page->size()) / 1e6,
      static_cast<double>(report::PageTemplate().size()) / 1e6,
      static_cast<double>(fs::file_size(dir / "journal.db")) / 1e6,
      folded - begin, drawn - folded);
  if (!file.empty()) {
    Result<void> written = report::WriteWhole(file, *page);
    if (!written) throw std::runtime_error(written.error().Text());
  }
  fs::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace coppice

int main(int argc, char** argv) {
  try {
    return coppice::Run(argc > 1 ? std::atoi(argv[1]) : 2000,
                        argc > 2 ? argv[2] : "");
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}

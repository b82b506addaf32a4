#include "bed.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "base/rng.h"
#include "search/search.h"
#include "search/sqlite_journal.h"

namespace coppice::bench {
namespace fs = std::filesystem;
namespace {

void Sh(const std::string& command) {
  if (system(command.c_str()) != 0) {
    fmt::print(stderr, "failed: {}\n", command);
    std::exit(1);
  }
}

class Session final : public eval::Session {
 public:
  Session(std::unique_ptr<Lease> lease, ObjectId commit)
      : lease_(std::move(lease)), commit_(commit) {}
  Task<eval::Sample> Measure(eval::SampleRequest request) override {
    eval::Sample sample;
    sample.phase = request.phase;
    sample.index = request.index;
    sample.metrics["cost"] = SlotCost(commit_);
    co_return sample;
  }
  Task<eval::Diagnosis> Diagnose() override { co_return eval::Diagnosis{}; }
  int slot() const override { return lease_->tree().slot; }

 private:
  std::unique_ptr<Lease> lease_;
  ObjectId commit_;
};

}  // namespace

double SlotCost(ObjectId commit) {
  Rng rng(std::hash<ObjectId>()(commit));
  return 1 + rng.Uniform();
}

Task<eval::Opened> SlotEvaluator::Open(const eval::Target& target) {
  auto lease = co_await workspaces_.Acquire(target.commit, SlotUse::kEvaluate);
  if (!lease) throw std::runtime_error(lease.error().Text());
  eval::Opened opened;
  opened.session = std::make_unique<Session>(std::move(*lease), target.commit);
  co_return opened;
}

double CpuSeconds() {
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) +
           1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(own.ru_utime) + seconds(own.ru_stime);
}

double RssMegabytes() {
  std::ifstream statm("/proc/self/statm");
  long size = 0, resident = 0;
  statm >> size >> resident;
  return static_cast<double>(resident) * sysconf(_SC_PAGESIZE) / 1e6;
}

double WallSeconds() {
  return std::chrono::duration<double>(MakeRealClock()->Now().since_start)
      .count();
}

app::Project MakeProject(const fs::path& dir, const std::string& extra) {
  fs::create_directories(dir / "src");
  fs::copy_file(COPPICE_SOURCE_DIR "/examples/hashtable/src/table.cc",
                dir / "src/table.cc");
  std::ofstream(dir / "coppice.yaml")
      << "name: bench\ngoal: measure coppice\n"
         "scope: {mutable: [src/]}\n"
         "metric: {name: cost, direction: minimize}\n"
      << extra;
  Sh("cd " + dir.string() +
     " && git init -q && git add -A && git -c user.name=b -c user.email=b@b "
     "commit -qm base");
  app::Global global;
  global.repo = dir;
  auto project = app::OpenProject(global, {.file = dir / "coppice.yaml"}, {});
  if (!project) {
    fmt::print(stderr, "{}\n", project.error().Text());
    std::exit(1);
  }
  return std::move(*project);
}

void RunSearch(app::Project& project, app::Workbench& bench,
               eval::Evaluator& evaluator, double baseline, int nodes,
               const fs::path& dir, const std::function<void(int)>& see) {
  auto journal = search::CreateJournal(dir / "journal.db");
  if (!journal) throw std::runtime_error(journal.error().Text());
  search::Search::Parts parts{
      .executor = bench.io().get_executor(),
      .clock = bench.clock(),
      .compute = bench.compute(),
      .repository = *project.store,
      .evaluator = evaluator,
      .journal = **journal,
      .scope = project.scope,
      .evaluations = bench.evaluations(),
      .open_sessions = bench.open_sessions(),
  };
  for (const llm::NamedProposer& proposer : bench.proposers()) {
    parts.arms.push_back({.name = proposer.name,
                          .weight = proposer.weight,
                          .operators = proposer.operators,
                          .proposer = proposer.proposer.get(),
                          .shared = proposer.shared,
                          .max_prompt_kb = proposer.proposal.max_prompt_kb});
  }
  int finished = 0;
  parts.observers.push_back(
      [&](const search::State& state, const search::Record&) {
        const int now = static_cast<int>(state.order_of_completion().size());
        if (now > finished) see(finished = now);
      });
  search::Search search(std::move(parts));
  auto recovered = search.Recover();
  search::Search::Beginning beginning;
  beginning.started.run = "20260101-000000-aaa";
  beginning.started.spec_json = project.loaded.merged_json;
  beginning.started.base = project.base;
  beginning.base_tree = *project.store->TreeIdOf(project.base);
  for (int i = 0; i < 5; ++i) {
    eval::Sample sample;
    sample.phase = SamplePhase::kBaseline;
    sample.index = i;
    sample.metrics["cost"] = baseline;
    beginning.baseline.push_back(sample);
  }
  auto begun = search.Begin(std::move(beginning));
  if (!recovered || !begun) throw std::runtime_error("cannot begin");
  search::Ending ending;
  auto run = [&]() -> Task<void> { ending = co_await search.Run(); };
  bench.Run(run(), [](int, int) { std::_Exit(130); });
  if (finished < nodes) {
    throw std::runtime_error(fmt::format("ended after {} of {}: {} {}",
                                         finished, nodes, ending.reason,
                                         ending.detail));
  }
}

std::unique_ptr<app::Workbench> MakeBench(app::Project& project,
                                          const fs::path& dir) {
  auto bench =
      app::Workbench::Make(project, {.run = "bench", .run_directory = dir});
  if (!bench) {
    fmt::print(stderr, "{}\n", bench.error().Text());
    std::exit(1);
  }
  return std::move(*bench);
}

}  // namespace coppice::bench

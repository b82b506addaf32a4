#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "app/project.h"
#include "app/workbench.h"
#include "base/rng.h"
#include "search/search.h"
#include "search/sqlite_journal.h"

// What coppice itself costs, beside the floor under it.
//
//   orchestration  a real search (policy, built-in edits, git store, slots,
//                  SQLite journal, decision) over an evaluator that starts no
//                  process: CPU a node early and late, and memory
//   throughput     a real search with a trivial command in the sandbox,
//                  against one loop that does the same bare work for each
//                  candidate: commit objects, slot, /bin/true in the sandbox,
//                  one durable row

namespace coppice {
namespace {
namespace fs = std::filesystem;

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

void Sh(const std::string& command) {
  if (system(command.c_str()) != 0) {
    fmt::print(stderr, "failed: {}\n", command);
    std::exit(1);
  }
}

// A fresh repository with the example's source and `extra` keys in its spec.
app::Project MakeProject(const fs::path& dir, const std::string& extra) {
  fs::create_directories(dir / "src");
  fs::copy_file(COPPICE_SOURCE_DIR "/examples/hashtable/src/table.cc",
                dir / "src/table.cc");
  std::ofstream(dir / "coppice.yaml")
      << "name: bench\ngoal: measure coppice\n"
         "scope: {mutable: [src/]}\n"
         "metric: {name: cost, direction: minimize}\n"
         "proposers: [{edits: {}}]\n"
      << extra;
  Sh("cd " + dir.string() +
     " && git init -q && git add -A && git -c user.name=b -c user.email=b@b "
     "commit -qm base");
  app::Global global;
  global.repo = dir;
  auto project = app::OpenProject(global, (dir / "coppice.yaml").string(), {});
  if (!project) {
    fmt::print(stderr, "{}\n", project.error().Text());
    std::exit(1);
  }
  return std::move(*project);
}

// Makes the slot as a real evaluation does and then answers at once, with a
// value that depends on the commit alone.
class SlotEvaluator final : public eval::Evaluator {
 public:
  explicit SlotEvaluator(Workspaces& workspaces) : workspaces_(workspaces) {}

  Task<eval::Opened> Open(const eval::Target& target) override {
    auto lease =
        co_await workspaces_.Acquire(target.commit, SlotUse::kEvaluate);
    if (!lease) throw std::runtime_error(lease.error().Text());
    eval::Opened opened;
    opened.session =
        std::make_unique<Session>(std::move(*lease), target.commit);
    co_return opened;
  }

 private:
  class Session final : public eval::Session {
   public:
    Session(std::unique_ptr<Lease> lease, ObjectId commit)
        : lease_(std::move(lease)), commit_(commit) {}
    Task<eval::Sample> Measure(eval::SampleRequest request) override {
      eval::Sample sample;
      sample.phase = request.phase;
      sample.index = request.index;
      Rng rng(std::hash<ObjectId>()(commit_));
      sample.metrics["cost"] = 1 + rng.Uniform();
      co_return sample;
    }
    int slot() const override { return lease_->tree().slot; }

   private:
    std::unique_ptr<Lease> lease_;
    ObjectId commit_;
  };

  Workspaces& workspaces_;
};

// Runs a search of `nodes` attempts; `see` is told after each of them.
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
                          .proposer = proposer.proposer.get()});
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

std::string Keys(int nodes, int evaluations) {
  return fmt::format(
      "budget: {{max_nodes: {}, max_hours: null, max_cost_usd: null, "
      "plateau_nodes: null}}\nparallel: {{evaluations: {}}}\n",
      nodes, evaluations);
}

void Orchestration(const fs::path& scratch, int nodes) {
  const fs::path dir = scratch / "orchestration";
  app::Project project =
      MakeProject(dir, "evaluation: echo cost 1\n" + Keys(nodes, 1));
  auto bench = MakeBench(project, dir);
  SlotEvaluator evaluator(bench->workspaces());
  const double rss_before = RssMegabytes();
  const int window = std::max(100, nodes / 20);
  double early_start = 0, early = 0, late_start = 0;
  const double start = WallSeconds();
  RunSearch(project, *bench, evaluator, 2, nodes, dir, [&](int node) {
    if (node == 20) early_start = CpuSeconds();
    if (node == 20 + 100) early = (CpuSeconds() - early_start) / 100;
    if (node == nodes - window) late_start = CpuSeconds();
    if (node != nodes) return;
    const double late = (CpuSeconds() - late_start) / window;
    fmt::print("orchestration, CPU a node\n");
    fmt::print("  at 100 nodes        {:8.2f} ms   (at most 3 ms)\n",
               1e3 * early);
    fmt::print("  at {:<6} nodes     {:8.2f} ms   ratio {:.2f} (at most 1.2)\n",
               nodes, 1e3 * late, late / early);
    fmt::print(
        "  memory at {:<6}    {:8.1f} MB   (at most 200 MB; {:.1f} MB "
        "before the first node)\n",
        nodes, RssMegabytes(), rss_before);
  });
  fmt::print("  wall a node         {:8.2f} ms\n",
             1e3 * (WallSeconds() - start) / nodes);
}

// One candidate of the floor: what no search can do without.
Task<void> FloorWorker(app::Project& project, app::Workbench& bench,
                       search::Journal& journal, int& next, int nodes) {
  while (next < nodes) {
    const int mine = next++;
    vcs::CommitRequest request;
    request.parents = {project.base};
    request.changes = {{"src/table.cc", fmt::format("// {}\n", mine)}};
    request.message = "floor\n";
    request.time = mine;
    auto commit = [&] { return project.store->Commit(request); };
    auto made = co_await Offload(bench.compute(), commit);
    if (mine % 16 == 0) {
      auto flush = [&] { return project.store->Flush(); };
      (void)co_await Offload(bench.compute(), flush);
    }
    search::Committed row;
    row.attempt = AttemptId(mine + 1);
    row.commit = made->commit;
    row.tree = made->tree;
    row.patch = made->patch;
    (void)journal.Append(bench.clock().Wall(), std::move(row));
    auto lease =
        co_await bench.workspaces().Acquire(made->commit, SlotUse::kEvaluate);
    if (!lease) throw std::runtime_error(lease.error().Text());
    CommandRequest command;
    command.command = "exec /bin/true";
    command.tree = (*lease)->tree();
    const CommandResult result = co_await bench.sandbox().Run(command);
    if (result.verdict != Verdict::kOk) throw std::runtime_error(result.reason);
  }
}

double Floor(const fs::path& scratch, int nodes) {
  const fs::path dir = scratch / "floor";
  app::Project project =
      MakeProject(dir, "evaluation: echo cost 1\n" + Keys(nodes, 2));
  auto bench = MakeBench(project, dir);
  auto journal = search::CreateJournal(dir / "journal.db");
  if (!journal) throw std::runtime_error(journal.error().Text());
  int next = 0;
  auto warm = [&]() -> Task<void> {
    (void)co_await bench->workspaces().BaseCheckout();
  };
  bench->Run(warm(), [](int, int) { std::_Exit(130); });
  auto both = [&]() -> Task<void> {
    TaskGroup workers(co_await asio::this_coro::executor);
    for (int i = 0; i < 2; ++i) {
      workers.Spawn(FloorWorker(project, *bench, **journal, next, nodes));
    }
    co_await workers.Join();
  };
  const double start = WallSeconds();
  bench->Run(both(), [](int, int) { std::_Exit(130); });
  return nodes / (WallSeconds() - start);
}

double Ours(const fs::path& scratch, int nodes) {
  const fs::path dir = scratch / "ours";
  app::Project project =
      MakeProject(dir, "evaluation: 'echo cost: 1'\n" + Keys(nodes, 2));
  auto bench = MakeBench(project, dir);
  double start = 0;
  double rate = 0;
  RunSearch(project, *bench, bench->evaluator(), 1, nodes, dir, [&](int node) {
    if (node == 10) start = WallSeconds();
    if (node == nodes) rate = (nodes - 10) / (WallSeconds() - start);
  });
  return rate;
}

void Throughput(const fs::path& scratch, int nodes) {
  const double floor = Floor(scratch, nodes);
  const double ours = Ours(scratch, nodes);
  fmt::print("throughput, trivial evaluator in the sandbox, 2 at a time\n");
  fmt::print("  floor               {:8.1f} candidates/s\n", floor);
  fmt::print(
      "  coppice             {:8.1f} nodes/s      ratio {:.2f} (at "
      "least 0.5)\n",
      ours, ours / floor);
}

}  // namespace
}  // namespace coppice

int main(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const int nodes = argc > 1 ? std::atoi(argv[1]) : 10'000;
  // A tmpfs, so that the figures are coppice's and not the disk's.
  std::string name = "/dev/shm/coppice-bench-XXXXXX";
  if (nodes < 200 || mkdtemp(name.data()) == nullptr) {
    fmt::print(stderr, "usage: coppice_bench [NODES >= 200]\n");
    return 2;
  }
  setenv("XDG_CACHE_HOME", (name + "/cache").c_str(), 1);
  coppice::Orchestration(name, nodes);
  coppice::Throughput(name, 1000);
  std::filesystem::remove_all(name);
  return 0;
}

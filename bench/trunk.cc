#include <fmt/format.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "bed.h"
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
using bench::CpuSeconds;
using bench::MakeBench;
using bench::MakeProject;
using bench::RssMegabytes;
using bench::RunSearch;
using bench::SlotEvaluator;
using bench::WallSeconds;

const std::string kEdits = "proposers: [{edits: {}}]\n";

std::string Keys(int nodes, int evaluations) {
  return fmt::format(
      "budget: {{max_nodes: {}, max_hours: null, max_cost_usd: null, "
      "plateau_nodes: null}}\nparallel: {{evaluations: {}}}\n",
      nodes, evaluations);
}

void Orchestration(const fs::path& scratch, int nodes) {
  const fs::path dir = scratch / "orchestration";
  app::Project project =
      MakeProject(dir, kEdits + "evaluation: echo cost 1\n" + Keys(nodes, 1));
  auto bench = MakeBench(project, dir);
  SlotEvaluator evaluator(bench->workspaces());
  const double rss_before = RssMegabytes();
  const int window = std::max(100, nodes / 20);
  double early_start = 0, early = 0, late_start = 0;
  const double start = WallSeconds();
  RunSearch(
      project, *bench, evaluator, bench::SlotCost(project.base), nodes, dir,
      [&](int node) {
        if (node == 20) early_start = CpuSeconds();
        if (node == 20 + 100) early = (CpuSeconds() - early_start) / 100;
        if (node == nodes - window) late_start = CpuSeconds();
        if (node != nodes) return;
        const double late = (CpuSeconds() - late_start) / window;
        fmt::print("orchestration, CPU a node\n");
        fmt::print("  at 100 nodes        {:8.2f} ms   (at most 3 ms)\n",
                   1e3 * early);
        fmt::print(
            "  at {:<6} nodes     {:8.2f} ms   ratio {:.2f} (at most 1.2)\n",
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
      MakeProject(dir, kEdits + "evaluation: echo cost 1\n" + Keys(nodes, 2));
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
  app::Project project = MakeProject(
      dir, kEdits + "evaluation: 'echo cost: 1'\n" + Keys(nodes, 2));
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

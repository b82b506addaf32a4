#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "bed.h"
#include "scale.h"

// A search with one-line patches of the built-in edits: policy, git store,
// slot, journal and decision are the real ones; the evaluator answers at once.

namespace coppice::bench {
namespace fs = std::filesystem;
namespace {

double Kilobytes(const fs::path& path) {
  double bytes = 0;
  auto add = [&](const fs::path& file) {
    struct stat st{};
    if (lstat(file.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return;
    bytes += static_cast<double>(st.st_blocks) * 512;
  };
  add(path);
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(path, none)) {
    add(entry.path());
  }
  return bytes / 1024;
}

}  // namespace

void MeasureGrowth(const fs::path& dir, int nodes) {
  const fs::path repo = dir / "growth";
  app::Project project = MakeProject(
      repo, fmt::format("proposers: [{{edits: {{max_edits: 1}}}}]\n"
                        "evaluation: echo cost 1\n"
                        "budget: {{max_nodes: {}, max_hours: null, "
                        "max_cost_usd: null, plateau_nodes: null}}\n"
                        "parallel: {{evaluations: 1}}\n",
                        nodes));
  auto bench = MakeBench(project, repo);
  SlotEvaluator evaluator(bench->workspaces());
  fmt::print(
      "a whole search, one-line patches, an evaluator that answers at "
      "once\n{:>8} {:>12} {:>8} {:>12} {:>14} {:>14}\n",
      "nodes", "CPU a node", "ratio", "resident", "journal", "store.git");
  double early = 0;
  double since = 0;
  int next = 1000;
  auto see = [&](int node) {
    const int window = next / 4;  // the last quarter before each row
    if (node == next - window) since = CpuSeconds();
    if (node != next) return;
    const double cost = (CpuSeconds() - since) / window;
    if (early == 0) early = cost;
    const double journal =
        Kilobytes(repo / "journal.db") + Kilobytes(repo / "journal.db-wal");
    const double store = Kilobytes(repo / ".git/coppice/store.git");
    fmt::print(
        "{:8} {:9.2f} ms {:8.2f} {:9.1f} MB {:7.2f} KB/node "
        "{:7.2f} KB/node\n",
        node, 1e3 * cost, cost / early, RssMegabytes(), journal / node,
        store / node);
    next = next * 10 <= nodes ? next * 10 : nodes;
  };
  RunSearch(project, *bench, evaluator, SlotCost(project.base), nodes, repo,
            see);
  fmt::print("  (at most 1.2; under 500 MB; under 4 KB a node together)\n");
}

}  // namespace coppice::bench

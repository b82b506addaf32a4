#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "app/project.h"
#include "app/workbench.h"
#include "base/task.h"
#include "base/workspaces.h"
#include "eval/evaluator.h"

// What the benchmarks share: a small repository, and whole searches in it.

namespace coppice::bench {

double CpuSeconds();  // of this process
double RssMegabytes();
double WallSeconds();

// A fresh repository with the example's source and `extra` keys in its spec.
app::Project MakeProject(const std::filesystem::path& dir,
                         const std::string& extra);
std::unique_ptr<app::Workbench> MakeBench(app::Project& project,
                                          const std::filesystem::path& dir);

// Makes the slot as a real evaluation does and then answers at once, with a
// value that depends on the commit alone.
class SlotEvaluator final : public eval::Evaluator {
 public:
  explicit SlotEvaluator(Workspaces& workspaces) : workspaces_(workspaces) {}
  Task<eval::Opened> Open(const eval::Target& target) override;

 private:
  Workspaces& workspaces_;
};

// What a SlotEvaluator measures of a commit.
double SlotCost(ObjectId commit);

// Runs a search of `nodes` attempts, its journal in `dir`/journal.db; `see` is
// told after each of them.
void RunSearch(app::Project& project, app::Workbench& bench,
               eval::Evaluator& evaluator, double baseline, int nodes,
               const std::filesystem::path& dir,
               const std::function<void(int)>& see);

}  // namespace coppice::bench

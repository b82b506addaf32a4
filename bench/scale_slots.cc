#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/compute.h"
#include "base/rng.h"
#include "base/sandbox.h"
#include "bed.h"
#include "eval/containment.h"
#include "scale.h"
#include "vcs/slots.h"

// Nodes that change three files of a large repository. The floor is `git
// worktree add` of the same commits. Slots are made ready one after the other,
// each of another node and each after a node whose build wrote twenty files;
// the base checkout is there, as it is for all nodes of a run but the first.

namespace coppice::bench {
namespace fs = std::filesystem;
namespace {

constexpr int kNodes = 30;
constexpr int kWorktrees = 3;

void Sh(const std::string& command) {
  if (system(command.c_str()) != 0) {
    throw std::runtime_error("failed: " + command);
  }
}

template <class T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().Text());
  return std::move(*result);
}

// Paths as large repositories have them: directories of 1 to 60 files
// (lognormal, median 8) with at most 30 directories in each, up to six levels.
std::vector<std::string> Paths(int files) {
  Rng rng(1);
  struct Directory {
    std::string path;
    int depth = 0;
    int children = 0;
  };
  std::vector<Directory> open{{.path = "src"}};  // to those that may get more
  std::vector<std::string> paths;
  for (int number = 0; std::ssize(paths) < files; ++number) {
    const std::size_t place = rng.Below(open.size());
    Directory made{.path = fmt::format("{}/d{}", open[place].path, number),
                   .depth = open[place].depth + 1};
    const int here =
        std::clamp(static_cast<int>(8 * std::exp(0.9 * rng.Normal())), 1, 60);
    for (int i = 0; i < here && std::ssize(paths) < files; ++i) {
      paths.push_back(fmt::format("{}/file{}.cc", made.path, i));
    }
    if (++open[place].children == 30) open.erase(open.begin() + place);
    if (made.depth < 5) open.push_back(std::move(made));
  }
  return paths;
}

// Sources of some kilobytes (lognormal, median 2 KB, mean 4 KB).
void FastImport(const fs::path& repo, const std::vector<std::string>& paths) {
  Sh("git init -q -b main " + repo.string());
  const std::string import =
      "git -C " + repo.string() + " fast-import --quiet --done";
  FILE* out = popen(import.c_str(), "w");
  if (out == nullptr) throw std::runtime_error("cannot start git");
  Rng rng(2);
  fmt::print(out,
             "commit refs/heads/main\ncommitter b <b@b> 1767225600 +0000\n"
             "data 4\nbase\n");
  for (const std::string& path : paths) {
    std::string text = "// " + path + "\n";
    const auto size = static_cast<std::size_t>(
        std::clamp(2000 * std::exp(1.2 * rng.Normal()), 80., 200'000.));
    while (text.size() < size) {
      text += fmt::format("int value_{} = {};\n", text.size(), rng.Below(1000));
    }
    fmt::print(out, "M 100644 inline {}\ndata {}\n{}\n", path, text.size(),
               text);
  }
  fmt::print(out, "done\n");
  if (pclose(out) != 0) throw std::runtime_error("git fast-import failed");
  Sh("git -C " + repo.string() + " reset -q --hard");
}

class Large {
 public:
  Large(const fs::path& dir, int files) : dir_(dir), paths_(Paths(files)) {
    fs::create_directories(dir);
    FastImport(dir / "repo", paths_);
    store_ = Must(vcs::OpenStore(Must(vcs::FindRepository(dir / "repo"))));
    base_ = Must(store_->Resolve("HEAD"));
    eval::SandboxOptions options;
    options.compute = compute_.get();
    sandbox_ = Must(eval::MakeSandbox(options));
    Rng rng(3);
    for (int i = 0; i < kNodes; ++i) nodes_.push_back(Node(rng, i));
    Must0(store_->Flush());
  }

  // Milliseconds each, the median.
  double Worktree() {
    std::vector<double> each;
    for (int i = 0; i < kWorktrees; ++i) {
      const std::string git = "git -C " + (dir_ / "repo").string() +
                              "/.git/coppice/store.git worktree ";
      const std::string tree = (dir_ / "worktree").string();
      const double start = WallSeconds();
      Sh(git + "add -q --detach " + tree + " " +
         nodes_[static_cast<std::size_t>(i)].Hex() + " >/dev/null");
      each.push_back(WallSeconds() - start);
      Sh(git + "remove --force " + tree);
    }
    return Median(each);
  }

  struct Ready {
    double first = 0;    // the base checkout, or the first slot
    double slot = 0;     // each further one
    double command = 0;  // a slot, and /bin/true in the sandbox over it
  };
  Ready Slots(vcs::SlotMode mode) {
    Ready ready;
    std::unique_ptr<Workspaces> slots = MakeSlots(mode);
    auto measure = [&]() -> Task<void> { co_await Each(*slots, ready); };
    std::exception_ptr failure;
    io_.restart();
    boost::asio::co_spawn(io_, measure(),
                          [&](const std::exception_ptr& e) { failure = e; });
    io_.run();
    if (failure) std::rethrow_exception(failure);
    return ready;
  }

 private:
  static void Must0(const Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().Text());
  }
  static double Median(std::vector<double> values) {
    std::ranges::sort(values);
    return 1e3 * values[values.size() / 2];
  }

  ObjectId Node(Rng& rng, int number) {
    vcs::CommitRequest request;
    request.parents = {base_};
    while (request.changes.size() < 3) {
      std::string path = paths_[rng.Below(paths_.size())];
      auto same = [&](const FileChange& c) { return c.path == path; };
      if (std::ranges::any_of(request.changes, same)) continue;
      request.changes.push_back(
          {std::move(path), fmt::format("// node {}\n", number)});
    }
    request.message = fmt::format("node {}\n", number);
    request.time = 1'767'225'600 + number;
    return Must(store_->Commit(request)).commit;
  }

  std::unique_ptr<Workspaces> MakeSlots(vcs::SlotMode mode) {
    return vcs::MakeWorkspaces(
        {.executor = io_.get_executor(),
         .clock = *clock_,
         .compute = *compute_,
         .store = *store_,
         .base = base_,
         .cache_dir = dir_ / (mode == vcs::SlotMode::kPool ? "pool" : "cache"),
         .digest = "0123456789abcdef",
         .copy = {},
         .copy_from = dir_ / "repo",
         .keep = {},
         .mode = mode,
         .evaluation_slots = 1,
         .proposer_slots = 1,
         .provision = {}});
  }

  Task<void> Each(Workspaces& slots, Ready& ready) {
    const double begin = WallSeconds();
    {
      auto first = Must(co_await slots.Acquire(base_, SlotUse::kEvaluate));
      ready.first = 1e3 * (WallSeconds() - begin);
    }
    sync();  // writing the checkout back is no cost of the slots that follow
    std::vector<double> prepared, commanded;
    for (const ObjectId& node : nodes_) {
      const double start = WallSeconds();
      auto lease = Must(co_await slots.Acquire(node, SlotUse::kEvaluate));
      prepared.push_back(WallSeconds() - start);
      co_await Run(lease->tree(), "exec /bin/true");
      commanded.push_back(WallSeconds() - start);
      co_await Run(lease->tree(),
                   "mkdir -p out && cd out && for i in 0 1 2 3 4 5 6 7 8 9; "
                   "do echo $i >$i.o; echo $i >$i.d; done");
    }
    ready.slot = Median(prepared);
    ready.command = Median(commanded);
  }

  Task<void> Run(const WorkTree& tree, const char* text) {
    CommandRequest command;
    command.command = text;
    command.tree = tree;
    const CommandResult result = co_await sandbox_->Run(std::move(command));
    if (result.verdict != Verdict::kOk) throw std::runtime_error(result.reason);
  }

  const fs::path dir_;
  const std::vector<std::string> paths_;
  boost::asio::io_context io_;
  std::unique_ptr<Clock> clock_ = MakeRealClock();
  std::unique_ptr<Compute> compute_ = MakeArenaCompute(2);
  std::unique_ptr<vcs::Store> store_;
  std::unique_ptr<Sandbox> sandbox_;
  ObjectId base_;
  std::vector<ObjectId> nodes_;
};

}  // namespace

void MeasureSlots(const fs::path& dir, int most_files) {
  fmt::print("a slot made ready for a node that changes 3 files, ms\n");
  fmt::print("{:>8} {:>12} {:>9} {:>8} {:>9} {:>12} {:>9} {:>8} {:>9}\n",
             "files", "worktree add", "overlay", "ratio", "+ command",
             "(the base)", "pool", "ratio", "(first)");
  double small_overlay = 0, small_pool = 0;
  const bool overlays = eval::OverlayWorks(dir);
  for (const int files : {1000, most_files}) {
    Large repository(dir / std::to_string(files), files);
    const double worktree = repository.Worktree();
    Large::Ready overlay;
    if (overlays) overlay = repository.Slots(vcs::SlotMode::kOverlay);
    const Large::Ready pool = repository.Slots(vcs::SlotMode::kPool);
    if (small_pool == 0) small_overlay = overlay.slot, small_pool = pool.slot;
    fmt::print(
        "{:8} {:12.1f} {:9.2f} {:>8} {:9.2f} {:12.1f} {:9.2f} {:>8} {:9.1f}\n",
        files, worktree, overlay.slot,
        fmt::format("1/{:.0f}", worktree / overlay.slot), overlay.command,
        overlay.first, pool.slot, fmt::format("1/{:.0f}", worktree / pool.slot),
        pool.first);
    if (files == most_files) {
      fmt::print(
          "{} files to 1000: overlay {:.2f} (at most 3), pool {:.2f}; "
          "overlay at most 1/50 of git worktree add\n",
          files, overlay.slot / small_overlay, pool.slot / small_pool);
    }
    fs::remove_all(dir / std::to_string(files));
  }
  if (!overlays) fmt::print("no overlay can be mounted here\n");
}

}  // namespace coppice::bench

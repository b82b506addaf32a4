#include "eval/containment.h"

#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/file.h"
#include "bed.h"
#include "eval/cgroup.h"

// What containment costs, beside the same command started plainly in the same
// run.
//
//   start   `true` in the sandbox, against posix_spawn
//   second  a loop of about one second, the same way
//   leave   1,000 evaluations of `true`: what is there after that was not
//           there before
//   flood   a command that prints 5 GB: memory of the orchestrator, and disk

extern char** environ;

namespace coppice::bench {
namespace {
namespace fs = std::filesystem;

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// A sandbox, a tree and a conductor.
class Bed {
 public:
  explicit Bed(const fs::path& dir) : tree_(dir / "tree") {
    fs::create_directories(tree_);
    auto made = eval::MakeSandbox({.scratch = dir / "scratch"});
    if (!made) throw std::runtime_error(made.error().Text());
    sandbox_ = std::move(*made);
  }
  CommandRequest Request(std::string command) const {
    CommandRequest request;
    request.command = std::move(command);
    request.tree.root = tree_;
    return request;
  }
  CommandResult Run(const CommandRequest& request) {
    CommandResult result;
    asio::co_spawn(io_, sandbox_->Run(request),
                   [&](const std::exception_ptr& e, CommandResult value) {
                     if (e) std::rethrow_exception(e);
                     result = std::move(value);
                   });
    io_.restart();
    io_.run();
    if (result.verdict != Verdict::kOk) {
      throw std::runtime_error(request.command + ": " + result.reason);
    }
    return result;
  }
  const std::string& level() const { return sandbox_->isolation().name; }

 private:
  fs::path tree_;
  asio::io_context io_{1};
  std::unique_ptr<Sandbox> sandbox_;
};

void RunPlain(const std::string& command) {
  std::string shell = "/bin/sh", flag = "-c", text = command;
  char* argv[] = {shell.data(), flag.data(), text.data(), nullptr};
  pid_t pid = 0;
  if (posix_spawn(&pid, argv[0], nullptr, nullptr, argv, environ) != 0 ||
      waitpid(pid, nullptr, 0) != pid) {
    throw std::runtime_error("cannot start " + command);
  }
}

struct Pair {
  double plain;
  double contained;
};

// Medians in seconds; the two take turns, so that the machine is the same.
Pair Compare(Bed& bed, const std::string& command, int rounds) {
  const CommandRequest request = bed.Request(command);
  std::vector<double> plain;
  std::vector<double> contained;
  for (int n = 0; n < rounds; ++n) {
    const double start = WallSeconds();
    RunPlain(command);
    const double middle = WallSeconds();
    bed.Run(request);
    plain.push_back(middle - start);
    contained.push_back(WallSeconds() - middle);
  }
  return {Median(std::move(plain)), Median(std::move(contained))};
}

void Start(Bed& bed) {
  Compare(bed, "true", 20);
  const Pair pair = Compare(bed, "true", 300);
  const double added = 1e3 * (pair.contained - pair.plain);
  fmt::print("start, `true` at {}\n", bed.level());
  fmt::print("  plain               {:8.2f} ms\n", 1e3 * pair.plain);
  fmt::print(
      "  contained           {:8.2f} ms        adds {:.2f} ms, {:.2f} of the "
      "15 ms it may\n",
      1e3 * pair.contained, added, added / 15);
}

std::string Loop(long times) {
  return fmt::format("i=0; while [ $i -lt {} ]; do i=$((i+1)); done", times);
}

void Second(Bed& bed) {
  constexpr long kTry = 200'000;
  const double start = WallSeconds();
  RunPlain(Loop(kTry));
  const double each = (WallSeconds() - start) / static_cast<double>(kTry);
  const Pair pair = Compare(bed, Loop(static_cast<long>(1 / each)), 15);
  const double added = pair.contained / pair.plain - 1;
  fmt::print("second, a loop in the shell\n");
  fmt::print("  plain               {:8.3f} s\n", pair.plain);
  fmt::print(
      "  contained           {:8.3f} s         adds {:.2f} %, {:.2f} of the "
      "3 % it may\n",
      pair.contained, 100 * added, added / 0.03);
}

long Entries(const fs::path& directory) {
  std::error_code error;
  return std::distance(
      fs::recursive_directory_iterator(
          directory, fs::directory_options::skip_permission_denied, error),
      fs::recursive_directory_iterator());
}

// What evaluations could leave behind, by name.
struct Traces {
  long descriptors, children, groups, mounts, files;
  double megabytes;
};

Traces Look(const fs::path& files) {
  Traces traces{.megabytes = RssMegabytes()};
  std::error_code error;
  traces.descriptors =
      std::distance(fs::directory_iterator("/proc/self/fd", error), {});
  const std::string children = ReadWholeOrNothing("/proc/thread-self/children");
  traces.children = std::ranges::count(children, ' ');
  const std::string mounts = ReadWholeOrNothing("/proc/self/mountinfo");
  traces.mounts = std::ranges::count(mounts, '\n');
  const eval::GroupRoots roots =
      eval::FindGroupRoots(mounts, ReadWholeOrNothing("/proc/self/cgroup"));
  traces.groups = 0;
  for (const fs::path& root :
       {roots.unified, roots.memory, roots.pids, roots.cpuset}) {
    for (const auto& entry : fs::directory_iterator(root, error)) {
      const std::string name = entry.path().filename();
      traces.groups += name.starts_with(eval::OwnerName()) ? 1 : 0;
    }
  }
  traces.files = Entries(files);
  return traces;
}

constexpr int kEvaluations = 1'000;

void Leave(const fs::path& dir) {
  app::Project project = MakeProject(dir / "repository",
                                     "proposers: [{edits: {}}]\n"
                                     "evaluation: 'true; echo cost: 1'\n");
  auto bench = MakeBench(project, dir / "repository");
  eval::Evaluator& evaluator = bench->evaluator();
  auto evaluate = [&](int times) -> Task<void> {
    for (int n = 0; n < times; ++n) {
      eval::Target target;
      target.commit = project.base;
      eval::Opened opened = co_await evaluator.Open(target);
      if (!opened.session) throw std::runtime_error(opened.failure->reason);
      const eval::Sample sample = co_await opened.session->Measure({});
      if (sample.failure) throw std::runtime_error(sample.failure->reason);
    }
  };
  auto run = [&](int times) {
    bench->Run(evaluate(times), [](int, int) { std::_Exit(130); });
    fs::remove_all(dir / "repository/nodes");  // the logs are to stay
  };
  run(20);
  const Traces before = Look(dir);
  const double start = WallSeconds();
  run(kEvaluations);
  const double seconds = WallSeconds() - start;
  const Traces after = Look(dir);
  fmt::print("leave, {} evaluations of `true`, {:.1f} ms each\n", kEvaluations,
             1e3 * seconds / kEvaluations);
  auto line = [](const char* what, long was, long is) {
    fmt::print("  {:<14} {:>6} before, {:>6} after   grown by {}\n", what, was,
               is, is - was);
  };
  line("descriptors", before.descriptors, after.descriptors);
  line("children", before.children, after.children);
  line("groups", before.groups, after.groups);
  line("mounts", before.mounts, after.mounts);
  line("files", before.files, after.files);
  const double grown = after.megabytes - before.megabytes;
  fmt::print(
      "  memory         {:6.1f} before, {:6.1f} after   grown by {:.1f} MB, "
      "{:.2f} of the 16 MiB it may\n",
      before.megabytes, after.megabytes, grown, grown * 1e6 / (16 << 20));
}

void Flood(Bed& bed, const fs::path& dir) {
  constexpr std::int64_t kMegabytes = 5'000;
  const std::string five =
      fmt::format("head -c {}000000 /dev/zero | tr '\\0' x", kMegabytes);
  CommandRequest request = bed.Request(five);
  request.limits.output_mb = kMegabytes / 16 + 16;  // it may print that much
  request.log = dir / "log";
  bed.Run(bed.Request("head -c 50000000 /dev/zero"));
  const double start = WallSeconds();
  RunPlain(five + " | cat > /dev/null");
  const double plain = WallSeconds() - start;
  const double before = RssMegabytes();
  const CommandResult result = bed.Run(request);
  const double grown = std::max(0.0, RssMegabytes() - before);
  const double disk = static_cast<double>(fs::file_size(request.log)) / 1e6;
  fmt::print("flood, {:.1f} GB of output\n",
             static_cast<double>(result.out.bytes) / 1e9);
  fmt::print(
      "  memory grown by     {:8.2f} MB        {:.2f} of the 2 MB it "
      "may\n",
      grown, grown / 2);
  fmt::print("  on disk             {:8.1f} MB        {:.3f} of the output\n",
             disk, disk * 1e6 / static_cast<double>(result.out.bytes));
  fmt::print(
      "  time                {:8.2f} s         {:.2f} of a plain pipe's\n",
      result.wall_seconds, result.wall_seconds / plain);
}

}  // namespace
}  // namespace coppice::bench

int main() {
  using namespace coppice::bench;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  // A tmpfs, so that the figures are coppice's and not the disk's.
  std::string name = "/dev/shm/coppice-bench-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) return 1;
  setenv("XDG_CACHE_HOME", (name + "/cache").c_str(), 1);
  int exit = 0;
  try {
    Bed bed(name);
    Start(bed);
    Second(bed);
    Leave(name);
    Flood(bed, name);
  } catch (const std::exception& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    exit = 1;
  }
  std::filesystem::remove_all(name);
  return exit;
}

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "app/cluster_wire.h"
#include "base/task.h"
#include "bed.h"
#include "eval/slurm_evaluator.h"

// What a job costs the machine that the search runs on: nodes packed and
// ordered, submitted to a real Slurm (SLURM_CONF), polled, measured once,
// their answers read. The worker is a small script, for it runs on the nodes;
// all that is on this side is the program's own.
//
//   coppice_bench_slurm [JOBS]     default: 1000

namespace coppice {
namespace {
namespace fs = std::filesystem;
using bench::CpuSeconds;
using bench::WallSeconds;

// Gives all its answers at once, by next to no processes of its own: the
// machine of this benchmark is the nodes' as well.
constexpr const char* kWorker = R"(#!/bin/sh
run=$2 task=0
while read -r line; do
  [ "$task" = "$SLURM_ARRAY_TASK_ID" ] && key=$line
  task=$((task + 1))
done <"$run/batches/$4"
say() {
  read -r text <"${0%/*}/$1"
  printf %s "$text" >"$run/answers/.$key.$2"
  mv "$run/answers/.$key.$2" "$run/answers/$key.$2"
}
say hello hello
say opened opened
say answer 1
)";

void Put(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text << '\n';
}

double ChildrenSeconds() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

eval::SlurmWire WireOf(app::Project& project) {
  eval::SlurmWire wire;
  wire.prepare = [&project](const eval::Target& target, const fs::path& dir) {
    Result<void> packed = project.store->WritePack(target.commit, project.base,
                                                   dir / "tree.pack");
    if (!packed) return packed;
    return eval::PutFile(
        dir / eval::kOrder,
        app::Encode(app::Order{.target = target, .common = "common"}));
  };
  wire.read_order = [](std::string_view) -> Result<eval::Target> {
    return Error{.what = "none"};
  };
  wire.see_hello = [](std::string_view text) { (void)app::DecodeHello(text); };
  wire.read_opened = [](std::string_view text) -> Result<eval::RemoteOpened> {
    Result<app::OpenedAnswer> answer = app::DecodeOpened(text);
    if (!answer) return answer.error();
    return std::move(answer->opened);
  };
  wire.read_sample = [](std::string_view text) -> Result<eval::Sample> {
    Result<app::SampleAnswer> answer = app::DecodeSampleAnswer(text);
    if (!answer) return answer.error();
    return std::move(answer->sample);
  };
  wire.read_diagnosis = app::DecodeDiagnosis;
  return wire;
}

std::vector<ObjectId> MakeNodes(app::Project& project, int jobs) {
  const std::string path = project.scope.mutable_files.front();
  const std::string text = project.store->ReadFile(project.base, path).value();
  std::vector<ObjectId> commits;
  for (int i = 0; i < jobs; ++i) {
    vcs::CommitRequest request;
    request.parents = {project.base};
    request.changes = {
        {.path = path, .content = fmt::format("{}\n// {}\n", text, i)}};
    request.message = "a node";
    commits.push_back(project.store->Commit(request).value().commit);
  }
  return commits;
}

Task<void> Evaluate(eval::Evaluator& evaluator, int attempt, ObjectId commit,
                    int& measured) {
  const eval::Target target{.attempt = AttemptId(attempt), .commit = commit};
  eval::Opened opened = co_await evaluator.Open(target);
  if (!opened.session) {
    fmt::print(stderr, "{}\n", opened.failure->reason);
    co_return;
  }
  const eval::Sample sample = co_await opened.session->Measure({});
  if (!sample.failure) ++measured;
}

int Main(int jobs) {
  std::string temp = fs::temp_directory_path() / "coppice-bench-XXXXXX";
  if (mkdtemp(temp.data()) == nullptr) return 1;
  const fs::path dir = temp;
  fs::create_directories(dir / "repo");
  app::Project project = bench::MakeProject(
      dir / "repo",
      "proposers: [{edits: {}}]\nevaluation: {command: \"true\"}\n");
  const std::vector<ObjectId> commits = MakeNodes(project, jobs);
  fs::create_directories(dir / "shared");
  Put(dir / "shared/worker", kWorker);
  fs::permissions(dir / "shared/worker", fs::perms::owner_all);
  eval::Sample sample;
  sample.metrics["seconds"] = 1;
  Put(dir / "shared/hello", app::Encode(app::Hello{.host = "n1"}));
  Put(dir / "shared/opened", app::Encode(app::OpenedAnswer{}));
  Put(dir / "shared/answer", app::Encode(app::SampleAnswer{sample, {}}));
  asio::io_context io(1);
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Compute> compute = MakeArenaCompute(2);
  spec::Slurm slurm;
  slurm.shared_dir = (dir / "shared").string();
  slurm.poll_seconds = 5;
  auto made = eval::MakeSlurmEvaluator(
      {.executor = io.get_executor(),
       .clock = *clock,
       .compute = *compute,
       .slurm = slurm,
       .files = {.root = dir / "shared/coppice", .run = "bench"},
       .program = (dir / "shared/worker").string(),
       .run_directory = dir / "run",
       .wire = WireOf(project)});
  if (!made) {
    fmt::print(stderr, "{}\n", made.error().Text());
    return 1;
  }
  const double cpu = CpuSeconds();
  const double children = ChildrenSeconds();
  const double wall = WallSeconds();
  int measured = 0;
  for (int i = 0; i < jobs; ++i) {
    asio::co_spawn(
        io, Evaluate(**made, i + 1, commits[static_cast<size_t>(i)], measured),
        asio::detached);
  }
  io.run();
  const double took = WallSeconds() - wall;
  fmt::print(
      "slurm: {} of {} jobs in {:.1f} s ({:.0f}/s); our CPU a job {:.2f} ms, "
      "that of sbatch and squeue {:.2f} ms\n",
      measured, jobs, took, measured / took, 1e3 * (CpuSeconds() - cpu) / jobs,
      1e3 * (ChildrenSeconds() - children) / jobs);
  made->reset();
  fs::remove_all(dir);
  return measured == jobs ? 0 : 1;
}

}  // namespace
}  // namespace coppice

int main(int argc, char** argv) {
  return coppice::Main(argc > 1 ? std::atoi(argv[1]) : 1000);
}

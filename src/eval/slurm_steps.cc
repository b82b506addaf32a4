#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <charconv>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "eval/slurm_pool.h"

// mode: allocation. One job holds the cores for as long as the search lives,
// and every worker is a step in it: a step starts in milliseconds, without
// waiting in the queue. srun itself makes a step wait while the allocation is
// full. The script of the job ends when a file of the run goes, or when nobody
// shows life any more: neither the search nor a step that has something to do.

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAllocation = "allocation";
constexpr Duration kLook = std::chrono::seconds(1);

// Nothing but what the shell can do itself, for it looks all night long.
std::string KeeperScript(const fs::path& held, const fs::path& alive,
                         std::chrono::seconds silence) {
  return fmt::format(
      "#!/bin/sh\n"
      "# holds the cores of a search of coppice until it ends, or shows no\n"
      "# sign of life for {2} s\n"
      "silent=0 before=\n"
      "while [ -e {0} ] && [ $silent -lt {2} ]; do\n"
      "  sleep 2\n"
      "  now=\n"
      "  for who in {1}/*; do\n"
      "    beat=\n"
      "    read -r beat <\"$who\"\n"
      "    now=\"$now $who $beat\"\n"
      "  done 2>/dev/null\n"
      "  silent=$((silent + 2))\n"
      "  [ \"$now\" = \"$before\" ] || silent=0\n"
      "  before=$now\n"
      "done\n",
      ShellQuote(held.string()), ShellQuote(alive.string()), silence.count());
}

// Memory of a worker, a core's share of it.
std::optional<std::string> PerCore(const spec::Slurm& slurm) {
  if (!slurm.mem) return std::nullopt;
  std::string_view text = *slurm.mem;
  double unit = 1;
  switch (text.back()) {
    case 'K':
    case 'k':
      unit = 1.0 / 1024;
      text.remove_suffix(1);
      break;
    case 'M':
    case 'm':
      text.remove_suffix(1);
      break;
    case 'G':
    case 'g':
      unit = 1024;
      text.remove_suffix(1);
      break;
    case 'T':
    case 't':
      unit = 1024 * 1024;
      text.remove_suffix(1);
      break;
    default:
      break;
  }
  const double megabytes = ParseNumber(text).value_or(0) * unit;
  const int share = static_cast<int>(megabytes / slurm.cpus) + 1;
  return fmt::format("--mem-per-cpu={}M", share);
}

}  // namespace

fs::path SlurmPool::HeldFile() const {
  return parts_.files.Run() / kAllocation;
}

void SlurmPool::ReleaseAllocation() {
  std::error_code ignored;
  fs::remove(HeldFile(), ignored);
}

// The number of the allocation, once it runs. Errors: kLost, Slurm does not
// answer; kCheck, it refuses.
Task<Result<std::string>> SlurmPool::Allocation() {
  Result<void> held = PutFile(HeldFile(), "");
  while (!held && co_await WaitForRoom()) held = PutFile(HeldFile(), "");
  if (!held) co_return held.error();
  while (!cancelled_) {
    Result<std::vector<SlurmTask>> queue = co_await parts_.cluster.Queue();
    if (!queue) co_return queue.error();
    auto ours = [&](const SlurmTask& task) {
      return task.comment == kAllocation && !IsOver(task.state);
    };
    const auto found = std::ranges::find_if(*queue, ours);
    if (found == queue->end()) {
      SlurmSubmission submission{
          .comment = std::string(kAllocation),
          .script =
              KeeperScript(HeldFile(), parts_.files.Alive(), parts_.silence),
          .at_once = parts_.at_once,
          .memory = PerCore(parts_.cluster.slurm()),
          .output = "/dev/null"};
      Result<std::string> number =
          co_await parts_.cluster.Submit(std::move(submission));
      if (!number) co_return number;
      continue;
    }
    if (found->state == "RUNNING") co_return found->id;
    if (const std::string never = NeverStarts(found->reason); !never.empty()) {
      co_await EndJobs({found->id});
      co_return Error{
          .code = ErrorCode::kCheck,
          .what = "the cluster will never start the allocation: " + never,
          .next = "see evaluation.slurm in the spec"};
    }
    co_await parts_.clock.SleepFor(kLook);
  }
  co_return Error{.code = ErrorCode::kLost, .what = "cancelled"};
}

Task<void> SlurmPool::StartSteps(std::vector<SlurmJobPtr> jobs) {
  std::optional<Error> refused;
  std::string number;
  while (number.empty() && !refused && !cancelled_) {
    Result<std::string> held = co_await Allocation();
    if (held) {
      number = *held;
    } else if (held.error().code != ErrorCode::kLost) {
      refused = held.error();
    } else {
      NoteOutage(held.error().what);
      co_await parts_.clock.SleepFor(std::chrono::seconds(
          std::min(parts_.cluster.slurm().poll_seconds, 30)));
    }
  }
  NoteOutage(std::nullopt);
  for (const SlurmJobPtr& job : jobs) {
    if (refused) job->refused = refused;
    if (!number.empty()) {
      job->batch = NextBatch();
      Result<void> kept =
          PutFile(parts_.files.Batch(job->batch), job->key + "\n");
      if (kept) kept = PutFile(parts_.files.Job(job->key) / "step", number);
      if (!kept) LogWarning(kept.error().Text());
      job->step = true;
      job->task = fmt::format("{}.{}", number, job->key);
      job->submitted = parts_.clock.Now();
      if (parts_.submitted) parts_.submitted(*job);
      asio::co_spawn(parts_.executor, RunStep(job, number), asio::detached);
    }
    job->news.Notify();
  }
}

// The life of a step is that of its srun.
Task<void> SlurmPool::RunStep(SlurmJobPtr job, std::string allocation) {
  const spec::Slurm& slurm = parts_.cluster.slurm();
  ProcessOptions options;
  options.argv = {"srun",
                  "--jobid=" + allocation,
                  "--nodes=1",
                  "--ntasks=1",
                  "--exact",
                  fmt::format("--cpus-per-task={}", slurm.cpus),
                  "--export=NIL",
                  "--chdir=/",
                  "--job-name=" + job->key,
                  "--input=none",
                  "--kill-on-bad-exit=0"};
  if (const auto memory = PerCore(slurm)) options.argv.push_back(*memory);
  for (const std::string& word :
       {parts_.program, std::string("worker"), parts_.files.Run().string(),
        fmt::format("--batch={}", job->batch)}) {
    options.argv.push_back(word);
  }
  std::string said;
  auto hear = [&said](std::string_view text) {
    said += text.substr(0, std::min<std::size_t>(text.size(), 4096));
    if (said.size() > 8192) said.erase(0, said.size() - 4096);
  };
  options.on_stderr = hear;
  Result<std::unique_ptr<Process>> step =
      Process::Start(parts_.executor, std::move(options));
  if (!step) {
    job->refused = step.error();
    job->news.Notify();
    co_return;
  }
  Process& srun = **step;
  // It hands the signal to its worker, or takes back its wish for a place.
  job->stop = [&srun] { srun.Signal(SIGTERM); };
  if (job->cancelled) job->stop();
  bool ended = false;
  while (!ended) {
    ended = co_await srun.WaitExit(std::chrono::hours(24));
  }
  job->stop = nullptr;
  Result<std::vector<SlurmTask>> queue = co_await parts_.cluster.Queue();
  job->output = said;
  std::string end = srun.exit().exit_code() == 0 ? "COMPLETED" : "FAILED";
  if (queue) {
    const auto found = std::ranges::find(*queue, allocation, &SlurmTask::id);
    if (found == queue->end()) end = kVanished;
    if (found != queue->end() && IsOver(found->state)) end = found->state;
  }
  Ended(job, std::move(end));
}

// A step that outlived the process that started it.
Task<SlurmJobPtr> SlurmPool::AdoptStep(std::string key) {
  const std::string number = ReadWholeOrNothing(parts_.files.Job(key) / "step");
  if (number.empty()) co_return nullptr;
  auto job = std::make_shared<SlurmJob>(parts_.executor, key);
  job->step = true;
  job->task = fmt::format("{}.{}", number, key);
  jobs_[key] = job;
  Look();
  co_await SeeSteps();
  if (job->end.empty() || job->arrived.contains(kOpened)) co_return job;
  Release(*job);
  co_return nullptr;
}

// Steps that no srun of ours stands for.
Task<void> SlurmPool::SeeSteps() {
  std::map<std::string, std::vector<SlurmJobPtr>> by_allocation;
  for (auto& [key, weak] : jobs_) {
    const SlurmJobPtr job = weak.lock();
    if (!job || !job->step || job->submitted || !job->end.empty()) continue;
    by_allocation[job->task.substr(0, job->task.find('.'))].push_back(job);
  }
  for (const auto& [number, jobs] : by_allocation) {
    Result<std::vector<SlurmStep>> steps =
        co_await parts_.cluster.Steps(number);
    if (!steps && steps.error().code == ErrorCode::kLost) continue;
    for (const SlurmJobPtr& job : jobs) {
      const bool runs =
          steps &&
          std::ranges::find(*steps, job->key, &SlurmStep::name) != steps->end();
      if (runs) continue;
      Ended(job, std::string(kVanished));
    }
  }
}

}  // namespace coppice::eval

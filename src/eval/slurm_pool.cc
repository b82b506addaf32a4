#include "eval/slurm_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "base/text.h"

// What becomes due in the same moment is one array: Slurm takes a thousand jobs
// as fast as one.

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

// What comes within this time goes into one array.
constexpr auto kGather = std::chrono::milliseconds(20);
constexpr std::size_t kLargestArray = 500;

}  // namespace

std::string SlurmPool::BatchComment(int batch) {
  return fmt::format("batch {}", batch);
}

Result<std::string> SlurmPool::NewKey(std::string_view stem) {
  if (!std::exchange(knows_tries_, true)) CountTries();
  int& tries = tries_[std::string(stem)];
  while (true) {
    std::string key = fmt::format("{}-{}", stem, ++tries);
    std::error_code error;
    if (fs::create_directory(parts_.files.Job(key), error)) return key;
    if (error) {
      return Error{.code = ErrorCode::kLost,
                   .what = "cannot write to evaluation.slurm.shared_dir",
                   .where = parts_.files.Job(key).string(),
                   .cause = error.message()};
    }
  }
}

Task<Result<SlurmJobPtr>> SlurmPool::Start(std::string key) {
  auto job = std::make_shared<SlurmJob>(parts_.executor, std::move(key));
  jobs_[job->key] = job;
  waiting_.push_back(job);
  if (!std::exchange(submitting_, true)) {
    asio::co_spawn(parts_.executor, SubmitWaiting(), asio::detached);
  }
  while (job->task.empty() && !job->refused && !cancelled_) {
    co_await job->news.Wait();
  }
  if (job->refused) co_return *job->refused;
  if (job->task.empty()) {
    co_return Error{.code = ErrorCode::kLost, .what = "cancelled"};
  }
  co_return job;
}

void SlurmPool::Release(SlurmJob& job) {
  jobs_.erase(job.key);
  std::error_code ignored;
  const bool gone =
      !job.end.empty() || job.cancelled || job.arrived.contains(kIdle);
  for (const std::string& word : job.arrived) {
    fs::remove(parts_.files.Answer(job.key, word), ignored);
  }
  if (gone) {
    fs::remove_all(parts_.files.Job(job.key), ignored);
  } else {
    TellToClose(parts_.files, job.key);
  }
}

void SlurmPool::Cancel(std::string_view prefix) {
  std::vector<std::string> tasks;
  for (auto& [key, weak] : jobs_) {
    const SlurmJobPtr job = weak.lock();
    if (!job || !key.starts_with(prefix)) continue;
    job->cancelled = true;
    if (job->stop) job->stop();
    if (!job->task.empty() && job->end.empty()) tasks.push_back(job->task);
    job->news.Notify();
  }
  if (tasks.empty()) return;
  asio::co_spawn(parts_.executor, EndJobs(std::move(tasks)), asio::detached);
}

void SlurmPool::CancelAll() {
  if (std::exchange(cancelled_, true)) return;
  std::vector<std::string> tasks;
  for (auto& [key, weak] : jobs_) {
    const SlurmJobPtr job = weak.lock();
    if (!job) continue;
    if (!job->task.empty() && job->end.empty()) tasks.push_back(job->task);
    job->news.Notify();
  }
  asio::co_spawn(parts_.executor, EndJobs(std::move(tasks)), asio::detached);
}

// Jobs by number; steps by name, for their numbers are Slurm's secret until it
// is asked.
Task<void> SlurmPool::EndJobs(std::vector<std::string> tasks) {
  std::vector<std::string> ids;
  std::map<std::string, std::set<std::string>> steps;  // by allocation
  for (std::string& task : tasks) {
    const std::size_t point = task.find('.');
    if (point == task.npos) {
      ids.push_back(std::move(task));
    } else {
      steps[task.substr(0, point)].insert(task.substr(point + 1));
    }
  }
  for (const auto& [allocation, names] : steps) {
    Result<std::vector<SlurmStep>> running =
        co_await parts_.cluster.Steps(allocation);
    if (!running) continue;  // it is over, or keeps its steps to itself
    for (SlurmStep& step : *running) {
      if (names.contains(step.name)) ids.push_back(std::move(step.id));
    }
  }
  Result<void> ended = co_await parts_.cluster.Cancel(std::move(ids));
  if (!ended) LogWarning(ended.error().Text());
}

// ---- Submitting ------------------------------------------------------------

Task<void> SlurmPool::SubmitWaiting() {
  co_await parts_.clock.SleepFor(kGather);
  while (!waiting_.empty() && !cancelled_) {
    std::vector<SlurmJobPtr> jobs;
    while (!waiting_.empty() && jobs.size() < kLargestArray) {
      jobs.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    if (parts_.cluster.slurm().mode == "allocation") {
      co_await StartSteps(std::move(jobs));
    } else {
      co_await SubmitBatch(std::move(jobs));
    }
  }
  submitting_ = false;
}

// Its list is there before it is submitted and its number is kept after, so
// that whoever comes after a crash finds every job, by number or by comment.
Task<void> SlurmPool::SubmitBatch(std::vector<SlurmJobPtr> jobs) {
  const int batch = NextBatch();
  std::string list;
  for (const SlurmJobPtr& job : jobs) list += job->key + "\n";
  std::optional<Error> refused;
  Result<void> listed = PutFile(parts_.files.Batch(batch), list);
  while (!listed && co_await WaitForRoom()) {
    listed = PutFile(parts_.files.Batch(batch), list);
  }
  if (!listed) refused = listed.error();
  std::string number;
  while (listed && !refused && !cancelled_) {
    SlurmSubmission submission{
        .comment = BatchComment(batch),
        .script = Script(batch),
        .tasks = static_cast<int>(jobs.size()),
        .output = parts_.files.Batch(batch).string() + ".%a.out"};
    Result<std::string> taken = co_await SubmitOnce(submission);
    if (taken) {
      number = *taken;
      break;
    }
    if (taken.error().code != ErrorCode::kLost) {
      refused = taken.error();
      break;
    }
    NoteOutage(taken.error().what);
    co_await parts_.clock.SleepFor(std::min<Duration>(
        std::chrono::seconds(parts_.cluster.slurm().poll_seconds),
        std::chrono::seconds(30)));
  }
  NoteOutage(std::nullopt);
  if (!number.empty()) {
    const fs::path file = parts_.files.Batch(batch).string() + ".id";
    Result<void> kept = PutFile(file, number);
    if (!kept) LogWarning(kept.error().Text());
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    SlurmJob& job = *jobs[i];
    job.batch = batch;
    if (refused) job.refused = refused;
    if (!number.empty()) {
      job.task = fmt::format("{}_{}", number, i);
      job.submitted = parts_.clock.Now();
      if (parts_.submitted) parts_.submitted(job);
    }
    job.news.Notify();
  }
}

// What sbatch has called failed may have been taken all the same.
Task<Result<std::string>> SlurmPool::SubmitOnce(
    const SlurmSubmission& submission) {
  Result<std::string> taken = co_await parts_.cluster.Submit(submission);
  if (taken || taken.error().code != ErrorCode::kLost) co_return taken;
  Result<std::vector<SlurmTask>> queue = co_await parts_.cluster.Queue();
  if (!queue) co_return taken;
  for (const SlurmTask& task : *queue) {
    if (task.comment == submission.comment) {
      co_return task.id.substr(0, task.id.find('_'));
    }
  }
  co_return taken;
}

int SlurmPool::NextBatch() {
  std::error_code ignored;
  do {
    ++next_batch_;
  } while (fs::exists(parts_.files.Batch(next_batch_), ignored));
  return next_batch_;
}

std::string SlurmPool::Script(int batch) const {
  return fmt::format(
      "#!/bin/sh\n"
      "# a worker of coppice: measures one tree, then ends\n"
      "umask 077\n"
      "exec {} worker {} --batch {}\n",
      ShellQuote(parts_.program), ShellQuote(parts_.files.Run().string()),
      batch);
}

}  // namespace coppice::eval

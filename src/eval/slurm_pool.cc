#include "eval/slurm_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "base/text.h"

// While anybody waits, two loops run: one lists the answers, soon after news
// and ever more seldom without, and one asks squeue every poll_seconds. A job
// that Slurm calls over gets some grace before it is believed, since its last
// answer may travel slower than the word of its end.

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

// What comes within this time goes into one array.
constexpr auto kGather = std::chrono::milliseconds(20);
constexpr std::size_t kLargestArray = 500;
constexpr Duration kSoonest = std::chrono::milliseconds(20);
constexpr Duration kLatest = std::chrono::milliseconds(500);
constexpr Duration kGrace = std::chrono::seconds(4);
// A job that squeue does not list was forgotten, or not yet heard of.
constexpr Duration kUnheardOf = std::chrono::seconds(5);
// Polls that may fail before the cluster counts as out.
constexpr int kPatience = 3;

}  // namespace

// Keeps the loops running for as long as it lives.
class SlurmPool::Waiter {
 public:
  explicit Waiter(SlurmPool& pool) : pool_(pool) {
    ++pool_.waiters_;
    if (!std::exchange(pool_.watching_, true)) {
      asio::co_spawn(pool_.parts_.executor, pool_.Watch(), asio::detached);
    }
    if (!std::exchange(pool_.polling_, true)) {
      asio::co_spawn(pool_.parts_.executor, pool_.Poll(), asio::detached);
    }
  }
  ~Waiter() { --pool_.waiters_; }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

 private:
  SlurmPool& pool_;
};

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

Task<bool> SlurmPool::Wait(SlurmJobPtr job, std::string word) {
  const Waiter waiter(*this);
  while (!job->arrived.contains(word)) {
    if (cancelled_ || job->cancelled || job->refused) co_return false;
    if (job->ended && parts_.clock.Now() - *job->ended > kGrace) {
      co_return false;
    }
    co_await job->news.Wait();
  }
  co_return true;
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
    Result<void> told = PutFile(parts_.files.Job(job.key) / kClose, "");
    if (!told) LogWarning(told.error().Text());
  }
}

void SlurmPool::Cancel(std::string_view prefix) {
  std::vector<std::string> tasks;
  for (auto& [key, weak] : jobs_) {
    const SlurmJobPtr job = weak.lock();
    if (!job || !key.starts_with(prefix)) continue;
    job->cancelled = true;
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

Task<void> SlurmPool::EndJobs(std::vector<std::string> tasks) {
  Result<void> ended = co_await parts_.cluster.Cancel(std::move(tasks));
  if (!ended) LogWarning(ended.error().Text());
}

// ---- Looking ---------------------------------------------------------------

Task<void> SlurmPool::Watch() {
  Duration pause = kSoonest;
  while (waiters_ > 0 && !cancelled_) {
    const bool news = Look();
    pause = news ? kSoonest : std::min(pause * 2, kLatest);
    co_await parts_.clock.SleepFor(pause);
  }
  watching_ = false;
}

// True if an answer has come.
bool SlurmPool::Look() {
  bool news = false;
  for (const std::string& name : Listed(parts_.files.Answers())) {
    const std::size_t point = name.rfind('.');
    auto found = jobs_.find(std::string_view(name).substr(0, point));
    if (point == name.npos || found == jobs_.end()) continue;
    const SlurmJobPtr job = found->second.lock();
    if (!job || !job->arrived.insert(name.substr(point + 1)).second) continue;
    news = true;
    job->news.Notify();
  }
  // Whose end is known waits out the grace for its last answer.
  std::erase_if(ended_, [](const std::weak_ptr<SlurmJob>& weak) {
    const SlurmJobPtr job = weak.lock();
    if (job) job->news.Notify();
    return !job;
  });
  return news;
}

Task<void> SlurmPool::Poll() {
  const Duration every =
      std::chrono::seconds(parts_.cluster.slurm().poll_seconds);
  // Short jobs need no question at all. The sleep is in pieces, so that the
  // loop ends soon after the last waiter.
  Instant next = parts_.clock.Now() + every;
  while (waiters_ > 0 && !cancelled_) {
    if (parts_.clock.Now() < next) {
      co_await parts_.clock.SleepFor(std::min<Duration>(kLatest, every));
      continue;
    }
    const Instant asked = parts_.clock.Now();
    Result<std::vector<SlurmTask>> tasks = co_await parts_.cluster.Queue();
    next = parts_.clock.Now() + every;
    if (!tasks) {
      LogWarning(tasks.error().Text());
      if (++failed_polls_ >= kPatience) NoteOutage(tasks.error().what);
      continue;
    }
    failed_polls_ = 0;
    if (!submitting_) NoteOutage(std::nullopt);
    See(*tasks, asked);
    co_await SeeSteps();
  }
  polling_ = false;
}

void SlurmPool::See(const std::vector<SlurmTask>& tasks, Instant asked) {
  std::map<std::string_view, const SlurmTask*> by_id;
  for (const SlurmTask& task : tasks) by_id[task.id] = &task;
  for (auto& [key, weak] : jobs_) {
    const SlurmJobPtr job = weak.lock();
    if (!job || job->task.empty() || !job->end.empty()) continue;
    if (job->step) continue;
    auto found = by_id.find(job->task);
    if (found == by_id.end()) {
      const bool unheard =
          job->submitted && asked - *job->submitted < kUnheardOf;
      if (unheard) continue;
      job->end = "VANISHED";
    } else {
      job->state = found->second->state;
      if (!found->second->node.empty()) job->node = found->second->node;
      const std::string never = job->state == "PENDING"
                                    ? NeverStarts(found->second->reason)
                                    : std::string();
      if (!never.empty()) {
        job->refused =
            Error{.code = ErrorCode::kCheck,
                  .what = "the cluster will never start the job: " + never,
                  .next = "see evaluation.slurm in the spec"};
        asio::co_spawn(parts_.executor, EndJobs({job->task}), asio::detached);
      }
      if (IsOver(job->state)) job->end = job->state;
    }
    if (!job->end.empty()) Ended(job, job->end);
    if (job->refused) job->news.Notify();
  }
}

void SlurmPool::Ended(const SlurmJobPtr& job, std::string state) {
  job->end = std::move(state);
  job->ended = parts_.clock.Now();
  ended_.push_back(job);
  job->news.Notify();
}

void SlurmPool::NoteOutage(std::optional<std::string> why) {
  if (why.has_value() == outage_) return;
  outage_ = why.has_value();
  if (parts_.outage) parts_.outage(std::move(why));
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
  if (!listed) refused = listed.error();
  std::string number;
  while (listed && !refused && !cancelled_) {
    SlurmSubmission submission{
        .comment = fmt::format("batch {}", batch),
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

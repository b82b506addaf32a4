#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "base/log.h"
#include "eval/slurm_pool.h"

// While anybody waits, two loops run: one lists the answers, soon after news
// and ever more seldom without, and one asks squeue every poll_seconds. A job
// that Slurm calls over gets some grace before it is believed, since its last
// answer may travel slower than the word of its end.

namespace coppice::eval {
namespace {

constexpr Duration kSoonest = std::chrono::milliseconds(20);
constexpr Duration kLatest = std::chrono::milliseconds(500);
constexpr Duration kGrace = std::chrono::seconds(4);
// A job that squeue does not list was forgotten, or not yet heard of.
constexpr Duration kUnheardOf = std::chrono::seconds(5);
// Polls that may fail before the cluster counts as out.
constexpr int kPatience = 3;
// Between looks for room.
constexpr Duration kRetry = std::chrono::seconds(2);

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
    if (!job->spoke) job->spoke = parts_.clock.Now();
    job->news.Notify();
  }
  // It was kept until there was room: the search must not go on to its end and
  // still count the cluster as out.
  if (news && no_room_) NoteRoom(WhyNoRoom(parts_.files.Run()));
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
    // Workers cannot say that their answers find no room.
    NoteRoom(WhyNoRoom(parts_.files.Run()));
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
    co_await See(std::move(*tasks), asked);
    co_await SeeSteps();
  }
  polling_ = false;
}

Task<void> SlurmPool::See(std::vector<SlurmTask> tasks, Instant asked) {
  std::map<std::string_view, const SlurmTask*> by_id;
  for (const SlurmTask& task : tasks) by_id[task.id] = &task;
  std::vector<SlurmJobPtr> forgotten;
  for (auto& [key, weak] : jobs_) {
    const SlurmJobPtr job = weak.lock();
    if (!job || job->step || job->task.empty() || !job->end.empty()) continue;
    auto found = by_id.find(job->task);
    // A controller that has lost its memory gives its numbers anew.
    if (found != by_id.end() &&
        found->second->comment == BatchComment(job->batch)) {
      SeeTask(job, *found->second, asked);
    } else if (!job->submitted || asked - *job->submitted >= kUnheardOf) {
      forgotten.push_back(job);
    }
  }
  co_await SeeForgotten(std::move(forgotten));
}

void SlurmPool::SeeTask(const SlurmJobPtr& job, const SlurmTask& task,
                        Instant asked) {
  const bool ran =
      job->state == "RUNNING" || (job->spoke && *job->spoke <= asked);
  job->state = task.state;
  job->reason = task.reason;
  if (!task.node.empty()) job->node = task.node;
  if (IsOver(task.state)) {
    Ended(job, task.state);
    return;
  }
  if (!IsWaiting(task.state)) return;
  if (ran) {
    // What its worker had is gone, and the second one would not be heard.
    Ended(job, std::string(kRequeued));
  } else if (const std::string never = NeverStarts(task.reason);
             !never.empty()) {
    job->refused =
        Error{.code = ErrorCode::kCheck,
              .what = "the cluster will never start the job: " + never,
              .next = "see evaluation.slurm in the spec"};
    job->news.Notify();
  } else {
    return;
  }
  asio::co_spawn(parts_.executor, EndJobs({job->task}), asio::detached);
}

// Slurm lists a job for some minutes after its end (MinJobAge), accounting for
// ever.
Task<void> SlurmPool::SeeForgotten(std::vector<SlurmJobPtr> jobs) {
  std::vector<std::string> ids;
  for (const SlurmJobPtr& job : jobs) ids.push_back(job->task);
  const std::vector<SlurmTask> known =
      co_await parts_.cluster.Accounted(std::move(ids));
  for (const SlurmJobPtr& job : jobs) {
    if (!job->end.empty()) continue;
    const auto found = std::ranges::find(known, job->task, &SlurmTask::id);
    if (found == known.end() || !IsOver(found->state)) {
      Ended(job, std::string(kVanished));
      continue;
    }
    if (!found->node.empty()) job->node = found->node;
    job->reason = found->reason;
    Ended(job, found->state);
  }
}

void SlurmPool::Ended(const SlurmJobPtr& job, std::string state) {
  job->end = std::move(state);
  job->ended = parts_.clock.Now();
  ended_.push_back(job);
  job->news.Notify();
}

// ---- Trouble ---------------------------------------------------------------

Task<bool> SlurmPool::WaitForRoom() {
  NoteRoom(WhyNoRoom(parts_.files.Run()));
  if (!no_room_) co_return false;
  while (no_room_ && !cancelled_) {
    co_await parts_.clock.SleepFor(kRetry);
    NoteRoom(WhyNoRoom(parts_.files.Run()));
  }
  co_return !cancelled_;
}

void SlurmPool::NoteOutage(std::optional<std::string> why) {
  outage_ = std::move(why);
  TellTrouble();
}

void SlurmPool::NoteRoom(std::optional<std::string> why) {
  no_room_ = std::move(why);
  TellTrouble();
}

// One trouble is told, and once when there is none any more.
void SlurmPool::TellTrouble() {
  const std::optional<std::string>& why = outage_ ? outage_ : no_room_;
  if (std::exchange(in_trouble_, why.has_value()) == why.has_value()) return;
  if (parts_.outage) parts_.outage(why);
}

}  // namespace coppice::eval

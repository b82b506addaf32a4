#include "eval/slurm_evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "eval/local_parts.h"
#include "eval/phase_failure.h"
#include "eval/slurm_pool.h"
#include "eval/slurm_probe.h"
#include "eval/slurm_words.h"

// The login node's side. Open writes an order and waits for the word `opened`;
// Measure asks by a numbered file and waits for the answer of that number. A
// worker whose job ended is replaced: silently if it had nothing to do and
// went by itself, else as something lost, after a pause, three times.

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::chrono::seconds, 3> kPauses = {
    std::chrono::seconds(1), std::chrono::seconds(5), std::chrono::seconds(25)};

// A worker that is ready, and how far its files were read.
struct Worker {
  SlurmJobPtr job;
  int asked = 0;  // the last number
  Taken logs;
};

// What an attempt to get an answer came to.
struct Reply {
  std::optional<std::string> text;
  std::optional<Failure> failure;  // if there is no text
  bool went = false;               // by itself, unasked: no fault of anybody
  bool again = true;               // another job may do better
};

// A worker that ran says so first.
bool NeverSpoke(const SlurmJob& job) {
  return !job.arrived.contains(kHello) &&
         (job.end == "FAILED" || job.end == "COMPLETED");
}

class Slurm final : public SlurmEvaluator {
 public:
  explicit Slurm(SlurmSetup setup)
      : setup_(std::move(setup)),
        cluster_(setup_.slurm, "coppice-" + setup_.files.run),
        pool_({.executor = setup_.executor,
               .clock = setup_.clock,
               .cluster = cluster_,
               .files = setup_.files,
               .program = setup_.program,
               .at_once = setup_.at_once,
               .silence = setup_.silence,
               .submitted = [this](const SlurmJob& job) { Note(job); },
               .outage =
                   [this](std::optional<std::string> why) {
                     if (news_.outage) news_.outage(std::move(why));
                   }}) {}
  ~Slurm() override;

  Task<Opened> Open(const Target& target) override;
  void Listen(SlurmNews news) override { news_ = std::move(news); }
  void Keep(std::set<AttemptId> wanted) override {
    wanted_ = std::move(wanted);
    asio::co_spawn(setup_.executor, Recover(), asio::detached);
  }
  void Cancel(AttemptId attempt) override {
    pruned_.insert(attempt);
    pool_.Cancel(fmt::format("{}-", attempt.value()));
  }
  void CancelAll() override { pool_.CancelAll(); }

  // Each tried once.
  Task<std::optional<Failure>> Prepare(Target target, Worker& worker,
                                       PhaseSeconds& seconds, bool& again);
  Task<Reply> Ask(Target target, Worker& worker, Json question,
                  EvalPhase phase);
  void GiveUp(Worker& worker);
  // Before something lost is tried again.
  Task<void> Rest(Target target, Failure failure, std::chrono::seconds pause);

  int TakeSlot();
  void GiveSlot(int slot) { slots_.erase(slot); }
  const SlurmSetup& setup() const { return setup_; }

 private:
  Task<void> Recover();
  Task<Result<SlurmJobPtr>> JobFor(Target target);
  Task<Result<std::string>> PutOrder(Target target);
  Task<Reply> Await(Target target, Worker& worker, std::string word,
                    EvalPhase phase);
  Failure Lost(EvalPhase phase, const Target& target, std::string reason) const;
  Failure Pruned(EvalPhase phase, const Target& target) const;
  void Note(const SlurmJob& job);
  void TakeLogs(Worker& worker);
  std::string OutputOf(const SlurmJob& job) const;

  SlurmSetup setup_;
  SlurmCluster cluster_;
  SlurmPool pool_;
  SlurmNews news_;
  std::optional<std::set<AttemptId>> wanted_;
  // Orders of an earlier process, by the name of their job.
  std::vector<std::pair<std::string, Target>> left_over_;
  bool recovered_ = false;
  std::optional<Semaphore> recovering_;
  std::set<int> slots_;
  std::set<AttemptId> pruned_;  // since they were opened
};

class SlurmSession final : public Session {
 public:
  SlurmSession(Slurm& slurm, Target target, Worker worker)
      : slurm_(slurm),
        target_(target),
        worker_(std::move(worker)),
        slot_(slurm.TakeSlot()) {}
  ~SlurmSession() override {
    slurm_.GiveUp(worker_);
    slurm_.GiveSlot(slot_);
  }

  int slot() const override { return slot_; }

  Task<Sample> Measure(SampleRequest request) override {
    bool again = true;
    Sample sample = co_await MeasureOnce(request, again);
    for (const std::chrono::seconds pause : kPauses) {
      if (!sample.failure || !MayTryAgain(*sample.failure) || !again) break;
      slurm_.GiveUp(worker_);
      co_await slurm_.Rest(target_, *sample.failure, pause);
      sample = co_await MeasureOnce(request, again);
    }
    sample.slot = slot_;
    co_return sample;
  }

  Task<Diagnosis> Diagnose() override {
    if (!worker_.job) co_return Diagnosis{.text = {}, .problem = "no worker"};
    Json question{{"do", "diagnose"}};
    Reply reply = co_await slurm_.Ask(target_, worker_, std::move(question),
                                      EvalPhase::kDiagnose);
    if (!reply.text) {
      co_return Diagnosis{
          .text = {},
          .problem = reply.failure ? reply.failure->reason : "the worker went"};
    }
    Result<Diagnosis> read = slurm_.setup().wire.read_diagnosis(*reply.text);
    if (!read) co_return Diagnosis{.text = {}, .problem = read.error().Text()};
    co_return std::move(*read);
  }

 private:
  Task<Sample> MeasureOnce(SampleRequest request, bool& again) {
    Json question{{"do", "measure"},
                  {"phase", std::string(Name(request.phase))},
                  {"index", request.index}};
    while (true) {
      std::optional<Failure> failure;
      if (!worker_.job) {
        PhaseSeconds seconds;
        failure = co_await slurm_.Prepare(target_, worker_, seconds, again);
      }
      Reply reply;
      if (!failure) {
        reply = co_await slurm_.Ask(target_, worker_, question,
                                    EvalPhase::kMeasure);
        again = reply.again;
        if (reply.went) {
          slurm_.GiveUp(worker_);
          continue;
        }
        failure = std::move(reply.failure);
      }
      if (!failure) {
        Result<Sample> sample = slurm_.setup().wire.read_sample(*reply.text);
        if (sample) co_return std::move(*sample);
        failure = LostFailure(EvalPhase::kMeasure, sample.error().Text(), "");
      }
      Sample sample;
      sample.index = request.index;
      sample.phase = request.phase;
      sample.verdict = failure->verdict;
      sample.log = LogName(target_.attempt);
      sample.failure = std::move(failure);
      co_return sample;
    }
  }

  Slurm& slurm_;
  const Target target_;
  Worker worker_;
  const int slot_;
};

Slurm::~Slurm() {
  pool_.ReleaseAllocation();
  std::error_code ignored;
  if (Listed(setup_.files.Jobs()).empty()) {
    fs::remove_all(setup_.files.Run(), ignored);
  }
}

Task<Opened> Slurm::Open(const Target& target) {
  const Target mine = target;
  pruned_.erase(mine.attempt);
  Opened opened;
  Worker worker;
  bool again = true;
  opened.failure = co_await Prepare(mine, worker, opened.seconds, again);
  for (const std::chrono::seconds pause : kPauses) {
    if (!opened.failure || !MayTryAgain(*opened.failure) || !again) break;
    GiveUp(worker);
    co_await Rest(mine, *opened.failure, pause);
    opened.seconds = {};
    opened.failure = co_await Prepare(mine, worker, opened.seconds, again);
  }
  if (opened.failure) {
    GiveUp(worker);
  } else {
    opened.session =
        std::make_unique<SlurmSession>(*this, mine, std::move(worker));
  }
  co_return opened;
}

Task<std::optional<Failure>> Slurm::Prepare(Target target, Worker& worker,
                                            PhaseSeconds& seconds,
                                            bool& again) {
  again = true;
  worker = {};
  if (pruned_.contains(target.attempt))
    co_return Pruned(EvalPhase::kSetup, target);
  Result<SlurmJobPtr> job = co_await JobFor(target);
  if (!job) {
    again = job.error().code == ErrorCode::kLost;
    co_return Lost(EvalPhase::kSetup, target, job.error().Text());
  }
  worker.job = *job;
  Reply reply =
      co_await Await(target, worker, std::string(kOpened), EvalPhase::kSetup);
  again = reply.again;
  if (!reply.text) {
    if (again && NeverSpoke(*worker.job) && !WhyNoRoom(setup_.files.Run())) {
      const std::optional<Error> why = co_await WhyNoWorker(
          cluster_, setup_.files, setup_.program, setup_.clock);
      if (why) {
        again = why->code == ErrorCode::kLost;
        reply.failure = Lost(EvalPhase::kSetup, target, why->Text());
      }
    }
    co_return reply.failure;
  }
  if (setup_.wire.see_hello) {
    setup_.wire.see_hello(
        ReadWholeOrNothing(setup_.files.Answer(worker.job->key, kHello)));
  }
  Result<RemoteOpened> opened = setup_.wire.read_opened(*reply.text);
  if (!opened) co_return Lost(EvalPhase::kSetup, target, opened.error().Text());
  seconds = opened->seconds;
  co_return opened->failure;
}

// A worker of an earlier process for this very tree, or a new one.
Task<Result<SlurmJobPtr>> Slurm::JobFor(Target target) {
  co_await Recover();
  auto fits = [&](const auto& order) {
    return order.second.attempt == target.attempt &&
           order.second.commit == target.commit &&
           order.second.clean == target.clean;
  };
  const auto left = std::ranges::find_if(left_over_, fits);
  if (left != left_over_.end()) {
    const std::string key = left->first;
    left_over_.erase(left);
    SlurmJobPtr job = co_await pool_.Adopt(key);
    if (job) {
      LogInfo(fmt::format("job {} goes on with attempt {}", job->task,
                          target.attempt.value()));
      co_return job;
    }
  }
  Result<std::string> key = co_await PutOrder(target);
  while (!key && co_await pool_.WaitForRoom()) key = co_await PutOrder(target);
  if (!key) {
    Error error = key.error();
    error.code = ErrorCode::kLost;
    co_return error;
  }
  co_return co_await pool_.Start(std::move(*key));
}

// The name of the job that it is for.
Task<Result<std::string>> Slurm::PutOrder(Target target) {
  Result<std::string> key =
      pool_.NewKey(fmt::format("{}", target.attempt.value()));
  if (!key) co_return key;
  const fs::path directory = setup_.files.Job(*key);
  auto prepare = [&] { return setup_.wire.prepare(target, directory); };
  Result<void> prepared = co_await Offload(setup_.compute, prepare);
  if (prepared) co_return key;
  std::error_code ignored;
  fs::remove_all(directory, ignored);
  co_return prepared.error();
}

Task<void> Slurm::Rest(Target target, Failure failure,
                       std::chrono::seconds pause) {
  LogWarning(fmt::format("attempt {}: {}; tried again in {} s",
                         target.attempt.value(), failure.reason,
                         pause.count()));
  co_await setup_.clock.SleepFor(pause);
  co_await pool_.WaitForRoom();
}

// Once: what an earlier process left is either wanted or ended.
Task<void> Slurm::Recover() {
  if (recovered_) co_return;
  if (!recovering_) recovering_.emplace(setup_.executor, 1);
  Semaphore::Permit turn = co_await recovering_->Acquire();
  if (std::exchange(recovered_, true)) co_return;
  std::vector<std::string> unwanted;
  for (const std::string& key : Listed(setup_.files.Jobs())) {
    Result<Target> target = setup_.wire.read_order(
        ReadWholeOrNothing(setup_.files.Job(key) / kOrder));
    if (target && wanted_ && wanted_->contains(target->attempt)) {
      left_over_.emplace_back(key, *target);
    } else {
      unwanted.push_back(key);
    }
  }
  if (!unwanted.empty()) co_await pool_.Abandon(std::move(unwanted));
}

Task<Reply> Slurm::Ask(Target target, Worker& worker, Json question,
                       EvalPhase phase) {
  const fs::path directory = setup_.files.Job(worker.job->key);
  const std::string text = DumpCanonical(question);
  // An adopted worker may have been asked this before.
  int number = 0;
  for (const std::string& name : Listed(directory)) {
    if (!name.ends_with(".ask")) continue;
    const auto asked = ParseNumber(name.substr(0, name.size() - 4));
    if (!asked) continue;
    worker.asked = std::max(worker.asked, static_cast<int>(*asked));
    if (ReadWholeOrNothing(directory / name) == text) {
      number = static_cast<int>(*asked);
    }
  }
  if (number == 0) {
    number = ++worker.asked;
    const fs::path file = directory / fmt::format("{}.ask", number);
    // Synced, and so not by the conductor: a question that is lost in a crash
    // would give its number to another one.
    auto ask = [&] { return PutFile(file, text); };
    Result<void> put = co_await Offload(setup_.compute, ask);
    while (!put && co_await pool_.WaitForRoom()) {
      put = co_await Offload(setup_.compute, ask);
    }
    if (!put) {
      co_return Reply{.text = {},
                      .failure = Lost(phase, target, put.error().Text())};
    }
  }
  Reply reply = co_await Await(target, worker, std::to_string(number), phase);
  if (!reply.text && worker.job->arrived.contains(kIdle)) reply.went = true;
  co_return reply;
}

Task<Reply> Slurm::Await(Target target, Worker& worker, std::string word,
                         EvalPhase phase) {
  const SlurmJobPtr job = worker.job;
  const bool arrived = co_await pool_.Wait(job, word);
  TakeLogs(worker);
  Reply reply;
  if (arrived) {
    Result<std::string> text =
        ReadWhole(setup_.files.Answer(job->key, word), Links::kRefuse);
    if (text) {
      reply.text = std::move(*text);
    } else {
      reply.failure = Lost(phase, target, text.error().Text());
    }
    co_return reply;
  }
  if (pool_.cancelled()) {
    reply.failure = Lost(phase, target, std::string(kCancelled));
  } else if (job->cancelled) {
    reply.failure = Pruned(phase, target);
  } else if (job->refused) {
    reply.failure = Lost(phase, target, job->refused->Text());
    reply.again = false;
  } else {
    reply.failure = EndOfJob(*job, setup_.slurm, phase, OutputOf(*job),
                             LogName(target.attempt));
    reply.again = MayEndBetter(*job);
  }
  co_return reply;
}

// What the job printed beside its answers.
std::string Slurm::OutputOf(const SlurmJob& job) const {
  if (job.step) return job.output;
  const std::size_t dash = job.task.find('_');
  if (dash == std::string::npos) return {};
  return ReadWholeOrNothing(fmt::format("{}.{}.out",
                                        setup_.files.Batch(job.batch).string(),
                                        job.task.substr(dash + 1)));
}

void Slurm::TakeLogs(Worker& worker) {
  Result<void> taken = TakeJobLogs(setup_.files.Job(worker.job->key),
                                   setup_.run_directory, worker.logs);
  if (!taken) LogWarning(taken.error().Text());
}

void Slurm::GiveUp(Worker& worker) {
  if (worker.job) pool_.Release(*worker.job);
  worker = {};
}

Failure Slurm::Lost(EvalPhase phase, const Target& target,
                    std::string reason) const {
  return LostFailure(phase, std::move(reason), LogName(target.attempt));
}

Failure Slurm::Pruned(EvalPhase phase, const Target& target) const {
  Failure failure = Lost(phase, target, "pruned by the user");
  failure.outcome = Outcome::kCancelled;
  return failure;
}

void Slurm::Note(const SlurmJob& job) {
  const auto attempt = ParseNumber(job.key.substr(0, job.key.find('-')));
  if (!news_.submitted || !attempt) return;
  news_.submitted(AttemptId(static_cast<std::int64_t>(*attempt)),
                  DumpCanonical(Json{{"job", job.task}, {"files", job.key}}));
}

int Slurm::TakeSlot() {
  int slot = 0;
  while (slots_.contains(slot)) ++slot;
  slots_.insert(slot);
  return slot;
}

}  // namespace

Result<std::unique_ptr<SlurmEvaluator>> MakeSlurmEvaluator(SlurmSetup setup) {
  Result<void> made = MakeSlurmFiles(setup.files);
  if (!made) {
    Error error = made.error();
    error.code = ErrorCode::kCheck;
    error.next =
        "evaluation.slurm.shared_dir must be a directory that you may write "
        "and that every node sees";
    return error;
  }
  return std::unique_ptr<SlurmEvaluator>(
      std::make_unique<Slurm>(std::move(setup)));
}

}  // namespace coppice::eval

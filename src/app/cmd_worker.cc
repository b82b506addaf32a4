#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cluster_wire.h"
#include "app/commands.h"
#include "app/heartbeat.h"
#include "app/project.h"
#include "app/workbench.h"
#include "app/worker_place.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "eval/slurm_files.h"

// worker: the end of `evaluation.backend: slurm` on a node. It opens the one
// tree of its order with the evaluator that a search has on its own machine,
// says how that went, and then answers what it is asked, until it is told to
// close or has nothing to do for some minutes. An answer that finds no room in
// the shared directory is kept and tried again: what was measured is not lost.

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

constexpr Duration kSoonest = std::chrono::milliseconds(10);
constexpr Duration kLatest = std::chrono::milliseconds(250);
constexpr Duration kRetry = std::chrono::seconds(1);

class WorkerLoop {
 public:
  WorkerLoop(WorkerPlace place, Workbench& bench, const Project& project)
      : place_(std::move(place)), bench_(bench), project_(project) {}

  // False: an answer could not be given.
  bool answered() const { return answered_; }

  Task<void> Run() {
    ShowLife();
    co_await Work();
    life_.reset();
  }

  // Slurm ends the job: what is cut off must not count.
  void End() {
    ended_ = true;
    bench_.CancelAll();
  }

 private:
  enum class Asked { kNothing, kQuestion, kClose };

  Task<void> Work() {
    const Duration patience = place_.common.silence;
    const eval::Target target = place_.order.target;
    eval::Opened opened = co_await bench_.evaluator().Open(target);
    OpenedAnswer answer{.opened = {.failure = std::move(opened.failure),
                                   .seconds = opened.seconds},
                        .learned = {}};
    const bool ready = !answer.opened.failure;
    answer.learned = co_await Learn();
    co_await Answer(std::string(eval::kOpened), Encode(answer));
    if (!ready) co_return;
    Duration pause = kSoonest;
    Instant last = bench_.clock().Now();
    for (int number = 1; !ended_ && answered_;) {
      const Asked asked = Look(number);
      if (asked == Asked::kClose) co_return;
      if (asked == Asked::kNothing) {
        life_.reset();
        if (bench_.clock().Now() - last > patience) {
          co_await Answer(std::string(eval::kIdle), "");
          co_return;
        }
        co_await bench_.clock().SleepFor(pause);
        pause = std::min(pause * 2, kLatest);
        continue;
      }
      ShowLife();
      co_await Serve(*opened.session, number++);
      pause = kSoonest;
      last = bench_.clock().Now();
    }
  }

  // An allocation is held for its steps while they have something to do.
  void ShowLife() {
    if (!place_.step || life_) return;
    auto beat = [this] { eval::ShowLife(place_.files, place_.key, ++beats_); };
    beat();
    life_.emplace(bench_.io().get_executor(), BeatOf(place_.common.silence),
                  beat);
  }

  Asked Look(int number) const {
    const std::vector<std::string> names = eval::Listed(place_.job_dir);
    const std::string wanted = fmt::format("{}.ask", number);
    if (std::ranges::count(names, wanted) > 0) return Asked::kQuestion;
    const bool close = std::ranges::count(names, eval::kClose) > 0;
    return close || names.empty() ? Asked::kClose : Asked::kNothing;
  }

  Task<void> Serve(eval::Session& session, int number) {
    const std::string text =
        ReadWholeOrNothing(place_.job_dir / fmt::format("{}.ask", number));
    Result<Json> question = ParseJson(text, "a question");
    if (!question) co_return;
    std::string answer;
    if (question->value("do", "") == "diagnose") {
      answer = Encode(co_await session.Diagnose());
    } else {
      eval::SampleRequest request;
      request.index = question->value("index", 0);
      if (auto phase = SamplePhaseFromName(question->value("phase", ""))) {
        request.phase = *phase;
      }
      SampleAnswer taken{.sample = co_await session.Measure(request),
                         .learned = {}};
      taken.learned = co_await Learn();
      answer = Encode(taken);
    }
    co_await Answer(std::to_string(number), answer);
  }

  // Only the base teaches.
  Task<std::optional<Learned>> Learn() {
    if (place_.order.target.attempt != AttemptId(0)) co_return std::nullopt;
    Learned learned;
    learned.habits.base = place_.common.base;
    learned.habits.habits = bench_.evaluation().habits();
    learned.habits.units = bench_.evaluation().units();
    Result<fs::path> checkout = co_await bench_.workspaces().BaseCheckout();
    if (checkout) {
      learned.checkout = LookAtCheckout(*checkout, project_.TrackedPaths(),
                                        project_.spec().evaluation.copy);
    }
    co_return learned;
  }

  // The logs come first: who reads the answer reads them, too.
  Task<void> Answer(std::string word, std::string text) {
    const Instant since = bench_.clock().Now();
    for (bool first = true; !ended_; first = false) {
      Result<void> done = eval::TakeAppended(place_.run_directory,
                                             place_.job_dir / "logs", taken_);
      if (!done && first) Say(done.error().Text());
      done = eval::PutFile(place_.files.Answer(place_.key, word), text);
      if (done) co_return;
      if (first) Say(done.error().Text());
      answered_ = bench_.clock().Now() - since <= place_.common.silence;
      if (!answered_) co_return;
      co_await bench_.clock().SleepFor(kRetry);
    }
  }

  const WorkerPlace place_;
  Workbench& bench_;
  const Project& project_;
  eval::Taken taken_;
  std::optional<Heartbeat> life_;
  std::uint64_t beats_ = 0;
  bool ended_ = false;
  bool answered_ = true;
};

Result<void> Work(const WorkerOptions& options) {
  Result<WorkerPlace> found = FindWorkerPlace(options.run, options.batch);
  if (!found) return found.error();
  WorkerPlace& place = *found;
  const std::unique_ptr<Clock> clock = MakeRealClock();
  Result<void> said = SayHello(place, *clock);
  if (!said) return said;
  const ScratchDirectory scratch(place.scratch_dir);
  Result<Project> project = OpenCarriedProject(place);
  if (!project) return project.error();
  Workbench::Options how;
  how.run = place.common.run;
  how.run_directory = place.run_directory;
  how.habits = place.common.learned.habits;
  how.units = place.common.learned.units;
  how.require_isolation = place.common.isolation;
  how.offline = true;
  Result<std::unique_ptr<Workbench>> bench =
      Workbench::Make(*project, std::move(how));
  if (!bench) return bench.error();
  WorkerLoop loop(place, **bench, *project);
  (*bench)->Run(loop.Run(), [&](int, int) { loop.End(); });
  std::error_code ignored;
  const std::vector<std::string> names = eval::Listed(place.job_dir);
  if (std::ranges::count(names, eval::kClose) > 0) {
    fs::remove_all(place.job_dir, ignored);
  }
  fs::remove(place.files.Alive() / place.key, ignored);
  if (loop.answered()) return Ok();
  return Error{.code = ErrorCode::kIo,
               .what = "an answer found no room",
               .where = place.files.Answers().string()};
}

}  // namespace

int Worker(const Global& global, const WorkerOptions& options) {
  Result<void> worked = Work(options);
  if (!worked) return Fail(global, worked.error());
  return kDone;
}

}  // namespace coppice::app

#include "app/session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "app/heartbeat.h"
#include "app/page_texts.h"
#include "app/signals.h"
#include "base/log.h"
#include "base/text.h"
#include "report/progress.h"
#include "search/directive.h"

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

// Prompts, answers and views are large and gone in a moment, but in each
// thread's room malloc keeps what they took, as long as anything small stands
// above. Now and then the pages that nothing stands on go back to the system.
void GiveBackMemory(const search::State& state) {
  constexpr std::size_t kEvery = 100;  // attempts; it takes about 1 ms
  if (state.order_of_completion().size() % kEvery == 0) malloc_trim(0);
}

}  // namespace

int Session::RunReplay() {
  std::optional<Result<void>> result;
  auto run = [&]() -> Task<void> {
    result = co_await search_->Replay(std::move(replayed_));
  };
  hooks_->Cancel();  // it has all happened before
  bench_->Run(run(),
              [this](int signal, int before) { OnSignal(signal, before); });
  Result<void> views = WriteViews();
  if (!views) LogWarning(views.error().Text());
  if (!*result) return Fail(global_, result->error());
  const search::State& state = search_->state();
  if (global_.output != OutputMode::kJson) {
    Narrate(fmt::format(
        "replayed {} of {}: the same tree of {} nodes, commit for "
        "commit, without a call",
        state.start().replays, project_.spec().name, state.tree().size()));
  }
  return state.stopped() ? state.stopped()->exit : kDone;
}

void Session::Observe(const search::State& state,
                      const search::Record& record) {
  if (!global_.progress) {
    // the caller prints what there is to say
  } else if (global_.output == OutputMode::kJson) {
    if (auto event = report::ProgressJson(state, record)) {
      Narrate(report::DumpLine(*event));
    }
  } else {
    report::ProgressStyle style;
    style.colour = global_.output == OutputMode::kRich;
    if (auto line = report::ProgressLine(state, record, style)) Narrate(*line);
  }
  const auto* told = std::get_if<search::Told>(&record.event);
  if (told != nullptr) OnTold(*told);
  const bool finished =
      std::holds_alternative<search::Evaluated>(record.event) ||
      std::holds_alternative<search::Rejected>(record.event);
  if (!finished || views_ == nullptr) return;
  GiveBackMemory(state);
  Result<void> written = views_->WriteNodes(state);
  if (written) written = views_->WriteTablesIfDue(state);
  if (!written) LogInfo(written.error().Text());
}

void Session::OnSignal(int signal, int before) {
  if (over_) {
    hooks_->Cancel();
    return;
  }
  const search::Ending ending = EndedBy(signal);
  if (LetsItEnd(signal, before)) {
    search_->Drain(ending.reason, ending.exit);
  } else {
    Abandon(ending.reason, ending.exit);
  }
}

void Session::Abandon(const std::string& reason, int exit) {
  abandoned_ = true;
  search_->Abandon(reason, exit);
  bench_->CancelAll();
}

// `coppice stop`, if it means this process and not one before it.
void Session::OnTold(const search::Told& told) {
  Result<search::Directive> said = search::ParseDirective(told.directive);
  if (!said || said->process != search::NameOf(search::ThisProcess())) return;
  if (said->steer == search::Steer::kStop) {
    Say("stopping: what runs may end, then the best are measured again");
    search_->Stop();
  } else if (said->steer == search::Steer::kStopNow) {
    Say("stopping now: what runs is cancelled");
    // Not from within the search, which is recording this.
    asio::post(bench_->io(), [this] { Abandon("stopped", 128 + SIGTERM); });
  }
}

// Runs a task of the search; beside it the user is heard, and after it the
// hooks get their time.
void Session::Conduct(Task<void> task) {
  Heartbeat beat(bench_->io().get_executor(), std::chrono::milliseconds(500),
                 [this] {
                   search_->Heed();
                   status_->Refresh(search_->state(), bench_->clock());
                 });
  auto whole = [&]() -> Task<void> {
    co_await std::move(task);
    beat.Stop();
    over_ = true;
    const auto patience = std::chrono::seconds(abandoned_ ? 5 : 35);
    co_await hooks_->Finish(patience);
  };
  bench_->Run(whole(),
              [this](int signal, int before) { OnSignal(signal, before); });
}

Result<void> Session::WriteViews() {
  const search::State& state = search_->state();
  Result<void> written = views_->WriteNodes(state);
  if (written) written = views_->WriteTables(state);
  report::ReportInput input;
  input.now = bench_->clock().Wall();
  Result<std::string> diff =
      project_.store->Diff(project_.base, state.tree()[state.best()].commit);
  if (diff) input.diff = std::move(*diff);
  if (written) written = views_->WriteReport(state, input);
  if (written) {
    written = views_->WritePage(state, input.now, AllTextsOf(*journal_, state));
  }
  status_->Close(state, bench_->clock());
  return written;
}

// Nobody was asked at night; what waits for a word is said in the morning.
void Session::SayDeferred() const {
  const search::State& state = search_->state();
  for (AttemptId attempt : state.order_of_completion()) {
    const search::InfoView info = state.Info(attempt);
    if (!info->evaluated || info->evaluated->outcome != Outcome::kDeferred) {
      continue;
    }
    Narrate(
        fmt::format("deferred: #{} needs {}; `coppice approve {}` evaluates "
                    "it",
                    attempt.value(), fmt::join(info->needs, ", "),
                    fmt::join(info->needs, " ")));
  }
}

// A replayed cassette that was asked for what it does not hold.
std::optional<Error> Session::CassetteMiss() const {
  ModelService& models = bench_->models();
  for (const std::string& line : models.unused()) {
    Say("cassette, never asked for: " + line);
  }
  if (models.misses().empty()) return std::nullopt;
  return Error{.code = ErrorCode::kNotFound,
               .what = fmt::format("the cassette lacks {} of the answers that "
                                   "were wanted",
                                   models.misses().size()),
               .where = global_.models.cassette,
               .cause = models.misses().front(),
               .next = "record it again with --cassette-mode record"};
}

int Session::Conclude(const search::Ending& ending) {
  Result<void> views = WriteViews();
  if (!views) LogWarning(views.error().Text());
  if (std::optional<Error> miss = CassetteMiss()) {
    Fail(global_, *miss);
    return kFailed;
  }
  if (global_.output == OutputMode::kJson) return ending.exit;
  SayDeferred();
  Narrate(fmt::format("report: {}", (directory_ / "report.md").string()));
  Narrate(fmt::format("page: {}", (directory_ / "report.html").string()));
  switch (ending.exit) {
    case kDone:
      Narrate(
          "next: `coppice export` makes a branch to review, `coppice diff "
          "best --against base` shows it");
      break;
    case kPaused:
    case 130:
    case 143:
      Narrate(fmt::format("next: `coppice resume {}`", id_));
      break;
    default:
      Narrate(
          fmt::format("next: `coppice top`, or `coppice resume {} "
                      "--max-nodes N` to go on",
                      id_));
  }
  return ending.exit;
}

int Session::Run() {
  search::Ending ending;
  auto run = [&]() -> Task<void> { ending = co_await search_->Run(); };
  Conduct(run());
  return Conclude(ending);
}

int Session::Finish() {
  search::Ending ending;
  auto run = [&]() -> Task<void> { ending = co_await search_->Finish(); };
  Conduct(run());
  return Conclude(ending);
}

Result<int> Session::Remeasure(std::vector<AttemptId> nodes, int samples,
                               SamplePhase phase) {
  std::optional<Result<search::Ending>> ending;
  auto run = [&]() -> Task<void> {
    ending = co_await search_->Remeasure(std::move(nodes), samples, phase);
  };
  Conduct(run());
  if (!*ending) return ending->error();
  Result<void> views = WriteViews();
  if (!views) LogWarning(views.error().Text());
  return (*ending)->exit;
}

Result<AttemptId> Session::Step(search::Search::StepRequest request) {
  std::optional<Result<AttemptId>> made;
  auto run = [&]() -> Task<void> {
    made = co_await search_->Step(std::move(request));
  };
  Conduct(run());
  Result<void> views = WriteViews();
  if (!views) LogWarning(views.error().Text());
  return *made;
}

void Session::Approve(const std::string& dependency) {
  search_->Approve(dependency);
}

}  // namespace coppice::app

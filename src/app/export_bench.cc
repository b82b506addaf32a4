#include "app/export_bench.h"

#include <algorithm>
#include <utility>

#include "app/search_parts.h"
#include "search/decide.h"

namespace coppice::app {

Result<std::unique_ptr<ExportBench>> ExportBench::Make(const Global& global,
                                                       ReadRun& run,
                                                       ObjectId base) {
  const search::State& state = *run.state;
  std::unique_ptr<ExportBench> made(new ExportBench(run));
  made->directory_ = run.place.dir / "export";
  Result<eval::BaselineLock> lock =
      eval::ParseLock(state.start().lock_json, "baseline.lock");
  if (!lock) return lock.error();
  // The project takes the store that holds the composed commits.
  Opened repository{run.home, std::move(run.store)};
  Result<Project> project = OpenRunProject(std::move(repository), state.spec(),
                                           state.merged_spec(), base);
  if (!project) return project.error();
  made->project_ = std::move(*project);
  Workbench::Options options =
      OptionsFor(global, state.run(), made->directory_, std::move(*lock));
  // Nobody is asked for a patch; a judge has to be.
  options.offline = !state.spec().judge;
  Result<std::unique_ptr<Workbench>> bench =
      Workbench::Make(made->project_, std::move(options));
  if (!bench) return bench.error();
  made->bench_ = std::move(*bench);
  return made;
}

ExportBench::~ExportBench() {
  bench_.reset();
  run_.store = std::move(project_.store);
}

void ExportBench::Run(Task<void> task) {
  bench_->Run(std::move(task), [this](int signal, int) {
    interrupted_ = signal;
    bench_->CancelAll();
  });
}

Task<Contestant> OpenContestant(ExportBench& bench, AttemptId attempt,
                                ObjectId commit, Checkout checkout) {
  eval::Target target;
  target.attempt = attempt;
  target.commit = commit;
  target.clean = checkout == Checkout::kClean;
  eval::Evaluator& evaluator = bench.bench().judged(Workbench::Judging::kKnown);
  eval::Opened opened = co_await evaluator.Open(target);
  Contestant contestant;
  contestant.session = std::move(opened.session);
  contestant.failure = std::move(opened.failure);
  co_return contestant;
}

Task<void> Sample(ExportBench& bench, Contestant& contestant,
                  SamplePhase phase) {
  eval::SampleRequest request;
  request.phase = phase;
  request.index = static_cast<int>(contestant.scores.size());
  eval::Sample sample = co_await contestant.session->Measure(request);
  contestant.failure = std::move(sample.failure);
  if (!contestant.failure) {
    const std::optional<double> score =
        bench.state().measurements().Score(sample.metrics);
    if (score) {
      contestant.scores.push_back(*score);
    } else {
      contestant.failure.emplace();
      contestant.failure->outcome = Outcome::kMetricError;
      contestant.failure->reason = "it gave no score";
      contestant.failure->log = sample.log;
    }
  }
  if (contestant.failure) contestant.session.reset();
  for (const auto& [name, number] : sample.metrics) {
    contestant.numbers[name].push_back(number);
  }
}

Task<void> SampleInTurns(ExportBench& bench, Contestant& a, Contestant& b,
                         int count, SamplePhase phase,
                         std::function<bool()> enough) {
  for (int i = 0; i < count; ++i) {
    Contestant& first = i % 2 == 0 ? a : b;
    Contestant& second = i % 2 == 0 ? b : a;
    co_await Sample(bench, first, phase);
    if (first.failure) co_return;
    co_await Sample(bench, second, phase);
    if (second.failure || (enough && enough())) co_return;
  }
}

double ScoreOf(const search::State& state, const Contestant& contestant) {
  return state.measurements().Aggregate(contestant.scores);
}

std::optional<std::string> FailedRule(const search::State& state,
                                      const Contestant& contestant) {
  const spec::Metric& metric = state.spec().metric;
  std::map<std::string, double> numbers, baseline;
  for (const auto& [name, values] : contestant.numbers) {
    numbers[name] = state.measurements().Aggregate(values);
  }
  if (auto failed = search::FailedGate(metric, numbers)) return failed;
  for (const spec::Guard& guard : metric.guards) {
    const auto base = state.measurements().Number(AttemptId(0), guard.name);
    if (base) baseline[guard.name] = *base;
  }
  return search::FailedGuard(metric, numbers, baseline);
}

}  // namespace coppice::app

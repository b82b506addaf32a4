#include "app/compare_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/load_verdict.h"
#include "app/run_reader.h"
#include "app/signals.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "report/views.h"

// A seed: every arm's search is opened or begun, all of them run together to
// their budgets, their winners are measured again in turns, and what they came
// to is kept. Only then the next seed is opened, so that what is in memory and
// on slots is one seed, and a study that is stopped early has whole seeds to
// show.

namespace coppice::app {
namespace fs = std::filesystem;

// A column of the study.
struct CompareRuns::Arm {
  std::vector<llm::NamedProposer> proposers;
  // What each proposer is: equal texts, equal answers.
  std::map<std::string, std::string> digests;
  int evaluations = 1;
};

// One search. Members are destroyed in reverse.
struct CompareRuns::Member {
  std::string run;
  fs::path directory;
  std::optional<search::RunLease> lease;
  std::unique_ptr<search::SqliteJournal> journal;
  Workbench::Evaluation evaluation;
  std::unique_ptr<search::Search> search;
  study::Turnstile::Place* place = nullptr;
  bool ended = false;
};

namespace {

// What of a spec decides how a proposer answers.
std::map<std::string, std::string> DigestsOf(const spec::Loaded& loaded) {
  const Json merged = Json::parse(loaded.merged_json);
  std::map<std::string, std::string> digests;
  for (std::size_t i = 0; i < loaded.spec.proposers.size(); ++i) {
    Json entry = merged.at("proposers").at(i);
    entry.erase("weight");
    const Json whole{{"proposer", entry}, {"proposal", merged.at("proposal")}};
    digests[loaded.spec.proposers[i].name] = Sha256Hex(DumpCanonical(whole));
  }
  return digests;
}

Error Elsewhere(const std::vector<std::string>& drift) {
  Error error{.code = ErrorCode::kCheck,
              .what = "the study was measured elsewhere or otherwise",
              .cause = "arms measured in different places cannot be compared",
              .next = "go on where it was started, or start a new study"};
  for (const std::string& line : drift) error.what += "\n  " + line;
  return error;
}

}  // namespace

CompareRuns::CompareRuns(const Global& global, ComparePlan plan,
                         Project project, Baseline baseline, StudyRecord record)
    : global_(global),
      plan_(std::move(plan)),
      project_(std::move(project)),
      baseline_(std::move(baseline)),
      record_(std::move(record)),
      directory_(StudyDirectory(project_.home, record_)) {}

CompareRuns::~CompareRuns() = default;

Result<void> CompareRuns::Prepare() {
  Result<search::RunLease> lease = TakeRunDirectory(directory_);
  if (!lease) return lease.error();
  lease_.emplace(std::move(*lease));
  OpenLog(directory_ / "coppice.log");
  Workbench::Options options = OptionsFor(
      global_, record_.name + "-" + record_.id, directory_, baseline_.lock);
  // Of each search the winner and the base stay open while they are measured.
  options.sessions = static_cast<int>(2 * plan_.arms.size()) + 1 +
                     AtOnce(project_.spec(), baseline_.lock.slots);
  Result<std::unique_ptr<Workbench>> bench =
      Workbench::Make(project_, std::move(options));
  if (!bench) return bench.error();
  bench_ = std::move(*bench);
  const std::vector<std::string> drift =
      eval::Mismatch(baseline_.lock, project_.base, bench_->measuring_digest(),
                     bench_->environment());
  if (!drift.empty()) return Elsewhere(drift);
  cache_ = OpenMeasurements(project_.home, *bench_);
  for (std::size_t i = 0; i < plan_.arms.size(); ++i) {
    const spec::Spec& spec = plan_.arms[i].spec;
    Arm arm;
    Result<std::vector<llm::NamedProposer>> proposers =
        bench_->ProposersOf(project_, spec);
    if (!proposers) return proposers.error();
    arm.proposers = std::move(*proposers);
    arm.digests = DigestsOf(plan_.arms[i]);
    arm.evaluations = spec.parallel.evaluations.value_or(bench_->evaluations());
    arms_.push_back(std::move(arm));
  }
  return Ok();
}

double CompareRuns::Spent() const {
  double usd = 0;
  for (const study::SearchFacts& search : facts_) usd += search.paid_usd;
  return usd;
}

Result<std::optional<search::Ending>> CompareRuns::Run() {
  bench_->Run(RunAll(),
              [this](int signal, int before) { OnSignal(signal, before); });
  members_.clear();
  turnstile_.reset();
  if (failed_) return *failed_;
  return stopped_;
}

Task<void> CompareRuns::RunAll() {
  for (int seed = 0; seed < plan_.study.seeds; ++seed) {
    const bool whole = co_await RunSeed(seed);
    if (!whole) co_return;
  }
}

// False: the study stops here.
Task<bool> CompareRuns::RunSeed(int seed) {
  members_.clear();
  study::Turnstile::Options options{
      .executor = bench_->io().get_executor(),
      .seats = bench_->evaluations(),
      .resource = plan_.study.equalize,
      .total = plan_.study.total,
      .spent = [this] { Stop({"max_cost_usd", "", kPaused}); }};
  if (plan_.study.max_cost_usd) {
    options.usd_left = *plan_.study.max_cost_usd - Spent();
  }
  turnstile_ = std::make_unique<study::Turnstile>(std::move(options));
  for (std::size_t arm = 0; arm < plan_.arms.size(); ++arm) {
    Result<std::unique_ptr<Member>> member = Open(arm, seed);
    if (!member) {
      failed_ = member.error();
      co_return false;
    }
    members_.push_back(std::move(*member));
  }
  std::vector<study::Runner> runners;
  for (const auto& member : members_) {
    runners.push_back({member->search.get(), member->place, member->ended});
  }
  std::optional<search::Ending> stopped = co_await study::RunTogether(
      bench_->io().get_executor(), std::move(runners));
  if (stopped && !stopped_) stopped_ = std::move(stopped);
  co_return co_await Finish(seed);
}

// Winners measured again, facts kept, views of every run written.
Task<bool> CompareRuns::Finish(int seed) {
  bool whole = !stopped_;
  if (whole) {
    std::vector<search::Search*> searches;
    for (const auto& member : members_)
      searches.push_back(member->search.get());
    whole = co_await study::MeasureWinners(searches, plan_.study.remeasure);
    if (!whole && !stopped_) {
      stopped_ = search::Ending{"lost", "a winner could not be measured again",
                                kPaused};
    }
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = *members_[i];
    const search::State& state = member.search->state();
    Result<study::SearchFacts> told =
        study::FactsOf(*member.journal, plan_.study.arms[i].name, seed);
    if (!told) {
      failed_ = told.error();
      co_return false;
    }
    facts_.push_back(std::move(*told));
    report::ViewWriter views(member.directory, TextsOf(*member.journal, state));
    Result<void> written = views.WriteNodes(state);
    if (written) written = views.WriteTables(state);
    if (!written) LogWarning(written.error().Text());
    const study::SearchFacts& facts = facts_.back();
    if (!global_.progress || global_.output == OutputMode::kJson) continue;
    Narrate(fmt::format(
        "seed {}  {:<12} {} attempts, best {}{}  {}", seed, facts.arm,
        facts.used.nodes, FormatShort(facts.curve.back().best),
        facts.value
            ? fmt::format(", measured again {}", FormatShort(*facts.value))
            : "",
        member.run));
  }
  co_return whole;
}

Result<std::unique_ptr<CompareRuns::Member>> CompareRuns::Open(std::size_t arm,
                                                               int seed) {
  auto member = std::make_unique<Member>();
  member->run = record_.RunOf(plan_.study.arms[arm].name, seed);
  member->directory = project_.NameDir() / member->run;
  Result<search::RunLease> lease = TakeRunDirectory(member->directory);
  if (!lease) return lease.error();
  member->lease.emplace(std::move(*lease));
  const fs::path file = member->directory / "journal.db";
  auto journal = fs::exists(file) ? search::OpenJournal(file)
                                  : search::CreateJournal(file);
  if (!journal) return journal.error();
  member->journal = std::move(*journal);
  member->evaluation = bench_->EvaluationFor(member->run, member->directory);
  member->place = &turnstile_->Add(arms_[arm].digests);
  search::Search::Parts parts{
      .executor = bench_->io().get_executor(),
      .clock = bench_->clock(),
      .compute = bench_->compute(),
      .repository = *project_.store,
      .evaluator = *member->evaluation.evaluator,
      .journal = *member->journal,
      .cache = cache_.get(),
      .judge = bench_->judge(),
      .scope = project_.scope,
      .evaluations = arms_[arm].evaluations,
      .open_sessions = 2,
      .full_disk = DiskWatch({member->directory, CacheDirectory()}),
      .hypotheses = IdeasOf(project_.home, plan_.arms[arm].spec),
      .company = member->place,
  };
  Result<std::vector<search::Arm>> proposers =
      ArmsOf(arms_[arm].proposers, project_.home, templates_);
  if (!proposers) return proposers.error();
  parts.arms = std::move(*proposers);
  parts.observers.push_back(
      [this, place = member->place, run = member->run](
          const search::State& state, const search::Record& record) {
        place->Observe(state, record);
        Observe(run, state, record);
      });
  member->search = std::make_unique<search::Search>(std::move(parts));
  Result<void> ready = Recover(*member, arm, seed);
  if (!ready) return ready.error();
  return member;
}

// To where the journal is; a search without one begins.
Result<void> CompareRuns::Recover(Member& member, std::size_t arm, int seed) {
  Result<spec::Loaded> loaded =
      spec::ParseSpec(plan_.arms[arm].merged_json, plan_.study.arms[arm].where,
                      {{"search.seed", std::to_string(seed)}});
  if (!loaded) return loaded.error();
  search::Search& search = *member.search;
  Result<void> done = search.Recover();
  if (!done) return done;
  const search::State& state = search.state();
  if (state.started()) {
    member.ended = state.stopped() && study::IsWhole(state.stopped()->exit);
    if (!member.ended) {
      search::Resumed resumed;
      resumed.coppice = COPPICE_VERSION;
      // What the whole study may cost may have been raised.
      if (loaded->merged_json != state.merged_spec()) {
        resumed.budget_json = loaded->merged_json;
      }
      search.Resume(std::move(resumed));
    }
    return Recall(member);
  }
  done = project_.store->PinBase(member.run, project_.base);
  if (done) {
    done = eval::WriteLock(member.directory / "baseline.lock", baseline_.lock);
  }
  if (!done) return done;
  Result<search::Search::Beginning> beginning =
      BeginningOf(project_, *loaded, baseline_, member.run);
  if (!beginning) return beginning.error();
  beginning->started.study = record_.name + "-" + record_.id;
  return search.Begin(std::move(*beginning));
}

// What its models said before, for the other arms.
Result<void> CompareRuns::Recall(Member& member) {
  const search::State& state = member.search->state();
  std::map<std::pair<AttemptId, int>, std::pair<std::string, std::string>>
      questions;
  auto see = [&](const search::Record& record) -> Result<void> {
    if (const auto* asked = std::get_if<search::Asked>(&record.event)) {
      if (asked->role == "judge") return Ok();
      questions[{asked->attempt, asked->turn}] = {
          asked->arm, search::QuestionOf(state, asked->attempt, *asked)};
    }
    const auto* answered = std::get_if<search::Answered>(&record.event);
    if (answered == nullptr || answered->stop.starts_with("failed")) {
      return Ok();
    }
    auto question = questions.find({answered->attempt, answered->turn});
    if (question == questions.end()) return Ok();
    member.place->Learn(question->second.first, question->second.second,
                        *answered);
    return Ok();
  };
  return member.journal->Replay(see);
}

void CompareRuns::Observe(const std::string& run, const search::State& state,
                          const search::Record& record) {
  const auto* evaluated = std::get_if<search::Evaluated>(&record.event);
  if (!global_.progress || evaluated == nullptr ||
      evaluated->outcome != Outcome::kImproved || !evaluated->value) {
    return;
  }
  if (global_.output == OutputMode::kJson) {
    Narrate(DumpCanonical(Json{{"run", run},
                               {"node", evaluated->node.value()},
                               {"nodes", state.Used(record.at).finished},
                               {"best", *evaluated->value}}));
    return;
  }
  LogInfo(fmt::format("{}: node {} is best with {}", run,
                      evaluated->node.value(), FormatShort(*evaluated->value)));
}

void CompareRuns::Stop(const search::Ending& ending) {
  if (!stopped_) stopped_ = ending;
  for (const auto& member : members_) {
    if (!member->ended) member->search->Drain(ending.reason, ending.exit);
  }
}

void CompareRuns::OnSignal(int signal, int before) {
  const search::Ending ending = EndedBy(signal);
  if (LetsItEnd(signal, before)) return Stop(ending);
  stopped_ = ending;
  for (const auto& member : members_) {
    member->search->Abandon(ending.reason, ending.exit);
  }
  bench_->CancelAll();
}

study::Comparison CompareRuns::Facts() {
  study::Comparison comparison;
  comparison.study = plan_.study;
  comparison.id = record_.id;
  comparison.spec_name = record_.spec_name;
  const spec::Metric& metric = project_.spec().metric;
  comparison.metric = metric.weights.empty() ? metric.name : "score";
  comparison.sign = spec::Sign(metric.direction);
  comparison.baseline = baseline_.report.median;
  comparison.noise =
      baseline_.report.relative
          ? baseline_.report.sigma * std::abs(baseline_.report.median)
          : baseline_.report.sigma;
  comparison.planned =
      plan_.arms.size() * static_cast<std::size_t>(plan_.study.seeds);
  comparison.searches = facts_;
  comparison.finished = !stopped_ && facts_.size() == comparison.planned;
  study::Conclude(comparison);
  return comparison;
}

}  // namespace coppice::app

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "app/cluster.h"
#include "app/models.h"
#include "app/run_reader.h"
#include "app/search_parts.h"
#include "app/session.h"
#include "base/log.h"
#include "base/text.h"
#include "llm/http.h"
#include "search/directive.h"

// How a session comes to be: anew, from a run that exists, or from the records
// of one.

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

// Keys that may change within a run (SPEC §2 "Keys").
Result<void> CheckOverrides(const Overrides& overrides) {
  for (const auto& [key, value] : overrides) {
    static const std::set<std::string> kAllowed{
        "budget", "parallel", "instructions", "proposers", "hooks"};
    if (kAllowed.contains(key.substr(0, key.find('.')))) continue;
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("\"{}\" cannot change within a run", key),
                 .cause = "scores before and after would not be comparable",
                 .next =
                     "start a new run; budget, parallel, instructions, "
                     "proposers and hooks may change"};
  }
  return Ok();
}

Error BelongsToStudy(const search::Started& started) {
  return Error{
      .code = ErrorCode::kUsage,
      .what = fmt::format("run {} is part of the study {}", started.run,
                          started.study),
      .cause = "going on alone it would have more than the other arms",
      .next =
          "coppice compare FILE --resume; reading it, `coppice export` "
          "and `coppice apply` work as ever"};
}

Error Drifted(const std::vector<std::string>& drift) {
  Error error{.code = ErrorCode::kCheck,
              .what = "the run was measured elsewhere or otherwise",
              .next = "`coppice resume --accept-drift`, or start a new run"};
  for (const std::string& line : drift) {
    error.what += "\n  " + line;
  }
  return error;
}

}  // namespace

Session::Session(const Global& global, Project project)
    : global_(global), project_(std::move(project)) {}

Session::~Session() = default;

// Everything but the search: directory, lease, workbench, journal, cache.
Result<void> Session::Prepare(fs::path directory, eval::BaselineLock lock,
                              bool offline) {
  directory_ = std::move(directory);
  id_ = directory_.filename();
  Result<search::RunLease> lease = TakeRunDirectory(directory_);
  if (!lease) return lease.error();
  lease_.emplace(std::move(*lease));
  OpenLog(directory_ / "coppice.log");
  Workbench::Options options =
      OptionsFor(global_, id_, directory_, std::move(lock));
  options.offline = offline;
  Result<std::unique_ptr<Workbench>> bench =
      Workbench::Make(project_, std::move(options));
  if (!bench) return bench.error();
  bench_ = std::move(*bench);
  return Ok();
}

Result<void> Session::OwnJournal(bool fresh) {
  const fs::path file = directory_ / "journal.db";
  auto journal =
      fresh ? search::CreateJournal(file) : search::OpenJournal(file);
  if (!journal) return journal.error();
  journal_ = std::move(*journal);
  cache_ = OpenMeasurements(project_.home, *bench_);
  return Ok();
}

Result<void> Session::MakeSearch() {
  std::vector<fs::path> disks{directory_, CacheDirectory()};
  if (bench_->cluster() != nullptr) {
    disks.push_back(ClusterRoot(project_.spec().evaluation.slurm));
  }
  search::Search::Parts parts{
      .executor = bench_->io().get_executor(),
      .clock = bench_->clock(),
      .compute = bench_->compute(),
      .repository = *project_.store,
      .evaluator = bench_->evaluator(),
      .journal = *journal_,
      .cache = cache_.get(),
      .judge = bench_->judge(),
      .scope = project_.scope,
      .evaluations = bench_->evaluations(),
      .open_sessions = bench_->open_sessions(),
      .full_disk = DiskWatch(std::move(disks)),
      .give_up =
          [this] { asio::post(bench_->io(), [this] { bench_->CancelAll(); }); },
  };
  Result<std::vector<search::Arm>> arms =
      ArmsOf(bench_->proposers(), project_.home, templates_);
  if (!arms) return arms.error();
  parts.arms = std::move(*arms);
  ListenToUser(parts);
  parts.observers.push_back(
      [this](const search::State& state, const search::Record& record) {
        Observe(state, record);
      });
  hooks_ = MakeHooks();
  parts.observers.push_back(
      [this](const search::State& state, const search::Record& record) {
        hooks_->Observe(state, record);
      });
  if (Cluster* cluster = bench_->cluster()) {
    parts.cancel = [cluster](AttemptId attempt) {
      cluster->evaluator().Cancel(attempt);
    };
    ListenToCluster(*cluster);
  }
  search_ = std::make_unique<search::Search>(std::move(parts));
  status_.emplace(directory_);
  views_ = std::make_unique<report::ViewWriter>(
      directory_, TextsOf(*journal_, search_->state()));
  Result<void> recovered = search_->Recover();
  if (recovered && bench_->cluster() != nullptr) {
    const search::State& state = search_->state();
    std::set<AttemptId> wanted;
    for (AttemptId attempt : state.Open()) {
      const std::optional<NodeId> node = state.tree().Find(attempt);
      if (node && !state.tree()[*node].pruned) wanted.insert(attempt);
    }
    bench_->cluster()->evaluator().Keep(std::move(wanted));
  }
  return recovered;
}

// Jobs and outages are on the record.
void Session::ListenToCluster(Cluster& cluster) {
  eval::SlurmNews news;
  news.submitted = [this](AttemptId attempt, const std::string& text) {
    search::Noted note;
    note.kind = "slurm";
    note.attempt = attempt;
    note.text = text;
    search_->Note(std::move(note));
  };
  news.outage = [this](std::optional<std::string> why) {
    search_->EvaluatorOut(std::move(why));
  };
  cluster.evaluator().Listen(std::move(news));
}

std::unique_ptr<Hooks> Session::MakeHooks() {
  llm::HttpSettings settings;
  settings.env = Environment();
  auto redact = [this](std::string_view text) {
    return bench_->models().redact()(text);
  };
  const asio::any_io_executor executor = bench_->io().get_executor();
  return std::make_unique<Hooks>(Hooks::Parts{
      .executor = executor,
      .clock = bench_->clock(),
      .http = llm::MakeHttpClient(executor, bench_->clock(), settings),
      .work_dir = project_.home.work_dir,
      .run_dir = directory_,
      .redact = redact});
}

// What `tell` left in the inbox, and the user's file of ideas.
void Session::ListenToUser(search::Search::Parts& parts) {
  parts.inbox = [this](WallTime at) {
    auto read = [](const std::string& body) {
      Result<search::Directive> said = search::ParseDirective(body);
      if (said && !said->approve.empty()) {
        return search::Event(search::Approved{said->approve});
      }
      return search::Event(search::Told{body});
    };
    Result<std::vector<search::Record>> taken = journal_->TakeInbox(at, read);
    if (taken) return std::move(*taken);
    LogWarning(taken.error().Text());
    return std::vector<search::Record>();
  };
  parts.hypotheses = IdeasOf(project_.home, project_.spec());
}

Result<std::unique_ptr<Session>> Session::Begin(const Global& global,
                                                Project project,
                                                const Baseline& baseline) {
  std::unique_ptr<Session> session(new Session(global, std::move(project)));
  Project& own = session->project_;
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const fs::path directory = own.NameDir() / NewRunId(clock->Wall());
  Result<void> done = session->Prepare(directory, baseline.lock);
  if (done) done = own.store->PinBase(session->id_, own.base);
  if (done) done = session->OwnJournal(true);
  if (done) done = session->MakeSearch();
  if (!done) return done.error();
  Result<void> lock =
      eval::WriteLock(directory / "baseline.lock", baseline.lock);
  if (!lock) return lock.error();
  Result<search::Search::Beginning> beginning =
      BeginningOf(own, own.loaded, baseline, session->id_);
  if (!beginning) return beginning.error();
  done = session->search_->Begin(std::move(*beginning));
  if (!done) return done.error();
  return session;
}

Result<std::unique_ptr<Session>> Session::Open(const Global& global,
                                               const Reopen& reopen) {
  Result<void> allowed = CheckOverrides(reopen.overrides);
  if (!allowed) return allowed.error();
  Result<ReadRun> read = OpenRun(global, reopen.run);
  if (!read) return read.error();
  const search::Started started = read->state->start();
  if (!started.study.empty()) return BelongsToStudy(started);
  spec::Spec spec = read->state->spec();
  const fs::path directory = read->place.dir;
  std::string budget_json;
  std::string merged = read->state->merged_spec();
  if (!reopen.overrides.empty()) {
    Result<spec::Loaded> changed =
        spec::ParseSpec(merged, read->place.id, reopen.overrides);
    if (!changed) return changed.error();
    spec = changed->spec;
    merged = changed->merged_json;
    budget_json = merged;
  }
  Opened repository{read->home, std::move(read->store)};
  read->journal.reset();
  Result<Project> project = OpenRunProject(
      std::move(repository), std::move(spec), std::move(merged), started.base);
  if (!project) return project.error();
  std::unique_ptr<Session> session(new Session(global, std::move(*project)));
  Result<eval::BaselineLock> lock =
      eval::ParseLock(started.lock_json, "the run's baseline.lock");
  if (!lock) return lock.error();
  Result<void> done = session->Prepare(directory, *lock);
  if (!done) return done.error();
  const std::vector<std::string> drift =
      eval::Mismatch(*lock, started.base, session->bench_->measuring_digest(),
                     session->bench_->environment());
  if (!drift.empty() && !reopen.accept_drift) return Drifted(drift);
  done = session->OwnJournal(false);
  if (done) done = session->MakeSearch();
  if (!done) return done.error();
  search::Resumed resumed;
  resumed.coppice = COPPICE_VERSION;
  resumed.drift = drift;
  resumed.budget_json = budget_json;
  session->search_->Resume(std::move(resumed));
  return session;
}

Result<std::unique_ptr<Session>> Session::Replay(const Global& global,
                                                 const std::string& source) {
  Result<ReadRun> read = OpenRun(global, source);
  if (!read) return read.error();
  search::Started started = read->state->start();
  started.replays_at =
      started.replays.empty()
          ? read->state->started_at().time_since_epoch().count()
          : started.replays_at;
  if (started.replays.empty()) started.replays = started.run;
  const WallTime began = read->state->started_at();
  std::vector<search::Record> records;
  auto see = [&](const search::Record& record) -> Result<void> {
    records.push_back(record);
    return Ok();
  };
  Result<void> seen = read->journal->Replay(see);
  if (!seen) return seen.error();
  Result<spec::Spec> spec = spec::SpecFromJson(started.spec_json);
  if (!spec) return spec.error();
  Opened repository{read->home, std::move(read->store)};
  read->journal.reset();
  Result<Project> project = OpenRunProject(
      std::move(repository), std::move(*spec), started.spec_json, started.base);
  if (!project) return project.error();
  std::unique_ptr<Session> session(new Session(global, std::move(*project)));
  Project& own = session->project_;
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const fs::path directory = own.NameDir() / NewRunId(clock->Wall());
  Result<eval::BaselineLock> lock =
      eval::ParseLock(started.lock_json, "the run's baseline.lock");
  if (!lock) return lock.error();
  Result<void> done = session->Prepare(directory, *lock, true);
  if (done) done = own.store->PinBase(session->id_, own.base);
  if (done) done = session->OwnJournal(true);
  if (done) done = session->MakeSearch();
  if (!done) return done.error();
  started.run = session->id_;
  done = session->search_->Start(std::move(started), began);
  if (!done) return done.error();
  session->replayed_ = std::move(records);
  return session;
}

}  // namespace coppice::app

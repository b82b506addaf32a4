#include "app/workbench.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <thread>

#include "app/cluster.h"
#include "app/heartbeat.h"
#include "app/load_verdict.h"
#include "app/overlay_directory.h"
#include "app/static_scan.h"
#include "base/digest.h"
#include "eval/containment.h"
#include "vcs/read_changes.h"
#include "vcs/slots.h"

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

// The user's untracked files that commands get to see, the holdout's too.
std::vector<std::string> CopiedPaths(const spec::Spec& spec) {
  std::vector<std::string> paths = spec.evaluation.copy;
  if (spec.evaluation.holdout) {
    const std::vector<std::string>& held = spec.evaluation.holdout->copy;
    paths.insert(paths.end(), held.begin(), held.end());
  }
  return paths;
}

// What the user's untracked files hold, for the digest of the measurement;
// large ones by size and time, since they may be data sets.
std::map<std::string, std::string> CopiedDigests(const Project& project) {
  constexpr std::uintmax_t kReadWhole = 16 << 20;
  std::map<std::string, std::string> digests;
  auto add = [&](const std::string& name, const fs::path& file) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file, error);
    if (error) return;
    if (size > kReadWhole) {
      const auto time = fs::last_write_time(file, error).time_since_epoch();
      digests[name] = fmt::format("{}@{}", size, time.count());
      return;
    }
    std::string text(size, '\0');
    if (FILE* in = std::fopen(file.c_str(), "rb")) {
      text.resize(std::fread(text.data(), 1, text.size(), in));
      std::fclose(in);
    }
    digests[name] = Sha256Hex(text);
  };
  for (const std::string& path : CopiedPaths(project.spec())) {
    const fs::path from = project.home.work_dir / path;
    std::error_code error;
    if (!fs::is_directory(from, error)) {
      add(path, from);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(from, error)) {
      if (entry.is_regular_file(error)) {
        add(entry.path().lexically_relative(project.home.work_dir),
            entry.path());
      }
    }
  }
  return digests;
}

eval::ImmutableRules RulesOf(Project& project) {
  eval::ImmutableRules rules;
  rules.files = project.scope.immutable_files;
  rules.patterns = project.spec().scope.immutable;
  rules.copied = CopiedPaths(project.spec());
  vcs::Store* store = project.store.get();
  rules.ignored = [store](const std::string& path) {
    Result<bool> ignored = store->Ignored(path);
    return ignored && *ignored;
  };
  std::map<std::string, bool> executable;
  for (const vcs::TreeEntry& entry : project.files) {
    executable[entry.path] = entry.executable;
  }
  const ObjectId base = project.base;
  rules.root_file = [store, base, executable](
                        const std::string& path) -> Result<eval::RootFile> {
    Result<std::string> text = store->ReadFile(base, path);
    if (!text) return text.error();
    auto found = executable.find(path);
    return eval::RootFile{std::move(*text),
                          found != executable.end() && found->second};
  };
  return rules;
}

// "@rubric.md" stands for that tracked file, as the base has it.
Result<std::string> RubricText(Project& project, const std::string& rubric) {
  if (!rubric.starts_with('@')) return rubric;
  Result<std::string> text =
      project.store->ReadFile(project.base, rubric.substr(1));
  if (text) return text;
  return Error{
      .code = ErrorCode::kUsage,
      .what = fmt::format("judge: the rubric \"{}\" is not in the base commit",
                          rubric),
      .cause = "\"@file\" reads a tracked file",
      .next = "commit it, or write the text itself"};
}

std::optional<std::string> Variable(const std::string& name) {
  const char* value = getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace

Workbench::Workbench() = default;
Workbench::~Workbench() = default;

eval::Evaluator& Workbench::evaluator() {
  return cluster_ ? cluster_->evaluator() : *evaluator_;
}

const eval::BaselineHabits& Workbench::habits() const {
  return cluster_ ? cluster_->habits() : evaluation_->habits();
}

const std::map<std::string, std::string>& Workbench::units() const {
  return cluster_ ? cluster_->units() : evaluation_->units();
}

Result<std::unique_ptr<Workbench>> Workbench::Make(Project& project,
                                                   Options options) {
  const spec::Spec& spec = project.spec();
  std::unique_ptr<Workbench> bench(new Workbench);
  bench->clock_ = MakeRealClock();
  bench->compute_ = MakeArenaCompute(
      static_cast<int>(std::max(2U, std::thread::hardware_concurrency())));
  bench->evaluations_ = AtOnce(spec, options.slots);
  eval::SandboxOptions sandbox;
  // What wraps the commands is what contains them.
  const bool contained = spec.evaluation.sandbox && !spec.evaluation.wrap;
  sandbox.mode =
      contained ? eval::SandboxMode::kBwrap : eval::SandboxMode::kNone;
  sandbox.restrict_writes = !spec.evaluation.wrap;
  sandbox.compute = bench->compute_.get();
  sandbox.required_level = options.require_isolation == "L3"   ? 3
                           : options.require_isolation == "L2" ? 2
                                                               : 0;
  eval::ShieldProcess();
  Result<std::unique_ptr<Sandbox>> made = eval::MakeSandbox(sandbox);
  if (!made) return made.error();
  bench->sandbox_ = std::move(*made);
  bench->environment_ = eval::ReadEnvironment("/");
  bench->environment_.isolation = bench->sandbox_->isolation().name;
  Result<std::string> digest =
      eval::MeasuringDigest(project.loaded.merged_json, CopiedDigests(project));
  if (!digest) return digest.error();
  bench->measuring_digest_ = std::move(*digest);
  Result<eval::Variables> passed =
      eval::PassedVariables(spec.evaluation.pass_env, Variable);
  if (!passed) return passed.error();
  std::error_code ignored;
  fs::create_directories(options.run_directory, ignored);
  // A replay measures nothing, wherever it was measured.
  if (spec.evaluation.backend == "slurm" && !options.offline) {
    Result<void> cluster = bench->MakeCluster(project, options, *passed);
    if (!cluster) return cluster.error();
  }
  const bool timing_lock = NeedsTimingLock(spec, options.slots);
  const bool own_ports = HasOwnPorts(spec, bench->sandbox_->isolation());
  const bool shared_ports = !own_ports && UsesPort(InputOf(project, own_ports));
  if (timing_lock || shared_ports || !spec.evaluation.exclusive.empty()) {
    Result<std::unique_ptr<eval::NamedLocks>> locks = eval::NamedLocks::Open(
        eval::LockDirectory(), options.run, *bench->clock_);
    if (!locks) return locks.error();
    bench->locks_ = std::move(*locks);
  }
  const char* home = getenv("HOME");
  bench->setup_.emplace(
      eval::LocalSetup{.spec = spec,
                       .run = std::move(options.run),
                       .run_directory = std::move(options.run_directory),
                       .home = home == nullptr ? "/" : home,
                       .passed = std::move(*passed),
                       .immutable = RulesOf(project),
                       .habits = std::move(options.habits),
                       .units = std::move(options.units),
                       .locks = bench->locks_.get(),
                       .timing_lock = timing_lock,
                       .shared_ports = shared_ports});
  bench->evaluation_ = std::make_unique<eval::LocalEvaluation>(
      *bench->setup_, *bench->sandbox_, *bench->clock_, *bench->compute_);
  Result<void> slots = bench->MakeSlots(project, options.sessions);
  if (!slots) return slots.error();
  bench->evaluator_ =
      eval::MakeLocalEvaluator(*bench->evaluation_, *bench->workspaces_);
  if (options.judged) {
    auto take = [&](auto& drawn, std::vector<llm::DrawnItem>& into) {
      for (auto& [bucket, id] : drawn) {
        std::string text = std::move(options.judged->texts[id]);
        into.push_back({std::move(bucket), std::move(id), std::move(text)});
      }
    };
    take(options.judged->drawn, bench->drawn_.first);
    take(options.judged->second_draw, bench->drawn_.second);
  }
  Result<void> arms = bench->MakeArms(project, options.models, options.offline);
  if (!arms) return arms.error();
  return bench;
}

Result<void> Workbench::MakeCluster(Project& project, const Options& options,
                                    eval::Variables passed) {
  environment_ = ClusterEnvironment(project.spec().evaluation.slurm);
  // A preflight has no run whose name it could have.
  std::string run = options.run == "check" ? "check-" + NewRunId(clock_->Wall())
                                           : options.run;
  Result<std::unique_ptr<Cluster>> cluster =
      Cluster::Make(project, {.executor = io_.get_executor(),
                              .clock = *clock_,
                              .compute = *compute_,
                              .run = std::move(run),
                              .run_directory = options.run_directory,
                              .habits = options.habits,
                              .units = options.units,
                              .passed = std::move(passed),
                              .require_isolation = options.require_isolation,
                              .at_once = evaluations_ + 1,
                              .digest = measuring_digest_});
  if (!cluster) return cluster.error();
  cluster_ = std::move(*cluster);
  return Ok();
}

Workbench::Evaluation Workbench::EvaluationFor(std::string run,
                                               fs::path directory) {
  eval::LocalSetup setup = *setup_;
  setup.run = std::move(run);
  setup.run_directory = std::move(directory);
  Evaluation made;
  made.evaluation = std::make_unique<eval::LocalEvaluation>(
      std::move(setup), *sandbox_, *clock_, *compute_);
  made.evaluator = eval::MakeLocalEvaluator(*made.evaluation, *workspaces_);
  return made;
}

Result<std::vector<llm::NamedProposer>> Workbench::ProposersOf(
    Project& project, const spec::Spec& spec) {
  return llm::MakeProposers(spec, PartsOf(project, false));
}

Result<void> Workbench::MakeArms(Project& project, const ModelFlags& flags,
                                 bool offline) {
  const spec::Spec& spec = project.spec();
  Result<std::unique_ptr<ModelService>> models = ModelService::Make(
      flags, io_.get_executor(), *clock_, spec.parallel.requests);
  if (!models) return models.error();
  models_ = std::move(*models);
  const llm::ProposerParts parts = PartsOf(project, offline);
  Result<std::vector<llm::NamedProposer>> proposers =
      llm::MakeProposers(spec, parts);
  if (!proposers) return proposers.error();
  proposers_ = std::move(*proposers);
  if (!spec.judge || offline) return Ok();
  return MakeJudge(project, parts);
}

llm::ProposerParts Workbench::PartsOf(Project& project, bool offline) {
  const spec::Spec& spec = project.spec();
  vcs::Store* store = project.store.get();
  const std::vector<std::string> copy = spec.evaluation.copy;
  llm::ReadBack read_back =
      [store, this, copy](const Lease& lease) -> Task<Result<llm::LeftBehind>> {
    auto left =
        co_await vcs::ReadChanges(*store, compute(), workspaces(), lease, copy);
    if (!left) co_return left.error();
    co_return llm::LeftBehind{std::move(left->changes),
                              std::move(left->refused)};
  };
  std::vector<std::string> tracked;
  for (const vcs::TreeEntry& entry : project.files) {
    tracked.push_back(entry.path);
  }
  return llm::ProposerParts{.compute = *compute_,
                            .commands = {*sandbox_, *workspaces_, read_back},
                            .clock = *clock_,
                            .http = models_->http(),
                            .requests = models_->requests(),
                            .keys = llm::ProcessKeys(),
                            .redact = models_->redact(),
                            .prices = models_->prices(),
                            .tracked_files = std::move(tracked),
                            .gates = models_->gates(),
                            .offline = offline,
                            .keyless = models_->replays()};
}

Result<void> Workbench::MakeJudge(Project& project,
                                  const llm::ProposerParts& parts) {
  const spec::Spec& spec = project.spec();
  Result<std::string> rubric = RubricText(project, spec.judge->rubric);
  if (!rubric) return rubric.error();
  std::vector<std::string> strata;
  for (const spec::Stratum& stratum : spec.judge->strata) {
    Result<std::string> own = RubricText(project, stratum.rubric.value_or(""));
    if (!own) return own.error();
    strata.push_back(std::move(*own));
  }
  Result<llm::MadeJudge> made = llm::MakeJudge(
      spec, parts, std::move(*rubric), std::move(strata), std::move(drawn_));
  if (!made) return made.error();
  judge_ = std::move(*made);
  judge_calls_ = std::make_unique<PreflightCalls>(spec);
  judged_fresh_ =
      MakeJudgedEvaluator(evaluator(), *judge_.judge, *judge_calls_, true);
  judged_known_ =
      MakeJudgedEvaluator(evaluator(), *judge_.judge, *judge_calls_, false);
  return Ok();
}

eval::Evaluator& Workbench::judged(Judging judging) {
  if (judge_.judge == nullptr) return evaluator();
  return judging == Judging::kFresh ? *judged_fresh_ : *judged_known_;
}

void Workbench::CancelAll() {
  if (judge_calls_) judge_calls_->Close();
  if (cluster_) cluster_->evaluator().CancelAll();
  if (locks_) locks_->CancelAll();
  sandbox_->CancelAll();
  if (models_) models_->http().CancelAll();
}

Result<void> Workbench::MakeSlots(Project& project, int sessions) {
  const spec::Spec& spec = project.spec();
  const fs::path cache = CacheDirectory() / project.store->places().id;
  std::error_code error;
  fs::create_directories(cache, error);
  if (error) {
    return Error{.code = ErrorCode::kCheck,
                 .what = "cannot make the directory for slots",
                 .where = cache.string(),
                 .cause = error.message(),
                 .next = "set XDG_CACHE_HOME to a directory you may write"};
  }
  fs::path overlays = OverlayDirectory();
  if (!overlays.empty()) {
    overlays /= project.store->places().id;
    fs::create_directories(overlays, error);
  }
  // An overlay is mounted for its command alone; what a daemon is asked to run
  // would see the empty directory below.
  overlay_ = !spec.evaluation.wrap &&
             eval::OverlayWorks(overlays.empty() ? cache : overlays);
  // The final keeps its racers' slots open: over one base checkout they cost
  // only what the candidates changed.
  constexpr int kRacersAndBaseline = 9;
  open_sessions_ =
      overlay_ && !cluster_ ? kRacersAndBaseline : evaluations_ + 1;
  vcs::SlotOptions options{
      .executor = io_.get_executor(),
      .clock = *clock_,
      .compute = *compute_,
      .store = *project.store,
      .base = project.base,
      .cache_dir = cache,
      .overlay_dir = std::move(overlays),
      .digest = Sha256Hex(measuring_digest_ + environment_.isolation),
      .copy = spec.evaluation.copy,
      .copy_from = project.home.work_dir,
      .keep = spec.evaluation.keep,
      .mode = overlay_ ? vcs::SlotMode::kOverlay : vcs::SlotMode::kPool,
      .evaluation_slots =
          std::max({evaluations_ + 1, open_sessions_, sessions}),
      .proposer_slots = spec.parallel.requests,
      .provision = evaluation_->provision(),
      // The sandbox shows every checkout at one place.
      .may_move = spec.evaluation.sandbox && !spec.evaluation.wrap,
  };
  workspaces_ = vcs::MakeWorkspaces(std::move(options));
  return Ok();
}

void Workbench::Run(Task<void> task, OnSignal on_signal) {
  asio::signal_set signals(io_, SIGINT, SIGTERM);
  int before = 0;
  std::function<void()> listen = [&] {
    signals.async_wait([&](const boost::system::error_code& error, int signal) {
      if (error) return;
      on_signal(signal, before++);
      listen();
    });
  };
  listen();
  std::optional<Heartbeat> life;
  if (cluster_) {
    life.emplace(io_.get_executor(), cluster_->beat(),
                 [this] { cluster_->ShowLife(); });
  }
  auto ended = [&](const std::exception_ptr& failure) {
    if (failure) {
      // The run cannot go on. Coroutines still wait inside the io_context for
      // parts that would be destroyed before it, so nothing is unwound: the
      // journal is whole, and the sandbox ends its processes with us.
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        std::fprintf(stderr,
                     "error: %s\n  next:  `coppice resume` goes on from the "
                     "last record\n",
                     e.what());
      }
      std::fflush(nullptr);
      std::_Exit(kFailed);
    }
    signals.cancel();
    life.reset();
  };
  asio::co_spawn(io_, std::move(task), ended);
  io_.restart();
  io_.run();
}

}  // namespace coppice::app

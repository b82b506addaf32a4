#include "support/search_world.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

#include "base/rng.h"
#include "spec/load.h"

namespace coppice::testing {
namespace {

constexpr const char* kMinimalSpec = R"(
name: world
goal: make x small
scope: {mutable: [x, y], max_lines: 400}
proposers: [{command: script}]
)";

// The minimal spec, with a metric and a command unless `yaml` has its own.
std::string WholeSpec(const std::string& yaml) {
  std::string spec = kMinimalSpec;
  if (yaml.find("metric:") == std::string::npos) {
    spec += "metric: {name: cost, direction: minimize}\n";
  }
  if (yaml.find("evaluation:") == std::string::npos) {
    spec += "evaluation: measure\n";
  }
  return spec + yaml;
}

double NumberAfter(const std::string& text, std::string_view word) {
  double sum = 0;
  for (std::size_t at = text.find(word); at != std::string::npos;
       at = text.find(word, at + 1)) {
    sum += std::stod(text.substr(at + word.size()));
  }
  return sum;
}

eval::Failure FailureOf(const std::string& text) {
  eval::Failure failure;
  auto set = [&](Outcome outcome, Verdict verdict, EvalPhase phase,
                 std::string reason) {
    failure.outcome = outcome;
    failure.verdict = verdict;
    failure.phase = phase;
    failure.signature =
        fmt::format("{} {} {}", Name(phase), Name(verdict), reason);
    failure.tail = "error: " + reason + "\n";
    failure.reason = std::move(reason);
  };
  if (text.find("boom") != std::string::npos) {
    set(Outcome::kBuggy, Verdict::kFailed, EvalPhase::kBuild, "exit 1: boom");
  } else if (text.find("hang") != std::string::npos) {
    set(Outcome::kTimeout, Verdict::kTimeout, EvalPhase::kMeasure, "wall");
  } else if (text.find("check") != std::string::npos) {
    set(Outcome::kChecksFailed, Verdict::kFailed, EvalPhase::kCheck, "exit 1");
  } else if (text.find("killed") != std::string::npos) {
    set(Outcome::kBuggy, Verdict::kCrashed, EvalPhase::kMeasure, "SIGKILL");
  } else if (text.find("missing") != std::string::npos) {
    set(Outcome::kBuggy, Verdict::kFailed, EvalPhase::kMeasure, "no module");
    failure.signature = "environment: no module";
  }
  return failure;
}

}  // namespace

class TextSession final : public eval::Session {
 public:
  TextSession(TextEvaluator& owner, eval::Target target,
              const std::string& text)
      : owner_(owner),
        target_(std::move(target)),
        attempt_(target_.attempt),
        value_(NumberAfter(text, "value ")),
        held_out_(text.find("held ") == std::string::npos
                      ? value_ * owner.holdout_scale
                      : NumberAfter(text, "held ")),
        unfit_(text.find("unfit") != std::string::npos) {}

  Task<eval::Sample> Measure(eval::SampleRequest request) override {
    ++owner_.samples;
    co_await owner_.clock_.SleepFor(std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(owner_.seconds)));
    eval::Sample sample;
    sample.index = request.index;
    sample.phase = request.phase;
    sample.seconds = owner_.seconds;
    Rng rng = Rng::Stream(static_cast<std::uint64_t>(attempt_.value()),
                          request.index, Name(request.phase));
    const bool held_out = request.phase == SamplePhase::kHoldout;
    sample.metrics["cost"] =
        (held_out ? held_out_ : value_) + owner_.noise * rng.Normal();
    if (owner_.shows && !held_out) {
      sample.metrics["cost"] = owner_.shows(target_, request, value_);
    }
    if (held_out && unfit_) {
      sample.failure.emplace();
      sample.failure->outcome = Outcome::kInconclusive;
      sample.failure->phase = EvalPhase::kHoldout;
      sample.failure->reason = "holdout: exit 1";
    }
    co_return sample;
  }
  Task<eval::Diagnosis> Diagnose() override {
    co_return eval::Diagnosis{
        .text = "hot: node " + std::to_string(attempt_.value()), .problem = {}};
  }
  int slot() const override { return 0; }

 private:
  TextEvaluator& owner_;
  eval::Target target_;
  AttemptId attempt_;
  double value_;
  double held_out_;
  bool unfit_;
};

Task<eval::Opened> TextEvaluator::Open(const eval::Target& target) {
  ++opened;
  ++running;
  most_running = std::max(most_running, running);
  const double wait = duration ? duration(target.attempt) : 1.0;
  co_await clock_.SleepFor(std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(wait)));
  --running;
  eval::Opened result;
  if (duration) result.seconds.build = wait;
  Result<std::string> x = repository_.ReadFile(target.commit, "x");
  Result<std::string> y = repository_.ReadFile(target.commit, "y");
  const std::string text = (x ? *x : "") + (y ? *y : "");
  eval::Failure failure = FailureOf(text);
  if (environment_broken) {
    failure = FailureOf("missing");
  }
  if (failure.outcome) {
    result.failure = failure;
  } else {
    result.session = std::make_unique<TextSession>(*this, target, text);
  }
  co_return result;
}

namespace {

// What a recorded answer comes to.
llm::Proposed FromRecord(const llm::Answered& answered) {
  llm::Proposed proposed;
  if (answered.stop != "complete") {
    proposed.refusal.reason = answered.stop;
    return proposed;
  }
  proposed.proposal.emplace();
  proposed.proposal->plan = answered.plan;
  proposed.proposal->changes = answered.changes;
  proposed.proposal->flags = answered.flags;
  return proposed;
}

}  // namespace

Task<llm::Proposed> ScriptedProposer::Propose(const llm::Request& request,
                                              llm::CallLog& log) {
  const llm::Request copy = request;
  for (int turn = 0; !redraws_; ++turn) {
    const llm::Answered* past = log.Past(turn);
    if (past == nullptr) break;
    if (!past->stop.starts_with("failed")) co_return FromRecord(*past);
  }
  if (!redraws_) {
    llm::Asked asked;
    asked.model = "script";
    asked.reserve_usd = reserve_usd;
    for (const llm::PromptSection& section : copy.prompt) {
      asked.prompt.push_back(
          {section.system ? llm::Speaker::kSystem : llm::Speaker::kUser,
           section.text});
    }
    const bool granted = co_await log.Ask(std::move(asked));
    if (!granted) {
      llm::Proposed shut;
      shut.unavailable.emplace();
      shut.unavailable->cause = "closing";
      co_return shut;
    }
  }
  ++calls;
  if (clock != nullptr && seconds_ > 0) {
    co_await clock->SleepFor(std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(seconds_)));
  }
  llm::Proposed answer = answer_(copy);
  if (redraws_) co_return answer;
  llm::Answered answered;
  answered.usage.seconds = seconds_;
  answered.usage.usd = usd;
  answered.stop = answer.proposal      ? "complete"
                  : answer.unavailable ? "failed: outage"
                                       : answer.refusal.reason;
  if (answer.proposal) {
    answered.plan = answer.proposal->plan;
    answered.changes = answer.proposal->changes;
    answered.flags = answer.proposal->flags;
  }
  log.Answer(std::move(answered));
  co_return answer;
}

// Keeps records; throws where the process is to die.
class SearchWorld::MortalJournal final : public search::Journal {
 public:
  explicit MortalJournal(SearchWorld& world) : world_(world) {}

  Result<std::int64_t> Append(WallTime at,
                              const search::Event& event) override {
    if (world_.journal.size() >= world_.dies_after_) {
      throw std::runtime_error("killed here");
    }
    search::Record record;
    record.seq = static_cast<std::int64_t>(world_.journal.size()) + 1;
    record.at = at;
    record.event = event;
    world_.journal.push_back(record);
    return record.seq;
  }

  Result<void> Replay(
      const std::function<Result<void>(const search::Record&)>& see) override {
    for (const search::Record& record : world_.journal) {
      Result<void> seen = see(record);
      if (!seen) return seen;
    }
    return Ok();
  }

 private:
  SearchWorld& world_;
};

SearchWorld::SearchWorld(const std::string& spec_yaml,
                         ScriptedProposer::Answer answer)
    : answer_(std::move(answer)) {
  Result<spec::Loaded> loaded =
      spec::ParseSpec(WholeSpec(spec_yaml), "world.yaml", {});
  if (!loaded) throw std::runtime_error(loaded.error().Text());
  spec_json_ = loaded->merged_json;
  base = repository.AddRoot({{"x", "value 100\n"}, {"y", "value 0\n"}});
}

SearchWorld::~SearchWorld() = default;

void SearchWorld::Build() {
  search_.reset();
  simulation = std::make_unique<Simulation>();
  evaluator = [&] {
    auto made =
        std::make_unique<TextEvaluator>(repository, simulation->clock());
    if (evaluator) {
      made->noise = evaluator->noise;
      made->seconds = evaluator->seconds;
      made->shows = evaluator->shows;
      made->environment_broken = evaluator->environment_broken;
      made->duration = evaluator->duration;
    }
    return made;
  }();
  proposer =
      std::make_unique<ScriptedProposer>(answer_, redraws, propose_seconds);
  proposer->clock = &simulation->clock();
  store_ = std::make_unique<MortalJournal>(*this);
  search::Search::Parts parts{
      .executor = simulation->io().get_executor(),
      .clock = simulation->clock(),
      .compute = simulation->compute(),
      .repository = repository,
      .evaluator = *evaluator,
      .journal = *store_,
  };
  search::Arm script;
  script.name = arm;
  script.proposer = proposer.get();
  if (furnish) furnish(arm, *proposer);
  parts.arms.push_back(std::move(script));
  others_.clear();
  for (const MoreArm& more : more_arms) {
    others_.push_back(std::make_unique<ScriptedProposer>(
        more.answer, more.redraws, more.seconds));
    others_.back()->clock = &simulation->clock();
    if (furnish) furnish(more.name, *others_.back());
    search::Arm made;
    made.name = more.name;
    made.shared = more.shared;
    made.proposer = others_.back().get();
    parts.arms.push_back(std::move(made));
  }
  parts.inbox = inbox;
  if (full_disk) {
    parts.full_disk = [this] { return full_disk(simulation->clock().Now()); };
  }
  parts.hypotheses = hypotheses;
  parts.give_up = give_up;
  parts.scope.mutable_files = {"x", "y"};
  parts.evaluations = evaluations;
  parts.open_sessions = 9;
  parts.observers = observers;
  search_ = std::make_unique<search::Search>(std::move(parts));
}

search::Ending SearchWorld::Run() {
  Build();
  if (!journal.empty()) {
    // The world's clock starts anew; records stay in order all the same.
    const bool ended =
        std::holds_alternative<search::Stopped>(journal.back().event) ||
        std::holds_alternative<search::Paused>(journal.back().event);
    if (ended && !resumed) resumed.emplace();
  }
  Result<void> recovered = search_->Recover();
  if (!recovered) throw std::runtime_error(recovered.error().Text());
  if (!search_->state().started()) {
    search::Search::Beginning beginning;
    beginning.started.run = "20260901-000000-abc";
    beginning.started.spec_json = spec_json_;
    beginning.started.base = base;
    beginning.base_tree = *repository.TreeOf(base, {});
    for (int i = 0; i < 5; ++i) {
      eval::Sample sample;
      sample.phase = SamplePhase::kBaseline;
      sample.index = i;
      Rng rng = Rng::Stream(0, i, "baseline");
      sample.metrics["cost"] = 100 + evaluator->noise * rng.Normal();
      if (evaluator->shows) {
        const eval::SampleRequest request{sample.phase, sample.index};
        sample.metrics["cost"] = evaluator->shows({}, request, 100);
      }
      beginning.baseline.push_back(sample);
    }
    Result<void> begun = search_->Begin(std::move(beginning));
    if (!begun) throw std::runtime_error(begun.error().Text());
  } else if (journal.size() < 9 && !search_->state().Info(AttemptId(0))) {
    throw std::runtime_error("the baseline is incomplete");
  }
  if (resumed) search_->Resume(*std::exchange(resumed, std::nullopt));
  if (before_run) before_run(*search_);
  search::Ending ending;
  bool over = false;
  auto beat = [&]() -> Task<void> {
    while (!over) {
      co_await simulation->clock().SleepFor(*heartbeat);
      if (!over) search_->Heed();
    }
  };
  auto run = [&]() -> Task<void> {
    TaskGroup beside(co_await asio::this_coro::executor);
    if (heartbeat) beside.Spawn(beat());
    ending = co_await search_->Run();
    over = true;
    co_await beside.Join();
  };
  simulation->Run(run());
  return ending;
}

Result<void> SearchWorld::Replay(const std::vector<search::Record>& source) {
  Build();
  Result<void> ready = search_->Recover();
  if (!ready) return ready;
  search::Started started = std::get<search::Started>(source.front().event);
  started.replays = started.run;
  started.replays_at = source.front().at.time_since_epoch().count();
  started.run = "20260902-000000-def";
  ready = search_->Start(std::move(started), source.front().at);
  if (!ready) return ready;
  std::optional<Result<void>> replayed;
  auto run = [&]() -> Task<void> {
    replayed = co_await search_->Replay(source);
  };
  simulation->Run(run());
  return *replayed;
}

bool SearchWorld::RunAndDie(std::size_t records) {
  dies_after_ = records;
  bool died = false;
  try {
    Run();
  } catch (const std::runtime_error&) {
    died = true;
  }
  dies_after_ = SIZE_MAX;
  if (died) {
    // The coroutines of the dead process must go before what they refer to.
    simulation.reset();
    search_.reset();
    repository.LoseUnflushed();
  }
  return died;
}

std::string SearchWorld::TreeText() const {
  std::string text;
  const search::State& s = state();
  for (std::int64_t i = 1; i < s.next_attempt().value(); ++i) {
    const search::Attempt* attempt = s.tree().FindAttempt(AttemptId(i));
    if (attempt == nullptr) continue;
    text += fmt::format("{}<-", i);
    for (NodeId parent : attempt->parents) {
      text += fmt::format("{} ", s.tree()[parent].attempt.value());
    }
    text += Name(attempt->op);
    text += ' ';
    text += attempt->outcome ? Name(*attempt->outcome) : "open";
    if (attempt->node) text += ' ' + s.tree()[*attempt->node].commit.Hex();
    text += '\n';
  }
  return text;
}

llm::Proposed Write(const std::string& text, const std::string& path) {
  llm::Proposed proposed;
  proposed.proposal.emplace();
  proposed.proposal->plan.idea = "write " + text;
  proposed.proposal->changes.push_back({path, text + "\n"});
  return proposed;
}

double ValueOf(const llm::Request& request) {
  for (const auto& file : request.files) {
    if (file->path == "x") return NumberAfter(file->text, "value ");
  }
  return 0;
}

}  // namespace coppice::testing

#include "app/null_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "search/decide.h"
#include "search/measurements.h"

// Each contest is the one of a search (SPEC §5): a screen sample, then fresh
// pairs with the base until decide() has an outcome. No node of it is kept.

namespace coppice::app {
namespace {

// At the bound of AC-07 one claim in twenty is luck, two are not.
constexpr int kSelfContests = 20;
constexpr int kClaimsByLuck = 1;

// A line that prints `text` when a file of this kind is run or linked.
std::string PrintingLine(const std::string& path, const std::string& text) {
  struct Language {
    const char* extension;
    const char* line;
  };
  constexpr Language kLanguages[] = {
      {".py", "\nprint(\"{}\")\n"},
      {".sh", "\necho \"{}\"\n"},
      {".js", "\nconsole.log(\"{}\");\n"},
      {".mjs", "\nconsole.log(\"{}\");\n"},
      {".rb", "\nputs \"{}\"\n"},
      {".pl", "\nprint \"{}\", \"\\n\";\n"},
      {".cc",
       "\n#include <cstdio>\nstatic const int coppice_null = "
       "std::puts(\"{}\");\n"},
      {".cpp",
       "\n#include <cstdio>\nstatic const int coppice_null = "
       "std::puts(\"{}\");\n"},
  };
  for (const Language& language : kLanguages) {
    if (path.ends_with(language.extension)) {
      return fmt::format(fmt::runtime(language.line), text);
    }
  }
  return "";
}

struct Change {
  std::string name;
  FileChange file;
};

class NullTest {
 public:
  NullTest(Project& project, Workbench& bench, const Baseline& baseline)
      : project_(project),
        bench_(bench),
        spec_(project.spec()),
        measured_(spec_) {
    for (const eval::Sample& sample : baseline.samples) {
      measured_.Add(AttemptId(0), sample);
    }
    for (const eval::Sample& sample : baseline.holdout) {
      measured_.Add(AttemptId(0), sample);
    }
  }

  Task<Result<NullResult>> Run() {
    Result<void> base = co_await Open(project_.base, AttemptId(0), base_);
    if (!base) co_return base.error();
    if (!base_.session) co_return Lost(*base_.failure);
    Result<void> again = co_await Unchanged();
    if (!again) co_return again.error();
    Result<std::vector<Change>> changes = Changes();
    if (!changes) co_return changes.error();
    for (const Change& change : *changes) {
      Result<void> met = co_await Meet(change);
      if (!met) co_return met.error();
    }
    co_return result_;
  }

 private:
  static Error Lost(const eval::Failure& failure) {
    return Error{.code = ErrorCode::kLost,
                 .what = "the null test could not measure: " + failure.reason,
                 .where = failure.log};
  }

  // An outcome of the candidate's is no error.
  Task<Result<void>> Open(ObjectId commit, AttemptId attempt,
                          eval::Opened& opened) {
    eval::Target target;
    target.attempt = attempt;
    target.commit = commit;
    opened = co_await bench_.judged(Workbench::Judging::kFresh).Open(target);
    if (opened.failure && !opened.failure->outcome) {
      co_return Lost(*opened.failure);
    }
    co_return Ok();
  }

  // The two sides differ in nothing, so whoever wins, the claim is false.
  Task<Result<void>> Unchanged() {
    eval::Opened twin;
    Result<void> opened = co_await Open(project_.base, AttemptId(1), twin);
    if (!opened) co_return opened;
    if (!twin.session) co_return Lost(*twin.failure);
    for (int i = 0; i < kSelfContests; ++i) {
      NullVariant self;
      Result<void> met = co_await Contend(*twin.session, self);
      if (!met) co_return met;
      ++result_.contests;
      result_.false_claims += self.improved ? 1 : 0;
    }
    co_return Ok();
  }

  Result<std::vector<Change>> Changes() const {
    std::vector<Change> changes;
    const spec::Metric& metric = spec_.metric;
    const std::string& name =
        metric.weights.empty() ? metric.name : metric.weights.front().name;
    const std::string line =
        fmt::format("{}: {}", name, FormatNumber(BetterThanBase()));
    for (const std::string& path : project_.scope.mutable_files) {
      Result<std::string> text = project_.store->ReadFile(project_.base, path);
      if (!text) return text.error();
      if (changes.empty()) {
        changes.push_back(
            {path + " with a blank line more", FileChange{path, *text + "\n"}});
      }
      if (!text->empty()) {
        changes.push_back({path + " emptied", FileChange{path, ""}});
      }
      const std::string printing = PrintingLine(path, line);
      if (!printing.empty()) {
        changes.push_back({path + " printing the metric itself",
                           FileChange{path, *text + printing}});
      }
    }
    return changes;
  }

  // Twice as good: not so much better that it would be suspected.
  double BetterThanBase() const {
    const double base = measured_.Value(AttemptId(0)).value_or(0);
    const int sign = spec::Sign(spec_.metric.direction);
    return base + sign * (base == 0 ? 1 : std::abs(base) / 2);
  }

  Task<Result<void>> Meet(const Change& change) {
    NullVariant variant;
    variant.name = change.name;
    vcs::CommitRequest request;
    request.parents = {project_.base};
    request.changes = {change.file};
    request.message = "null test: " + change.name;
    auto commit = [&] { return project_.store->Commit(request); };
    Result<vcs::CommitInfo> made = co_await Offload(bench_.compute(), commit);
    if (!made) co_return made.error();
    eval::Opened opened;
    Result<void> ready =
        co_await Open(made->commit, AttemptId(next_attempt_++), opened);
    if (!ready) co_return ready;
    if (opened.failure) {
      variant.outcome = Name(*opened.failure->outcome);
      variant.reason = opened.failure->reason;
    } else {
      Result<void> met = co_await Contend(*opened.session, variant);
      if (!met) co_return met;
    }
    result_.variants.push_back(std::move(variant));
    co_return Ok();
  }

  Task<Result<void>> Contend(eval::Session& candidate, NullVariant& variant) {
    search::Contest contest;
    contest.candidate = AttemptId(next_contest_++);
    contest.best_value = measured_.Value(AttemptId(0)).value_or(0);
    contest.holdout_sigma = measured_.HoldoutSigma();
    for (const spec::Guard& guard : spec_.metric.guards) {
      if (auto number = measured_.Number(AttemptId(0), guard.name)) {
        contest.baseline_numbers[guard.name] = *number;
      }
    }
    const search::NoiseModel noise{.sigma = measured_.Sigma(),
                                   .relative = measured_.relative(),
                                   .repeats = measured_.Repeats()};
    while (true) {
      const search::Decision decision = search::Decide(spec_, noise, contest);
      if (!decision.next) {
        variant.outcome = Name(decision.outcome);
        variant.reason = decision.reason;
        variant.improved = decision.outcome == Outcome::kImproved;
        co_return Ok();
      }
      const SamplePhase phase =
          *decision.next == search::NextMeasurement::kScreen
              ? SamplePhase::kScreen
          : *decision.next == search::NextMeasurement::kHoldoutPair
              ? SamplePhase::kHoldout
              : SamplePhase::kConfirm;
      Result<eval::Sample> mine = co_await Sample(candidate, phase);
      if (!mine) co_return mine.error();
      if (mine->failure) {
        variant.outcome = Name(*mine->failure->outcome);
        variant.reason = mine->failure->reason;
        co_return Ok();
      }
      const double score = measured_.Score(mine->metrics).value_or(0);
      if (phase == SamplePhase::kScreen) {
        contest.screen = score;
        contest.screen_metrics = mine->metrics;
        continue;
      }
      Result<eval::Sample> other = co_await Sample(*base_.session, phase);
      if (!other) co_return other.error();
      if (other->failure) co_return Lost(*other->failure);
      auto& pairs =
          phase == SamplePhase::kHoldout ? contest.holdout : contest.confirm;
      pairs.push_back({score, measured_.Score(other->metrics).value_or(0)});
      for (const auto& [name, number] : contest.baseline_numbers) {
        contest.confirm_numbers[name] = mine->metrics[name];
      }
    }
  }

  Task<Result<eval::Sample>> Sample(eval::Session& session, SamplePhase phase) {
    eval::SampleRequest request;
    request.phase = phase;
    request.index = next_index_++;
    eval::Sample sample = co_await session.Measure(request);
    ++result_.samples;
    if (sample.failure && !sample.failure->outcome) {
      co_return Lost(*sample.failure);
    }
    co_return sample;
  }

  Project& project_;
  Workbench& bench_;
  const spec::Spec& spec_;
  search::Measurements measured_;
  eval::Opened base_;
  NullResult result_;
  int next_index_ = 0;
  int next_attempt_ = 2;
  int next_contest_ = 1;
};

}  // namespace

Task<Result<NullResult>> RunNullTest(Project& project, Workbench& bench,
                                     const Baseline& baseline) {
  NullTest test(project, bench, baseline);
  co_return co_await test.Run();
}

std::vector<std::string> NullLines(const NullResult& result) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format(
      "null test  {} of {} contests of the base with itself ended in a claim; "
      "{} samples in all",
      result.false_claims, result.contests, result.samples));
  for (const NullVariant& variant : result.variants) {
    lines.push_back(fmt::format(
        "           {}: {}{}", variant.name, variant.outcome,
        variant.reason.empty() ? "" : ", " + OneLine(variant.reason, 80)));
  }
  return lines;
}

Result<void> JudgeNullTest(const NullResult& result) {
  for (const NullVariant& variant : result.variants) {
    if (!variant.improved) continue;
    return Error{
        .code = ErrorCode::kCheck,
        .what = fmt::format("{} measures as an improvement", variant.name),
        .cause = variant.reason +
                 "; the evaluator does not notice that the work is not done",
        .next =
            "add a check or a gate that fails on it, and let the "
            "evaluator write to COPPICE_RESULT"};
  }
  if (result.false_claims <= kClaimsByLuck) return Ok();
  return Error{
      .code = ErrorCode::kCheck,
      .what = fmt::format("the base was called better than itself in {} of {} "
                          "contests",
                          result.false_claims, result.contests),
      .cause =
          "samples of one tree depend on more than chance: on their order, "
          "on what ran before, on the slot",
      .next =
          "make the measurement repeatable, or set evaluation.repeats "
          "higher"};
}

}  // namespace coppice::app

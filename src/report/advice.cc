#include "report/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "report/analytics.h"
#include "report/facts.h"
#include "report/status.h"
#include "report/words.h"

namespace coppice::report {
namespace {

// Below these shares and counts a figure is not worth a sentence.
constexpr double kMuch = 0.25;
constexpr int kSome = 8;  // attempts before shares of them mean anything

std::string Percent(double share) {
  return fmt::format("{:.0f}%", 100 * share);
}

int CountOf(const Analytics& all, Outcome outcome) {
  auto found = all.outcomes.find(outcome);
  return found == all.outcomes.end() ? 0 : found->second;
}

int Finished(const search::State& state) {
  return static_cast<int>(state.order_of_completion().size());
}

double ProposeSeconds(const search::State& state) {
  double seconds = 0;
  for (AttemptId attempt : state.order_of_completion()) {
    if (const search::InfoView info = state.Info(attempt))
      seconds += info->propose_seconds;
  }
  return seconds;
}

bool SearchIsOver(const search::State& state) {
  return state.stopped() || state.final();
}

void AddEnd(const search::State& state, std::vector<std::string>& lines) {
  if (state.stopped()) {
    lines.push_back("It ended because: " + StopText(state));
  }
  int pauses = 0;
  for (const search::Noted& note : state.notes()) {
    if (note.kind == "disk_low") ++pauses;
  }
  if (pauses > 0) {
    lines.push_back(fmt::format("The disk was nearly full {}",
                                pauses == 1 ? "once" : Count(pauses, "time")));
  }
  for (const auto& [arm, off] : state.arms_off()) {
    lines.push_back(fmt::format("Proposer {} was switched off: {}",
                                Safe(arm, 60), Safe(off.reason, 200)));
  }
}

void AddTime(const search::State& state, const Analytics& all, WallTime now,
             std::vector<std::string>& lines) {
  const double proposing = ProposeSeconds(state);
  const double total = proposing + all.measure_seconds;
  if (total <= 0) return;
  lines.push_back(fmt::format(
      "Of the work, {} was measuring ({}) and {} proposing ({})",
      Percent(all.measure_seconds / total), FormatDuration(all.measure_seconds),
      Percent(proposing / total), FormatDuration(proposing)));
  const WallTime until =
      state.stopped() || state.paused() ? state.last_at() : now;
  const double hours = state.Used(until).hours;
  if (hours > 0) {
    lines.push_back(
        fmt::format("On average {} evaluations ran at once",
                    FormatShort(all.measure_seconds / (hours * 3600), 2)));
  }
  if (all.measure_seconds > 0 &&
      all.wasted_seconds > kMuch * all.measure_seconds) {
    lines.push_back(
        fmt::format("{} of the measuring went into attempts that failed",
                    Percent(all.wasted_seconds / all.measure_seconds)));
  }
}

void AddFailures(const search::State& state, const Analytics& all,
                 std::vector<std::string>& lines) {
  const int finished = Finished(state);
  if (finished < kSome) return;
  struct Loss {
    Outcome outcome;
    std::string_view text;
  };
  static constexpr std::array<Loss, 5> kLosses{
      {{Outcome::kEditFailed, "brought no usable change"},
       {Outcome::kDuplicate, "repeated a known tree"},
       {Outcome::kScopeViolation, "left the scope"},
       {Outcome::kBuggy, "did not build or run"},
       {Outcome::kChecksFailed, "failed a check"}}};
  for (const Loss& loss : kLosses) {
    const int count = CountOf(all, loss.outcome);
    if (count > kMuch * finished) {
      lines.push_back(
          fmt::format("{} of {} attempts {}", count, finished, loss.text));
    }
  }
}

void AddNoise(const search::State& state, std::vector<std::string>& lines) {
  const search::NoiseModel noise = state.noise();
  const std::size_t near = NearMisses(state).size();
  if (noise.sigma == 0) return;
  lines.push_back(fmt::format(
      "Noise {}: a gain below {} (in the metric's unit) cannot be told from "
      "luck with {} repeats",
      NoiseText(state), FormatShort(state.Tau(noise.repeats)), noise.repeats));
  const int unclear = state.Outcomes().contains(Outcome::kInconclusive)
                          ? state.Outcomes().at(Outcome::kInconclusive)
                          : 0;
  if (unclear > 0 && near > 0) {
    lines.push_back(
        fmt::format("{} looked better at first and {} not confirmed",
                    Count(unclear, "node"), unclear == 1 ? "was" : "were"));
  }
}

Hint Finer(const search::State& state) {
  return {fmt::format("Measure more finely: evaluation.repeats above {} lowers "
                      "the threshold, a longer benchmark lowers the noise",
                      state.noise().repeats),
          ""};
}

Hint WiderScope(const search::State& state) {
  const std::vector<std::string>& paths = state.spec().scope.mutable_paths;
  return {
      fmt::format("Widen the scope: only {} may change now",
                  paths.size() == 1 ? Safe(paths[0], 100)
                                    : fmt::format("{} paths", paths.size())),
      ""};
}

void AddForBest(const search::State& state, std::vector<Hint>& hints) {
  if (SearchIsOver(state)) {
    hints.push_back(
        {"Take the result: a branch to review, verified in a clean "
         "checkout",
         fmt::format("coppice export {}", state.run())});
  } else {
    hints.push_back({"Let it measure the best again, and end",
                     fmt::format("coppice stop {}", state.run())});
  }
  if (!state.spec().evaluation.holdout) {
    hints.push_back(
        {"Add a holdout (evaluation.holdout), so that a gain can "
         "be told from luck with one input",
         ""});
  }
}

void AddForOutcomes(const search::State& state, const Analytics& all,
                    std::vector<Hint>& hints) {
  const int finished = Finished(state);
  for (AttemptId attempt : state.order_of_completion()) {
    const search::InfoView info = state.Info(attempt);
    if (OutcomeOf(state, attempt) != Outcome::kDeferred || info == nullptr ||
        info->needs.empty()) {
      continue;
    }
    std::string needs;
    for (const std::string& need : info->needs) {
      needs += " " + ShellQuote(Safe(need, 80));
    }
    hints.push_back(
        {fmt::format("Node {} waits for your word on a dependency",
                     attempt.value()),
         fmt::format("coppice approve{} --run {}", needs, state.run())});
    break;
  }
  if (finished < kSome) return;
  if (CountOf(all, Outcome::kEditFailed) > kMuch * finished) {
    hints.push_back(
        {"Many answers could not be applied: smaller files in "
         "scope, edit_format whole, or another model",
         ""});
  }
  if (CountOf(all, Outcome::kDuplicate) > kMuch * finished) {
    hints.push_back(
        {"Many attempts repeated each other: give ideas of your "
         "own",
         fmt::format("coppice tell {} --idea TEXT", state.run())});
  }
  const int broken =
      CountOf(all, Outcome::kBuggy) + CountOf(all, Outcome::kChecksFailed);
  if (broken > kMuch * finished) {
    hints.push_back(
        {"Many attempts broke the program: say in instructions "
         "what must hold, or add a quick evaluation.smoke",
         ""});
  }
}

}  // namespace

std::vector<AttemptId> NearMisses(const search::State& state) {
  std::vector<AttemptId> near;
  const std::optional<double> baseline = ValueOf(state, AttemptId(0));
  if (!baseline) return near;
  const int sign = spec::Sign(state.spec().metric.direction);
  for (AttemptId attempt : Ranking(state)) {
    const std::optional<double> value = ValueOf(state, attempt);
    if (attempt.value() != 0 &&
        OutcomeOf(state, attempt) != Outcome::kImproved && value &&
        sign * (*value - *baseline) > 0) {
      near.push_back(attempt);
    }
  }
  return near;
}

std::vector<std::string> Limits(const search::State& state, WallTime now) {
  std::vector<std::string> lines;
  const Analytics all = Analyse(state);
  AddEnd(state, lines);
  AddTime(state, all, now, lines);
  AddFailures(state, all, lines);
  AddNoise(state, lines);
  return lines;
}

std::vector<Hint> NextSteps(const search::State& state) {
  std::vector<Hint> hints;
  const Analytics all = Analyse(state);
  const bool better = BestAttempt(state).value() != 0;
  if (better) AddForBest(state, hints);
  AddForOutcomes(state, all, hints);
  if (!better && !NearMisses(state).empty() && state.noise().sigma > 0) {
    hints.push_back(Finer(state));
  }
  hints.push_back(
      {"Profile the baseline and put what it shows into "
       "instructions, or set evaluation.diagnose",
       ""});
  hints.push_back(WiderScope(state));
  if (!better) {
    hints.push_back(
        {"Choose another metric or input, one on which a better "
         "program shows more",
         ""});
    if (!state.spec().evaluation.holdout) {
      hints.push_back(
          {"Add a holdout, so that a gain can be told from luck "
           "with one input",
           ""});
    }
  }
  if (SearchIsOver(state)) {
    hints.push_back(
        {"Go on with a larger budget",
         fmt::format("coppice resume {} --max-nodes N", state.run())});
  }
  return hints;
}

}  // namespace coppice::report

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "report/facts.h"
#include "report/show.h"
#include "report/words.h"

namespace coppice::report {
namespace {

// Whom the node met in fresh pairs, in order.
std::vector<AttemptId> Opponents(const search::State& state,
                                 AttemptId attempt) {
  std::vector<AttemptId> opponents;
  for (const search::Sampled& s : state.samples_of(attempt)) {
    if (s.versus && s.sample.phase == SamplePhase::kConfirm &&
        std::ranges::count(opponents, *s.versus) == 0) {
      opponents.push_back(*s.versus);
    }
  }
  return opponents;
}

std::string Numbers(const std::vector<double>& values) {
  std::string text;
  for (double value : values) text += " " + FormatShort(value, 5);
  return text;
}

// Of two nodes that met, the one under evaluation at the time ended later.
bool WasChallenger(const search::State& state, AttemptId attempt,
                   AttemptId other) {
  const search::InfoView own = state.Info(attempt);
  const search::InfoView theirs = state.Info(other);
  const bool ended = OutcomeOf(state, other).has_value();
  return own != nullptr && theirs != nullptr && ended &&
         own->finished_at > theirs->finished_at;
}

std::string PairsText(const search::State& state, AttemptId candidate,
                      AttemptId best) {
  const search::State::Duel duel = state.DuelOf(candidate, best);
  const std::size_t pairs = std::min(duel.candidate.size(), duel.best.size());
  if (pairs == 0) return "";
  const int sign = spec::Sign(state.spec().metric.direction);
  int won = 0;
  for (std::size_t i = 0; i < pairs; ++i) {
    if (sign * (duel.candidate[i] - duel.best[i]) > 0) ++won;
  }
  return fmt::format(
      "  fresh pairs: {}{} against {}{}; {} better in {} of {}\n",
      NodeName(candidate), Numbers(duel.candidate), NodeName(best),
      Numbers(duel.best), NodeName(candidate), won, pairs);
}

// Its own challenges in full; of those it met as the best, the number.
std::string DuelsText(const search::State& state, AttemptId attempt) {
  std::string text;
  int met = 0;
  for (AttemptId opponent : Opponents(state, attempt)) {
    if (WasChallenger(state, attempt, opponent)) {
      text += PairsText(state, attempt, opponent);
    } else {
      ++met;
    }
  }
  if (met > 0) {
    text += fmt::format("  later, as the best, it met {}\n",
                        Count(met, "contender"));
  }
  return text;
}

std::string NoiseLine(const search::State& state) {
  const search::NoiseModel noise = state.noise();
  return fmt::format(
      "  noise {}, {} {} per comparison; a gain counts above {} (threshold of "
      "now, in the metric's unit)\n",
      NoiseText(state), noise.repeats, noise.repeats == 1 ? "sample" : "pairs",
      FormatShort(state.Tau(noise.repeats)));
}

}  // namespace

std::string_view RuleOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kBaseline:
      return "the code as it is; everything is compared with it";
    case Outcome::kImproved:
      return "better than the best of that moment by more than the threshold, "
             "in fresh pairs of samples, most of them won";
    case Outcome::kValid:
      return "its first sample was not better than the best by more than the "
             "noise, so it was not measured further";
    case Outcome::kInconclusive:
      return "its first sample looked better, but fresh pairs against the best "
             "did not confirm it";
    case Outcome::kDegenerate:
      return "the smoke command, a gate or a guard failed";
    case Outcome::kChecksFailed:
      return "a check exited non-zero";
    case Outcome::kCensored:
      return "an abort_on rule ended the measurement";
    case Outcome::kDeferred:
      return "it needs a dependency that is not approved; `coppice approve` "
             "evaluates it";
    case Outcome::kDuplicate:
      return "its tree equals one that is known, so nothing was measured";
    case Outcome::kScopeViolation:
      return "its change lies outside the scope; nothing was committed";
    case Outcome::kEditFailed:
      return "no usable change came within the retries and the deadline";
    case Outcome::kBuggy:
      return "the build or the measurement exited non-zero or died of a signal";
    case Outcome::kTimeout:
      return "a command ran past its limit";
    case Outcome::kOom:
      return "it was killed for its use of memory";
    case Outcome::kMetricError:
      return "the metric was missing, not finite, given twice, out of range or "
             "in another unit";
    case Outcome::kTampered:
      return "a protected path was written during the evaluation";
    case Outcome::kCancelled:
      return "pruned or stopped by the user";
  }
  return "";
}

std::string WhyText(const search::State& state, AttemptId attempt,
                    std::string_view output) {
  const std::optional<Outcome> outcome = OutcomeOf(state, attempt);
  if (!outcome) return "  under way: nothing was decided yet\n";
  std::string text =
      fmt::format("  {}: {}\n", Name(*outcome), RuleOf(*outcome));
  const std::string reason = ReasonOf(state, attempt);
  if (!reason.empty()) text += "  evidence: " + Safe(reason, 600) + "\n";
  text += DuelsText(state, attempt);
  if (MayBeImproved(*outcome)) {
    text += NoiseLine(state);
  } else if (!output.empty()) {
    text += "  last lines of its output:\n";
    const std::string tail = LastLines(Sanitize(output), 20);
    for (std::string_view line : SplitLines(tail)) {
      text += fmt::format("    {}\n", line);
    }
  }
  return text;
}

}  // namespace coppice::report

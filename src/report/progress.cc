#include "report/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/baseline.h"
#include "report/facts.h"
#include "report/status.h"
#include "report/words.h"

// The columns of a finished attempt, so that the eye finds the same thing at
// the same place:
//
//   [ 12/60] #12  improve  1.921  -10.3%  <- new best  the idea  $0.03  eta 40m
//   progress node operator value  change  outcome      idea      cost   left

namespace coppice::report {
namespace {

enum class Colour { kNone, kGreen, kRed, kYellow, kDim, kBold };

std::string Painted(std::string text, Colour colour,
                    const ProgressStyle& style) {
  if (!style.colour || colour == Colour::kNone || text.empty()) return text;
  static constexpr std::string_view kCodes[] = {"0",  "1;32", "31",
                                                "33", "2",    "1"};
  return fmt::format("\x1b[{}m{}\x1b[0m",
                     kCodes[static_cast<std::size_t>(colour)], text);
}

Colour ColourOf(Outcome outcome) {
  switch (StatusOf(outcome)) {
    case Status::kKeep:
      return Colour::kGreen;
    case Status::kCrash:
      return Colour::kRed;
    default:
      return outcome == Outcome::kInconclusive ? Colour::kYellow : Colour::kDim;
  }
}

std::string Counter(const search::State& state) {
  const std::size_t finished = state.order_of_completion().size();
  const std::optional<int> limit = state.spec().budget.max_nodes;
  if (!limit) return fmt::format("[{:>3}]", finished);
  const std::string all = std::to_string(*limit);
  return fmt::format("[{:>{}}/{}]", finished, all.size() + 1, all);
}

std::string OutcomeNote(const search::State& state, AttemptId attempt,
                        Outcome outcome) {
  if (outcome != Outcome::kImproved) return std::string(Name(outcome));
  if (attempt == BestAttempt(state)) return "← new best";
  return "improved";
}

// What comes of the attempt in words: the idea of one that was measured; the
// reason, then the idea, of one that failed.
std::string Story(const search::State& state, AttemptId attempt,
                  Outcome outcome, std::size_t width) {
  const std::string idea = IdeaOf(state, attempt);
  if (MayBeImproved(outcome)) return Safe(idea, width);
  const std::string reason = Safe(ReasonOf(state, attempt), width);
  const std::size_t used = Columns(reason) + 3;
  if (idea.empty() || used + 12 > width) return reason;
  return fmt::format("{} ({})", reason, Safe(idea, width - used));
}

std::string CostAndTime(const search::State& state, WallTime now) {
  const search::Consumption used = state.Used(now);
  std::string text;
  if (used.usd > 0) text = "  " + Dollars(used.usd);
  const Pace pace = PaceOf(state, now);
  if (pace.eta_seconds) {
    text += "  eta " + FormatDuration(*pace.eta_seconds);
  }
  return text;
}

// Where a value would stand, a failed attempt has the word for its end.
std::string AttemptLine(const search::State& state, AttemptId attempt,
                        Outcome outcome, WallTime now,
                        const ProgressStyle& style) {
  const std::optional<double> value = ComparableValue(state, attempt);
  std::string head =
      fmt::format("{} {} {} ", Counter(state), Left(NodeName(attempt), 4),
                  Left(OperatorWord(state, attempt), 7));
  std::string note = Left(Name(outcome), 15);
  if (value) {
    head += fmt::format("{} {}  ", Right(FormatShort(*value), 8),
                        Right(ChangeText(state, value), 7));
    note = Left(OutcomeNote(state, attempt, outcome), 12);
  }
  const std::string tail = CostAndTime(state, now);
  const std::size_t fixed = Columns(head) + Columns(note) + 2 + Columns(tail);
  const std::size_t room =
      std::max<std::size_t>(20, style.width - std::min(fixed, style.width));
  std::string story = Story(state, attempt, outcome, room);
  if (!tail.empty()) story = Left(story, room);
  return head + Painted(note, ColourOf(outcome), style) + "  " + story +
         Painted(tail, Colour::kDim, style);
}

std::string BaselineLine(const search::State& state,
                         const search::Evaluated& event,
                         const ProgressStyle& style) {
  if (event.outcome != Outcome::kBaseline) {
    return Painted("baseline failed: ", Colour::kRed, style) +
           Safe(event.reason, style.width);
  }
  std::string line =
      Painted("baseline: ", Colour::kBold, style) + BaselineText(state);
  const std::string impact = ImpactText(state);
  return impact.empty() ? line : line + "\n" + impact;
}

// One overload a kind that is news; the template answers for the rest.
struct Line {
  const search::State& state;
  WallTime at;
  const ProgressStyle& style;

  using Text = std::optional<std::string>;

  template <class Other>
  Text operator()(const Other&) const {
    return std::nullopt;
  }
  Text operator()(const search::Started& e) const {
    return fmt::format(
        "run {} of {}: {} ({}), base {}", e.run, state.spec().name,
        Safe(state.spec().metric.name, 40),
        state.spec().metric.direction == spec::Direction::kMinimize
            ? "minimize"
            : "maximize",
        e.base.Hex().substr(0, 10));
  }
  Text operator()(const search::Evaluated& e) const {
    if (e.node.value() == 0) return BaselineLine(state, e, style);
    return AttemptLine(state, e.node, e.outcome, at, style);
  }
  Text operator()(const search::Rejected& e) const {
    return AttemptLine(state, e.attempt, e.outcome, at, style);
  }
  Text operator()(const search::Noted& e) const {
    if (e.kind == "race") {
      return "final: the best nodes and the baseline are measured again, fresh";
    }
    if (e.kind == "environment_ok" || e.kind == "slurm") return std::nullopt;
    return Painted("note: ", Colour::kYellow, style) +
           Safe(fmt::format("{}: {}", e.kind, e.text), style.width);
  }
  Text operator()(const search::Approved& e) const {
    return "approved: " + Safe(e.dependency, style.width);
  }
  Text operator()(const search::Paused& e) const {
    // An outage ends by itself; there is nothing for the user to do.
    if (e.pause == search::PauseClass::kOutage) {
      return Painted("paused (outage)", Colour::kYellow, style) +
             Safe(": " + e.detail, style.width);
    }
    if (e.cause == search::kPausedByUser) {
      return Painted("paused: ", Colour::kYellow, style) +
             fmt::format("{}\n  go on with `coppice tell {} --continue`",
                         Safe(e.detail), state.run());
    }
    return fmt::format("{}{}: {}\n  go on with `coppice resume {}`",
                       Painted("paused (needs you): ", Colour::kYellow, style),
                       Safe(e.cause), Safe(e.detail, 400), state.run());
  }
  Text operator()(const search::Resumed& e) const {
    std::string line =
        fmt::format("resumed: {} finished, {} to redo",
                    state.order_of_completion().size(), state.Open().size());
    for (const std::string& drift : e.drift) {
      line += "\n  changed since: " + Safe(drift, style.width);
    }
    return line;
  }
  Text operator()(const search::Final& e) const {
    const Colour colour = e.confirmed ? Colour::kGreen : Colour::kYellow;
    return Painted("final: ", colour, style) + FinalText(state, e);
  }
  Text operator()(const search::Exported& e) const {
    return fmt::format("exported {} as branch {} ({})", NodeName(e.node),
                       Safe(e.branch), Count(std::ssize(e.commits), "commit"));
  }
  Text operator()(const search::Stopped& e) const {
    return fmt::format(
        "stopped: {}; {}, exit {}", StopText(state),
        Count(std::ssize(state.order_of_completion()), "attempt"), e.exit);
  }
};

// As it stood when the final began: the best of the chains' bests.
NodeId BestOfTheSearch(const search::State& state) {
  const int sign = spec::Sign(state.spec().metric.direction);
  auto score = [&](const search::ChainState& chain) {
    return sign * state.tree()[chain.best].value.value_or(0);
  };
  return std::ranges::max_element(state.chains(), {}, score)->best;
}

std::vector<double> FreshValues(const search::Final& final, AttemptId node) {
  const auto found =
      std::ranges::find(final.finalists, node, &search::Finalist::node);
  return found == final.finalists.end() ? std::vector<double>() : found->values;
}

}  // namespace

std::string GainText(const search::State& state, double gain) {
  if (ValueOf(state, AttemptId(0)) != 0.0) return FormatPercent(gain);
  return (gain >= 0 ? "+" : "") + FormatShort(gain);
}

std::string FinalText(const search::State& state, const search::Final& final) {
  const std::vector<double> winner = FreshValues(final, final.winner);
  const std::vector<double> baseline = FreshValues(final, AttemptId(0));
  if (!final.confirmed) {
    return fmt::format(
        "no improvement confirmed; the largest gain on fresh samples was {} "
        "(noise {})",
        GainText(state, final.gain), NoiseText(state));
  }
  std::string text = fmt::format("{} confirmed: ", NodeName(final.winner));
  if (!winner.empty() && !baseline.empty()) {
    text += fmt::format("{} {} -> {}, n {}+{}, ",
                        Safe(state.spec().metric.name, 40),
                        FormatShort(state.measurements().Aggregate(baseline)),
                        FormatShort(state.measurements().Aggregate(winner)),
                        baseline.size(), winner.size());
  }
  const std::string gain = GainText(state, final.gain);
  return text + fmt::format("{} better on fresh samples, confidence {}",
                            gain.substr(gain.starts_with('+') ? 1 : 0),
                            Safe(final.word));
}

std::string OverruledText(const search::State& state) {
  const std::optional<search::Final>& final = state.final();
  if (!final || state.tree().empty()) return "";
  const NodeId searched = BestOfTheSearch(state);
  if (searched == state.best()) return "";
  const search::Node& node = state.tree()[searched];
  std::string text =
      fmt::format("the search's own best was {}", NodeName(node.attempt));
  if (node.value) {
    text += fmt::format(" at {} ({})", FormatShort(*node.value),
                        ChangeText(state, node.value));
  }
  if (!final->confirmed) return text + ", which fresh samples did not confirm";
  text += fmt::format("; the final chose {}", NodeName(final->winner));
  const std::vector<double> own = FreshValues(*final, node.attempt);
  const std::vector<double> won = FreshValues(*final, final->winner);
  if (own.empty() || won.empty()) return text;
  const search::Measurements& all = state.measurements();
  const double difference = spec::Sign(state.spec().metric.direction) *
                            (all.Aggregate(won) - all.Aggregate(own));
  text += fmt::format(": {} on fresh samples against {}",
                      FormatShort(all.Aggregate(won)),
                      FormatShort(all.Aggregate(own)));
  if (difference <= 0)
    text += ", too near to tell apart, where the smaller change wins";
  return text;
}

std::optional<std::string> ProgressLine(const search::State& state,
                                        const search::Record& record,
                                        const ProgressStyle& style) {
  const Line line{state, record.at, style};
  return std::visit(line, record.event);
}

}  // namespace coppice::report

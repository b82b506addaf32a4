#include "report/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/words.h"

namespace coppice::report {
namespace {

// Values that were measured in full and passed the gates.
bool Comparable(const search::Node& node) {
  return node.value && node.outcome && MayBeImproved(*node.outcome);
}

// The gain of the holdout's own samples, if node and baseline have any.
std::optional<double> HoldoutGain(const search::State& state,
                                  AttemptId attempt) {
  auto scores = [&](AttemptId node) -> std::optional<double> {
    const search::NodeSamples* samples = state.measurements().Samples(node);
    if (samples == nullptr) return std::nullopt;
    std::vector<double> of_holdout = samples->Scores(SamplePhase::kHoldout);
    if (of_holdout.empty()) return std::nullopt;
    return state.measurements().Aggregate(std::move(of_holdout));
  };
  const std::optional<double> node = scores(attempt);
  const std::optional<double> baseline = scores(AttemptId(0));
  if (!node || !baseline) return std::nullopt;
  return Gain(state, *node, *baseline);
}

std::string Sentence(const Confidence& confidence) {
  if (confidence.word == "overfit") {
    return "overfit: the holdout gained less than half as much";
  }
  if (confidence.noise == 0) {
    return fmt::format("{} confidence: equal runs measure equal",
                       confidence.word);
  }
  if (confidence.word == "noise") {
    return fmt::format("within noise: the gain is {} times the noise",
                       FormatShort(confidence.ratio, 2));
  }
  return fmt::format("{} confidence: the gain is {} times the noise",
                     confidence.word, FormatShort(confidence.ratio, 2));
}

}  // namespace

std::string SpentText(const search::Consumption& used) {
  if (!used.price_unknown) return Dollars(used.usd);
  if (used.usd == 0) return "unknown";
  return Dollars(used.usd) + " and calls of unknown price";
}

AttemptId BestAttempt(const search::State& state) {
  if (state.tree().empty()) return AttemptId(0);
  return state.tree()[state.best()].attempt;
}

std::vector<AttemptId> Attempts(const search::State& state) {
  std::vector<AttemptId> attempts;
  for (std::int64_t i = 1; i < state.next_attempt().value(); ++i) {
    if (state.tree().FindAttempt(AttemptId(i)) != nullptr) {
      attempts.emplace_back(i);
    }
  }
  return attempts;
}

std::vector<AttemptId> Ranking(const search::State& state) {
  const search::SolutionTree& tree = state.tree();
  std::vector<NodeId> nodes;
  for (std::uint32_t i = 0; i < tree.size(); ++i) {
    if (Comparable(tree[NodeId(i)])) nodes.emplace_back(i);
  }
  const int sign = spec::Sign(state.spec().metric.direction);
  const AttemptId best = BestAttempt(state);
  auto key = [&](NodeId id) {
    const search::Node& node = tree[id];
    return std::tuple(node.attempt != best, -sign * node.value.value_or(0),
                      node.attempt);
  };
  std::ranges::sort(nodes, {}, key);
  std::vector<AttemptId> ranking;
  ranking.reserve(nodes.size());
  for (NodeId id : nodes) ranking.push_back(tree[id].attempt);
  return ranking;
}

std::string FilesText(const search::AttemptInfo& info) {
  return Summary({info.files.begin(), info.files.end()});
}

const search::Node* NodeOf(const search::State& state, AttemptId attempt) {
  const std::optional<NodeId> id = state.tree().Find(attempt);
  return id ? &state.tree()[*id] : nullptr;
}

std::optional<double> ValueOf(const search::State& state, AttemptId attempt) {
  const search::Node* node = NodeOf(state, attempt);
  return node == nullptr ? std::nullopt : node->value;
}

std::optional<double> ComparableValue(const search::State& state,
                                      AttemptId attempt) {
  const search::Node* node = NodeOf(state, attempt);
  if (node == nullptr || !Comparable(*node)) return std::nullopt;
  return node->value;
}

std::optional<Outcome> OutcomeOf(const search::State& state,
                                 AttemptId attempt) {
  if (const search::Node* node = NodeOf(state, attempt)) return node->outcome;
  const search::Attempt* known = state.tree().FindAttempt(attempt);
  return known == nullptr ? std::nullopt : known->outcome;
}

std::string_view OutcomeWord(const search::State& state, AttemptId attempt) {
  const std::optional<Outcome> outcome = OutcomeOf(state, attempt);
  return outcome ? Name(*outcome) : "pending";
}

std::string_view OperatorWord(const search::State& state, AttemptId attempt) {
  if (attempt.value() == 0) return "baseline";
  const search::Attempt* known = state.tree().FindAttempt(attempt);
  return known == nullptr ? "" : Name(known->op);
}

std::string ReasonOf(const search::State& state, AttemptId attempt) {
  const search::InfoView info = state.Info(attempt);
  return info ? info->reason.str() : "";
}

std::string IdeaOf(const search::State& state, AttemptId attempt) {
  if (attempt.value() == 0) return "the code as it is";
  if (const search::InfoView info = state.Info(attempt)) {
    if (!info->plan.idea.empty()) return info->plan.idea.str();
    if (!info->selected.idea.empty()) return info->selected.idea.str();
  }
  return "";
}

std::string StoryOf(const search::State& state, AttemptId attempt) {
  const std::optional<Outcome> outcome = OutcomeOf(state, attempt);
  const std::string idea = IdeaOf(state, attempt);
  if (!outcome || MayBeImproved(*outcome)) return idea;
  const std::string reason = ReasonOf(state, attempt);
  return idea.empty() ? reason : fmt::format("{} ({})", reason, idea);
}

std::vector<AttemptId> ParentsOf(const search::State& state,
                                 AttemptId attempt) {
  std::vector<AttemptId> parents;
  if (const search::Attempt* known = state.tree().FindAttempt(attempt)) {
    for (NodeId id : known->parents) {
      parents.push_back(state.tree()[id].attempt);
    }
  }
  return parents;
}

int SamplesOf(const search::State& state, AttemptId attempt) {
  const search::NodeSamples* samples = state.measurements().Samples(attempt);
  return samples == nullptr ? 0 : static_cast<int>(samples->readings.size());
}

std::map<std::string, double> NumbersOf(const search::State& state,
                                        AttemptId attempt) {
  std::map<std::string, double> numbers;
  const search::NodeSamples* samples = state.measurements().Samples(attempt);
  if (samples == nullptr) return numbers;
  for (const search::Reading& reading : samples->readings) {
    for (const auto& [name, value] : reading.metrics) {
      if (numbers.contains(name)) continue;
      if (auto number = state.measurements().Number(attempt, name)) {
        numbers[name] = *number;
      }
    }
  }
  return numbers;
}

std::vector<std::string> FlagsOf(const search::AttemptInfo& info) {
  std::vector<std::string> flags;
  auto add = [&](const std::vector<std::string>& more) {
    for (const std::string& flag : more) {
      if (std::ranges::count(flags, flag) == 0) flags.push_back(flag);
    }
  };
  add(info.flags);
  if (info.evaluated) add(info.evaluated->flags);
  return flags;
}

double SecondsOf(const search::AttemptInfo& info) {
  double seconds = info.propose_seconds + info.measure_seconds;
  if (info.evaluated) {
    seconds += info.evaluated->seconds.build + info.evaluated->seconds.checks;
  }
  return seconds;
}

std::optional<double> Gain(const search::State& state, double value,
                           double reference) {
  if (reference == 0) return std::nullopt;
  const int sign = spec::Sign(state.spec().metric.direction);
  return sign * (value - reference) / std::abs(reference);
}

std::string ChangeText(const search::State& state,
                       std::optional<double> value) {
  const std::optional<double> baseline = ValueOf(state, AttemptId(0));
  if (!value || !baseline) return "";
  const double change = *value - *baseline;
  if (*baseline != 0) return FormatPercent(change / std::abs(*baseline));
  return (change >= 0 ? "+" : "") + FormatShort(change);
}

std::optional<Confidence> ConfidenceOf(const search::State& state,
                                       AttemptId attempt) {
  const std::optional<double> value = ComparableValue(state, attempt);
  const std::optional<double> baseline = ValueOf(state, AttemptId(0));
  if (!value || !baseline) return std::nullopt;
  const int sign = spec::Sign(state.spec().metric.direction);
  const double difference = sign * (*value - *baseline);
  Confidence confidence;
  confidence.gain = Gain(state, *value, *baseline).value_or(difference);
  confidence.noise = state.measurements().Noise(*value);
  if (confidence.noise > 0) {
    confidence.ratio = std::abs(difference) / confidence.noise;
  }
  confidence.word = ConfidenceWord(difference, confidence.noise);
  const std::optional<double> holdout = HoldoutGain(state, attempt);
  const double tau = state.Tau(state.measurements().Repeats());
  if (holdout && difference > tau && *holdout < confidence.gain / 2) {
    confidence.word = "overfit";
  }
  confidence.sentence = Sentence(confidence);
  return confidence;
}

std::string NoiseText(const search::State& state) {
  const search::NoiseModel noise = state.noise();
  if (noise.sigma == 0) return "none seen";
  if (!noise.relative) return FormatShort(noise.sigma, 2);
  return FormatShort(100 * noise.sigma, 2) + "%";
}

std::string ResultText(const search::State& state) {
  const AttemptId best = BestAttempt(state);
  const std::optional<double> baseline = ValueOf(state, AttemptId(0));
  const std::optional<double> value = ValueOf(state, best);
  const std::string metric = Safe(state.spec().metric.name, 40);
  if (!baseline) return metric + " not measured yet";
  if (best.value() == 0 || !value) {
    return fmt::format("{} {}, the baseline", metric, FormatShort(*baseline));
  }
  return fmt::format("{} {} -> {} ({})", metric, FormatShort(*baseline),
                     FormatShort(*value), ChangeText(state, value));
}

std::string StopText(const search::State& state) {
  if (!state.stopped()) return "";
  const std::string& reason = state.stopped()->reason;
  const spec::Budget& budget = state.spec().budget;
  if (reason == "plateau" && budget.plateau_nodes) {
    return fmt::format("plateau: {} without a new best",
                       Count(*budget.plateau_nodes, "attempt"));
  }
  if (reason == "target") return "the target is reached";
  if (reason == "stopped") return "by `coppice stop`";
  if (reason == "nothing_left") return "the policy has nothing left to try";
  if (reason.starts_with("max_")) return reason + " is used up";
  return Safe(reason, 200);
}

std::vector<AttemptId> Lineage(const search::State& state, AttemptId attempt) {
  std::vector<AttemptId> lineage{attempt};
  while (true) {
    const std::vector<AttemptId> parents = ParentsOf(state, lineage.back());
    if (parents.empty()) break;
    lineage.push_back(parents.front());
  }
  std::ranges::reverse(lineage);
  return lineage;
}

}  // namespace coppice::report

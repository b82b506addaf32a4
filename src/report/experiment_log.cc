#include "report/experiment_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"
#include "report/yaml_text.h"

namespace coppice::report {
namespace {

using Map = nlohmann::ordered_json;

// The word of that format for what became of an attempt.
std::string_view OutcomeForReaders(Outcome outcome) {
  switch (outcome) {
    case Outcome::kBaseline:
    case Outcome::kImproved:
      return "kept";
    case Outcome::kInconclusive:
      return "inconclusive";
    case Outcome::kCensored:
      return "censored";
    case Outcome::kDegenerate:
    case Outcome::kChecksFailed:
      return "degenerate";
    case Outcome::kDeferred:
      return "deferred_needs_approval";
    case Outcome::kTimeout:
      return "timeout";
    case Outcome::kValid:
    case Outcome::kDuplicate:
    case Outcome::kCancelled:
      return "reverted";
    case Outcome::kScopeViolation:
    case Outcome::kEditFailed:
    case Outcome::kBuggy:
    case Outcome::kOom:
    case Outcome::kMetricError:
    case Outcome::kTampered:
      return "error";
  }
  return "error";
}

// The numbers of `names` that the node's samples gave.
template <class Names, class NameOf>
Map Numbers(const search::State& state, AttemptId attempt, const Names& names,
            NameOf name_of) {
  Map numbers = Map::object();
  for (const auto& named : names) {
    const std::string& name = name_of(named);
    if (auto value = state.measurements().Number(attempt, name)) {
      numbers[Sanitize(name)] = *value;
    }
  }
  return numbers;
}

Map GateNumbers(const search::State& state, AttemptId attempt) {
  return Numbers(
      state, attempt, state.spec().metric.gates,
      [](const spec::Gate& gate) -> const std::string& { return gate.name; });
}

// The metric itself is no gate; it stands first among the diagnostics.
Map Diagnostics(const search::State& state, AttemptId attempt) {
  const spec::Metric& metric = state.spec().metric;
  Map diagnostics = Map::object();
  if (auto value = ValueOf(state, attempt)) {
    diagnostics[Sanitize(metric.name)] = *value;
  }
  diagnostics.update(Numbers(
      state, attempt, metric.diagnostics,
      [](const std::string& name) -> const std::string& { return name; }));
  return diagnostics;
}

void AddMessage(Map& entry, Outcome outcome, const std::string& reason) {
  const std::string text = Safe(reason, 400);
  if (outcome == Outcome::kDeferred) {
    entry["deferred_reason"] = text;
  } else if (StatusOf(outcome) == Status::kCrash ||
             outcome == Outcome::kScopeViolation) {
    entry["error_message"] = text;
  } else {
    entry["decision"] = text;
  }
}

Map Changes(const search::AttemptInfo& info) {
  Map changes = Map::array();
  for (const search::FileNote& file : info.files) {
    changes.push_back(
        {{"file", Sanitize(file.path)},
         {"summary", fmt::format("+{} -{}", file.added, file.removed)}});
  }
  return changes;
}

Map Experiment(const search::State& state, AttemptId attempt) {
  const Outcome outcome = *OutcomeOf(state, attempt);
  const search::InfoView info = state.Info(attempt);
  Map entry;
  entry["iteration"] = attempt.value();
  entry["batch"] = attempt.value();
  entry["hypothesis"] = Safe(IdeaOf(state, attempt), 400);
  entry["category"] = info != nullptr && !info->plan.category.empty()
                          ? Safe(info->plan.category, 40)
                          : std::string(OperatorWord(state, attempt));
  entry["outcome"] = OutcomeForReaders(outcome);
  entry["coppice_outcome"] = Name(outcome);
  if (info != nullptr) entry["changes"] = Changes(*info);
  if (SamplesOf(state, attempt) > 0) {
    entry["gates"] = GateNumbers(state, attempt);
    entry["gates_passed"] = outcome != Outcome::kDegenerate;
    entry["diagnostics"] = Diagnostics(state, attempt);
    entry["primary_delta"] = ChangeText(state, ValueOf(state, attempt));
    entry["sample_count"] = SamplesOf(state, attempt);
  }
  if (info != nullptr && !info->plan.lesson.empty()) {
    entry["learnings"] = Safe(info->plan.lesson, 400);
  }
  if (const search::Node* node = NodeOf(state, attempt)) {
    entry["commit"] = node->commit.Hex();
  }
  AddMessage(entry, outcome, ReasonOf(state, attempt));
  return entry;
}

Map Baseline(const search::State& state) {
  Map baseline = Map::object();
  const search::InfoView info = state.Info(AttemptId(0));
  if (info == nullptr || !info->evaluated) return baseline;
  baseline["timestamp"] = FormatUtc(info->finished_at);
  baseline["gates"] = GateNumbers(state, AttemptId(0));
  baseline["diagnostics"] = Diagnostics(state, AttemptId(0));
  return baseline;
}

}  // namespace

std::string ExperimentLog(const search::State& state) {
  Map head;
  head["spec"] = state.spec().name;
  head["run_id"] = state.run();
  head["started_at"] = FormatUtc(state.started_at());
  head["baseline"] = Baseline(state);
  std::string log = YamlText(head);
  log += state.order_of_completion().empty() ? "experiments: []\n"
                                             : "experiments:\n";
  for (AttemptId attempt : state.order_of_completion()) {
    log += YamlText(Map::array({Experiment(state, attempt)}), 2);
  }
  const AttemptId best = BestAttempt(state);
  Map metrics = Diagnostics(state, best);
  metrics.update(GateNumbers(state, best));
  Map tail;
  tail["best"] = {{"iteration", best.value()}, {"metrics", metrics}};
  tail["hypothesis_backlog"] = Map::array();
  return log + YamlText(tail);
}

}  // namespace coppice::report

#include "report/node_record.h"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/patch.h"
#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"

namespace coppice::report {
namespace {

constexpr std::size_t kReasonWidth = 400;

std::string Clean(std::string_view text) { return Sanitize(text); }

// Whole numbers without a fraction: 81, not 81.0.
OrderedJson Number(double value) {
  if (value == std::trunc(value) && std::abs(value) < 1e15) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

OrderedJson NumberOrNull(std::optional<double> value) {
  return value ? Number(*value) : OrderedJson(nullptr);
}

OrderedJson Metrics(const search::State& state, AttemptId attempt) {
  OrderedJson metrics = OrderedJson::object();
  for (const auto& [name, value] : NumbersOf(state, attempt)) {
    metrics[Clean(name)] = Number(value);
  }
  return metrics;
}

OrderedJson SamplesByPhase(const search::State& state, AttemptId attempt) {
  OrderedJson phases = OrderedJson::object();
  const search::NodeSamples* samples = state.measurements().Samples(attempt);
  if (samples == nullptr) return phases;
  for (const auto& [phase, scores] : samples->ScoresByPhase()) {
    for (double score : scores) {
      phases[std::string(Name(phase))].push_back(Number(score));
    }
  }
  return phases;
}

bool AnyCached(const search::State& state, AttemptId attempt) {
  const search::NodeSamples* samples = state.measurements().Samples(attempt);
  return samples != nullptr &&
         std::ranges::any_of(samples->readings, &search::Reading::cached);
}

OrderedJson PlanJson(const search::PlanNote& plan, const std::string& idea) {
  OrderedJson json = {{"idea", Clean(idea)}};
  auto add = [&](const char* key, std::string_view text) {
    if (!text.empty()) json[key] = Clean(text);
  };
  add("category", plan.category);
  add("bottleneck", plan.bottleneck);
  add("alternatives", plan.alternatives);
  add("expect", plan.expect);
  add("risk", plan.risk);
  add("lesson", plan.lesson);
  for (const std::string& need : plan.needs)
    json["needs"].push_back(Clean(need));
  return json;
}

OrderedJson Flags(const search::AttemptInfo& info) {
  OrderedJson flags = OrderedJson::array();
  for (const std::string& flag : FlagsOf(info)) flags.push_back(Clean(flag));
  return flags;
}

void AddMeasurement(OrderedJson& json, const search::State& state,
                    AttemptId attempt, const search::AttemptInfo& info) {
  json["metrics"] = Metrics(state, attempt);
  json["samples"] = SamplesByPhase(state, attempt);
  json["sigma"] = info.evaluated ? OrderedJson(info.evaluated->sigma) : nullptr;
  json["gain"] = nullptr;
  if (info.evaluated && info.evaluated->gain) {
    const search::Gain& gain = *info.evaluated->gain;
    json["gain"] = {{"parent", gain.parent},
                    {"best", gain.best},
                    {"baseline", gain.baseline}};
  }
}

void AddCost(OrderedJson& json, const search::AttemptInfo& info) {
  json["usage"] = {{"usd", Number(info.usd)},
                   {"input", info.input_tokens},
                   {"output", info.output_tokens}};
  const eval::PhaseSeconds phases =
      info.evaluated ? info.evaluated->seconds : eval::PhaseSeconds{};
  json["seconds"] = {{"propose", Number(info.propose_seconds)},
                     {"build", Number(phases.build)},
                     {"checks", Number(phases.checks)},
                     {"measure", Number(info.measure_seconds)}};
}

}  // namespace

OrderedJson StepRecord(const search::State& state, AttemptId attempt) {
  const std::optional<Outcome> outcome = OutcomeOf(state, attempt);
  const search::InfoView info = state.Info(attempt);
  OrderedJson json;
  json["task_id"] = state.spec().name;
  json["status"] = outcome ? Name(StatusOf(*outcome)) : Name(Status::kNone);
  json["reason"] = Safe(ReasonOf(state, attempt), kReasonWidth);
  json["candidate_score"] = NumberOrNull(ValueOf(state, attempt));
  json["diff_summary"] =
      info == nullptr ? "" : Safe(FilesText(*info), kReasonWidth);
  return json;
}

OrderedJson NodeRecord(const search::State& state, AttemptId attempt) {
  static const search::AttemptInfo kNothing;
  const search::InfoView known = state.Info(attempt);
  const search::AttemptInfo& info = known == nullptr ? kNothing : *known;
  const search::Node* node = NodeOf(state, attempt);

  OrderedJson json = StepRecord(state, attempt);
  json["run"] = state.run();
  json["node"] = attempt.value();
  json["parents"] = OrderedJson::array();
  for (AttemptId parent : ParentsOf(state, attempt)) {
    json["parents"].push_back(parent.value());
  }
  json["op"] = OperatorWord(state, attempt);
  json["arm"] = Clean(info.selected.arm);
  json["commit"] = nullptr;
  json["tree"] = nullptr;
  if (node != nullptr) {
    json["commit"] = node->commit.Hex();
    json["tree"] = node->tree.Hex();
  }
  json["outcome"] = OutcomeWord(state, attempt);
  AddMeasurement(json, state, attempt, info);
  json["plan"] = PlanJson(info.plan, IdeaOf(state, attempt));
  AddCost(json, info);
  json["cached"] = AnyCached(state, attempt);
  json["flags"] = Flags(info);
  json["log"] = info.evaluated ? Clean(info.evaluated->log) : "";
  return json;
}

std::string DumpLine(const OrderedJson& value) {
  return value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string DumpPretty(const OrderedJson& value) {
  return value.dump(2, ' ', false, OrderedJson::error_handler_t::replace) +
         "\n";
}

std::string ResultsJsonl(const search::State& state) {
  std::string lines;
  auto add = [&](AttemptId attempt) {
    lines += DumpLine(NodeRecord(state, attempt)) + "\n";
  };
  if (OutcomeOf(state, AttemptId(0))) add(AttemptId(0));
  for (AttemptId attempt : state.order_of_completion()) add(attempt);
  return lines;
}

}  // namespace coppice::report

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/patch.h"
#include "base/text.h"
#include "report/facts.h"
#include "report/page.h"
#include "report/show.h"
#include "report/words.h"

// One attempt of the page. Keys that have nothing to say are left out: a page
// holds thousands of these.

namespace coppice::report {
namespace {

constexpr std::size_t kIdea = 300;
constexpr std::size_t kReason = 600;
constexpr std::size_t kPlanText = 1500;
constexpr std::size_t kSamples = 64;  // of one phase
constexpr std::size_t kMetrics = 24;

// Six digits are more than any noise leaves, and half the bytes.
double Short(double value) {
  return ParseNumber(FormatShort(value, 6)).value_or(value);
}

double Seconds(const search::State& state, WallTime at) {
  return Short(std::chrono::duration<double>(at - state.started_at()).count());
}

void AddText(OrderedJson& json, const char* key, std::string_view text,
             std::size_t limit) {
  if (!text.empty()) json[key] = HeadAndTail(Sanitize(text), limit);
}

OrderedJson PlanOf(const search::PlanNote& plan) {
  OrderedJson json = OrderedJson::object();
  AddText(json, "category", plan.category, 60);
  AddText(json, "bottleneck", plan.bottleneck, kPlanText);
  AddText(json, "alternatives", plan.alternatives, kPlanText);
  AddText(json, "expect", plan.expect, kPlanText);
  AddText(json, "risk", plan.risk, kPlanText);
  std::string needs;
  for (const std::string& need : plan.needs) {
    needs += (needs.empty() ? "" : ", ") + need;
  }
  AddText(json, "needs", needs, kPlanText);
  return json;
}

OrderedJson SamplesJson(const search::State& state, AttemptId attempt) {
  OrderedJson json = OrderedJson::object();
  const search::NodeSamples* samples = state.measurements().Samples(attempt);
  if (samples == nullptr) return json;
  for (const auto& [phase, scores] : samples->ScoresByPhase()) {
    // The last ones: a long run meets its best again and again.
    const std::size_t from = scores.size() - std::min(scores.size(), kSamples);
    OrderedJson& list = json[std::string(Name(phase))];
    for (std::size_t i = from; i < scores.size(); ++i) {
      list.push_back(Short(scores[i]));
    }
  }
  return json;
}

OrderedJson MetricsJson(const search::State& state, AttemptId attempt) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, value] : NumbersOf(state, attempt)) {
    if (json.size() == kMetrics) break;
    json[Safe(name, 60)] = Short(value);
  }
  return json;
}

void AddIfAny(OrderedJson& json, const char* key, OrderedJson part) {
  if (!part.empty()) json[key] = std::move(part);
}

void AddCost(OrderedJson& json, const search::AttemptInfo& info) {
  if (info.usd > 0) json["usd"] = Short(info.usd);
  if (info.input_tokens + info.output_tokens > 0) {
    json["tokens"] = {info.input_tokens, info.output_tokens};
  }
  const eval::PhaseSeconds phases =
      info.evaluated ? info.evaluated->seconds : eval::PhaseSeconds{};
  json["seconds"] = {Short(info.propose_seconds), Short(phases.build),
                     Short(phases.checks), Short(info.measure_seconds)};
}

void AddInfo(OrderedJson& json, const search::State& state,
             const search::AttemptInfo& info) {
  if (!info.selected.arm.empty()) json["arm"] = Safe(info.selected.arm, 80);
  if (state.chains().size() > 1) json["chain"] = info.selected.chain;
  if (info.selected.history_withheld) json["fresh"] = true;
  AddIfAny(json, "plan", PlanOf(info.plan));
  AddText(json, "files", FilesText(info), kReason);
  AddText(json, "edits", info.matched, 200);
  std::string flags;
  for (const std::string& flag : FlagsOf(info)) {
    flags += (flags.empty() ? "" : "; ") + Safe(flag, 200);
  }
  AddText(json, "flags", flags, kReason);
  if (info.evaluated && info.evaluated->gain) {
    const search::Gain& gain = *info.evaluated->gain;
    json["gain"] = {Short(gain.parent), Short(gain.best), Short(gain.baseline)};
  }
  AddCost(json, info);
}

}  // namespace

OrderedJson PageNode(const search::State& state, AttemptId attempt) {
  OrderedJson json;
  json["n"] = attempt.value();
  json["parents"] = OrderedJson::array();
  for (AttemptId parent : ParentsOf(state, attempt)) {
    json["parents"].push_back(parent.value());
  }
  json["op"] = OperatorWord(state, attempt);
  json["outcome"] = OutcomeWord(state, attempt);
  // Only what may be compared: a failure's number would mislead.
  if (auto value = ComparableValue(state, attempt)) {
    json["value"] = Short(*value);
  }
  AddText(json, "idea", Safe(IdeaOf(state, attempt), kIdea), 4 * kIdea);
  AddText(json, "reason", Safe(ReasonOf(state, attempt), kReason), 4 * kReason);
  if (const search::Node* node = NodeOf(state, attempt)) {
    json["commit"] = node->commit.Hex();
    if (node->pruned) json["pruned"] = true;
  }
  const search::InfoView info = state.Info(attempt);
  if (info != nullptr) {
    AddInfo(json, state, *info);
    if (OutcomeOf(state, attempt)) {
      json["at"] = Seconds(state, info->finished_at);
    }
  }
  AddIfAny(json, "samples", SamplesJson(state, attempt));
  AddIfAny(json, "metrics", MetricsJson(state, attempt));
  AddText(json, "lesson", state.LessonOf(attempt), kPlanText);
  return json;
}

PageTexts TextsForPage(const search::State& state, AttemptId attempt,
                       AttemptTexts texts, std::string log) {
  PageTexts page{.why = WhyText(state, attempt, texts.output),
                 .diff = std::move(texts.patch),
                 .prompt = std::move(texts.prompt),
                 .answer = std::move(texts.answer),
                 .judged = std::move(texts.judged),
                 .log = std::move(log)};
  if (page.log.empty()) page.log = std::move(texts.output);
  return page;
}

OrderedJson PageTextsJson(const PageTexts& texts) {
  OrderedJson json = OrderedJson::object();
  auto add = [&](const char* key, const std::string& text) {
    if (!text.empty()) json[key] = Sanitize(text);
  };
  add("why", texts.why);
  add("diff", texts.diff);
  add("answer", texts.answer);
  add("prompt", texts.prompt);
  add("judged", texts.judged);
  add("log", texts.log);
  return json;
}

}  // namespace coppice::report

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/run_reader.h"
#include "app/session.h"
#include "base/text.h"
#include "report/facts.h"

// remeasure: more fresh samples of chosen nodes. They join the value of a
// node; they never make it best, which only a contest does.

namespace coppice::app {
namespace {

// Scores of the samples of this phase that no contest asked for.
std::vector<double> Fresh(const search::State& state, AttemptId node,
                          SamplePhase phase, std::size_t before) {
  std::vector<double> scores;
  std::size_t seen = 0;
  for (const search::Sampled& s : state.samples_of(node)) {
    if (s.sample.phase != phase || ++seen <= before || s.sample.failure) {
      continue;
    }
    if (auto score = state.measurements().Score(s.sample.metrics)) {
      scores.push_back(*score);
    }
  }
  return scores;
}

std::size_t Taken(const search::State& state, AttemptId node,
                  SamplePhase phase) {
  const auto samples = state.samples_of(node);
  return static_cast<std::size_t>(std::ranges::count_if(
      samples,
      [&](const search::Sampled& s) { return s.sample.phase == phase; }));
}

struct Row {
  AttemptId node;
  std::size_t taken = 0;         // samples of the phase before
  std::optional<double> before;  // value of the node
};

Json ToJson(const search::State& state, const Row& row,
            const std::vector<double>& fresh) {
  Json json{{"node", row.node.value()}, {"samples", fresh}};
  json["before"] = row.before ? Json(*row.before) : Json();
  const auto value = report::ValueOf(state, row.node);
  json["value"] = value ? Json(*value) : Json();
  return json;
}

std::string ToText(const search::State& state, const Row& row,
                   const std::vector<double>& fresh, bool holdout) {
  std::string text = fmt::format("#{:<4} ", row.node.value());
  if (fresh.empty()) {
    return text + "failed now; `coppice show " +
           std::to_string(row.node.value()) + " --log`";
  }
  const auto [low, high] = std::ranges::minmax(fresh);
  text += fmt::format("{} fresh sample{} from {} to {}, together {}",
                      fresh.size(), fresh.size() == 1 ? "" : "s",
                      FormatShort(low), FormatShort(high),
                      FormatShort(state.measurements().Aggregate(fresh)));
  const auto value = report::ValueOf(state, row.node);
  const auto baseline = report::ValueOf(state, AttemptId(0));
  if (holdout || !value || !row.before || !baseline) return text;
  text += fmt::format("; value {} -> {}", FormatShort(*row.before),
                      FormatShort(*value));
  if (row.node.value() == 0) return text;
  return text +
         fmt::format(
             ", {} on the base",
             FormatPercent(report::Gain(state, *value, *baseline).value_or(0)));
}

Result<void> CanMeasure(const Global& global, const std::string& run,
                        const std::vector<std::string>& words, bool holdout) {
  Result<ReadRun> read = OpenRun(global, run);
  if (!read) return read.error();
  const search::State& state = *read->state;
  if (holdout && !state.spec().evaluation.holdout) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "the spec of this run has no holdout",
                 .next = "leave --holdout out"};
  }
  for (const std::string& word : words) {
    Result<std::int64_t> number = ParseNode(word, 0);
    if (!number) return number.error();
    if (report::NodeOf(state, AttemptId(*number)) != nullptr) continue;
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("run {} has no node {} to measure",
                                     read->place.id, *number),
                 .next = "`coppice tree` shows those it has"};
  }
  return Ok();
}

}  // namespace

int Remeasure(const Global& global, const RemeasureOptions& options) {
  std::vector<std::string> words = options.words;
  std::string run;
  if (!ParseNode(words.front(), 0)) {
    run = words.front();
    words.erase(words.begin());
  }
  if (words.empty()) {
    return Fail(global, Error{.code = ErrorCode::kUsage,
                              .what = "no node to measure again",
                              .next = "coppice remeasure [RUN] NODE..., for "
                                      "example: coppice remeasure best base"});
  }
  // What is asked for in vain is refused before the run is resumed.
  Result<void> possible = CanMeasure(global, run, words, options.holdout);
  if (!possible) return Fail(global, possible.error());
  Result<std::unique_ptr<Session>> session =
      Session::Open(global, {.run = run});
  if (!session) return Fail(global, session.error());
  const search::State& state = (*session)->state();
  const SamplePhase phase =
      options.holdout ? SamplePhase::kHoldout : SamplePhase::kConfirm;
  const std::int64_t best = state.tree()[state.best()].attempt.value();
  std::vector<Row> rows;
  std::vector<AttemptId> nodes;
  for (const std::string& word : words) {
    Result<std::int64_t> number = ParseNode(word, best);
    if (!number) return Fail(global, number.error());
    const AttemptId node(*number);
    if (std::ranges::count(nodes, node) > 0) continue;
    nodes.push_back(node);
    rows.push_back(
        {node, Taken(state, node, phase), report::ValueOf(state, node)});
  }
  Result<int> exit = (*session)->Remeasure(nodes, options.samples, phase);
  if (!exit) return Fail(global, exit.error());
  Json all = Json::array();
  for (const Row& row : rows) {
    const std::vector<double> fresh = Fresh(state, row.node, phase, row.taken);
    if (global.output == OutputMode::kJson) {
      all.push_back(ToJson(state, row, fresh));
    } else {
      Print(ToText(state, row, fresh, options.holdout));
    }
  }
  if (global.output == OutputMode::kJson) {
    Print(DumpCanonical(Json{{"run", (*session)->id()}, {"nodes", all}}));
  }
  return *exit;
}

}  // namespace coppice::app

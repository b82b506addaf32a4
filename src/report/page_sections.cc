#include "report/page_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/analytics.h"
#include "report/facts.h"
#include "report/show.h"
#include "report/words.h"

namespace coppice::report {
namespace {

constexpr std::size_t kReasons = 3;
constexpr std::size_t kNodes = 12;
constexpr std::size_t kGroups = 40;

OrderedJson TallyJson(const std::string& name, const Tally& tally) {
  return {{"name", name.empty() ? "(none)" : Safe(name, 80)},
          {"attempts", tally.attempts},
          {"improved", tally.improved},
          {"measured", tally.measured},
          {"failed", tally.failed},
          {"gain", tally.gain},
          {"usd", tally.usd}};
}

// The largest first: models invent categories.
OrderedJson TalliesJson(const std::map<std::string, Tally>& tallies) {
  std::vector<std::pair<std::string, Tally>> sorted(tallies.begin(),
                                                    tallies.end());
  std::ranges::sort(sorted, {}, [](const auto& entry) {
    return std::pair(-entry.second.attempts, entry.first);
  });
  sorted.resize(std::min(sorted.size(), kGroups));
  OrderedJson json = OrderedJson::array();
  for (const auto& [name, tally] : sorted) {
    json.push_back(TallyJson(name, tally));
  }
  return json;
}

OrderedJson CallsJson(const search::State& state) {
  OrderedJson json = OrderedJson::array();
  for (const auto& [key, line] : state.ledger()) {
    if (json.size() == kGroups) break;
    json.push_back({{"arm", Safe(key.arm, 80)},
                    {"op", Name(key.op)},
                    {"role", Safe(key.role, 40)},
                    {"calls", line.calls},
                    {"failed", line.failed},
                    {"input", line.input},
                    {"cached", line.cached},
                    {"output", line.output},
                    {"usd", line.usd()},
                    {"unpriced", line.unpriced}});
  }
  return json;
}

// The reasons of one outcome, the most frequent first.
struct Failure {
  int count = 0;
  std::vector<AttemptId> nodes;
  std::map<std::string, int> reasons;
};

OrderedJson ReasonsJson(const Failure& failure) {
  std::vector<std::pair<std::string, int>> sorted(failure.reasons.begin(),
                                                  failure.reasons.end());
  std::ranges::sort(sorted, {}, [](const auto& entry) {
    return std::pair(-entry.second, entry.first);
  });
  OrderedJson json = OrderedJson::array();
  for (std::size_t i = 0; i < std::min(kReasons, sorted.size()); ++i) {
    if (!sorted[i].first.empty()) {
      json.push_back({{"text", sorted[i].first}, {"count", sorted[i].second}});
    }
  }
  return json;
}

OrderedJson GatesJson(const search::State& state) {
  const spec::Metric& metric = state.spec().metric;
  OrderedJson json = OrderedJson::array();
  auto add = [&](const std::string& name, const std::string& rule) {
    const auto base = state.measurements().Number(AttemptId(0), name);
    const auto now = state.measurements().Number(BestAttempt(state), name);
    OrderedJson row = {{"name", Safe(name, 60)}, {"rule", Safe(rule, 60)}};
    row["base"] = base ? OrderedJson(*base) : OrderedJson(nullptr);
    row["best"] = now ? OrderedJson(*now) : OrderedJson(nullptr);
    json.push_back(std::move(row));
  };
  for (const spec::Gate& gate : metric.gates) add(gate.name, gate.check);
  for (const spec::Guard& guard : metric.guards) {
    const double most = guard.max_regression;
    add(guard.name,
        guard.relative
            ? fmt::format("at most {}% worse", FormatShort(100 * most))
            : fmt::format("at most {} worse", FormatShort(most)));
  }
  return json;
}

}  // namespace

OrderedJson EffortJson(const search::State& state) {
  const Analytics all = Analyse(state);
  OrderedJson files = OrderedJson::array();
  for (const HotFile& file : all.hot_files) {
    files.push_back({{"path", Safe(file.path, 200)},
                     {"changed", file.changed},
                     {"improved", file.improved}});
  }
  return {{"operators", TalliesJson(all.by_operator)},
          {"arms", TalliesJson(all.by_arm)},
          {"categories", TalliesJson(all.by_category)},
          {"files", files},
          {"calls", CallsJson(state)},
          {"samples", all.samples},
          {"measure_seconds", all.measure_seconds},
          {"wasted_seconds", all.wasted_seconds},
          {"never_measured", all.never_measured},
          {"usd", all.usd},
          {"gain", all.gain}};
}

OrderedJson FailuresJson(const search::State& state) {
  std::map<Outcome, Failure> failures;
  for (AttemptId attempt : state.order_of_completion()) {
    const std::optional<Outcome> outcome = OutcomeOf(state, attempt);
    if (!outcome || MayBeImproved(*outcome)) continue;
    Failure& failure = failures[*outcome];
    ++failure.count;
    if (failure.nodes.size() < kNodes) failure.nodes.push_back(attempt);
    ++failure.reasons[Safe(ReasonOf(state, attempt), 160)];
  }
  std::vector<std::pair<Outcome, Failure>> sorted(failures.begin(),
                                                  failures.end());
  std::ranges::sort(sorted, {}, [](const auto& entry) {
    return std::pair(-entry.second.count, entry.first);
  });
  OrderedJson json = OrderedJson::array();
  for (const auto& [outcome, failure] : sorted) {
    OrderedJson nodes = OrderedJson::array();
    for (AttemptId node : failure.nodes) nodes.push_back(node.value());
    json.push_back({{"outcome", Name(outcome)},
                    {"count", failure.count},
                    {"rule", RuleOf(outcome)},
                    {"nodes", nodes},
                    {"reasons", ReasonsJson(failure)}});
  }
  return json;
}

OrderedJson ProofJson(const search::State& state) {
  OrderedJson finals = OrderedJson::array();
  if (state.final()) {
    for (const search::Finalist& finalist : state.final()->finalists) {
      if (finalist.values.empty()) continue;
      finals.push_back(
          {{"n", finalist.node.value()},
           {"value", state.measurements().Aggregate(finalist.values)},
           {"values", finalist.values}});
    }
  }
  OrderedJson notes = OrderedJson::array();
  for (const search::Noted& note : state.notes()) {
    if (note.kind.starts_with("canary")) {
      notes.push_back("Drift: " + Safe(note.text, 300));
    }
  }
  return {{"final", finals}, {"gates", GatesJson(state)}, {"notes", notes}};
}

}  // namespace coppice::report

#include "app/watch_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "report/facts.h"
#include "report/plot.h"
#include "report/progress.h"
#include "report/words.h"

namespace coppice::app {
namespace {

using report::NodeName;
using report::Safe;
using Row = WatchModel::Row;

constexpr std::size_t kRecent = 200;   // attempts
constexpr std::size_t kWholePath = 8;  // nodes; longer ones lose their middle
constexpr std::size_t kWidest = 400;   // columns

Tone ToneOf(const search::State& state, AttemptId attempt) {
  const std::optional<Outcome> outcome = report::OutcomeOf(state, attempt);
  if (!outcome) return Tone::kWarn;
  switch (StatusOf(*outcome)) {
    case Status::kKeep:
      return Tone::kGood;
    case Status::kCrash:
      return Tone::kBad;
    default:
      return MayBeImproved(*outcome) ? Tone::kPlain : Tone::kDim;
  }
}

Tone ToneOfState(std::string_view word) {
  if (word == "paused" || word == "interrupted") return Tone::kWarn;
  return word == "finished" ? Tone::kPlain : Tone::kGood;
}

// "#17 improve 9.87 -20.5%  the idea"
std::string AttemptText(const search::State& state, AttemptId attempt) {
  const std::optional<Outcome> outcome = report::OutcomeOf(state, attempt);
  const std::optional<double> value = report::ComparableValue(state, attempt);
  std::string result = "under way";
  if (value) {
    result = fmt::format("{} {}", FormatShort(*value),
                         report::ChangeText(state, value));
  } else if (outcome) {
    result = Name(*outcome);
  }
  std::string mark = "~";
  if (attempt == report::BestAttempt(state)) {
    mark = "*";
  } else if (outcome) {
    mark = report::Mark(*outcome);
  }
  const std::string head =
      fmt::format("{} {} {} {}", mark, report::Left(NodeName(attempt), 4),
                  report::Left(report::OperatorWord(state, attempt), 8),
                  report::Left(result, 16));
  return head + " " + Safe(report::StoryOf(state, attempt), kWidest);
}

std::vector<Row> TreeRows(const search::State& state) {
  std::vector<Row> rows;
  std::vector<AttemptId> path =
      report::Lineage(state, report::BestAttempt(state));
  std::ranges::reverse(path);  // the best first: it is what fits at least
  rows.push_back({Tone::kTitle, "best path"});
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path.size() > kWholePath && i == 5) {
      const std::size_t left_out = path.size() - kWholePath + 1;
      rows.push_back({Tone::kDim, fmt::format("  … {} more …", left_out)});
      i += left_out - 1;
      continue;
    }
    rows.push_back({ToneOf(state, path[i]), AttemptText(state, path[i])});
  }
  const std::vector<AttemptId>& finished = state.order_of_completion();
  if (finished.empty()) return rows;
  rows.push_back({Tone::kTitle, "latest"});
  std::size_t shown = 0;
  for (auto at = finished.rbegin(); at != finished.rend(); ++at) {
    if (++shown > kRecent) break;
    rows.push_back({ToneOf(state, *at), AttemptText(state, *at)});
  }
  return rows;
}

std::vector<Row> ArmRows(const search::State& state) {
  int all = 0;
  for (const auto& [name, arm] : state.arm_stats()) all += arm.given;
  std::vector<Row> rows;
  for (const auto& [name, arm] : state.arm_stats()) {
    const int share = all == 0 ? 0 : 100 * arm.given / all;
    std::string text = fmt::format(
        "{:>3}%  {:>4}  {:>3} better  {:>7}  {}", share, arm.given,
        arm.improved, report::Dollars(arm.usd), Safe(name, kWidest));
    auto off = state.arms_off().find(name);
    if (off == state.arms_off().end()) {
      rows.push_back({Tone::kPlain, std::move(text)});
    } else {
      rows.push_back({Tone::kBad, text + "  off: " + Safe(off->second.cause)});
    }
  }
  return rows;
}

std::string Notice(const search::State& state, std::string_view word) {
  if (state.stopped()) {
    return fmt::format("{}; coppice top {} / coppice resume {}",
                       report::StopText(state), state.run(), state.run());
  }
  if (state.paused()) {
    const search::Paused& paused = *state.paused();
    return fmt::format("paused, {}: {}", Safe(paused.cause),
                       Safe(paused.detail, kWidest));
  }
  if (word == "interrupted") {
    return fmt::format("its process is gone; coppice resume {}", state.run());
  }
  return "";
}

}  // namespace

std::optional<Row> EventRow(const search::State& state,
                            const search::Record& record) {
  const std::string at = FormatUtc(record.at).substr(11, 8) + " ";
  const std::optional<AttemptId> about = search::AttemptOf(record.event);
  if (const auto* e = std::get_if<search::Evaluated>(&record.event)) {
    if (e->outcome == Outcome::kImproved) {
      return Row{Tone::kGood, at + AttemptText(state, e->node)};
    }
  }
  const bool ended = std::holds_alternative<search::Evaluated>(record.event) ||
                     std::holds_alternative<search::Rejected>(record.event);
  if (ended && about) {
    return Row{ToneOf(state, *about), at + AttemptText(state, *about)};
  }
  if (std::holds_alternative<search::Told>(record.event)) {
    const auto& told = std::get<search::Told>(record.event);
    return Row{Tone::kWarn, at + "told " + Safe(told.directive, kWidest)};
  }
  std::optional<std::string> line =
      report::ProgressLine(state, record, {.colour = false, .width = kWidest});
  if (!line) return std::nullopt;
  const bool loud = std::holds_alternative<search::Paused>(record.event) ||
                    std::holds_alternative<search::Noted>(record.event);
  return Row{loud ? Tone::kWarn : Tone::kPlain,
             at + Safe(line->substr(0, line->find('\n')), kWidest)};
}

WatchModel MakeWatchModel(const search::State& state, WallTime now,
                          const report::StatusExtra& extra) {
  const spec::Spec& spec = state.spec();
  const report::Standing standing = report::StandingOf(state, now, extra);
  WatchModel model;
  model.name = spec.name;
  model.run = state.run();
  model.state = report::StatusWord(state, extra.alive);
  model.state_tone = ToneOfState(model.state);
  model.elapsed = FormatDuration(standing.used.hours * 3600);
  model.finished = standing.used.finished;
  model.total = spec.budget.max_nodes;
  const report::Pace pace = report::PaceOf(state, now);
  if (pace.eta_seconds && !state.stopped()) {
    model.eta =
        fmt::format("{} ({})", FormatDuration(*pace.eta_seconds), pace.limit);
  }
  if (!state.stopped()) {
    model.limiting = report::Limiting(state, now, extra);
  }
  model.cost = report::SpentText(standing.used);
  if (spec.budget.max_cost_usd) {
    model.cost += " of " + report::Dollars(*spec.budget.max_cost_usd);
  }
  if (extra.slots_total > 0) {
    model.slots = fmt::format("{}/{}", standing.slots_busy, extra.slots_total);
  }
  model.result = report::ResultText(state);
  const AttemptId best = report::BestAttempt(state);
  if (best.value() > 0) {
    model.best = NodeName(best);
    if (auto sure = report::ConfidenceOf(state, best)) {
      model.best += "; " + sure->sentence;
    }
  }
  model.metric = Safe(spec.metric.name, 40);
  model.minimize = spec.metric.direction == spec::Direction::kMinimize;
  model.best_so_far = report::BestSoFar(state);
  if (!model.best_so_far.empty()) model.measured.emplace_back(std::nullopt);
  for (AttemptId attempt : state.order_of_completion()) {
    model.measured.push_back(report::ComparableValue(state, attempt));
  }
  model.tree = TreeRows(state);
  for (const report::Waiting& one : standing.waiting) {
    const double age =
        std::max(0.0, std::chrono::duration<double>(now - one.since).count());
    model.running.push_back(
        {Tone::kPlain,
         fmt::format("{} {} {:>7}  {}", report::Left(NodeName(one.node), 5),
                     report::Left(Safe(one.phase), 8), FormatDuration(age),
                     Safe(one.why, kWidest))});
  }
  model.arms = ArmRows(state);
  model.notice = Notice(state, model.state);
  return model;
}

}  // namespace coppice::app

#include "report/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/arms.h"
#include "report/baseline.h"
#include "report/facts.h"
#include "report/progress.h"
#include "report/words.h"
#include "search/budget.h"

namespace coppice::report {
namespace {

using Seconds = std::chrono::duration<double>;

// A run that has stopped does not age.
WallTime AgeAt(const search::State& state, WallTime now) {
  return state.stopped() || state.paused() ? state.last_at()
                                           : std::max(now, state.last_at());
}

Waiting WaitingFor(const search::State& state, AttemptId attempt) {
  const search::InfoView info = state.Info(attempt);
  Waiting waiting{.node = attempt};
  if (info != nullptr) waiting.since = info->selected_at;
  if (NodeOf(state, attempt) == nullptr) {
    waiting.phase = "propose";
    waiting.why = info == nullptr || info->selected.arm.empty()
                      ? "its change is being made"
                      : "asked " + Safe(info->selected.arm, 60);
  } else if (SamplesOf(state, attempt) == 0) {
    waiting.phase = "evaluate";
    waiting.why = "build, checks and the first sample";
  } else {
    waiting.phase = "confirm";
    waiting.why = "fresh pairs against the best";
  }
  return waiting;
}

std::vector<Waiting> WaitingOf(const search::State& state,
                               const StatusExtra& extra) {
  if (!extra.waiting.empty() || state.stopped()) return extra.waiting;
  std::vector<Waiting> waiting;
  for (AttemptId attempt : state.Open()) {
    waiting.push_back(WaitingFor(state, attempt));
  }
  return waiting;
}

// Attempts that are with their proposer; the others are being evaluated.
std::ptrdiff_t Proposing(const std::vector<Waiting>& waiting) {
  return std::ranges::count(waiting, "propose", &Waiting::phase);
}

int SlotsBusy(const search::State& state, const StatusExtra& extra) {
  if (extra.slots_busy) return *extra.slots_busy;
  const std::vector<Waiting> waiting = WaitingOf(state, extra);
  const auto evaluating =
      static_cast<int>(std::ssize(waiting) - Proposing(waiting));
  return std::min(evaluating, extra.slots_total);
}

std::string Models(const search::State& state) {
  std::string names;
  for (const spec::Proposer& proposer : state.spec().proposers) {
    names += (names.empty() ? "" : ", ") + Safe(proposer.name, 80);
  }
  return names;
}

template <class T>
OrderedJson OrNull(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

OrderedJson TokensJson(const search::State& state) {
  std::int64_t input = 0;
  std::int64_t output = 0;
  for (AttemptId attempt : Attempts(state)) {
    const search::InfoView info = state.Info(attempt);
    if (info == nullptr) continue;
    input += info->input_tokens;
    output += info->output_tokens;
  }
  return {{"input", input},
          {"output", output},
          {"limit", OrNull(state.spec().budget.max_tokens)}};
}

OrderedJson WaitingJson(const std::vector<Waiting>& all) {
  OrderedJson json = OrderedJson::array();
  for (const Waiting& waiting : all) {
    json.push_back({{"node", waiting.node.value()},
                    {"phase", Safe(waiting.phase)},
                    {"since", FormatUtc(waiting.since)},
                    {"why", Safe(waiting.why, 200)}});
  }
  return json;
}

// A run that the user has paused still lives, unless its process does not.
std::string GoOn(const search::State& state, std::optional<bool> alive) {
  const bool waits =
      state.paused()->cause == search::kPausedByUser && alive.value_or(false);
  return waits ? fmt::format("coppice tell {} --continue", state.run())
               : "coppice resume " + state.run();
}

OrderedJson PausedJson(const search::State& state, std::optional<bool> alive) {
  if (!state.paused()) return nullptr;
  const search::Paused& paused = *state.paused();
  const bool outage = paused.pause == search::PauseClass::kOutage;
  return {{"class", outage ? "outage" : "needs_user"},
          {"cause", Safe(paused.cause)},
          {"detail", Safe(paused.detail, 400)},
          {"next", GoOn(state, alive)}};
}

std::string OutcomeCounts(const search::State& state) {
  std::string text;
  for (const auto& [outcome, count] : state.Outcomes()) {
    text +=
        fmt::format("{}{} {}", text.empty() ? "" : ", ", count, Name(outcome));
  }
  return text.empty() ? "none yet" : text;
}

void AddLine(std::string& text, std::string_view name,
             const std::string& value) {
  if (!value.empty()) text += fmt::format("  {:<10} {}\n", name, value);
}

std::string AttemptsLine(const search::State& state,
                         const search::Consumption& used) {
  const std::optional<int> limit = state.spec().budget.max_nodes;
  return fmt::format("{}{} finished, {} under way", used.finished,
                     limit ? fmt::format(" of {}", *limit) : "",
                     used.in_flight);
}

std::string BestLine(const search::State& state) {
  const AttemptId best = BestAttempt(state);
  if (best.value() == 0) return "the baseline; nothing confirmed is better";
  std::string line = NodeName(best) + "  " + ResultText(state);
  if (auto confidence = ConfidenceOf(state, best)) {
    line += "; " + confidence->sentence;
  }
  return line;
}

std::string CostLine(const search::State& state,
                     const search::Consumption& used) {
  const std::optional<double> limit = state.spec().budget.max_cost_usd;
  std::string line = SpentText(used);
  if (limit) line += " of " + Dollars(*limit);
  if (used.usd_reserved > 0) {
    line += fmt::format(" ({} reserved)", Dollars(used.usd_reserved));
  }
  if (used.tokens > 0) line += ", " + Count(used.tokens, "token");
  return line;
}

std::string PaceLine(const Pace& pace, std::string_view limiting) {
  if (!pace.eta_seconds) return "not known before the first node";
  return fmt::format("{} nodes an hour, at most {} to go ({}); limiting: {}",
                     FormatShort(pace.nodes_per_hour, 3),
                     FormatDuration(*pace.eta_seconds), pace.limit, limiting);
}

}  // namespace

Pace PaceOf(const search::State& state, WallTime now) {
  const spec::Budget& budget = state.spec().budget;
  const search::Consumption used = state.Used(AgeAt(state, now));
  Pace pace;
  if (used.finished == 0 || used.hours <= 0) return pace;
  pace.nodes_per_hour = used.finished / used.hours;
  // Each limit in hours from now, if all goes on as it went so far.
  auto consider = [&](std::string_view name, auto limit, double spent,
                      double per_hour) {
    if (!limit || per_hour <= 0) return;
    const double left =
        std::max(0.0, static_cast<double>(*limit) - spent) / per_hour * 3600;
    if (pace.eta_seconds && *pace.eta_seconds <= left) return;
    pace.eta_seconds = left;
    pace.limit = name;
  };
  consider("max_nodes", budget.max_nodes, used.finished, pace.nodes_per_hour);
  consider("max_hours", budget.max_hours, used.hours, 1);
  consider("max_evaluation_hours", budget.max_evaluation_hours,
           used.evaluation_hours, used.evaluation_hours / used.hours);
  consider("max_cost_usd", budget.max_cost_usd, used.usd,
           used.usd / used.hours);
  consider("max_tokens", budget.max_tokens, static_cast<double>(used.tokens),
           static_cast<double>(used.tokens) / used.hours);
  return pace;
}

Standing StandingOf(const search::State& state, WallTime now,
                    const StatusExtra& extra) {
  return {.used = state.Used(AgeAt(state, now)),
          .waiting = WaitingOf(state, extra),
          .slots_busy = SlotsBusy(state, extra)};
}

std::string_view StatusWord(const search::State& state,
                            std::optional<bool> alive) {
  if (state.stopped()) {
    const bool interrupted =
        state.stopped()->exit > 128 || state.stopped()->reason == "interrupted";
    return interrupted ? "interrupted" : "finished";
  }
  if (state.paused()) return "paused";
  if (alive && !*alive) return "interrupted";
  if (!OutcomeOf(state, AttemptId(0))) return "starting";
  return state.race().empty() ? "running" : "final";
}

std::string_view Limiting(const search::State& state, WallTime now,
                          const StatusExtra& extra) {
  const search::Budget budget(state.spec().budget);
  const search::Consumption used = state.Used(AgeAt(state, now));
  if (budget.Reached(used) || budget.Room(used) <= 0) return "budget";
  // Slots that are free wait for what is being proposed, however many are not.
  const bool slots_full =
      extra.slots_total > 0 && SlotsBusy(state, extra) >= extra.slots_total;
  const bool proposing = Proposing(WaitingOf(state, extra)) > 0;
  return !slots_full && proposing ? "proposer" : "evaluation";
}

OrderedJson StatusJson(const search::State& state, WallTime now,
                       const StatusExtra& extra) {
  const spec::Spec& spec = state.spec();
  const search::Consumption used = state.Used(AgeAt(state, now));
  const Pace pace = PaceOf(state, now);
  const AttemptId best = BestAttempt(state);
  const bool minimize = spec.metric.direction == spec::Direction::kMinimize;

  OrderedJson json;
  json["run_id"] = state.run();
  json["status"] = StatusWord(state, extra.alive);
  json["current_step"] = used.finished;
  json["total_steps"] = OrNull(spec.budget.max_nodes);
  json["best_metric"] = OrNull(ValueOf(state, best));
  json["best_step"] = best.value();
  json["metric_name"] = Sanitize(spec.metric.name);
  json["goal"] = minimize ? "minimize" : "maximize";
  json["model"] = Models(state);
  json["pending_nodes"] = used.in_flight;
  json["outcomes"] = OrderedJson::object();
  for (const auto& [outcome, count] : state.Outcomes()) {
    json["outcomes"][std::string(Name(outcome))] = count;
  }
  const bool unknown = used.price_unknown && used.usd == 0;
  json["cost"] = {
      {"spent", unknown ? OrderedJson(nullptr) : OrderedJson(used.usd)},
      {"reserved", used.usd_reserved},
      {"limit", OrNull(spec.budget.max_cost_usd)}};
  json["tokens"] = TokensJson(state);
  json["arms"] = ArmsJson(state);
  json["nodes_per_hour"] = pace.nodes_per_hour;
  json["slots"] = {{"busy", SlotsBusy(state, extra)},
                   {"total", extra.slots_total}};
  json["limiting"] = Limiting(state, now, extra);
  json["eta"] =
      state.stopped() ? OrderedJson(nullptr) : OrNull(pace.eta_seconds);
  json["waiting"] = WaitingJson(WaitingOf(state, extra));
  json["locks"] = OrderedJson::object();
  for (const auto& [name, holder] : extra.locks) {
    json["locks"][name] = Sanitize(holder);
  }
  json["paused"] = PausedJson(state, extra.alive);
  return json;
}

std::string StatusText(const search::State& state, WallTime now,
                       const StatusExtra& extra) {
  const WallTime then = AgeAt(state, now);
  const search::Consumption used = state.Used(then);
  std::string text = fmt::format("{}  {}  {}, {}\n", state.spec().name,
                                 state.run(), StatusWord(state, extra.alive),
                                 FormatDuration(used.hours * 3600));
  AddLine(text, "goal", Safe(state.spec().goal, 100));
  AddLine(text, "baseline", BaselineText(state));
  AddLine(text, "judge", AnchorShiftText(state));
  AddLine(text, "best", BestLine(state));
  if (state.final()) AddLine(text, "final", FinalText(state, *state.final()));
  AddLine(text, "attempts", AttemptsLine(state, used));
  AddLine(text, "outcomes", OutcomeCounts(state));
  AddLine(text, "cost", CostLine(state, used));
  for (const std::string& line : ArmLines(state)) AddLine(text, "arm", line);
  if (!state.stopped()) {
    AddLine(text, "pace",
            PaceLine(PaceOf(state, now), Limiting(state, now, extra)));
  }
  if (extra.slots_total > 0 && !state.stopped()) {
    AddLine(text, "slots",
            fmt::format("{} of {} busy", SlotsBusy(state, extra),
                        extra.slots_total));
  }
  for (const Waiting& one : WaitingOf(state, extra)) {
    const double age = std::max(0.0, Seconds(then - one.since).count());
    AddLine(text, "waiting",
            fmt::format("{} {} for {}: {}", NodeName(one.node), Safe(one.phase),
                        FormatDuration(std::round(age)), Safe(one.why, 100)));
  }
  for (const auto& [name, holder] : extra.locks) {
    AddLine(text, "lock", fmt::format("{}: {}", name, Safe(holder, 200)));
  }
  if (state.paused()) {
    AddLine(text, "paused",
            fmt::format("{}: {}", Safe(state.paused()->cause),
                        Safe(state.paused()->detail, 400)));
    AddLine(text, "go on", GoOn(state, extra.alive));
  }
  if (state.stopped()) {
    AddLine(text, "stopped", StopText(state));
  }
  return text;
}

}  // namespace coppice::report

#include "report/past_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "report/facts.h"
#include "report/status.h"
#include "report/words.h"

namespace coppice::report {
namespace {

std::string DigestOf(const search::State& state) {
  Result<Json> lock = ParseJson(state.start().lock_json, "baseline.lock");
  if (!lock || !lock->is_object()) return "";
  const auto found = lock->find("digest");
  return found != lock->end() && found->is_string() ? found->get<std::string>()
                                                    : "";
}

std::string WordOf(const search::State& state) {
  if (!state.final()) return "not measured again";
  return state.final()->confirmed ? Safe(state.final()->word, 40)
                                  : "not confirmed";
}

// "A", "B", ..., "Z", "27": a letter for each digest, in the order of the runs.
std::string LetterOf(const std::string& digest,
                     std::map<std::string, std::string>& letters) {
  if (digest.empty()) return "?";
  const std::size_t next = letters.size();
  auto [found, fresh] = letters.try_emplace(digest);
  if (fresh) {
    found->second = next < 26 ? std::string(1, static_cast<char>('A' + next))
                              : std::to_string(next + 1);
  }
  return found->second;
}

std::string Table(const std::vector<PastRun>& runs) {
  std::string text =
      "| Run | Status | Attempts | Baseline | Best | Change | Confidence | "
      "Time "
      "| Cost | Comparable |\n"
      "|---|---|---:|---:|---:|---:|---|---:|---:|---|\n";
  std::map<std::string, std::string> letters;
  for (const PastRun& run : runs) {
    const bool better = run.best.has_value();
    text += fmt::format(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", run.run,
        run.status, run.attempts,
        run.baseline ? FormatShort(*run.baseline) : "-",
        better ? FormatShort(*run.best) : "-", better ? run.change : "-",
        better ? Markdown(run.word) : "-", FormatDuration(run.hours * 3600),
        run.spent, LetterOf(run.digest, letters));
  }
  return text;
}

}  // namespace

PastRun Summarise(const search::State& state, bool alive) {
  const AttemptId best = BestAttempt(state);
  const search::Consumption used = state.Used(state.last_at());
  PastRun run;
  run.name = state.spec().name;
  run.run = state.run();
  run.status = StatusWord(state, alive);
  run.metric = Safe(state.spec().metric.name, 60);
  run.started = FormatUtc(state.started_at());
  run.attempts = used.finished;
  run.baseline = ValueOf(state, AttemptId(0));
  if (best.value() != 0) run.best = ValueOf(state, best);
  run.change = ChangeText(state, run.best);
  run.word = WordOf(state);
  run.spent = SpentText(used);
  run.usd = used.usd;
  run.hours = used.hours;
  run.digest = DigestOf(state);
  return run;
}

std::string PastRunsMarkdown(std::vector<PastRun> runs) {
  std::ranges::sort(runs, [](const PastRun& a, const PastRun& b) {
    return a.name != b.name ? a.name < b.name : a.run > b.run;
  });
  std::string text = "# Runs\n";
  if (runs.empty()) text += "\nThere is none yet.\n";
  for (auto begin = runs.begin(); begin != runs.end();) {
    const auto end = std::find_if(begin, runs.end(), [&](const PastRun& run) {
      return run.name != begin->name;
    });
    const std::vector<PastRun> group(begin, end);
    double usd = 0;
    double hours = 0;
    for (const PastRun& run : group) {
      usd += run.usd;
      hours += run.hours;
    }
    text += fmt::format("\n## {}\n\n{}, metric {}, {} and {} in all.\n\n{}",
                        begin->name, Count(std::ssize(group), "run"),
                        Markdown(begin->metric), FormatDuration(hours * 3600),
                        Dollars(usd), Table(group));
    begin = end;
  }
  if (!runs.empty()) {
    text +=
        "\nRuns with the same letter were measured by the same commands, "
        "metric and checks; values of others do not compare.\n";
  }
  return text;
}

OrderedJson PastRunsJson(const std::vector<PastRun>& runs) {
  OrderedJson json = OrderedJson::array();
  for (const PastRun& run : runs) {
    OrderedJson entry = {{"name", run.name},     {"run", run.run},
                         {"status", run.status}, {"started", run.started},
                         {"metric", run.metric}, {"attempts", run.attempts},
                         {"baseline", nullptr},  {"best", nullptr},
                         {"change", run.change}, {"confidence", run.word},
                         {"hours", run.hours},   {"usd", run.usd},
                         {"digest", run.digest}};
    if (run.baseline) entry["baseline"] = *run.baseline;
    if (run.best) entry["best"] = *run.best;
    json.push_back(std::move(entry));
  }
  return json;
}

}  // namespace coppice::report

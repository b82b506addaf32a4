#include "report/top.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"

namespace coppice::report {
namespace {

constexpr std::size_t kTableWidth = 100;

std::string TableRow(const std::string& rank, const std::string& node,
                     std::string_view outcome, const std::string& value,
                     const std::string& change, const std::string& samples,
                     const std::string& idea) {
  const std::string row = fmt::format(
      "{} {} {} {} {} {}  ", Right(rank, 4), Left(node, 6), Left(outcome, 15),
      Right(value, 12), Right(change, 8), Right(samples, 7));
  const std::size_t used = Columns(row);
  const std::string text =
      row + Safe(idea, kTableWidth > used + 20 ? kTableWidth - used : 20);
  return text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
}

std::string CsvCell(const std::string& text) {
  std::string cell;
  const bool formula =
      !text.empty() &&
      (text[0] == '=' || text[0] == '@' || text[0] == '+' || text[0] == '-') &&
      !ParseNumber(text);
  if (formula) cell += '\'';
  for (char c : text) {
    if (c == '"') cell += '"';
    cell += c;
  }
  const bool quote =
      formula || cell.find_first_of(",\"\r\n") != std::string::npos;
  return quote ? '"' + cell + '"' : cell;
}

// 1, 2, 3, ... for measured nodes; nothing for the rest.
std::vector<std::size_t> Ranks(const search::State& state,
                               const std::vector<AttemptId>& attempts) {
  std::vector<std::size_t> ranks(attempts.size(), 0);
  const std::size_t measured = Ranking(state).size();
  for (std::size_t i = 0; i < std::min(measured, attempts.size()); ++i) {
    ranks[i] = i + 1;
  }
  return ranks;
}

}  // namespace

std::vector<AttemptId> TopAttempts(const search::State& state,
                                   const TopOptions& options) {
  std::vector<AttemptId> attempts = Ranking(state);
  if (!options.all) {
    attempts.resize(std::min(attempts.size(), options.count));
    return attempts;
  }
  const std::unordered_set<AttemptId> ranked(attempts.begin(), attempts.end());
  for (AttemptId attempt : state.order_of_completion()) {
    if (!ranked.contains(attempt)) attempts.push_back(attempt);
  }
  return attempts;
}

std::string TopTable(const search::State& state, const TopOptions& options) {
  const std::vector<AttemptId> attempts = TopAttempts(state, options);
  const std::vector<std::size_t> ranks = Ranks(state, attempts);
  const AttemptId best = BestAttempt(state);
  std::string table =
      TableRow("rank", "node", "outcome", Safe(state.spec().metric.name, 12),
               "change", "samples", "idea");
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const AttemptId attempt = attempts[i];
    const bool ranked = ranks[i] > 0;
    const std::optional<double> value = ComparableValue(state, attempt);
    const std::string word = fmt::format("{}{}", OutcomeWord(state, attempt),
                                         attempt == best ? ", best" : "");
    const bool changed = ranked && attempt.value() != 0;
    table += TableRow(
        ranked ? std::to_string(ranks[i]) : "-", NodeName(attempt), word,
        ranked && value ? FormatShort(*value) : "",
        changed ? ChangeText(state, value) : "",
        std::to_string(SamplesOf(state, attempt)), StoryOf(state, attempt));
  }
  const std::size_t measured = Ranking(state).size();
  if (!options.all && measured > attempts.size()) {
    table += fmt::format("{} more; -n {} or --all shows them\n",
                         measured - attempts.size(), measured);
  }
  return table;
}

OrderedJson TopJson(const search::State& state, const TopOptions& options) {
  const std::vector<AttemptId> attempts = TopAttempts(state, options);
  const std::vector<std::size_t> ranks = Ranks(state, attempts);
  OrderedJson nodes = OrderedJson::array();
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    OrderedJson record = NodeRecord(state, attempts[i]);
    record["rank"] = ranks[i] > 0 ? OrderedJson(ranks[i]) : nullptr;
    nodes.push_back(std::move(record));
  }
  return {{"run", state.run()},
          {"best", BestAttempt(state).value()},
          {"nodes", std::move(nodes)}};
}

std::string TopCsv(const search::State& state, const TopOptions& options) {
  const std::vector<AttemptId> attempts = TopAttempts(state, options);
  const std::vector<std::size_t> ranks = Ranks(state, attempts);
  std::string csv =
      fmt::format("rank,node,outcome,{},change,samples,commit,idea\r\n",
                  CsvCell(Safe(state.spec().metric.name)));
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const AttemptId attempt = attempts[i];
    const std::optional<double> value = ComparableValue(state, attempt);
    const search::Node* node = NodeOf(state, attempt);
    csv += fmt::format(
        "{},{},{},{},{},{},{},{}\r\n",
        ranks[i] > 0 ? std::to_string(ranks[i]) : "", attempt.value(),
        OutcomeWord(state, attempt), value ? FormatNumber(*value) : "",
        ranks[i] > 0 ? ChangeText(state, value) : "", SamplesOf(state, attempt),
        node == nullptr ? "" : node->commit.Hex(),
        CsvCell(Safe(IdeaOf(state, attempt), 200)));
  }
  return csv;
}

}  // namespace coppice::report

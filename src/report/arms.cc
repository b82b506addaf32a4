#include "report/arms.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"
#include "report/words.h"

namespace coppice::report {
namespace {

std::string OffOf(const search::State& state, const std::string& arm) {
  auto off = state.arms_off().find(arm);
  return off == state.arms_off().end() ? "" : off->second.cause;
}

std::string FormatRows(const search::State& state) {
  std::string rows;
  for (const auto& [arm, stats] : state.arm_stats()) {
    for (const auto& [format, formed] : stats.formats) {
      if (formed.answered == 0) continue;
      rows += fmt::format("| {} | {} | {} | {:.0f}% |\n", Markdown(arm),
                          Markdown(format), formed.answered,
                          100.0 * formed.well_formed / formed.answered);
    }
  }
  if (rows.empty()) return "";
  return "\nAnswers whose edits applied as they were, the first time:\n\n"
         "| Arm | Format | Answers | Well-formed |\n|---|---|---:|---:|\n" +
         rows;
}

std::string LedgerRows(const search::State& state) {
  std::string rows;
  for (const auto& [key, line] : state.ledger()) {
    if (line.input + line.output == 0 && line.picodollars == 0) continue;
    std::string cost = line.unpriced > 0 && line.picodollars == 0
                           ? "unknown"
                           : Dollars(line.usd());
    rows += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
                        Markdown(key.arm), Name(key.op), Markdown(key.role),
                        line.calls, line.failed, line.input, line.cached,
                        line.output, cost, line.estimated);
  }
  if (rows.empty()) return "";
  return "\nEvery call, by what it was for:\n\n"
         "| Arm | Operator | Purpose | Calls | Failed | Tokens in | Cached | "
         "Tokens out | Cost | Estimated |\n"
         "|---|---|---|---:|---:|---:|---:|---:|---:|---:|\n" +
         rows;
}

}  // namespace

std::string ArmsSection(const search::State& state) {
  if (state.arm_stats().empty()) return "";
  std::string text =
      "| Arm | Attempts | Improved | No usable answer | Reward | Cost | "
      "Off |\n|---|---:|---:|---:|---:|---:|---|\n";
  for (const auto& [arm, stats] : state.arm_stats()) {
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", Markdown(arm),
                        stats.given, stats.improved, stats.failed,
                        FormatShort(stats.reward, 3), Dollars(stats.usd),
                        Markdown(OffOf(state, arm)));
  }
  return text + FormatRows(state) + LedgerRows(state);
}

OrderedJson ArmsJson(const search::State& state) {
  OrderedJson arms = OrderedJson::array();
  for (const auto& [arm, stats] : state.arm_stats()) {
    OrderedJson json;
    json["name"] = Sanitize(arm);
    json["attempts"] = stats.given;
    json["improved"] = stats.improved;
    json["failed"] = stats.failed;
    json["reward"] = stats.reward;
    json["usd"] = stats.usd;
    const std::string off = OffOf(state, arm);
    json["off"] = off.empty() ? OrderedJson(nullptr) : OrderedJson(off);
    arms.push_back(std::move(json));
  }
  return arms;
}

std::vector<std::string> ArmLines(const search::State& state) {
  std::vector<std::string> lines;
  for (const auto& [arm, stats] : state.arm_stats()) {
    std::string line = fmt::format(
        "{}: {} attempts, {} improved, {} without a usable answer",
        OneLine(arm, 60), stats.given, stats.improved, stats.failed);
    if (stats.usd > 0) line += ", " + Dollars(stats.usd);
    auto off = state.arms_off().find(arm);
    if (off != state.arms_off().end()) {
      line += fmt::format("; off: {}", OneLine(off->second.reason, 160));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace coppice::report

#include "llm/agent_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/text.h"

// The shapes were taken from claude-code 2.1.197, codex 0.169.0 and gemini-cli
// 0.61.0. They change: every field may be absent or of another type.

namespace coppice::llm {
namespace {

constexpr std::size_t kTroubleWidth = 200;
constexpr std::int64_t kMostTokens = 1'000'000'000'000;

Json Parse(std::string_view text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

// The member, or null.
const Json& At(const Json& json, const char* key) {
  static const Json null;
  if (!json.is_object()) return null;
  const auto found = json.find(key);
  return found == json.end() ? null : *found;
}

std::string Text(const Json& json, const char* key) {
  const Json& value = At(json, key);
  return value.is_string() ? Sanitize(value.get_ref<const std::string&>())
                           : std::string();
}

std::int64_t Tokens(const Json& json, const char* key) {
  const Json& value = At(json, key);
  if (!value.is_number()) return 0;
  const double count = value.get<double>();
  if (!(count > 0)) return 0;
  return std::min(kMostTokens,
                  static_cast<std::int64_t>(std::min(count, 1e15)));
}

std::optional<double> Dollars(const Json& json, const char* key) {
  const Json& value = At(json, key);
  if (!value.is_number()) return std::nullopt;
  const double usd = value.get<double>();
  if (!std::isfinite(usd) || usd < 0) return std::nullopt;
  return usd;
}

// The last object that begins at the start of a line and is all of what
// follows; programs print warnings before it, and sometimes behind it.
Json LastObject(std::string_view text) {
  constexpr int kMostTries = 64;
  const std::size_t end = text.rfind('}');
  if (end == text.npos) return nullptr;
  text = text.substr(0, end + 1);
  std::size_t begin = text.size();
  for (int i = 0; i < kMostTries && begin > 0; ++i) {
    begin = text.rfind("\n{", begin - 1);
    const std::size_t at = begin == text.npos ? 0 : begin + 1;
    if (text.substr(at).starts_with('{')) {
      Json json = Parse(text.substr(at));
      if (json.is_object()) return json;
    }
    if (begin == text.npos) break;
  }
  return nullptr;
}

void Flag(AgentReport& report, std::string_view word, const std::string& text) {
  if (!text.empty())
    report.flags.push_back(OneLine(fmt::format("{} {}", word, text), 100));
}

std::string Denials(const Json& denials) {
  std::vector<std::string> tools;
  if (!denials.is_array()) return {};
  for (const Json& denial : denials) {
    std::string tool = Text(denial, "tool_name");
    if (tool.empty()) tool = "a tool";
    if (std::ranges::find(tools, tool) == tools.end())
      tools.push_back(std::move(tool));
  }
  std::string text;
  for (const std::string& tool : tools)
    text += (text.empty() ? "" : ", ") + tool;
  return text;
}

void ReadClaude(const Json& json, AgentReport& report) {
  report.text = Text(json, "result");
  report.usd = Dollars(json, "total_cost_usd");
  const Json& usage = At(json, "usage");
  report.cached = Tokens(usage, "cache_read_input_tokens");
  report.input = Tokens(usage, "input_tokens") + report.cached +
                 Tokens(usage, "cache_creation_input_tokens");
  report.output = Tokens(usage, "output_tokens");
  // All models it used, its helpers' too.
  const Json& models = At(json, "modelUsage");
  if (models.is_object() && !models.empty()) {
    report.input = report.output = report.cached = 0;
    for (const Json& model : models) {
      const std::int64_t cached = Tokens(model, "cacheReadInputTokens");
      report.cached += cached;
      report.input += Tokens(model, "inputTokens") + cached +
                      Tokens(model, "cacheCreationInputTokens");
      report.output += Tokens(model, "outputTokens");
    }
  }
  const std::string subtype = Text(json, "subtype");
  if (subtype != "success") Flag(report, "subtype", subtype);
  const bool error = At(json, "is_error") == Json(true);
  if (error) report.flags.emplace_back("is_error");
  const std::string denied = Denials(At(json, "permission_denials"));
  Flag(report, "permission denied:", denied);
  if (!denied.empty()) {
    report.trouble = "permission denied: " + denied;
  } else if (error) {
    report.trouble = report.text;
  }
}

// One event a line; a line that was cut is none.
void ReadCodex(std::string_view out, AgentReport& report) {
  for (std::string_view line : SplitLines(out)) {
    if (!line.starts_with('{')) continue;
    const Json event = Parse(line);
    const std::string type = Text(event, "type");
    const Json& item = At(event, "item");
    if (type == "turn.completed") {
      const Json& usage = At(event, "usage");
      report.input += Tokens(usage, "input_tokens");
      report.cached += Tokens(usage, "cached_input_tokens");
      report.output += Tokens(usage, "output_tokens");
    } else if (type == "turn.failed") {
      report.trouble = Text(At(event, "error"), "message");
      report.flags.emplace_back("turn failed");
    } else if (type == "error") {
      report.trouble = Text(event, "message");
    } else if (type == "item.completed" &&
               Text(item, "type") == "agent_message") {
      report.text = Text(item, "text");
    }
  }
}

void ReadGemini(const Json& json, AgentReport& report) {
  report.text = Text(json, "response");
  const Json& models = At(At(json, "stats"), "models");
  if (models.is_object()) {
    for (const Json& model : models) {
      const Json& tokens = At(model, "tokens");
      report.input += Tokens(tokens, "prompt") + Tokens(tokens, "tool");
      report.cached += Tokens(tokens, "cached");
      report.output +=
          Tokens(tokens, "candidates") + Tokens(tokens, "thoughts");
    }
  }
  const Json& error = At(json, "error");
  if (!error.is_null()) {
    report.trouble = Text(error, "message");
    Flag(report, "error", Text(error, "type"));
  }
}

// A login or a limit that failed stands somewhere in what it printed, and
// nothing else says so (aider ends with 0).
std::string FindTrouble(std::string_view text) {
  static constexpr std::array<std::string_view, 10> kSigns{
      "api key", "api_key", "apikey", "unauthorized",   "authenticat",
      "log in",  "login",   "quota",  "context length", "insufficient"};
  std::string found;
  for (std::string_view line : SplitLines(text)) {
    std::string lower(line.substr(0, 2000));
    std::ranges::transform(lower, lower.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const bool tells = std::ranges::any_of(kSigns, [&](std::string_view sign) {
      return lower.find(sign) != lower.npos;
    });
    if (tells) found = line;
  }
  return found;
}

}  // namespace

AgentReport ReadAgentOutput(spec::AgentOutput kind, std::string_view out,
                            std::string_view err) {
  AgentReport report;
  switch (kind) {
    case spec::AgentOutput::kText:
      report.text = Sanitize(out);
      break;
    case spec::AgentOutput::kClaudeJson:
      ReadClaude(LastObject(out), report);
      break;
    case spec::AgentOutput::kCodexJsonl:
      ReadCodex(out, report);
      break;
    case spec::AgentOutput::kGeminiJson: {
      Json json = LastObject(out);
      if (!json.is_object()) json = LastObject(err);
      ReadGemini(json, report);
      break;
    }
  }
  if (report.trouble.empty()) report.trouble = FindTrouble(err);
  if (report.trouble.empty() && kind == spec::AgentOutput::kText)
    report.trouble = FindTrouble(out);
  report.trouble = OneLine(report.trouble, kTroubleWidth);
  return report;
}

}  // namespace coppice::llm

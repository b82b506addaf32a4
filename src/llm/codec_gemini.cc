#include <charconv>
#include <nlohmann/json.hpp>

#include "llm/codec_dialect.h"
#include "llm/codec_json.h"
#include "llm/usage.h"

// POST {base}/v1beta/models/{m}:generateContent. Every chunk of a stream has
// the shape of a whole reply; the stream just ends.

namespace coppice::llm::wire {
namespace {

constexpr Reading::StopWord kStops[] = {
    {"STOP", StopReason::kComplete},
    {"MAX_TOKENS", StopReason::kTruncated},
    {"SAFETY", StopReason::kFiltered},
    {"RECITATION", StopReason::kFiltered},
    {"BLOCKLIST", StopReason::kFiltered},
    {"PROHIBITED_CONTENT", StopReason::kFiltered},
    {"SPII", StopReason::kFiltered},
    {"LANGUAGE", StopReason::kFiltered},
    {"OTHER", StopReason::kFiltered},
    {"MALFORMED_FUNCTION_CALL", StopReason::kFiltered},
};

std::string Escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        (c >= '0' && c <= '9') ||
        std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string Path(const spec::ModelProfile& profile) {
  std::string_view model = profile.model;
  constexpr std::string_view kPrefix = "models/";
  if (model.starts_with(kPrefix)) model.remove_prefix(kPrefix.size());
  return "/v1beta/models/" + Escaped(model) +
         (profile.stream ? ":streamGenerateContent?alt=sse"
                         : ":generateContent");
}

// A number is a budget of tokens, a word is a level.
Json Thinking(const std::string& effort) {
  int budget = 0;
  const char* end = effort.data() + effort.size();
  const auto [stopped, error] = std::from_chars(effort.data(), end, budget);
  if (error == std::errc() && stopped == end) {
    return {{"thinkingBudget", budget}};
  }
  return {{"thinkingLevel", effort}};
}

Json Body(const Asking& asking) {
  Json contents = Json::array();
  for (const Message& message : asking.call.messages) {
    if (message.role == Role::kSystem) continue;
    contents.push_back(
        {{"role", message.role == Role::kUser ? "user" : "model"},
         {"parts", Json::array({{{"text", message.text}}})}});
  }
  Json config{{"maxOutputTokens", asking.MaxOutput()}};
  if (const auto temperature = asking.Temperature()) {
    config["temperature"] = *temperature;
  }
  if (const auto effort = asking.Effort()) {
    config["thinkingConfig"] = Thinking(*effort);
  }
  if (auto schema = asking.Schema()) {
    config["responseMimeType"] = "application/json";
    config["responseJsonSchema"] = std::move(*schema);
  }
  Json body{{"contents", std::move(contents)},
            {"generationConfig", std::move(config)}};
  const std::string system = asking.SystemText();
  if (!system.empty()) {
    body["systemInstruction"] = {{"parts", Json::array({{{"text", system}}})}};
  }
  return body;
}

void ReadCandidate(const Json& candidate, Reading& reading) {
  bool called_tool = false;
  for (const Json& part : Items(Field(Field(candidate, "content"), "parts"))) {
    if (AsFlag(Field(part, "thought"))) continue;
    reading.text += TextField(&part, "text");
    called_tool |= Field(part, "functionCall") != nullptr;
  }
  const std::string_view finish = TextField(&candidate, "finishReason");
  reading.Stop(finish, kStops);
  if (called_tool && reading.text.empty()) reading.stop = StopReason::kToolCall;
}

void ReadChunk(const Json& chunk, Reading& reading) {
  if (reading.model.empty()) reading.model = TextField(&chunk, "modelVersion");
  reading.KeepUsage(Field(chunk, "usageMetadata"));
  const Json* candidate = Item(Field(chunk, "candidates"), 0);
  if (candidate != nullptr) {
    reading.seen = true;
    ReadCandidate(*candidate, reading);
    return;
  }
  const std::string_view block =
      TextField(Field(chunk, "promptFeedback"), "blockReason");
  if (!block.empty()) {
    reading.seen = true;
    reading.Refuse(block);
  }
}

// Without alt=sse a stream is one array of chunks.
void ReadWhole(const Json& body, Reading& reading) {
  if (!body.is_array()) return ReadChunk(body, reading);
  for (const Json& chunk : body) {
    if (IsErrorBody(chunk)) {
      reading.error = ReadErrorBody(chunk);
      reading.usage.clear();  // of the part before
      return;
    }
    ReadChunk(chunk, reading);
  }
}

void ReadEvent(std::string_view, const Json& data, Reading& reading) {
  ReadChunk(data, reading);
}

// Counts of zero are left out, as protocol buffers do; a prompt never is.
TokenUsage Usage(const Json& object) {
  UsageReader read;
  const auto count = [&](const char* name) {
    return read.Count(Field(object, name));
  };
  const auto prompt = count("promptTokenCount");
  const std::int64_t tools = count("toolUsePromptTokenCount").value_or(0);
  const std::int64_t candidates = count("candidatesTokenCount").value_or(0);
  const auto thoughts = count("thoughtsTokenCount");
  UsageReader::Counts counts{.cached_read = count("cachedContentTokenCount"),
                             .reasoning = thoughts};
  if (prompt) {
    counts.input = *prompt + tools;
    counts.output = candidates + thoughts.value_or(0);
  }
  return read.Settle(counts, object);
}

}  // namespace

const Dialect kGemini{.framing = Framing::kSse,
                      .path = Path,
                      .body = Body,
                      .read_whole = ReadWhole,
                      .read_event = ReadEvent,
                      .usage = Usage,
                      .ends_silently = true};

}  // namespace coppice::llm::wire

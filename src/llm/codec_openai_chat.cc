#include <nlohmann/json.hpp>

#include "llm/codec_dialect.h"
#include "llm/codec_json.h"
#include "llm/usage.h"

// POST {base}/chat/completions, and the many servers that speak it. A stream
// ends with "data: [DONE]"; the chunk with the usage has no choices.

namespace coppice::llm::wire {
namespace {

constexpr Reading::StopWord kStops[] = {
    {"stop", StopReason::kComplete},
    {"length", StopReason::kTruncated},
    {"content_filter", StopReason::kFiltered},
    {"tool_calls", StopReason::kToolCall},
    {"function_call", StopReason::kToolCall},
};

std::string Path(const spec::ModelProfile&) { return "/chat/completions"; }

std::string MaxTokensField(const Asking& asking) {
  const bool old = (asking.profile.max_tokens_field == "max_tokens") !=
                   asking.dropped.swapped_max_tokens;
  return old ? "max_tokens" : "max_completion_tokens";
}

Json Body(const Asking& asking) {
  const bool developer =
      asking.profile.system_role == "developer" && !asking.dropped.system_role;
  Json body{
      {"model", asking.profile.model},
      {"messages", asking.TurnsAfterSystem(developer ? "developer" : "system")},
      {MaxTokensField(asking), asking.MaxOutput()},
      {"stream", asking.profile.stream}};
  if (const auto temperature = asking.Temperature()) {
    body["temperature"] = *temperature;
  }
  if (const auto effort = asking.Effort()) body["reasoning_effort"] = *effort;
  if (auto schema = asking.Schema()) {
    body["response_format"] = {{"type", "json_schema"},
                               {"json_schema",
                                {{"name", asking.call.schema->name},
                                 {"schema", std::move(*schema)},
                                 {"strict", true}}}};
  }
  if (asking.SendsStreamOptions()) {
    body["stream_options"] = {{"include_usage", true}};
  }
  if (asking.SendsCacheKey()) body["prompt_cache_key"] = asking.call.cache_key;
  return body;
}

// A string, null, or (some servers) parts.
std::string TextOf(const Json* content) {
  std::string text(AsText(content));
  for (const Json& part : Items(content)) {
    text += AsText(&part);
    const std::string_view type = TextField(&part, "type");
    if (type.empty() || type == "text" || type == "output_text") {
      text += TextField(&part, "text");
    }
  }
  return text;
}

// `message` of a whole reply or `delta` of a chunk.
void ReadMessage(const Json* message, Reading& reading) {
  reading.text += TextOf(Field(message, "content"));
  const std::string_view refusal = TextField(message, "refusal");
  if (!refusal.empty()) reading.Refuse(refusal);
}

void ReadChoice(const Json& choice, Reading& reading) {
  if (AsInt(Field(choice, "index")).value_or(0) != 0) return;
  reading.seen = true;
  ReadMessage(Field(choice, "message"), reading);
  ReadMessage(Field(choice, "delta"), reading);
  const std::string_view finish = TextField(&choice, "finish_reason");
  if (finish == "error") {
    reading.error = ReadErrorBody(choice);
    return;
  }
  reading.Stop(finish, kStops);
}

void ReadChunk(const Json& body, Reading& reading) {
  if (reading.model.empty()) reading.model = TextField(&body, "model");
  reading.KeepUsage(Field(body, "usage"));
  for (const Json& choice : Items(Field(body, "choices"))) {
    ReadChoice(choice, reading);
  }
}

void ReadEvent(std::string_view, const Json& data, Reading& reading) {
  ReadChunk(data, reading);
}

TokenUsage Usage(const Json& object) {
  UsageReader read;
  const Json* in = Field(object, "prompt_tokens_details");
  const Json* out = Field(object, "completion_tokens_details");
  TokenUsage usage = read.Settle(
      {.input = read.Count(Field(object, "prompt_tokens")),
       .cached_read = read.Count(Field(in, "cached_tokens")),
       .cache_write_5m = read.Count(Field(in, "cache_write_tokens")),
       .output = read.Count(Field(object, "completion_tokens")),
       .reasoning = read.Count(Field(out, "reasoning_tokens"))},
      object);
  const Json* cost = Field(object, "cost");  // OpenRouter, in USD
  if (cost != nullptr && cost->is_number() && cost->get<double>() >= 0) {
    usage.provider_cost = spec::ToPicodollars(cost->get<double>());
  }
  return usage;
}

}  // namespace

const Dialect kOpenAiChat{.framing = Framing::kSse,
                          .path = Path,
                          .body = Body,
                          .read_whole = ReadChunk,
                          .read_event = ReadEvent,
                          .usage = Usage,
                          .end_mark = "[DONE]"};

}  // namespace coppice::llm::wire

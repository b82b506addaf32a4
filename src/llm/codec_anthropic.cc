#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "llm/codec_dialect.h"
#include "llm/codec_json.h"
#include "llm/usage.h"

// POST {base}/v1/messages. A stream's usage stands in message_start and, as a
// running total, in every message_delta: the last one counts, over the first.

namespace coppice::llm::wire {
namespace {

constexpr Reading::StopWord kStops[] = {
    {"end_turn", StopReason::kComplete},
    {"stop_sequence", StopReason::kComplete},
    {"max_tokens", StopReason::kTruncated},
    {"model_context_window_exceeded", StopReason::kTruncated},
    {"refusal", StopReason::kRefused},
    {"tool_use", StopReason::kToolCall},
    {"pause_turn", StopReason::kPaused},
};

std::string Path(const spec::ModelProfile&) { return "/v1/messages"; }

Json Body(const Asking& asking) {
  Json body{{"model", asking.profile.model},
            {"messages", asking.Turns()},
            {"max_tokens", asking.MaxOutput()},
            {"stream", asking.profile.stream}};
  const std::string system = asking.SystemText();
  if (!system.empty()) body["system"] = system;
  if (!asking.Rejects("cache_control")) {
    body["cache_control"] = {{"type", "ephemeral"}};
  }
  if (const auto temperature = asking.Temperature()) {
    body["temperature"] = *temperature;
  }
  if (const auto effort = asking.Effort()) {
    body["output_config"]["effort"] = *effort;
  }
  if (auto schema = asking.Schema()) {
    body["output_config"]["format"] = {{"type", "json_schema"},
                                       {"schema", std::move(*schema)}};
  }
  return body;
}

// `message` of a whole reply, `delta` of a message_delta.
void ReadStop(const Json* message, Reading& reading) {
  const std::string_view stop = TextField(message, "stop_reason");
  const Json* details = Field(message, "stop_details");
  if (stop == "refusal" && details != nullptr) {
    reading.Refuse(fmt::format("{}: {}", TextField(details, "category"),
                               TextField(details, "explanation")));
    return;
  }
  reading.Stop(stop, kStops);
}

void ReadBlock(const Json* block, Reading& reading) {
  const std::string_view type = TextField(block, "type");
  if (type == "text") {
    reading.text += TextField(block, "text");
  } else if (type != "thinking" && type != "redacted_thinking" &&
             type != "tool_use") {
    reading.Note("content block", type);
  }
}

void ReadWhole(const Json& body, Reading& reading) {
  const Json* content = Field(body, "content");
  if (content == nullptr || !content->is_array()) return;
  reading.seen = true;
  reading.model = TextField(&body, "model");
  reading.KeepUsage(Field(body, "usage"));
  for (const Json& block : *content) ReadBlock(&block, reading);
  ReadStop(&body, reading);
}

void MergeUsage(const Json* later, Reading& reading) {
  if (later == nullptr || !later->is_object()) return;
  const std::optional<Json> before = ParseWire(reading.usage);
  Json merged = before ? *before : Json::object();
  for (const auto& [key, value] : later->items()) {
    if (!value.is_null()) merged[key] = value;
  }
  reading.KeepUsage(&merged);
}

void ReadEvent(std::string_view name, const Json& data, Reading& reading) {
  std::string_view type = TextField(&data, "type");
  if (type.empty()) type = name;
  if (type == "message_start") {
    const Json* message = Field(data, "message");
    reading.seen = true;
    reading.model = TextField(message, "model");
    reading.KeepUsage(Field(message, "usage"));
  } else if (type == "content_block_start") {
    ReadBlock(Field(data, "content_block"), reading);
  } else if (type == "content_block_delta") {
    const Json* delta = Field(data, "delta");
    if (TextField(delta, "type") == "text_delta") {
      reading.text += TextField(delta, "text");
    }
  } else if (type == "message_delta") {
    ReadStop(Field(data, "delta"), reading);
    MergeUsage(Field(data, "usage"), reading);
  } else if (type == "message_stop") {
    reading.done = true;
  } else if (type != "ping" && type != "content_block_stop") {
    reading.Note("event", type);
  }
}

TokenUsage Usage(const Json& object) {
  UsageReader read;
  const auto fresh = read.Count(Field(object, "input_tokens"));
  const auto cached = read.Count(Field(object, "cache_read_input_tokens"));
  const auto written = read.Count(Field(object, "cache_creation_input_tokens"));
  const Json* split = Field(object, "cache_creation");
  UsageReader::Counts counts{
      .cached_read = cached,
      .cache_write_5m = read.Count(Field(split, "ephemeral_5m_input_tokens")),
      .cache_write_1h = read.Count(Field(split, "ephemeral_1h_input_tokens")),
      .output = read.Count(Field(object, "output_tokens")),
      .reasoning = read.Count(
          Field(Field(object, "output_tokens_details"), "thinking_tokens"))};
  if (fresh) {
    counts.input = *fresh + cached.value_or(0) + written.value_or(0);
  }
  if (!counts.cache_write_5m && !counts.cache_write_1h) {
    counts.cache_write_5m = written;
  }
  return read.Settle(counts, object);
}

}  // namespace

const Dialect kAnthropic{.framing = Framing::kSse,
                         .path = Path,
                         .body = Body,
                         .read_whole = ReadWhole,
                         .read_event = ReadEvent,
                         .usage = Usage};

}  // namespace coppice::llm::wire

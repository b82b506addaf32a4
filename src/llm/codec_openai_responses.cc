#include <nlohmann/json.hpp>

#include "llm/codec_dialect.h"
#include "llm/codec_json.h"
#include "llm/usage.h"

// POST {base}/responses. Of some 55 kinds of event three carry text or end the
// stream; the last one brings the whole response again. A failed response
// comes with HTTP 200.

namespace coppice::llm::wire {
namespace {

constexpr Reading::StopWord kReasons[] = {
    {"max_output_tokens", StopReason::kTruncated},
    {"content_filter", StopReason::kFiltered},
};

std::string Path(const spec::ModelProfile&) { return "/responses"; }

Json Body(const Asking& asking) {
  Json body{{"model", asking.profile.model},
            {"input", asking.Turns()},
            {"max_output_tokens", asking.MaxOutput()},
            {"stream", asking.profile.stream},
            {"store", false},
            {"truncation", "disabled"}};
  const std::string system = asking.SystemText();
  if (!system.empty()) body["instructions"] = system;
  if (const auto temperature = asking.Temperature()) {
    body["temperature"] = *temperature;
  }
  if (const auto effort = asking.Effort()) {
    body["reasoning"] = {{"effort", *effort}};
  }
  if (auto schema = asking.Schema()) {
    body["text"] = {{"format",
                     {{"type", "json_schema"},
                      {"name", asking.call.schema->name},
                      {"schema", std::move(*schema)},
                      {"strict", true}}}};
  }
  if (asking.SendsCacheKey()) body["prompt_cache_key"] = asking.call.cache_key;
  return body;
}

void ReadStatus(const Json& response, std::string_view status, Reading& reading,
                bool called_tool) {
  if (status == "failed" || Field(response, "error") != nullptr) {
    reading.error = ReadErrorBody(response);
    return;
  }
  if (reading.stop == StopReason::kRefused) return;
  reading.finished = true;
  if (status == "completed") {
    reading.stop = called_tool ? StopReason::kToolCall : StopReason::kComplete;
    reading.stop_word = status;
  } else if (status == "incomplete") {
    reading.stop = StopReason::kTruncated;  // the details may be absent
    reading.Stop(TextField(Field(response, "incomplete_details"), "reason"),
                 kReasons);
    if (reading.stop_word.empty()) reading.stop_word = status;
  } else {
    reading.stop_word = status;
    reading.Note("status", status);
  }
}

// `status` is what the event says, should the response not say it itself.
void ReadResponse(const Json& response, std::string_view status,
                  Reading& reading) {
  if (!response.is_object()) return;
  constexpr std::string_view kPrefix = "response.";
  if (status.starts_with(kPrefix)) status.remove_prefix(kPrefix.size());
  reading.seen = Field(response, "output") != nullptr ||
                 Field(response, "status") != nullptr;
  reading.model = TextField(&response, "model");
  reading.KeepUsage(Field(response, "usage"));
  std::string text;
  bool called_tool = false;
  for (const Json& item : Items(Field(response, "output"))) {
    called_tool |= TextField(&item, "type") == "function_call";
    for (const Json& part : Items(Field(item, "content"))) {
      const std::string_view type = TextField(&part, "type");
      if (type == "output_text") text += TextField(&part, "text");
      if (type == "refusal") reading.Refuse(TextField(&part, "refusal"));
    }
  }
  if (reading.text.empty()) reading.text = std::move(text);
  const std::string_view own = TextField(&response, "status");
  ReadStatus(response, own.empty() ? status : own, reading,
             called_tool && reading.text.empty());
}

void ReadWhole(const Json& body, Reading& reading) {
  ReadResponse(body, "", reading);
}

void ReadEvent(std::string_view name, const Json& data, Reading& reading) {
  std::string_view type = TextField(&data, "type");
  if (type.empty()) type = name;
  if (type == "response.output_text.delta") {
    reading.text += TextField(&data, "delta");
  } else if (type == "response.completed" || type == "response.incomplete" ||
             type == "response.failed") {
    if (const Json* response = Field(data, "response")) {
      ReadResponse(*response, type, reading);
      reading.done = true;
    }
  } else if (!type.starts_with("response.") && type != "keepalive" &&
             type != "ping") {
    reading.Note("event", type);
  }
}

TokenUsage Usage(const Json& object) {
  UsageReader read;
  const Json* in = Field(object, "input_tokens_details");
  const Json* out = Field(object, "output_tokens_details");
  return read.Settle(
      {.input = read.Count(Field(object, "input_tokens")),
       .cached_read = read.Count(Field(in, "cached_tokens")),
       .cache_write_5m = read.Count(Field(in, "cache_write_tokens")),
       .output = read.Count(Field(object, "output_tokens")),
       .reasoning = read.Count(Field(out, "reasoning_tokens"))},
      object);
}

}  // namespace

const Dialect kOpenAiResponses{.framing = Framing::kSse,
                               .path = Path,
                               .body = Body,
                               .read_whole = ReadWhole,
                               .read_event = ReadEvent,
                               .usage = Usage};

}  // namespace coppice::llm::wire

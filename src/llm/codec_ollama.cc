#include <nlohmann/json.hpp>

#include "llm/codec_dialect.h"
#include "llm/codec_json.h"
#include "llm/usage.h"

// POST {base}/api/chat, Ollama's own: one JSON value a line. Its context is
// 4,096 tokens unless a request says more, and what does not fit is cut away
// without a word.

namespace coppice::llm::wire {
namespace {

constexpr std::int64_t kContextStep = 1024;

constexpr Reading::StopWord kStops[] = {
    {"stop", StopReason::kComplete},
    {"length", StopReason::kTruncated},
};

std::string Path(const spec::ModelProfile&) { return "/api/chat"; }

Json Body(const Asking& asking) {
  const std::int64_t tokens =
      asking.call.estimated_input + asking.call.max_output_tokens;
  const std::int64_t steps = (tokens + kContextStep - 1) / kContextStep;
  Json options{{"num_ctx", steps * kContextStep},
               {"num_predict", asking.MaxOutput()}};
  if (const auto temperature = asking.Temperature()) {
    options["temperature"] = *temperature;
  }
  Json body{{"model", asking.profile.model},
            {"messages", asking.TurnsAfterSystem("system")},
            {"stream", asking.profile.stream},
            {"options", std::move(options)}};
  if (auto schema = asking.Schema()) body["format"] = std::move(*schema);
  if (const auto effort = asking.Effort()) {
    if (*effort == "none") {
      body["think"] = false;
    } else {
      body["think"] = *effort;
    }
  }
  return body;
}

// A line of a stream, or a whole reply: that is its last line alone.
void ReadLine(const Json& line, Reading& reading) {
  const Json* message = Field(line, "message");
  if (message != nullptr) {
    reading.seen = true;
    reading.text += TextField(message, "content");
  }
  if (reading.model.empty()) reading.model = TextField(&line, "model");
  if (!AsFlag(Field(line, "done"))) return;
  reading.done = true;
  reading.Stop(TextField(&line, "done_reason"), kStops);
  const bool called_tool = !Items(Field(message, "tool_calls")).empty();
  if (called_tool && reading.text.empty()) reading.stop = StopReason::kToolCall;
  Json usage = Json::object();
  for (const char* name : {"prompt_eval_count", "eval_count"}) {
    if (const Json* count = Field(line, name)) usage[name] = *count;
  }
  if (!usage.empty()) reading.KeepUsage(&usage);
}

void ReadEvent(std::string_view, const Json& data, Reading& reading) {
  ReadLine(data, reading);
}

TokenUsage Usage(const Json& object) {
  UsageReader read;
  return read.Settle({.input = read.Count(Field(object, "prompt_eval_count")),
                      .output = read.Count(Field(object, "eval_count"))},
                     object);
}

}  // namespace

const Dialect kOllama{.framing = Framing::kLines,
                      .path = Path,
                      .body = Body,
                      .read_whole = ReadLine,
                      .read_event = ReadEvent,
                      .usage = Usage};

}  // namespace coppice::llm::wire

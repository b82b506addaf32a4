#include "llm/codec_dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "llm/codec_json.h"

namespace coppice::llm::wire {
namespace {

constexpr std::size_t kMostNotes = 20;
constexpr std::size_t kMostDetail = 500;

bool IsSystem(const Message& message) { return message.role == Role::kSystem; }

}  // namespace

void Reading::Note(std::string_view what, std::string_view word) {
  std::string note = fmt::format("unknown {} \"{}\"", what, Word(word, 60));
  if (notes.size() < kMostNotes &&
      std::ranges::find(notes, note) == notes.end()) {
    notes.push_back(std::move(note));
  }
}

void Reading::Stop(std::string_view word, const StopWord* words,
                   std::size_t count) {
  if (word.empty()) return;
  finished = true;
  if (stop_word.empty()) stop_word = word;
  if (stop == StopReason::kRefused) return;
  const StopWord* end = words + count;
  const StopWord* found = std::find_if(
      words, end, [word](const StopWord& row) { return row.word == word; });
  stop = found == end ? StopReason::kUnknown : found->stop;
  if (found == end) Note("stop reason", word);
}

void Reading::Refuse(std::string_view said) {
  stop = StopReason::kRefused;
  finished = true;
  refusal += said;
}

std::string Reading::StopDetail() const {
  return Word(refusal.empty() ? stop_word : refusal, kMostDetail);
}

void Reading::KeepUsage(const Json* object) {
  if (object != nullptr && object->is_object()) usage = DumpCanonical(*object);
}

bool Asking::Rejects(std::string_view parameter) const {
  return std::ranges::find(profile.rejects, parameter) != profile.rejects.end();
}

std::optional<double> Asking::Temperature() const {
  if (dropped.temperature || Rejects("temperature")) return std::nullopt;
  return call.temperature;
}

std::optional<std::string> Asking::Effort() const {
  if (dropped.effort || Rejects("effort")) return std::nullopt;
  return profile.effort;
}

std::optional<Json> Asking::Schema() const {
  if (!call.schema || dropped.schema || Rejects("schema")) return std::nullopt;
  return ParseWire(call.schema->schema);
}

bool Asking::SendsStreamOptions() const {
  return profile.stream && !dropped.stream_options &&
         !Rejects("stream_options");
}

bool Asking::SendsCacheKey() const {
  return !call.cache_key.empty() && !Rejects("prompt_cache_key");
}

std::int64_t Asking::MaxOutput() const {
  return std::min<std::int64_t>(
      call.max_output_tokens,
      profile.max_output.value_or(call.max_output_tokens));
}

std::string Asking::SystemText() const {
  std::string text;
  for (const Message& message : call.messages) {
    if (!IsSystem(message)) continue;
    if (!text.empty()) text += "\n\n";
    text += message.text;
  }
  return text;
}

Json Asking::Turns() const {
  Json turns = Json::array();
  for (const Message& message : call.messages) {
    if (IsSystem(message)) continue;
    turns.push_back(
        {{"role", message.role == Role::kUser ? "user" : "assistant"},
         {"content", message.text}});
  }
  return turns;
}

Json Asking::TurnsAfterSystem(std::string_view role) const {
  Json turns = Json::array();
  const std::string system = SystemText();
  if (!system.empty()) turns.push_back({{"role", role}, {"content", system}});
  for (Json& turn : Turns()) turns.push_back(std::move(turn));
  return turns;
}

const Dialect& DialectOf(spec::Codec codec) {
  switch (codec) {
    case spec::Codec::kOpenAiChat:
      return kOpenAiChat;
    case spec::Codec::kOpenAiResponses:
      return kOpenAiResponses;
    case spec::Codec::kAnthropic:
      return kAnthropic;
    case spec::Codec::kGemini:
      return kGemini;
    case spec::Codec::kOllama:
      return kOllama;
  }
  return kOpenAiChat;
}

}  // namespace coppice::llm::wire

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "llm/classify.h"
#include "llm/codec.h"

// What the five wire formats differ in: one table of functions each, at the end
// of codec_{openai_chat,openai_responses,anthropic,gemini,ollama}.cc.

namespace coppice::llm::wire {

// One reply, as far as it has been read.
struct Reading {
  std::string text;
  StopReason stop = StopReason::kUnknown;
  std::string stop_word;  // the server's own
  std::string refusal;    // what it says in place of an answer
  std::string model;
  std::string usage;  // the server's own object, JSON; empty if none
  std::vector<std::string> notes;
  bool seen = false;      // something that only a reply has
  bool finished = false;  // the server said why it stopped
  bool done = false;      // the terminal marker of a stream
  std::optional<ErrorBody> error;

  // An unknown word of a server is told once.
  void Note(std::string_view what, std::string_view word);
  // The stop reason that a server's word stands for; `words` are its known
  // ones. Absent (empty) is kUnknown without a note.
  struct StopWord {
    std::string_view word;
    StopReason stop;
  };
  template <std::size_t N>
  void Stop(std::string_view word, const StopWord (&words)[N]) {
    Stop(word, words, N);
  }
  void Refuse(std::string_view said);  // or its next part
  std::string StopDetail() const;
  void KeepUsage(const Json* object);

 private:
  void Stop(std::string_view word, const StopWord* words, std::size_t count);
};

// What a request is made of.
struct Asking {
  const Call& call;
  const spec::ModelProfile& profile;
  const Dropped& dropped;

  bool Rejects(std::string_view parameter) const;
  // Only what is set, taken by the model, and not dropped.
  std::optional<double> Temperature() const;
  std::optional<std::string> Effort() const;
  std::optional<Json> Schema() const;
  bool SendsStreamOptions() const;
  bool SendsCacheKey() const;
  std::int64_t MaxOutput() const;
  // All system messages as one text; the others as [{role, content}]; both.
  std::string SystemText() const;
  Json Turns() const;
  Json TurnsAfterSystem(std::string_view role) const;
};

enum class Framing { kSse, kLines };

struct Dialect {
  Framing framing = Framing::kSse;
  // Behind the base URL.
  std::string (*path)(const spec::ModelProfile& profile) = nullptr;
  // Without what the profile adds.
  Json (*body)(const Asking& asking) = nullptr;
  // A reply that came as one JSON value.
  void (*read_whole)(const Json& body, Reading& reading) = nullptr;
  // One event of a stream; `name` is that of an SSE event, if it has one.
  void (*read_event)(std::string_view name, const Json& data,
                     Reading& reading) = nullptr;
  TokenUsage (*usage)(const Json& object) = nullptr;
  // The data of an SSE event that ends the stream and is no JSON.
  std::string_view end_mark = "";
  // The stream has no marker: it is over when the connection ends and the
  // server has said why it stopped.
  bool ends_silently = false;
};
const Dialect& DialectOf(spec::Codec codec);

extern const Dialect kOpenAiChat;
extern const Dialect kOpenAiResponses;
extern const Dialect kAnthropic;
extern const Dialect kGemini;
extern const Dialect kOllama;

}  // namespace coppice::llm::wire

#pragma once

#include <array>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/ids.h"
#include "base/outcome.h"
#include "search/event.h"

// What the writer and the reader of records share: the names of kinds and the
// words that stand for enumerations.

namespace coppice::search {

inline constexpr std::array<std::string_view, std::variant_size_v<Event>>
    kKinds{"started",  "selected",  "asked",    "answered",
           "rejected", "committed", "sampled",  "evaluated",
           "told",     "approved",  "noted",    "paused",
           "resumed",  "final",     "exported", "stopped"};

inline std::string_view WordOf(Outcome x) { return Name(x); }
inline std::string_view WordOf(Verdict x) { return Name(x); }
inline std::string_view WordOf(EvalPhase x) { return Name(x); }
inline std::string_view WordOf(SamplePhase x) { return Name(x); }
inline std::string_view WordOf(Operator x) { return Name(x); }
inline std::string_view WordOf(PauseClass x) {
  return x == PauseClass::kOutage ? "outage" : "needs_user";
}

// One letter a speaker of a prompt, in the order of llm::Speaker.
inline constexpr std::string_view kSpeakers = "sua";

// The structs that event_fields.h describes.
template <class T>
concept Described = std::is_aggregate_v<T> && !std::is_same_v<T, ObjectId>;

}  // namespace coppice::search

#pragma once

#include <span>
#include <string_view>

#include "llm/codec.h"

// What servers say when they refuse, as data: correcting an entry needs no
// other change. All words and phrases are lower case.

namespace coppice::llm::wire {

// A code, type or status of an error body.
struct ErrorWord {
  std::string_view word;
  ErrorClass error;
  int only_status = 0;  // 0: any
};
std::span<const ErrorWord> ErrorWords();

// Part of a message. Applies to refusals of a request (400, 413, 422), to
// any status, or to failures of the server (5xx); errors inside a 200 count
// as all of them.
enum class Applies { kToRefusals, kToAny, kToFailures };
struct ErrorPhrase {
  std::string_view phrase;
  ErrorClass error;
  Applies applies;
};
std::span<const ErrorPhrase> ErrorPhrases();

// By status alone; the first row that holds it.
struct StatusRow {
  int first, last;
  ErrorClass error;
};
std::span<const StatusRow> StatusRows();

// The HTTP status that a general type stands for inside of a 200.
struct TypeStatus {
  std::string_view type;
  int status;
};
std::span<const TypeStatus> TypeStatuses();

// The number behind such a phrase is the limit of a context.
std::span<const std::string_view> LimitPhrases();

// Parameters of the drop ladder, in the order of its rungs, as servers name
// them. Some are common words: those count in `param` only.
enum class Rung {
  kTemperature,
  kEffort,
  kSchema,
  kStreamOptions,
  kMaxTokens,
  kSystemRole
};
struct ParamName {
  std::string_view name;
  Rung rung;
  bool in_message = true;
};
std::span<const ParamName> ParamNames();
// A message with one of these is about a value, not about support: swapping
// the name of the output cap would not help.
std::span<const std::string_view> ValuePhrases();

}  // namespace coppice::llm::wire

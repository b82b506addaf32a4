#include "llm/classify.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "llm/classify_table.h"
#include "llm/codec_json.h"
#include "llm/codec_wait.h"

// Order of tests (PROVIDERS §4): body code, body type, message, status. Money
// and keys come first in the table, because a retry would not help whatever
// the status. All that is known about servers stands in classify_table.cc.

namespace coppice::llm {
namespace wire {
namespace {

constexpr std::size_t kMostMessage = 2048;

bool IsWordChar(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

// `name` in `text` as a whole: no part of a longer name, nor the parent of a
// dotted one.
bool Names(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    const std::string_view rest = text.substr(at + name.size());
    const bool begins = at == 0 || !IsWordChar(text[at - 1]);
    const bool ends =
        rest.empty() ||
        (!IsWordChar(rest[0]) &&
         !(rest.size() > 1 && rest[0] == '.' && IsWordChar(rest[1])));
    if (begins && ends) return true;
  }
  return false;
}

bool IsTaken(Rung rung, const Dropped& dropped) {
  switch (rung) {
    case Rung::kTemperature:
      return dropped.temperature;
    case Rung::kEffort:
      return dropped.effort;
    case Rung::kSchema:
      return dropped.schema;
    case Rung::kStreamOptions:
      return dropped.stream_options;
    case Rung::kMaxTokens:
      return dropped.swapped_max_tokens;
    case Rung::kSystemRole:
      return dropped.system_role;
  }
  return true;
}

void Take(Rung rung, Dropped& dropped) {
  switch (rung) {
    case Rung::kTemperature:
      dropped.temperature = true;
      break;
    case Rung::kEffort:
      dropped.effort = true;
      break;
    case Rung::kSchema:
      dropped.schema = true;
      break;
    case Rung::kStreamOptions:
      dropped.stream_options = true;
      break;
    case Rung::kMaxTokens:
      dropped.swapped_max_tokens = true;
      break;
    case Rung::kSystemRole:
      dropped.system_role = true;
      break;
  }
}

bool WasSent(Rung rung, const spec::ModelProfile& profile, const Call& call) {
  const bool chat = profile.codec == spec::Codec::kOpenAiChat;
  switch (rung) {
    case Rung::kTemperature:
      return call.temperature.has_value();
    case Rung::kEffort:
      return profile.effort.has_value();
    case Rung::kSchema:
      return call.schema.has_value();
    case Rung::kStreamOptions:
      return chat && profile.stream;
    case Rung::kMaxTokens:
      return chat;
    case Rung::kSystemRole:
      return chat && profile.system_role == "developer" &&
             std::ranges::any_of(call.messages, [](const Message& m) {
               return m.role == Role::kSystem;
             });
  }
  return false;
}

struct NamedParam {
  Rung rung;
  std::string_view name;
};

// The rungs that a refusal names, in the order of the ladder.
std::vector<NamedParam> NamedParams(std::string_view param,
                                    std::string_view message) {
  const std::string low_param = Lower(param);
  const std::string low_message = Lower(message);
  const bool about_value =
      std::ranges::any_of(ValuePhrases(), [&](std::string_view phrase) {
        return low_message.find(phrase) != std::string::npos;
      });
  std::vector<NamedParam> named;
  for (const ParamName& row : ParamNames()) {
    if (row.rung == Rung::kMaxTokens && about_value) continue;
    if (Names(low_param, row.name) ||
        (row.in_message && Names(low_message, row.name))) {
      named.push_back({row.rung, row.name});
    }
  }
  return named;
}

std::optional<ErrorClass> ByWords(const std::vector<std::string>& words,
                                  int status) {
  for (const std::string& word : words) {
    for (const ErrorWord& row : ErrorWords()) {
      const bool fits = row.only_status == 0 || row.only_status == status;
      if (fits && Lower(word) == row.word) return row.error;
    }
  }
  return std::nullopt;
}

bool DoesApply(Applies applies, int status, ErrorPlace place) {
  if (applies == Applies::kToAny || place == ErrorPlace::kInside) return true;
  if (applies == Applies::kToFailures) return status >= 500;
  return status == 400 || status == 413 || status == 422;
}

std::optional<ErrorClass> ByPhrase(std::string_view message, int status,
                                   ErrorPlace place) {
  const std::string low = Lower(message);
  for (const ErrorPhrase& row : ErrorPhrases()) {
    if (DoesApply(row.applies, status, place) &&
        low.find(row.phrase) != std::string::npos) {
      return row.error;
    }
  }
  return std::nullopt;
}

ErrorClass ByStatus(int status, const HttpHeaders& headers) {
  // OpenRouter's limit of requests in flight.
  if (status == 402 && FindHeader(headers, "retry-after")) {
    return ErrorClass::kRateLimited;
  }
  for (const StatusRow& row : StatusRows()) {
    if (status >= row.first && status <= row.last) return row.error;
  }
  return ErrorClass::kServer;
}

// What an error inside of a 200 would have been told as.
int StatusInside(const ErrorBody& body) {
  if (body.status != 0) return body.status;
  for (const auto* words : {&body.codes, &body.types}) {
    for (const std::string& word : *words) {
      for (const TypeStatus& row : TypeStatuses()) {
        if (Lower(word) == row.type) return row.status;
      }
    }
  }
  return 0;
}

std::optional<std::int64_t> LimitIn(std::string_view message) {
  const std::string low = Lower(message);
  for (const std::string_view phrase : LimitPhrases()) {
    const std::size_t at = low.find(phrase);
    if (at == std::string::npos) continue;
    const char* begin = low.data() + at + phrase.size();
    std::int64_t limit = 0;
    const auto [end, error] =
        std::from_chars(begin, low.data() + low.size(), limit);
    if (error == std::errc() && limit > 0) return limit;
  }
  return std::nullopt;
}

std::string Told(std::string_view message) {
  std::string text = Redactor()(Sanitize(message));
  if (text.size() <= kMostMessage) return text;
  std::size_t end = kMostMessage - 3;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::optional<bool> ShouldRetry(const HttpHeaders& headers, ErrorClass error) {
  if (error == ErrorClass::kAuth || error == ErrorClass::kBilling) {
    return std::nullopt;
  }
  const auto told = FindHeader(headers, "x-should-retry");
  if (!told) return std::nullopt;
  if (Lower(Trim(*told)) == "true") return true;
  if (Lower(Trim(*told)) == "false") return false;
  return std::nullopt;
}

void SetClass(const ErrorBody& body, const HttpHead& head, ErrorPlace place,
              const Dropped& sent, ApiError& error) {
  const int status = error.status;
  std::optional<ErrorClass> found = ByWords(body.codes, status);
  if (!found) found = ByWords(body.types, status);
  if (!found) found = ByPhrase(body.message, status, place);
  if (found) {
    error.error = *found;
    return;
  }
  if (status == 400 || status == 422) {
    for (const NamedParam& param : NamedParams(body.param, body.message)) {
      if (IsTaken(param.rung, sent)) continue;
      error.error = ErrorClass::kUnsupportedParam;
      error.param = param.name;
      return;
    }
  }
  error.error = ByStatus(status, head.headers);
}

}  // namespace

ApiError Classify(const ErrorBody& body, const HttpHead& head, ErrorPlace place,
                  const Dropped& sent) {
  ApiError error;
  error.status =
      place == ErrorPlace::kStatus ? head.status : StatusInside(body);
  SetClass(body, head, place, sent, error);
  if (error.status == 0) error.status = head.status;
  for (const auto* words : {&body.codes, &body.types}) {
    if (error.code.empty() && !words->empty())
      error.code = Word(words->front());
  }
  error.message = Told(body.message);
  if (error.message.empty()) {
    error.message = fmt::format("status {} without a message", error.status);
  }
  if (error.error == ErrorClass::kContextTooLong) {
    error.token_limit = body.limit ? body.limit : LimitIn(body.message);
  }
  error.should_retry = ShouldRetry(head.headers, error.error);
  error.retry_after = WaitOf(head.headers, body.retry_delay);
  return error;
}

}  // namespace wire

bool Drop(const ApiError& error, const spec::ModelProfile& profile,
          const Call& call, Dropped& dropped) {
  if (error.error != ErrorClass::kUnsupportedParam) return false;
  for (const auto& [rung, name] :
       wire::NamedParams(error.param, error.message)) {
    if (wire::IsTaken(rung, dropped)) continue;
    if (!wire::WasSent(rung, profile, call)) continue;
    wire::Take(rung, dropped);
    return true;
  }
  return false;
}

}  // namespace coppice::llm

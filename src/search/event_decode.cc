#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "base/json.h"
#include "search/event_fields.h"
#include "search/event_words.h"

// Rows to events: a Reader runs over the descriptions in event_fields.h, and
// fetches the texts that a body names by digest.

namespace coppice::search {
namespace {

constexpr std::array kEvalPhases{EvalPhase::kSetup,   EvalPhase::kBuild,
                                 EvalPhase::kSmoke,   EvalPhase::kCheck,
                                 EvalPhase::kMeasure, EvalPhase::kDiagnose,
                                 EvalPhase::kHoldout};

template <class T>
bool Assign(T& to, const std::optional<T>& from) {
  if (from) to = *from;
  return from.has_value();
}

bool FromWord(Outcome& to, std::string_view word) {
  return Assign(to, OutcomeFromName(word));
}
bool FromWord(Verdict& to, std::string_view word) {
  return Assign(to, VerdictFromName(word));
}
bool FromWord(SamplePhase& to, std::string_view word) {
  return Assign(to, SamplePhaseFromName(word));
}
bool FromWord(Operator& to, std::string_view word) {
  return Assign(to, OperatorFromName(word));
}
bool FromWord(EvalPhase& to, std::string_view word) {
  for (EvalPhase phase : kEvalPhases) {
    if (Name(phase) != word) continue;
    to = phase;
    return true;
  }
  return false;
}
bool FromWord(PauseClass& to, std::string_view word) {
  for (PauseClass pause : {PauseClass::kOutage, PauseClass::kNeedsUser}) {
    if (WordOf(pause) != word) continue;
    to = pause;
    return true;
  }
  return false;
}

// Keeps the first error; what comes after it is not read.
class Reader {
 public:
  template <class T>
  using Of = T;

  Reader(const Json& in, std::string_view what, const FindText& text,
         std::optional<Error>& error)
      : in_(in), what_(what), text_(text), error_(error) {
    if (!in.is_object()) Fail("is no object");
  }

  template <class T>
  void operator()(const char* name, T& value) {
    if (const Json* field = Field(name)) Read(*field, name, value);
  }
  template <class T>
  void Optional(const char* name, T& value) {
    if (!error_ && in_.contains(name)) (*this)(name, value);
  }
  void Text(const char* name, std::string& text) {
    if (const Json* field = Field(name)) ReadText(*field, name, text);
  }
  void OptionalText(const char* name, std::optional<std::string>& text) {
    const Json* field = Field(name);
    if (field == nullptr || field->is_null()) return;
    ReadText(*field, name, text.emplace());
  }
  void Texts(const char* name, const char* speakers,
             std::vector<llm::Utterance>& parts) {
    const Json* field = Field(name);
    if (field == nullptr) return;
    if (!field->is_array()) return Wrong(name, "no list");
    std::string who;
    Optional(speakers, who);
    for (const Json& item : *field) {
      llm::Utterance& part = parts.emplace_back();
      ReadText(item, name, part.text);
      const std::size_t i = parts.size() - 1;
      const auto at = i < who.size() ? kSpeakers.find(who[i]) : 1;
      if (at != std::string_view::npos) {
        part.speaker = static_cast<llm::Speaker>(at);
      }
    }
  }
  void Millis(const char* name, double& seconds) {
    double ms = 0;
    (*this)(name, ms);
    seconds = std::round(ms * 1e3) / 1e6;
  }
  void Word(const char* name, bool& flag, const char* no, const char* yes) {
    std::string word;
    (*this)(name, word);
    flag = word == yes;
    if (!error_ && word != yes && word != no) Wrong(name, "an unknown word");
  }
  template <class Fields>
  void Object(const char* name, const Fields& fields) {
    const Json* field = Field(name);
    if (field == nullptr) return;
    Reader inner(*field, what_, text_, error_);
    if (!error_) fields(inner);
  }
  template <class T>
  void Sum(const char*, const std::vector<T>&, int T::*) {}

 private:
  const Json* Field(const char* name) {
    if (error_) return nullptr;
    auto found = in_.find(name);
    if (found != in_.end()) return &*found;
    Fail(fmt::format("lacks the field \"{}\"", name));
    return nullptr;
  }

  void Fail(std::string_view problem) {
    if (error_) return;
    error_ = Error{.code = ErrorCode::kIo,
                   .what = fmt::format("a record \"{}\" {}", what_, problem)};
  }
  void Wrong(const char* name, std::string_view expected) {
    Fail(fmt::format("has {} in the field \"{}\"", expected, name));
  }

  template <class T>
  void Read(const Json& in, const char* name, T& value) {
    if constexpr (requires { WordOf(value); }) {
      if (!in.is_string() || !FromWord(value, in.get_ref<const Str&>())) {
        Wrong(name, "an unknown word");
      }
    } else if constexpr (std::is_integral_v<T>) {
      ReadInteger(in, name, value);
    } else {
      Reader inner(in, what_, text_, error_);
      if (!error_) Describe(inner, value);
    }
  }
  void Read(const Json& in, const char* name, bool& value) {
    if (!in.is_boolean()) return Wrong(name, "no boolean");
    value = in.get<bool>();
  }
  void Read(const Json& in, const char* name, double& value) {
    if (!in.is_number() && !in.is_null()) return Wrong(name, "no number");
    value = in.is_null() ? std::numeric_limits<double>::quiet_NaN()
                         : in.get<double>();
  }
  void Read(const Json& in, const char* name, std::string& value) {
    if (!in.is_string()) return Wrong(name, "no string");
    value = in.get<std::string>();
  }
  void Read(const Json& in, const char* name, ObjectId& value) {
    auto id = in.is_string() ? ObjectId::FromHex(in.get_ref<const Str&>())
                             : std::nullopt;
    if (!Assign(value, id)) Wrong(name, "no object id");
  }
  void Read(const Json& in, const char* name, AttemptId& value) {
    std::int64_t number = 0;
    ReadInteger(in, name, number);
    value = AttemptId(number);
  }
  template <class T>
  void Read(const Json& in, const char* name, Boxed<T>& value) {
    if (!in.is_null()) Read(in, name, value.emplace());
  }
  template <class T>
  void Read(const Json& in, const char* name, std::optional<T>& value) {
    if (!in.is_null()) Read(in, name, value.emplace());
  }
  template <class T>
  void Read(const Json& in, const char* name, std::vector<T>& values) {
    if (!in.is_array()) return Wrong(name, "no list");
    for (const Json& item : in) Read(item, name, values.emplace_back());
  }
  void Read(const Json& in, const char* name,
            std::map<std::string, double>& values) {
    if (!in.is_object()) return Wrong(name, "no object");
    for (const auto& [key, item] : in.items()) Read(item, name, values[key]);
  }
  template <class T>
  void ReadInteger(const Json& in, const char* name, T& value) {
    if (!in.is_number_integer()) return Wrong(name, "no whole number");
    const bool fits = in.is_number_unsigned()
                          ? std::in_range<T>(in.get<std::uint64_t>())
                          : std::in_range<T>(in.get<std::int64_t>());
    if (!fits) return Wrong(name, "too large a number");
    value = in.get<T>();
  }
  void ReadText(const Json& in, const char* name, std::string& text) {
    if (in.is_string()) {
      text = in.get<std::string>();
      return;
    }
    auto digest = in.is_object() ? in.find("sha256") : in.end();
    if (digest == in.end() || !digest->is_string()) {
      return Wrong(name, "no text");
    }
    Result<std::string> found = text_(digest->get_ref<const Str&>());
    if (found) {
      text = std::move(*found);
    } else {
      error_ = found.error();
    }
  }

  using Str = std::string;

  const Json& in_;
  const std::string_view what_;
  const FindText& text_;
  std::optional<Error>& error_;
};

template <class T>
Result<T> ReadBody(std::string_view body, std::string_view what,
                   const FindText& text) {
  Result<Json> json = ParseJson(body, what);
  if (!json) {
    return Error{.code = ErrorCode::kIo,
                 .what = fmt::format("a record \"{}\" is torn: {}", what,
                                     json.error().what)};
  }
  T value;
  std::optional<Error> error;
  Reader reader(*json, what, text, error);
  if (!error) Describe(reader, value);
  if (error) return *error;
  return value;
}

template <std::size_t I>
Result<Event> DecodeAs(const EncodedEvent& row, const FindText& text) {
  using Kind = std::variant_alternative_t<I, Event>;
  Result<Kind> value = ReadBody<Kind>(row.body, row.kind, text);
  if (!value) return value.error();
  return Event(std::in_place_index<I>, std::move(*value));
}

// One decoder a kind, in the order of the variant.
template <std::size_t... I>
constexpr auto MakeDecoders(std::index_sequence<I...>) {
  using Decoder = Result<Event> (*)(const EncodedEvent&, const FindText&);
  return std::array<Decoder, sizeof...(I)>{&DecodeAs<I>...};
}

}  // namespace

Result<Event> Decode(const EncodedEvent& row, const FindText& text) {
  static constexpr auto kDecoders =
      MakeDecoders(std::make_index_sequence<kKinds.size()>());
  const auto kind = std::ranges::find(kKinds, row.kind);
  if (kind == kKinds.end()) {
    return Error{
        .code = ErrorCode::kIo,
        .what = fmt::format("unknown kind of record \"{}\"", row.kind)};
  }
  return kDecoders[static_cast<std::size_t>(kind - kKinds.begin())](row, text);
}

Result<eval::Sample> DecodeSample(std::string_view body) {
  const FindText none = [](const std::string& digest) -> Result<std::string> {
    return Error{.code = ErrorCode::kIo, .what = "no text " + digest};
  };
  return ReadBody<eval::Sample>(body, "sample", none);
}

}  // namespace coppice::search

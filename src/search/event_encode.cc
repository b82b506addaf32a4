#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "base/digest.h"
#include "base/json.h"
#include "search/event_fields.h"
#include "search/event_words.h"

// Events to rows: a Writer runs over the descriptions in event_fields.h. Long
// texts leave the body for the table of texts, byte for byte: the body keeps
// {"sha256": "..."}, an empty text stays "". Other strings become valid UTF-8.

namespace coppice::search {
namespace {

template <class T>
bool IsEmpty(const T& value) {
  if constexpr (requires { value.has_value(); }) {
    return !value.has_value();
  } else if constexpr (requires { value.empty(); }) {
    return value.empty();
  } else {
    return value == T();
  }
}

class Writer {
 public:
  template <class T>
  using Of = const T;
  using TextTable = std::map<std::string, std::string>;

  // Without `texts` the long ones stay in the body.
  explicit Writer(TextTable* texts) : texts_(texts) {}

  template <class T>
  void operator()(const char* name, const T& value) {
    out_[name] = ToJson(value);
  }
  template <class T>
  void Optional(const char* name, const T& value) {
    if (!IsEmpty(value)) out_[name] = ToJson(value);
  }
  void Text(const char* name, const std::string& text) {
    out_[name] = Stored(text);
  }
  void OptionalText(const char* name, const std::optional<std::string>& text) {
    out_[name] = text ? Stored(*text) : Json();
  }
  void Texts(const char* name, const char* speakers,
             const std::vector<llm::Utterance>& parts) {
    Json texts = Json::array();
    std::string who;
    for (const llm::Utterance& part : parts) {
      texts.push_back(Stored(part.text));
      who += kSpeakers[static_cast<std::size_t>(part.speaker)];
    }
    out_[name] = std::move(texts);
    out_[speakers] = std::move(who);
  }
  void Millis(const char* name, double seconds) {
    out_[name] = std::round(seconds * 1e6) / 1e3;
  }
  void Word(const char* name, bool flag, const char* no, const char* yes) {
    out_[name] = flag ? yes : no;
  }
  template <class Fields>
  void Object(const char* name, const Fields& fields) {
    Writer inner(texts_);
    fields(inner);
    out_[name] = std::move(inner.out_);
  }
  template <class T>
  void Sum(const char* name, const std::vector<T>& items, int T::* member) {
    int sum = 0;
    for (const T& item : items) sum += item.*member;
    out_[name] = sum;
  }

  std::string Body() const { return DumpCanonical(out_); }

 private:
  template <class T>
  Json ToJson(const T& value) {
    if constexpr (requires { WordOf(value); }) {
      return WordOf(value);
    } else if constexpr (requires { value.Hex(); }) {
      return value.Hex();
    } else if constexpr (std::is_same_v<T, AttemptId>) {
      return value.value();
    } else if constexpr (std::is_floating_point_v<T>) {
      return std::isfinite(value) ? Json(value) : Json();
    } else if constexpr (Described<T>) {
      Writer inner(texts_);
      Describe(inner, value);
      return std::move(inner.out_);
    } else {
      return Json(value);
    }
  }
  template <class T>
  Json ToJson(const std::optional<T>& value) {
    return value ? ToJson(*value) : Json();
  }
  template <class T>
  Json ToJson(const Boxed<T>& value) {
    return value ? ToJson(*value) : Json();
  }
  template <class T>
  Json ToJson(const std::vector<T>& values) {
    Json array = Json::array();
    for (const T& value : values) array.push_back(ToJson(value));
    return array;
  }
  Json ToJson(const std::map<std::string, double>& values) {
    Json object = Json::object();
    for (const auto& [name, value] : values) object[name] = ToJson(value);
    return object;
  }

  Json Stored(const std::string& text) {
    if (text.empty() || texts_ == nullptr) return text;
    std::string digest = Sha256Hex(text);
    texts_->emplace(digest, text);
    return Json{{"sha256", std::move(digest)}};
  }

  TextTable* texts_;
  Json out_ = Json::object();
};

}  // namespace

EncodedEvent Encode(const Event& event) {
  EncodedEvent row;
  row.kind = KindOf(event);
  if (auto attempt = AttemptOf(event)) row.attempt = attempt->value();
  Writer writer(&row.texts);
  std::visit([&](const auto& e) { Describe(writer, e); }, event);
  row.body = writer.Body();
  return row;
}

std::string EncodeSample(const eval::Sample& sample) {
  Writer writer(nullptr);
  Describe(writer, sample);
  return writer.Body();
}

}  // namespace coppice::search

#include "llm/codec_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/utf8.h"

namespace coppice::llm::wire {
namespace {

constexpr int kMostLevels = 200;

// The four hex digits behind "\u", or nothing.
std::optional<char32_t> HexAt(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  char32_t value = 0;
  for (const char c : text.substr(at, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<char32_t>(digit);
  }
  return value;
}

bool IsHigh(char32_t c) { return c >= 0xd800 && c < 0xdc00; }
bool IsLow(char32_t c) { return c >= 0xdc00 && c < 0xe000; }

// Rewrites what the parser would refuse, and counts levels. Needs valid UTF-8.
class Mender {
 public:
  explicit Mender(std::string_view text) : text_(text) {}

  // Nothing: too deep.
  std::optional<std::string> Mend() {
    out_.reserve(text_.size());
    while (at_ < text_.size()) {
      if (in_string_) {
        TakeInString();
      } else if (!TakeOutside()) {
        return std::nullopt;
      }
    }
    return std::move(out_);
  }

 private:
  bool TakeOutside() {
    const char c = text_[at_++];
    out_ += c;
    if (c == '"') in_string_ = true;
    if (c == '[' || c == '{') return ++level_ <= kMostLevels;
    if (c == ']' || c == '}') --level_;
    return true;
  }

  void TakeInString() {
    const char c = text_[at_];
    if (c == '\\') return TakeEscape();
    if (c == '"') in_string_ = false;
    out_ += c;
    ++at_;
  }

  void TakeEscape() {
    const std::optional<char32_t> unit = UnitAt(at_);
    if (!unit) {
      out_ += text_.substr(at_, 2);
      at_ += 2;
      return;
    }
    const std::optional<char32_t> next = UnitAt(at_ + 6);
    const bool pair = IsHigh(*unit) && next && IsLow(*next);
    const bool broken = IsHigh(*unit) || IsLow(*unit) || *unit == 0;
    if (pair) {
      out_ += text_.substr(at_, 12);
    } else if (broken) {
      AppendUtf8(kReplacementCharacter, out_);
    } else {
      out_ += text_.substr(at_, 6);
    }
    at_ += pair ? 12 : 6;
  }

  // Of a "\uXXXX" at that place.
  std::optional<char32_t> UnitAt(std::size_t at) const {
    if (at > text_.size() || !text_.substr(at).starts_with("\\u")) {
      return std::nullopt;
    }
    return HexAt(text_, at + 2);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  bool in_string_ = false;
  int level_ = 0;
};

}  // namespace

std::string ValidText(std::string_view text) {
  // Most of what is sent is plain ASCII, and long.
  const bool plain = std::ranges::all_of(
      text, [](char c) { return c != '\0' && (c & 0x80) == 0; });
  if (plain) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const std::optional<char32_t> c = DecodeUtf8(text, at);
    if (c && *c != 0) {
      out += text.substr(begin, at - begin);
    } else {
      AppendUtf8(kReplacementCharacter, out);
    }
  }
  return out;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return out;
}

std::string Word(std::string_view text, std::size_t width) {
  return OneLine(text, width);
}

std::optional<Json> ParseWire(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  const std::string valid = ValidText(text);
  const std::optional<std::string> mended = Mender(valid).Mend();
  if (!mended) return std::nullopt;
  Json value = Json::parse(*mended, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

const Json* Field(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const Json* Field(const Json* object, std::string_view name) {
  return object == nullptr ? nullptr : Field(*object, name);
}

const Json* Item(const Json* array, std::size_t index) {
  if (array == nullptr || !array->is_array() || index >= array->size()) {
    return nullptr;
  }
  return &(*array)[index];
}

const Json& Items(const Json* array) {
  static const Json none = Json::array();
  return array != nullptr && array->is_array() ? *array : none;
}

std::string_view TextField(const Json* object, std::string_view name) {
  return AsText(Field(object, name));
}

std::string_view AsText(const Json* value) {
  if (value == nullptr || !value->is_string()) return {};
  return value->get_ref<const Json::string_t&>();
}

std::optional<std::int64_t> AsInt(const Json* value) {
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const auto number = value->get<double>();
  if (std::abs(number) > 1e15 || number != std::floor(number)) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(number);
}

bool AsFlag(const Json* value) {
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

}  // namespace coppice::llm::wire

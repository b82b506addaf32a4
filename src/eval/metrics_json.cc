#include "eval/metrics_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"
#include "eval/metrics_shapes.h"
#include "eval/metrics_stream.h"

// Two passes over one text. Evaluators print NaN, Infinity and 1e999, which
// no JSON reader takes: PlainJson first turns them, outside strings, into
// marked strings. Then a SAX pass flattens, because a document object would
// keep only the last of two equal keys and hide the contradiction.

namespace coppice::eval {
namespace {

bool StartsScalar(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'N' || c == 'I';
}

bool EndsScalar(char c) {
  return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' ||
         c == '\n' || c == '\r';
}

std::string PlainJson(std::string_view text) {
  std::string plain;
  plain.reserve(text.size() + 64);
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string || !StartsScalar(c)) {
      plain += c;
      if (c == '"') in_string = !in_string;
      if (in_string && c == '\\' && i + 1 < text.size()) plain += text[++i];
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && !EndsScalar(text[end])) ++end;
    const std::string_view token = text.substr(i, end - i);
    const Reading reading = ReadToken(token);
    const bool readable = reading.IsNumber();
    if (readable || reading.kind == Reading::Kind::kText) {
      plain += token;
    } else {
      plain += fmt::format("\"\\u0001{}\"", reading.text);
    }
    i = end - 1;
  }
  return plain;
}

Reading TextReading(const std::string& text) {
  if (!text.empty() && text[0] == kUnreadableMark) {
    return ReadToken(std::string_view(text).substr(1));
  }
  return Reading{.text = '"' + OneLine(text, 58) + '"'};
}

// Collects every number under its path. Keys of the top level count first,
// then paths, then the members of "metrics" without that prefix.
class Flattener final : public nlohmann::json_sax<Json> {
 public:
  explicit Flattener(const NameSet& declared)
      : exact_(&declared), paths_(&declared), metrics_(&declared) {}

  bool is_object() const { return is_object_; }
  const std::string& error() const { return error_; }
  bool says_invalid() const { return says_invalid_; }
  Readings Take() && {
    exact_.Merge(std::move(paths_));
    exact_.Merge(std::move(metrics_));
    return std::move(exact_);
  }

  bool null() override {
    return Emit({.kind = Reading::Kind::kNotANumber, .text = "null"});
  }
  bool boolean(bool value) override {
    if (!value && levels_.size() == 1 && path_ == "valid") {
      says_invalid_ = true;
    }
    return Emit(NumberReading(value ? 1 : 0));
  }
  bool number_integer(number_integer_t value) override {
    return Emit(NumberReading(static_cast<double>(value)));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Emit(NumberReading(static_cast<double>(value)));
  }
  bool number_float(number_float_t, const string_t& raw) override {
    return Emit(ReadToken(raw));
  }
  bool string(string_t& value) override { return Emit(TextReading(value)); }
  bool binary(binary_t&) override { return true; }

  bool start_object(std::size_t) override {
    if (levels_.empty()) is_object_ = true;
    return Enter(false);
  }
  bool end_object() override { return Leave(); }
  bool start_array(std::size_t) override { return Enter(true); }
  bool end_array() override { return Leave(); }
  bool key(string_t& name) override {
    path_.resize(levels_.back().prefix);
    if (!path_.empty()) path_ += '.';
    path_ += name;
    return true;
  }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::json::exception& e) override {
    error_ = e.what();
    return false;
  }

 private:
  struct Level {
    std::size_t prefix = 0;  // of path_
    bool array = false;
    std::size_t index = 0;
  };

  bool Enter(bool array) {
    BeginElement();
    levels_.push_back({.prefix = path_.size(), .array = array});
    arrays_ += array ? 1 : 0;
    return true;
  }
  bool Leave() {
    arrays_ -= levels_.back().array ? 1 : 0;
    path_.resize(levels_.back().prefix);
    levels_.pop_back();
    return true;
  }
  // An element of an array has its index for a name.
  void BeginElement() {
    if (levels_.empty() || !levels_.back().array) return;
    path_.resize(levels_.back().prefix);
    path_ += '.';
    path_ += std::to_string(levels_.back().index++);
  }
  bool Emit(Reading reading) {
    BeginElement();
    // Long arrays are data, not diagnostics.
    if (arrays_ > 0 && !exact_.Declares(path_)) return true;
    if (reading.kind == Reading::Kind::kText && !exact_.Declares(path_)) {
      return true;
    }
    if (levels_.size() <= 1) {
      exact_.Add(path_, std::move(reading));
      return true;
    }
    constexpr std::string_view kMetrics = "metrics.";
    if (path_.starts_with(kMetrics)) {
      metrics_.Add(std::string_view(path_).substr(kMetrics.size()), reading);
    }
    paths_.Add(path_, std::move(reading));
    return true;
  }

  Readings exact_, paths_, metrics_;
  std::vector<Level> levels_;
  std::string path_;
  std::string error_;
  int arrays_ = 0;
  bool is_object_ = false;
  bool says_invalid_ = false;
};

bool MayBeBenchmarkExport(std::string_view text) {
  constexpr std::string_view kSigns[] = {"\"results\"", "\"benchmarks\"",
                                         "\"primaryMetric\"",
                                         "\"point_estimate\""};
  return std::ranges::any_of(kSigns, [&](std::string_view sign) {
    return text.find(sign) != std::string_view::npos;
  });
}

// The last object of a text that is no single value.
std::optional<std::string> LastOfLines(std::string_view text) {
  JsonStream lines;
  lines.Feed(text);
  return lines.last();
}

}  // namespace

std::optional<Reading> ReadingOf(const Json& value) {
  if (value.is_null()) {
    return Reading{.kind = Reading::Kind::kNotANumber, .text = "null"};
  }
  if (value.is_boolean()) return NumberReading(value.get<bool>() ? 1 : 0);
  if (value.is_number()) return NumberReading(value.get<double>());
  if (!value.is_string()) return std::nullopt;
  const std::string& text = value.get_ref<const std::string&>();
  if (text.empty() || text[0] != kUnreadableMark) return std::nullopt;
  return TextReading(text);
}

std::optional<JsonReadings> ReadJson(std::string_view text,
                                     const NameSet& declared,
                                     std::string& error) {
  const std::string plain = PlainJson(text);
  Flattener flat(declared);
  if (!Json::sax_parse(plain, &flat)) {
    error = flat.error();
    const std::optional<std::string> last = LastOfLines(text);
    if (!last || last->size() >= text.size()) return std::nullopt;
    return ReadJson(*last, declared, error);
  }
  if (!flat.is_object() && !MayBeBenchmarkExport(plain)) {
    error = "not a JSON object";
    return std::nullopt;
  }
  const bool is_object = flat.is_object();
  const bool says_invalid = flat.says_invalid();
  JsonReadings result{.readings = std::move(flat).Take()};
  if (says_invalid) result.rejected = "the result says valid: false";
  if (MayBeBenchmarkExport(plain)) {
    const Json root = Json::parse(plain, nullptr, false);
    std::optional<ShapeReadings> shape = ReadBenchmarkExport(root, declared);
    if (shape) {
      result.readings.DropUndeclared();  // the tool's bookkeeping
      shape->readings.Merge(std::move(result.readings));
      result.readings = std::move(shape->readings);
      result.invalid = std::move(shape->invalid);
      result.directions = std::move(shape->directions);
    } else if (!is_object) {
      error = "not a JSON object";
      return std::nullopt;
    }
  }
  return result;
}

}  // namespace coppice::eval

#include "spec/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "base/text.h"
#include "base/utf8.h"

// yaml-cpp's events, not its nodes, are read: its nodes keep duplicate keys
// and forget where a key stood. Every open list or map is a frame; a finished
// value moves into the frame below it. Aliases are copies, so the number of
// values is limited, not only the length of the text.

namespace coppice::spec {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kMostValues = 20000;

// Thrown through yaml-cpp to stop it; never leaves this file.
struct TooManyValues {};

bool OneOf(std::string_view text,
           std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::optional<std::int64_t> ParseInt(std::string_view text, int base) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || stopped != end) return {};
  return value;
}

// The type a plain scalar has by the YAML 1.2 core schema; .inf and .nan, which
// no key takes, stay text.
Json PlainScalar(const std::string& text) {
  if (OneOf(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (OneOf(text, {"true", "True", "TRUE"})) return true;
  if (OneOf(text, {"false", "False", "FALSE"})) return false;
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  if (!text.starts_with("+-")) {
    if (const auto value = ParseInt(digits, 10)) return *value;
  }
  const int base = text.starts_with("0x") ? 16 : text.starts_with("0o") ? 8 : 0;
  digits.remove_prefix(std::min<std::size_t>(2, digits.size()));
  if (base != 0 && !digits.starts_with('-')) {
    if (const auto value = ParseInt(digits, base)) return *value;
  }
  if (const auto value = ParseNumber(text)) return *value;
  return text;
}

std::size_t CountValues(const Json& value) {
  std::size_t count = 1;
  if (!value.is_structured()) return count;
  for (const Json& part : value) count += CountValues(part);
  return count;
}

class Builder : public YAML::EventHandler {
 public:
  Builder(const YamlText& yaml, Source& source, Findings& findings)
      : yaml_(yaml), source_(source), findings_(findings) {}

  Json TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (TakeAsKey(mark, "")) return;
    Add(mark, anchor, nullptr);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (KeyExpected() || found == anchored_.end()) {
      Wrong(mark, KeyExpected() ? "an alias cannot be a key"
                                : "an alias within the value it names");
      if (TakeAsKey(mark, "")) return;
      Add(mark, 0, nullptr);
      return;
    }
    Count(CountValues(found->second));
    Add(mark, 0, found->second);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& text) override {
    if (TakeAsKey(mark, text)) return;
    const std::string pointer = NextPointer();
    if (tag == "!" || tag == "tag:yaml.org,2002:str") {
      Add(mark, anchor, text);
      return;
    }
    if (tag != "?" && !tag.starts_with("tag:yaml.org,2002:")) {
      Wrong(mark, fmt::format("unknown tag \"{}\"", OneLine(tag, 40)));
    }
    Json value = PlainScalar(text);
    const bool has_literal = value.is_number() || value.is_boolean();
    Add(mark, anchor, std::move(value));
    if (has_literal) source_.SetLiteral(pointer, text);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, anchor, Json::array());
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Open(mark, anchor, Json::object());
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    Json value;
    std::string pointer;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::optional<std::string> key;
    std::map<std::string, int> key_lines;
    bool ignored = false;  // a collection where a key must stand
  };

  static int LineOf(const YAML::Mark& mark) { return mark.line + 1; }

  void Wrong(const YAML::Mark& mark, std::string what) {
    findings_.Add(yaml_.place(LineOf(mark)), std::move(what));
  }

  void Count(std::size_t values) {
    values_ += values;
    if (values_ > kMostValues) throw TooManyValues();
  }

  bool KeyExpected() const {
    return !frames_.empty() && frames_.back().value.is_object() &&
           !frames_.back().key;
  }

  // Where the next value goes.
  std::string NextPointer() const {
    if (frames_.empty()) return yaml_.pointer;
    const Frame& top = frames_.back();
    return top.value.is_array() ? Child(top.pointer, top.value.size())
                                : Child(top.pointer, *top.key);
  }

  bool TakeAsKey(const YAML::Mark& mark, const std::string& text) {
    if (!KeyExpected()) return false;
    Frame& top = frames_.back();
    const auto [first, fresh] = top.key_lines.emplace(text, LineOf(mark));
    if (!fresh) {
      Wrong(mark,
            fmt::format("duplicate key \"{}\" in {}; it first stands on "
                        "line {}",
                        OneLine(text, 60), Spoken(top.pointer), first->second));
    }
    top.key = text;
    source_.Set(Child(top.pointer, text), yaml_.place(LineOf(mark)));
    return true;
  }

  // A finished value: into the frame below, or the root.
  void Add(const YAML::Mark& mark, YAML::anchor_t anchor, Json value) {
    Count(1);
    if (anchor != 0) anchored_[anchor] = value;
    if (frames_.empty()) {
      source_.Set(yaml_.pointer, yaml_.place(LineOf(mark)));
      root_ = std::move(value);
      return;
    }
    Frame& top = frames_.back();
    if (top.value.is_array()) {
      source_.Set(NextPointer(), yaml_.place(LineOf(mark)));
      top.value.push_back(std::move(value));
    } else {
      top.value[*top.key] = std::move(value);
      top.key.reset();
    }
  }

  void Open(const YAML::Mark& mark, YAML::anchor_t anchor, Json empty) {
    const bool as_key = KeyExpected();
    if (as_key) Wrong(mark, "a list or map cannot be a key");
    frames_.push_back({.value = std::move(empty),
                       .pointer = as_key ? std::string() : NextPointer(),
                       .mark = mark,
                       .anchor = anchor,
                       .ignored = as_key});
  }

  void Close() {
    Frame done = std::move(frames_.back());
    frames_.pop_back();
    if (done.ignored) {
      frames_.back().key = "";
      return;
    }
    Add(done.mark, done.anchor, std::move(done.value));
  }

  const YamlText& yaml_;
  Source& source_;
  Findings& findings_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Json> anchored_;
  std::size_t values_ = 0;
  Json root_;
};

// What no YAML text may hold, before yaml-cpp takes it for something else.
std::optional<std::pair<int, std::string>> BadCharacter(std::string_view text) {
  int line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<char32_t> c = DecodeUtf8(text, at);
    if (!c) return std::pair(line, "the text is not UTF-8");
    if (*c == U'\n') ++line;
    const bool blank = *c == U'\n' || *c == U'\r' || *c == U'\t';
    if ((*c < 0x20 && !blank) || *c == 0x7f) {
      return std::pair(line, fmt::format("control character U+{:04X}",
                                         static_cast<unsigned>(*c)));
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Json> ReadYaml(const YamlText& yaml, Source& source,
                             Findings& findings) {
  if (yaml.text.size() > kMostBytes) {
    findings.Add(yaml.place(1), "the text is longer than 1 MiB");
    return std::nullopt;
  }
  if (const auto bad = BadCharacter(yaml.text)) {
    findings.Add(yaml.place(bad->first), bad->second);
    return std::nullopt;
  }
  Findings found;  // half a text makes no sense: dropped if parsing fails
  Builder builder(yaml, source, found);
  std::istringstream in{std::string(yaml.text)};
  try {
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
    Source unused_source;
    Findings unused_findings;
    Builder second(yaml, unused_source, unused_findings);
    if (parser.HandleNextDocument(second)) {
      found.Add(yaml.place(1), "the text holds more than one document");
    }
    findings.AddAll(std::move(found));
    return builder.TakeRoot();
  } catch (const YAML::Exception& e) {
    findings.Add(yaml.place(std::max(1, e.mark.line + 1)),
                 fmt::format("not YAML: {}", OneLine(e.msg, 120)));
  } catch (const TooManyValues&) {
    findings.Add(
        yaml.place(1),
        fmt::format("more than {} values, aliases expanded", kMostValues));
  }
  return std::nullopt;
}

}  // namespace coppice::spec

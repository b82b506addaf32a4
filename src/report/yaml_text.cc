#include "report/yaml_text.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/text.h"

// A double-quoted YAML scalar understands the escapes that the JSON library
// writes, so strings are its work; only the block layout is ours. What JSON
// leaves as it is but YAML takes for a line break or forbids is escaped after.

namespace coppice::report {
namespace {

using Value = nlohmann::ordered_json;

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kEscapes{
    {{"\x7f", "\\x7f"},
     {"\xc2\x85", "\\u0085"},
     {"\xe2\x80\xa8", "\\u2028"},
     {"\xe2\x80\xa9", "\\u2029"},
     {"\xef\xbb\xbf", "\\ufeff"}}};

// Words that a reader of YAML 1.1 would not take for strings.
constexpr std::array<std::string_view, 9> kReserved{
    "null", "true", "false", "yes", "no", "on", "off", "y", "n"};

std::string Quoted(const std::string& text) {
  std::string quoted =
      Value(text).dump(-1, ' ', false, Value::error_handler_t::replace);
  for (const auto& [raw, escaped] : kEscapes) {
    for (std::size_t at = quoted.find(raw); at != std::string::npos;
         at = quoted.find(raw, at + escaped.size())) {
      quoted.replace(at, raw.size(), escaped);
    }
  }
  return quoted;
}

std::string Key(const std::string& key) {
  const bool plain = !key.empty() &&
                     key.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") ==
                         std::string::npos &&
                     std::ranges::count(kReserved, key) == 0;
  return plain ? key : Quoted(key);
}

// YAML 1.1 takes "1e-05" for a string: it wants "1.0e-05".
std::string Number(double value) {
  std::string text = FormatNumber(value);
  const std::size_t exponent = text.find('e');
  if (exponent != std::string::npos && text.find('.') == std::string::npos) {
    text.insert(exponent, ".0");
  }
  return text;
}

std::string Scalar(const Value& value) {
  if (value.is_string()) return Quoted(value.get<std::string>());
  if (value.is_number_float()) return Number(value.get<double>());
  if (value.is_object()) return "{}";
  if (value.is_array()) return "[]";
  return value.dump();
}

bool IsBlock(const Value& value) {
  return value.is_structured() && !value.empty();
}

void Write(const Value& value, std::size_t indent, std::string& out);

// After "key:" or "-": a scalar on the same line, a block below it.
void WriteAfter(const Value& value, std::size_t indent, std::string& out) {
  if (IsBlock(value)) {
    out += '\n';
    Write(value, indent, out);
  } else {
    out += ' ' + Scalar(value) + '\n';
  }
}

void WriteMap(const Value& value, std::size_t indent, std::string& out) {
  for (const auto& [key, child] : value.items()) {
    out += std::string(indent, ' ') + Key(key) + ':';
    WriteAfter(child, indent + 2, out);
  }
}

void WriteList(const Value& value, std::size_t indent, std::string& out) {
  for (const Value& child : value) {
    out += std::string(indent, ' ') + '-';
    if (child.is_object() && !child.empty()) {
      // The first key stands beside the dash.
      std::string block;
      WriteMap(child, indent + 2, block);
      out += ' ' + block.substr(indent + 2);
    } else {
      WriteAfter(child, indent + 2, out);
    }
  }
}

void Write(const Value& value, std::size_t indent, std::string& out) {
  if (value.is_object()) {
    WriteMap(value, indent, out);
  } else {
    WriteList(value, indent, out);
  }
}

}  // namespace

std::string YamlText(const nlohmann::ordered_json& value, std::size_t indent) {
  if (!IsBlock(value)) return Scalar(value) + "\n";
  std::string out;
  Write(value, indent, out);
  return out;
}

}  // namespace coppice::report

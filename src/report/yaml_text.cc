#include "report/yaml_text.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

// A double-quoted YAML scalar understands every escape of a JSON string, so
// strings are written by the JSON library; only the block layout is ours.
// Everything but ASCII is escaped too: YAML forbids some of it in plain sight.

namespace coppice::report {
namespace {

using Value = nlohmann::ordered_json;

std::string Quoted(const std::string& text) {
  return Value(text).dump(-1, ' ', true, Value::error_handler_t::replace);
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
    const bool plain =
        !key.empty() && key.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") ==
                            std::string::npos;
    out += std::string(indent, ' ') + (plain ? key : Quoted(key)) + ':';
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

std::string YamlText(const nlohmann::ordered_json& value) {
  if (!IsBlock(value)) return Scalar(value) + "\n";
  std::string out;
  Write(value, 0, out);
  return out;
}

}  // namespace coppice::report

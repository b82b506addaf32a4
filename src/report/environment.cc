#include "report/environment.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace coppice::report {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

// {"os": "...", "tools": {...}} as a flat table.
void Flatten(const Json& value, const std::string& name, Rows& rows) {
  if (value.is_object()) {
    for (const auto& [key, child] : value.items()) {
      Flatten(child, name.empty() ? key : name + "." + key, rows);
    }
  } else if (!value.is_null()) {
    std::string text =
        value.is_string() ? value.get<std::string>() : DumpCanonical(value);
    if (!text.empty()) rows.emplace_back(name, std::move(text));
  }
}

}  // namespace

Rows EnvironmentOf(const search::State& state) {
  Rows rows;
  const std::string& lock = state.start().lock_json;
  if (lock.empty()) return rows;
  Result<Json> parsed = ParseJson(lock, "baseline.lock");
  if (!parsed || !parsed->is_object() || !parsed->contains("environment")) {
    return rows;
  }
  Flatten((*parsed)["environment"], "", rows);
  return rows;
}

}  // namespace coppice::report

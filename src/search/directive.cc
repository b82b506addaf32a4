#include "search/directive.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace coppice::search {
namespace {

constexpr std::pair<Steer, const char*> kSteers[] = {
    {Steer::kPause, "pause"},
    {Steer::kContinue, "continue"},
    {Steer::kStop, "stop"},
    {Steer::kStopNow, "stop_now"}};

std::string TextAt(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>()
                                                   : std::string();
}

std::optional<AttemptId> NodeAt(const Json& json, const char* key) {
  auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer()) return std::nullopt;
  return AttemptId(found->get<std::int64_t>());
}

bool FlagAt(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

Result<Directive> ParseDirective(std::string_view body) {
  Result<Json> json = ParseJson(body, "told");
  if (!json) return json.error();
  if (!json->is_object()) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "a directive is a JSON object"};
  }
  Directive directive{.text = TextAt(*json, "text"),
                      .idea = TextAt(*json, "idea"),
                      .source = TextAt(*json, "source"),
                      .at = NodeAt(*json, "at"),
                      .fresh = FlagAt(*json, "fresh"),
                      .pin = NodeAt(*json, "pin"),
                      .unpin = FlagAt(*json, "unpin"),
                      .prune = NodeAt(*json, "prune"),
                      .approve = TextAt(*json, "approve"),
                      .process = TextAt(*json, "process"),
                      .nonce = TextAt(*json, "nonce")};
  auto budget = json->find("budget");
  if (budget != json->end() && budget->is_object()) {
    for (const auto& [key, value] : budget->items()) {
      directive.budget[key] = DumpCanonical(value);
    }
  }
  const std::string steer = TextAt(*json, "steer");
  for (const auto& [what, name] : kSteers) {
    if (steer == name) directive.steer = what;
  }
  return directive;
}

std::string FormatDirective(const Directive& directive) {
  Json json = Json::object();
  auto say = [&](const char* key, const std::string& text) {
    if (!text.empty()) json[key] = text;
  };
  auto name = [&](const char* key, std::optional<AttemptId> node) {
    if (node) json[key] = node->value();
  };
  say("text", directive.text);
  say("idea", directive.idea);
  say("source", directive.source);
  name("at", directive.at);
  if (directive.fresh) json["fresh"] = true;
  name("pin", directive.pin);
  if (directive.unpin) json["unpin"] = true;
  name("prune", directive.prune);
  say("approve", directive.approve);
  say("process", directive.process);
  say("nonce", directive.nonce);
  for (const auto& [key, value] : directive.budget) {
    json["budget"][key] = Json::parse(value);
  }
  for (const auto& [what, word] : kSteers) {
    if (directive.steer == what) json["steer"] = word;
  }
  return DumpCanonical(json);
}

}  // namespace coppice::search

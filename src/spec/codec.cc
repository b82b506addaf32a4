#include "spec/codec.h"

#include <fmt/format.h>

#include <concepts>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "spec/codec_names.h"
#include "spec/fields_measure.h"
#include "spec/fields_propose.h"
#include "spec/fields_search.h"

// Reading and writing share one list of fields a struct (fields_*.h):
// Fields(visit, value) names each key once, and a Writer or a Reader visits
// it. What a key writes otherwise than its field stands in a small wrapper
// (codec_wrappers.h), which brings its own Write and Read.

namespace coppice::spec {
namespace {

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;

template <class T>
concept Wrapper = requires(T wrapper, const Json& json) {
  { wrapper.Write() } -> std::same_as<Json>;
  wrapper.Read(json);
};

template <class T>
Json Write(T& value);
template <class T>
void Read(const Json& json, T& value);

struct Writer {
  Json& out;
  template <class T>
  void operator()(const char* key, T&& value) {
    out[key] = Write(value);
  }
};

struct Reader {
  const Json& in;
  template <class T>
  void operator()(const char* key, T&& value) {
    const auto found = in.find(key);
    if (found != in.end()) Read(*found, value);
  }
};

template <class T>
Json Write(T& value) {
  if constexpr (Wrapper<T>) {
    return value.Write();
  } else if constexpr (std::is_enum_v<T>) {
    return NameOf(value);
  } else if constexpr (kIsOptional<T>) {
    return value ? Write(*value) : Json(nullptr);
  } else if constexpr (kIsVector<T>) {
    Json out = Json::array();
    for (auto& item : value) out.push_back(Write(item));
    return out;
  } else if constexpr (requires(Writer w) { Fields(w, value); }) {
    Json out = Json::object();
    Writer writer{out};
    Fields(writer, value);
    return out;
  } else {
    return value;
  }
}

template <class T>
void Read(const Json& json, T& value) {
  if constexpr (Wrapper<T>) {
    value.Read(json);
  } else if constexpr (std::is_enum_v<T>) {
    value = ValueOf<T>(std::string(json));
  } else if constexpr (kIsOptional<T>) {
    value.reset();
    if (!json.is_null()) Read(json, value.emplace());
  } else if constexpr (kIsVector<T>) {
    value.clear();
    for (const Json& item : json) Read(item, value.emplace_back());
  } else if constexpr (std::is_same_v<T, Check>) {
    if (json.is_string()) {
      value.command = json;
    } else {
      Reader reader{json};
      Fields(reader, value);
    }
  } else if constexpr (requires(Reader r) { Fields(r, value); }) {
    Reader reader{json};
    Fields(reader, value);
  } else {
    json.get_to(value);
  }
}

// The arm under its own key, with weight, operators and the proposal's keys
// beside it.
Json WriteProposer(Proposer& proposer) {
  Json out;
  if (auto* edits = std::get_if<EditsArm>(&proposer.arm)) {
    out["edits"] = Write(*edits);
  } else {
    out = std::visit([](auto& arm) { return Write(arm); }, proposer.arm);
  }
  Writer writer{out};
  writer("weight", proposer.weight);
  writer("operators", proposer.operators);
  Fields(writer, proposer.proposal);
  return out;
}

template <class Arm>
Arm ReadArm(const Json& json) {
  Arm arm;
  Read(json, arm);
  return arm;
}

Proposer ReadProposer(const Json& json, const Proposal& proposal) {
  Proposer proposer{.arm = {}, .proposal = proposal};
  if (json.contains("model")) {
    proposer.arm = ReadArm<ModelArm>(json);
    proposer.name = json["model"];
  } else if (json.contains("agent")) {
    proposer.arm = ReadArm<AgentArm>(json);
    proposer.name = fmt::format("agent:{}", std::string(json["agent"]));
  } else if (json.contains("command")) {
    proposer.arm = ReadArm<CommandArm>(json);
    proposer.name = "command";
  } else {
    proposer.arm = ReadArm<EditsArm>(json["edits"]);
    proposer.name = "edits";
  }
  Reader reader{json};
  reader("weight", proposer.weight);
  reader("operators", proposer.operators);
  Fields(reader, proposer.proposal);
  return proposer;
}

void MakeNamesUnique(std::vector<Proposer>& proposers) {
  std::set<std::string> taken;
  for (Proposer& proposer : proposers) {
    const std::string name = proposer.name;
    for (int i = 2; !taken.insert(proposer.name).second; ++i) {
      proposer.name = fmt::format("{}-{}", name, i);
    }
  }
}

}  // namespace

Json ToJson(Spec spec) {
  Json out = Write(spec);
  out["model"] = nullptr;
  out["proposers"] = Json::array();
  for (Proposer& proposer : spec.proposers) {
    out["proposers"].push_back(WriteProposer(proposer));
  }
  return out;
}

Spec FromJson(const Json& json) {
  Spec spec;
  Read(json, spec);
  if (!spec.metric.weights.empty()) {
    spec.metric.name = "score";
    spec.metric.direction = Direction::kMaximize;
  }
  Json entries = json.value("proposers", Json::array());
  const Json model = json.value("model", Json());
  if (!model.is_null()) entries.push_back({{"model", model}});
  for (const Json& entry : entries) {
    spec.proposers.push_back(ReadProposer(entry, spec.proposal));
  }
  MakeNamesUnique(spec.proposers);
  return spec;
}

}  // namespace coppice::spec

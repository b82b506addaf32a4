#include "spec/cross_rules.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/text.h"

namespace coppice::spec {
namespace {

const Json& Nothing() {
  static const Json nothing;
  return nothing;
}

const Json& At(const Json& value, const char* key) {
  if (!value.is_object()) return Nothing();
  const auto found = value.find(key);
  return found == value.end() ? Nothing() : *found;
}

bool HasEntries(const Json& value) {
  return value.is_array() && !value.empty();
}

bool IsRange(const Json& value) {
  return value.is_array() && value.size() == 2 && value[0].is_number() &&
         value[1].is_number();
}

class Rules {
 public:
  Rules(const Source& source, Findings& findings)
      : source_(source), findings_(findings) {}

  void Metric(const Json& metric) {
    if (!metric.is_object()) return;
    const Json& weights = At(metric, "weights");
    if (HasEntries(weights)) {
      WeightedMetric(metric);
      UniqueNames(weights, "/metric/weights");
    } else {
      PlainMetric(metric);
    }
    BuiltInName(At(metric, "name"), "/metric/name");
    for (const char* list : {"weights", "gates", "guards"}) {
      const Json& items = At(metric, list);
      if (!items.is_array()) continue;
      const std::string place = Child("/metric", list);
      for (std::size_t i = 0; i < items.size(); ++i) {
        BuiltInName(At(items[i], "name"), Child(Child(place, i), "name"));
      }
    }
    Range(At(metric, "range"), "/metric/range");
    TargetInRange(At(metric, "target"), At(metric, "range"));
  }

  void Proposers(const Json& root) {
    const Json& proposers = At(root, "proposers");
    const Json& model = At(root, "model");
    if (HasEntries(proposers) && !model.is_null()) {
      Add("/model",
          "model and proposers exclude each other; model is short for "
          "proposers with that one entry");
    }
    if (!proposers.is_array()) return;
    for (std::size_t i = 0; i < proposers.size(); ++i) {
      Edits(At(proposers[i], "edits"), Child(Child("/proposers", i), "edits"));
    }
  }

  void Chains(const Json& search, const Json& budget) {
    const Json& how = At(search, "chain_budget");
    if (!how.is_string() || how == "even" || !budget.is_object()) return;
    const auto nodes = budget.find("max_nodes");
    if (nodes == budget.end() || !nodes->is_null()) return;
    Add("/search/chain_budget",
        fmt::format("search.chain_budget is {}, which divides "
                    "budget.max_nodes, and that is null: set it",
                    how.get<std::string>()));
  }

 private:
  void Add(const std::string& pointer, std::string what) {
    findings_.Add(source_.Where(pointer), std::move(what));
  }

  void PlainMetric(const Json& metric) {
    const bool named = !At(metric, "name").is_null();
    const bool directed = !At(metric, "direction").is_null();
    if (!named) {
      Add("/metric",
          "metric lacks \"name\": the key that the evaluation prints (or give "
          "\"weights\")");
    }
    if (!directed) {
      Add("/metric", "metric lacks \"direction\": minimize or maximize");
    }
  }

  // "@wall", "@cpu", "@maxrss" and "@size:GLOB" are measured by coppice.
  void BuiltInName(const Json& name, const std::string& pointer) {
    if (!name.is_string()) return;
    const std::string& text = name.get_ref<const std::string&>();
    constexpr std::string_view kSize = "@size:";
    const bool known = text == "@wall" || text == "@cpu" || text == "@maxrss" ||
                       (text.starts_with(kSize) && text.size() > kSize.size());
    const bool meant =
        text.size() > 1 && text[0] == '@' && text[1] >= 'a' && text[1] <= 'z';
    if (!meant || known) return;
    Add(pointer,
        fmt::format("{} is \"{}\"; what coppice measures itself is @wall, "
                    "@cpu, @maxrss or @size:GLOB",
                    Spoken(pointer), text));
  }

  void WeightedMetric(const Json& metric) {
    const Json& name = At(metric, "name");
    if (!name.is_null() && name != "score") {
      Add("/metric/name",
          "metric.name and metric.weights exclude each other: the weighted "
          "score is the metric; put the name among weights or diagnostics");
    }
    const Json& direction = At(metric, "direction");
    if (!direction.is_null() && direction != "maximize") {
      Add("/metric/direction",
          "with weights the score is always maximized; leave the direction "
          "out, each weight has its own");
    }
  }

  void Range(const Json& range, const std::string& pointer) {
    if (!IsRange(range) || range[0] < range[1]) return;
    Add(pointer,
        fmt::format("{} is [{}, {}]; the low end must be below the high end",
                    Spoken(pointer), range[0].dump(), range[1].dump()));
  }

  void TargetInRange(const Json& target, const Json& range) {
    if (!target.is_number() || !IsRange(range)) return;
    if (target >= range[0] && target <= range[1]) return;
    Add("/metric/target",
        fmt::format("metric.target is {}, outside metric.range: it can never "
                    "be reached",
                    target.dump()));
  }

  void UniqueNames(const Json& entries, const std::string& pointer) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Json& name = At(entries[i], "name");
      if (!name.is_string() || seen.insert(std::string(name)).second) continue;
      Add(Child(pointer, i),
          fmt::format("{} has the name \"{}\" twice", Spoken(pointer),
                      OneLine(std::string(name), 60)));
    }
  }

  void Edits(const Json& edits, const std::string& pointer) {
    if (!edits.is_object()) return;
    const Json& kinds = At(edits, "kinds");
    const Json& knobs = At(edits, "knobs");
    if (kinds.is_array() && kinds.empty() && !HasEntries(knobs)) {
      Add(pointer, fmt::format("{} has neither kinds nor knobs: it could "
                               "change nothing",
                               Spoken(pointer)));
    }
    if (!knobs.is_array()) return;
    UniqueNames(knobs, Child(pointer, "knobs"));
    for (std::size_t i = 0; i < knobs.size(); ++i) {
      Knob(knobs[i], Child(Child(pointer, "knobs"), i));
    }
  }

  void Knob(const Json& knob, const std::string& pointer) {
    const bool has_values = HasEntries(At(knob, "values"));
    const Json& range = At(knob, "range");
    if (has_values == !range.is_null()) {
      Add(pointer,
          fmt::format("{} needs {} of values and range", Spoken(pointer),
                      has_values ? "only one" : "one"));
    }
    Range(range, Child(pointer, "range"));
    if (IsRange(range) && At(knob, "scale") == "log" && range[0] <= 0) {
      Add(Child(pointer, "range"),
          fmt::format("{} begins at {}; a log scale needs numbers greater "
                      "than 0",
                      Spoken(Child(pointer, "range")), range[0].dump()));
    }
  }

  const Source& source_;
  Findings& findings_;
};

}  // namespace

void CheckCrossRules(const Json& root, const Source& source,
                     Findings& findings) {
  Rules rules(source, findings);
  rules.Metric(At(root, "metric"));
  rules.Proposers(root);
  rules.Chains(At(root, "search"), At(root, "budget"));
}

}  // namespace coppice::spec

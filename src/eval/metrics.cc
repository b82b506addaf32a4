#include "eval/metrics.h"

#include <fmt/format.h>

#include <vector>

#include "base/text.h"
#include "eval/line_pattern.h"
#include "eval/metrics_json.h"
#include "eval/metrics_lines.h"
#include "eval/metrics_readings.h"
#include "eval/metrics_stream.h"
#include "spec/judge_names.h"

// Sources in order of trust: what coppice measured itself, the result file if
// it was written, the last JSON object on stdout, lines on stdout, lines on
// stderr. The first that yields
// the metric supplies every name that decides; two different values inside it
// are an error, because a candidate that shares stdout can always print
// another one. Other sources only add diagnostics.

namespace coppice::eval {
namespace {

using spec::OutputFormat;

std::string Quoted(const Reading& reading) {
  return reading.unit.empty() ? reading.text
                              : reading.text + ' ' + reading.unit;
}

}  // namespace

std::string_view Name(MetricReason reason) {
  switch (reason) {
    case MetricReason::kMissing:
      return "missing";
    case MetricReason::kAmbiguous:
      return "ambiguous";
    case MetricReason::kNotANumber:
      return "not a number";
    case MetricReason::kOutOfRange:
      return "out of range";
    case MetricReason::kImplausible:
      return "implausible";
    case MetricReason::kUnit:
      return "unit";
    case MetricReason::kStale:
      return "stale";
    case MetricReason::kInvalid:
      return "invalid";
  }
  return "";
}

std::string MetricProblem::Text() const {
  return fmt::format("{}: {}", Name(reason), text);
}

MetricContract ContractOf(const spec::Spec& spec) {
  const spec::Metric& metric = spec.metric;
  MetricContract contract{.output = spec.evaluation.output,
                          .regex = spec.evaluation.output_regex,
                          .glob = spec.evaluation.output_glob};
  if (metric.weights.empty()) {
    contract.anchor = metric.name;
    contract.range = metric.range;
  } else {
    contract.anchor = metric.weights.front().name;
  }
  contract.required.insert(contract.anchor);
  contract.directions[contract.anchor] = metric.direction;
  for (const spec::Weight& w : metric.weights) {
    contract.directions[w.name] = w.direction;
  }
  for (const spec::Weight& w : metric.weights) contract.required.insert(w.name);
  for (const spec::Gate& g : metric.gates) contract.required.insert(g.name);
  for (const spec::Guard& g : metric.guards) contract.required.insert(g.name);
  // What a judge fills in is nobody's to print.
  auto judged = [&](const std::string& name) {
    return spec::FilledByJudge(spec, name);
  };
  std::erase_if(contract.required, judged);
  if (judged(contract.anchor)) {
    contract.anchor =
        contract.required.empty() ? "" : *contract.required.begin();
    contract.range.reset();
  }
  contract.declared = contract.required;
  contract.declared.insert(metric.diagnostics.begin(),
                           metric.diagnostics.end());
  return contract;
}

struct MetricScanner::State {
  explicit State(const MetricContract& c) : contract(c) {
    // The specification was validated: a pattern that fails now ends the run.
    if (contract.output == OutputFormat::kRegex) {
      pattern = LinePattern::Make(contract.regex).value();
    }
  }

  void Line(std::string_view line, Readings& lines, Readings& matches) {
    if (std::optional<NamedReading> found =
            ReadMetricLine(line, contract.declared)) {
      lines.Add(found->name, std::move(found->reading));
    }
    if (!pattern) return;
    if (const std::optional<std::string> value = pattern->Find(line)) {
      matches.Add(contract.anchor, ReadToken(Trim(*value)));
    }
  }

  const MetricContract contract;
  std::optional<LinePattern> pattern;
  JsonStream json;
  LineStream out_stream, err_stream;
  Readings out_lines{&contract.declared}, err_lines{&contract.declared};
  Readings out_matches{&contract.declared}, err_matches{&contract.declared};
};

namespace {

// Turns what the sources hold into an Extraction.
class Extractor {
 public:
  Extractor(const MetricContract& contract,
            const std::map<std::string, std::string>& units)
      : contract_(contract), units_(units) {}

  void AddSource(const Readings* source) { sources_.push_back(source); }

  void Fail(MetricReason reason, std::string text) {
    if (!result_.problem) {
      result_.problem =
          MetricProblem{.reason = reason, .text = std::move(text)};
    }
  }
  void Reject(std::string text) { result_.rejected = std::move(text); }

  // The first source with a number, or at least a failed one, for the metric;
  // else the first with a word in its place.
  const Readings* Choose() const {
    if (IsBuiltIn(contract_.anchor)) return nullptr;
    const Readings* worded = nullptr;
    for (const Readings* source : sources_) {
      if (contract_.anchor.empty() && !source->entries().empty()) return source;
      const Readings::Entry* entry = source->Find(contract_.anchor);
      if (entry == nullptr) continue;
      if (entry->first.kind != Reading::Kind::kText) return source;
      if (worded == nullptr) worded = source;
    }
    return worded;
  }

  // `anchor_source` supplies the metric, `source` all other deciding names;
  // without one, each comes from the first source that has it.
  Extraction Run(const Readings* anchor_source, const Readings* source) {
    if (!contract_.anchor.empty()) Decide(contract_.anchor, anchor_source);
    for (const std::string& name : contract_.required) {
      if (name == contract_.anchor) continue;
      Decide(name, source != nullptr ? source : FirstWith(name));
    }
    CheckRange();
    for (const Readings* other : sources_) AddDiagnostics(*other);
    return std::move(result_);
  }

 private:
  const Readings* FirstWith(const std::string& name) const {
    for (const Readings* source : sources_) {
      if (source->Find(name) != nullptr) return source;
    }
    return nullptr;
  }

  void Decide(const std::string& name, const Readings* source) {
    if (IsBuiltIn(name)) source = sources_.front();
    const Readings::Entry* entry =
        source == nullptr ? nullptr : source->Find(name);
    if (entry == nullptr) return Fail(MetricReason::kMissing, Missing(name));
    if (entry->other) {
      return Fail(MetricReason::kAmbiguous,
                  fmt::format("`{}` is given as {} and as {}", name,
                              Quoted(entry->first), Quoted(*entry->other)));
    }
    const Reading& reading = entry->first;
    if (!reading.IsNumber()) {
      return Fail(reading.kind == Reading::Kind::kOutOfRange
                      ? MetricReason::kOutOfRange
                      : MetricReason::kNotANumber,
                  fmt::format("`{}` is {}", name,
                              reading.text.empty() ? "empty" : reading.text));
    }
    Take(name, reading);
  }

  void Take(const std::string& name, const Reading& reading) {
    const auto baseline = units_.find(name);
    const std::string& unit =
        baseline == units_.end() ? reading.unit : baseline->second;
    const std::optional<double> value =
        ConvertUnit(reading.value, reading.unit, unit);
    if (!value) {
      return Fail(MetricReason::kUnit,
                  fmt::format("`{}` is {}, the baseline's unit is {}", name,
                              Quoted(reading), unit.empty() ? "none" : unit));
    }
    result_.numbers[name] = *value;
    result_.units[name] = unit;
  }

  std::string Missing(const std::string& name) const {
    std::vector<std::string> seen;
    for (const Readings* source : sources_) {
      for (const auto& [other, entry] : source->entries()) {
        seen.push_back(other);
      }
    }
    std::string text = fmt::format("no metric `{}` in the output", name);
    if (seen.empty()) return text + "; no number was seen";
    if (const std::optional<std::string> near = Nearest(name, seen)) {
      return fmt::format("{}; the nearest name seen is `{}`", text, *near);
    }
    return fmt::format("{}; seen: `{}`{}", text, seen.front(),
                       seen.size() > 1 ? ", ..." : "");
  }

  void CheckRange() {
    const auto it = result_.numbers.find(contract_.anchor);
    if (!contract_.range || it == result_.numbers.end()) return;
    const auto [low, high] = *contract_.range;
    if (it->second >= low && it->second <= high) return;
    Fail(MetricReason::kImplausible,
         fmt::format("`{}` is {}, outside [{}, {}]", it->first,
                     FormatNumber(it->second), FormatNumber(low),
                     FormatNumber(high)));
  }

  void AddDiagnostics(const Readings& source) {
    for (const auto& [name, entry] : source.entries()) {
      if (contract_.required.contains(name) || !entry.last.IsNumber()) continue;
      result_.numbers.emplace(name, entry.last.value);
    }
  }

  const MetricContract& contract_;
  const std::map<std::string, std::string>& units_;
  std::vector<const Readings*> sources_;
  Extraction result_;
};

// A failed benchmark or `valid: false` counts only in the source that is used.
void Heed(const std::optional<JsonReadings>& json, const Readings* used,
          const MetricContract& contract, Extractor& extractor) {
  if (!json || used != &json->readings) return;
  if (json->invalid) extractor.Fail(MetricReason::kInvalid, *json->invalid);
  if (json->rejected) extractor.Reject(*json->rejected);
  for (const auto& [name, direction] : json->directions) {
    auto wanted = contract.directions.find(name);
    if (wanted == contract.directions.end() || wanted->second == direction) {
      continue;
    }
    extractor.Fail(
        MetricReason::kInvalid,
        fmt::format("the tool says that `{}` is better {}, the direction "
                    "in the spec says the opposite",
                    name,
                    direction == spec::Direction::kMaximize ? "high" : "low"));
  }
}

// All files as one source, each under its benchmark's name.
std::optional<JsonReadings> ReadFiles(const std::vector<ResultFile>& files,
                                      const MetricContract& contract,
                                      Extractor& extractor) {
  std::optional<JsonReadings> all;
  for (const ResultFile& file : files) {
    if (file.problem) {
      extractor.Fail(file.problem->reason, file.problem->text);
      continue;
    }
    // Under a prefix every name may be one that decides.
    NameSet local;
    for (const std::string& name : contract.declared) {
      local.insert(file.id.empty() || !name.starts_with(file.id + ".")
                       ? name
                       : name.substr(file.id.size() + 1));
    }
    std::string error;
    std::optional<JsonReadings> one = ReadJson(file.bytes, local, error);
    if (!one) {
      extractor.Fail(
          MetricReason::kInvalid,
          fmt::format("the result file is not JSON: {}", OneLine(error, 160)));
      continue;
    }
    if (!all) {
      all.emplace(JsonReadings{.readings = Readings(&contract.declared)});
    }
    for (const auto& [name, entry] : one->readings.entries()) {
      const std::string whole =
          file.id.empty() ? name : fmt::format("{}.{}", file.id, name);
      all->readings.Add(whole, entry.first);
      if (entry.other) all->readings.Add(whole, *entry.other);
      all->readings.Add(whole, entry.last);
    }
    if (!all->invalid) all->invalid = one->invalid;
    if (!all->rejected) all->rejected = one->rejected;
    all->directions.merge(one->directions);
  }
  return all;
}

}  // namespace

MetricScanner::MetricScanner(const MetricContract& contract)
    : state_(std::make_unique<State>(contract)) {}

MetricScanner::~MetricScanner() = default;

void MetricScanner::Feed(OutputStream stream, std::string_view chunk) {
  State& s = *state_;
  if (stream == OutputStream::kStdout) {
    s.json.Feed(chunk);
    s.out_stream.Feed(chunk, [&s](std::string_view line) {
      s.Line(line, s.out_lines, s.out_matches);
    });
  } else {
    s.err_stream.Feed(chunk, [&s](std::string_view line) {
      s.Line(line, s.err_lines, s.err_matches);
    });
  }
}

Extraction MetricScanner::Finish(
    const std::vector<ResultFile>& files,
    const std::map<std::string, std::string>& units,
    const std::map<std::string, double>& built_ins) {
  State& s = *state_;
  const MetricContract& contract = s.contract;
  const OutputFormat output = contract.output;
  const bool any =
      output == OutputFormat::kAuto || output == OutputFormat::kRegex;
  const bool file_only =
      output == OutputFormat::kFile || output == OutputFormat::kTree;
  s.out_stream.Finish([&s](std::string_view line) {
    s.Line(line, s.out_lines, s.out_matches);
  });
  s.err_stream.Finish([&s](std::string_view line) {
    s.Line(line, s.err_lines, s.err_matches);
  });

  Readings measured(&contract.declared);
  for (const auto& [name, value] : built_ins) {
    measured.Add(name, NumberReading(value));
  }
  Extractor extractor(contract, units);
  extractor.AddSource(&measured);
  std::optional<JsonReadings> file_json, stdout_json;
  const bool use_file = !files.empty() && (any || file_only);
  if (use_file) {
    file_json = ReadFiles(files, contract, extractor);
    if (file_json) extractor.AddSource(&file_json->readings);
  } else if (file_only && !IsBuiltIn(contract.anchor)) {
    extractor.Fail(
        MetricReason::kMissing,
        output == OutputFormat::kFile
            ? "nothing was written to $COPPICE_RESULT"
            : fmt::format("the command left no file {}", contract.glob));
  }
  // What shares its channel with the candidate is not asked once a file is
  // there, except by a pattern that was written out.
  const Readings* used = use_file ? extractor.Choose() : nullptr;
  if ((any || output == OutputFormat::kJson) && s.json.last()) {
    std::string ignored;
    stdout_json = ReadJson(*s.json.last(), contract.declared, ignored);
    if (stdout_json) extractor.AddSource(&stdout_json->readings);
  }
  if (any || output == OutputFormat::kLines) {
    extractor.AddSource(&s.out_lines);
    extractor.AddSource(&s.err_lines);
  }
  if (!use_file) used = extractor.Choose();
  Heed(file_json, used, contract, extractor);
  Heed(stdout_json, used, contract, extractor);

  const Readings* anchor = used;
  if (output == OutputFormat::kRegex) {
    const bool on_stdout = s.out_matches.Find(contract.anchor) != nullptr;
    anchor = on_stdout ? &s.out_matches : &s.err_matches;
  }
  return extractor.Run(anchor, used);
}

}  // namespace coppice::eval

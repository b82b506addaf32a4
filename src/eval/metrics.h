#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/sandbox.h"
#include "spec/spec.h"

// The output contract (SPEC §6): from what a measurement wrote to numbers, or
// to the reason why there is none. No model ever reads a metric.

namespace coppice::eval {

enum class MetricReason {
  kMissing,
  kAmbiguous,
  kNotANumber,
  kOutOfRange,   // of a double
  kImplausible,  // outside metric.range
  kUnit,         // not of the kind that the baseline used
  kStale,        // a result file older than its sample
  kInvalid,      // a result file that is none, a benchmark that failed
};
std::string_view Name(MetricReason reason);

struct MetricProblem {
  MetricReason reason = MetricReason::kMissing;
  std::string text;  // one line

  std::string Text() const;  // "missing: no metric `seconds`; ..."
};

struct Extraction {
  // Every number seen, converted to the units of the baseline. Complete for
  // the names that decide unless there is a problem.
  std::map<std::string, double> numbers;
  std::map<std::string, std::string> units;  // of the names that decide
  std::optional<MetricProblem> problem;
  std::optional<std::string> rejected;  // the result itself says valid: false
};

// Which names decide, and where they are looked for.
struct MetricContract {
  // metric.name, or the first weight's name; of what a judge does not fill in,
  // and empty if that is nothing.
  std::string anchor;
  std::set<std::string, std::less<>> required;     // and those of gates, guards
  std::set<std::string, std::less<>> declared;     // and the diagnostics
  std::optional<std::pair<double, double>> range;  // of the anchor
  // Of what decides: a tool that says the opposite is not believed.
  std::map<std::string, spec::Direction, std::less<>> directions;
  spec::OutputFormat output = spec::OutputFormat::kAuto;
  std::string regex;
  std::string glob;
};
MetricContract ContractOf(const spec::Spec& spec);

// What is at COPPICE_RESULT after a sample, or a file that its command left.
struct ResultFile {
  std::string bytes;
  std::optional<MetricProblem> problem;  // not a file that may be read
  std::string id;  // of the benchmark it is about; goes before its names
};

// Names that coppice measures itself, from outside (MEASURE §9): "@wall" and
// "@cpu" in seconds, "@maxrss" in bytes, "@size:GLOB" in bytes.
inline bool IsBuiltIn(std::string_view name) {
  return name == "@wall" || name == "@cpu" || name == "@maxrss" ||
         name.starts_with("@size:");
}

// Reads a measurement's output as it comes, in bounded memory. One scanner a
// sample.
class MetricScanner {
 public:
  explicit MetricScanner(const MetricContract& contract);
  ~MetricScanner();

  void Feed(OutputStream stream, std::string_view chunk);

  // After the last Feed, once. `files`: what is at COPPICE_RESULT, or the
  // files that `output: {file: ...}` names. `units` are the baseline's, by
  // name; empty while the baseline itself is measured. `built_ins`: the values
  // of those that decide.
  Extraction Finish(const std::vector<ResultFile>& files,
                    const std::map<std::string, std::string>& units,
                    const std::map<std::string, double>& built_ins = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coppice::eval

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

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
  std::string anchor;  // metric.name, or the first weight's name
  std::set<std::string, std::less<>> required;     // and those of gates, guards
  std::set<std::string, std::less<>> declared;     // and the diagnostics
  std::optional<std::pair<double, double>> range;  // of the anchor
  spec::OutputFormat output = spec::OutputFormat::kAuto;
  std::string regex;
};
MetricContract ContractOf(const spec::Spec& spec);

// What is at COPPICE_RESULT after a sample.
struct ResultFile {
  std::string bytes;
  std::optional<MetricProblem> problem;  // not a file that may be read
};

// Reads a measurement's output as it comes, in bounded memory. One scanner a
// sample.
class MetricScanner {
 public:
  explicit MetricScanner(const MetricContract& contract);
  ~MetricScanner();

  void Feed(OutputStream stream, std::string_view chunk);

  // After the last Feed, once. `units` are the baseline's, by name; empty
  // while the baseline itself is measured.
  Extraction Finish(const std::optional<ResultFile>& file,
                    const std::map<std::string, std::string>& units);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coppice::eval

#include "base/outcome.h"

#include <array>
#include <cstddef>

namespace coppice {
namespace {

struct OutcomeRow {
  std::string_view name;
  Status status;
  bool improve;
  bool debug;
  bool rejection;
};

// In the order of the enumeration (SPEC §3).
constexpr std::array<OutcomeRow, 17> kOutcomes{{
    {"baseline", Status::kKeep, true, false, false},
    {"improved", Status::kKeep, true, false, false},
    {"valid", Status::kDiscard, true, false, false},
    {"inconclusive", Status::kDiscard, true, false, false},
    {"degenerate", Status::kDiscard, false, false, false},
    {"checks_failed", Status::kDiscard, false, true, false},
    {"censored", Status::kDiscard, false, false, false},
    {"deferred", Status::kDiscard, false, false, false},
    {"duplicate", Status::kDiscard, false, false, true},
    {"scope_violation", Status::kDiscard, false, false, true},
    {"edit_failed", Status::kCrash, false, false, true},
    {"buggy", Status::kCrash, false, true, false},
    {"timeout", Status::kCrash, false, true, false},
    {"oom", Status::kCrash, false, true, false},
    {"metric_error", Status::kCrash, false, true, false},
    {"tampered", Status::kCrash, false, false, false},
    {"cancelled", Status::kNone, false, false, false},
}};

constexpr std::array<std::string_view, 4> kStatuses{"keep", "discard", "crash",
                                                    "-"};
constexpr std::array<std::string_view, 7> kVerdicts{
    "ok", "failed", "crashed", "timeout", "memory", "aborted", "lost"};
constexpr std::array<std::string_view, 7> kEvalPhases{
    "setup", "build", "smoke", "check", "measure", "diagnose", "holdout"};
constexpr std::array<std::string_view, 7> kSamplePhases{
    "baseline", "check", "screen", "confirm", "canary", "final", "holdout"};
constexpr std::array<std::string_view, 5> kOperators{"draft", "improve",
                                                     "debug", "tune", "merge"};

const OutcomeRow& Row(Outcome outcome) {
  return kOutcomes[static_cast<std::size_t>(outcome)];
}

template <class E, std::size_t N>
std::optional<E> Find(const std::array<std::string_view, N>& names,
                      std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace

Status StatusOf(Outcome outcome) { return Row(outcome).status; }
bool MayBeImproved(Outcome outcome) { return Row(outcome).improve; }
bool MayBeDebugged(Outcome outcome) { return Row(outcome).debug; }
bool IsRejection(Outcome outcome) { return Row(outcome).rejection; }

std::string_view Name(Outcome outcome) { return Row(outcome).name; }
std::string_view Name(Status status) {
  return kStatuses[static_cast<std::size_t>(status)];
}
std::string_view Name(Verdict verdict) {
  return kVerdicts[static_cast<std::size_t>(verdict)];
}
std::string_view Name(EvalPhase phase) {
  return kEvalPhases[static_cast<std::size_t>(phase)];
}
std::string_view Name(SamplePhase phase) {
  return kSamplePhases[static_cast<std::size_t>(phase)];
}
std::string_view Name(Operator op) {
  return kOperators[static_cast<std::size_t>(op)];
}

std::optional<Outcome> OutcomeFromName(std::string_view name) {
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    if (kOutcomes[i].name == name) return static_cast<Outcome>(i);
  }
  return std::nullopt;
}
std::optional<Verdict> VerdictFromName(std::string_view name) {
  return Find<Verdict>(kVerdicts, name);
}
std::optional<SamplePhase> SamplePhaseFromName(std::string_view name) {
  return Find<SamplePhase>(kSamplePhases, name);
}
std::optional<Operator> OperatorFromName(std::string_view name) {
  return Find<Operator>(kOperators, name);
}

}  // namespace coppice

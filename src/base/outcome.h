#pragma once

#include <optional>
#include <string_view>

// The words of a search: what became of an attempt, of a command, and where.
// Every name here is written to disk and shown to users; names are added,
// never reused.

namespace coppice {

// What became of an attempt (SPEC §3).
enum class Outcome : std::uint8_t {
  kBaseline,
  kImproved,
  kValid,
  kInconclusive,
  kDegenerate,
  kChecksFailed,
  kCensored,
  kDeferred,
  kDuplicate,
  kScopeViolation,
  kEditFailed,
  kBuggy,
  kTimeout,
  kOom,
  kMetricError,
  kTampered,
  kCancelled,
};

// The three words that single-step tools know; cancelled has none.
enum class Status { kKeep, kDiscard, kCrash, kNone };

// How one command ended. kLost is our fault: retried, never scored.
enum class Verdict {
  kOk,
  kFailed,
  kCrashed,
  kTimeout,
  kMemory,
  kAborted,
  kLost
};

// The phases of an evaluation, in order; also the value of COPPICE_PHASE.
enum class EvalPhase {
  kSetup,
  kBuild,
  kSmoke,
  kCheck,
  kMeasure,
  kDiagnose,
  kHoldout
};

// Why a sample was taken (SPEC §4, `sampled`).
enum class SamplePhase {
  kBaseline,
  kCheck,
  kScreen,
  kConfirm,
  kCanary,
  kFinal,
  kHoldout
};

// How a node is made from its parents.
enum class Operator : std::uint8_t { kDraft, kImprove, kDebug, kTune, kMerge };

Status StatusOf(Outcome outcome);
// May a policy grow children that improve on / repair a node of this outcome?
bool MayBeImproved(Outcome outcome);
bool MayBeDebugged(Outcome outcome);
// Outcomes of attempts that never became a commit.
bool IsRejection(Outcome outcome);

std::string_view Name(Outcome outcome);
std::string_view Name(Status status);  // "keep", "discard", "crash", "-"
std::string_view Name(Verdict verdict);
std::string_view Name(EvalPhase phase);
std::string_view Name(SamplePhase phase);
std::string_view Name(Operator op);

std::optional<Outcome> OutcomeFromName(std::string_view name);
std::optional<Verdict> VerdictFromName(std::string_view name);
std::optional<SamplePhase> SamplePhaseFromName(std::string_view name);
std::optional<Operator> OperatorFromName(std::string_view name);

}  // namespace coppice

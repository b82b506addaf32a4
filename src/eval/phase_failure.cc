#include "eval/phase_failure.h"

#include <fmt/format.h>

#include "base/text.h"
#include "eval/environment_error.h"
#include "eval/failure_signature.h"

namespace coppice::eval {
namespace {

constexpr std::size_t kTailLines = 50;
constexpr std::size_t kCommandWidth = 60;

std::optional<Outcome> FailedIn(EvalPhase phase) {
  switch (phase) {
    case EvalPhase::kSetup:
      return std::nullopt;
    case EvalPhase::kSmoke:
      return Outcome::kDegenerate;
    case EvalPhase::kCheck:
      return Outcome::kChecksFailed;
    default:
      return Outcome::kBuggy;
  }
}

std::string Told(const CommandResult& result) {
  switch (result.verdict) {
    case Verdict::kTimeout:
      return fmt::format("timeout ({}) after {}", result.reason,
                         FormatDuration(result.wall_seconds));
    case Verdict::kMemory:
      return fmt::format("out of memory ({})", result.reason);
    default:
      return result.reason;
  }
}

}  // namespace

std::optional<Outcome> OutcomeOf(EvalPhase phase, Verdict verdict) {
  if (verdict == Verdict::kOk || verdict == Verdict::kLost) return std::nullopt;
  if (phase == EvalPhase::kHoldout) return Outcome::kInconclusive;
  switch (verdict) {
    case Verdict::kOk:
    case Verdict::kLost:
      break;
    case Verdict::kTimeout:
      return Outcome::kTimeout;
    case Verdict::kMemory:
      return Outcome::kOom;
    case Verdict::kAborted:
      return Outcome::kCensored;
    case Verdict::kFailed:
    case Verdict::kCrashed:
      return FailedIn(phase);
  }
  return std::nullopt;
}

Failure CommandFailure(EvalPhase phase, std::string_view command,
                       const CommandResult& result, std::string log) {
  if (result.verdict == Verdict::kLost) {
    return LostFailure(phase, result.reason, std::move(log));
  }
  Failure failure{.outcome = OutcomeOf(phase, result.verdict),
                  .verdict = result.verdict,
                  .phase = phase,
                  .reason = fmt::format(
                      "{}: {}", OneLine(command, kCommandWidth), Told(result)),
                  .signature = {},
                  .tail = TailOf(result, kTailLines),
                  .log = std::move(log)};
  failure.signature = FailureSignature(phase, result.verdict, failure.tail);
  if (const auto environment = FindEnvironmentError(
          result.verdict, result.exit_code, failure.tail)) {
    failure.signature = environment->Signature();
    failure.reason += fmt::format("; {}{}{}: {}", environment->kind,
                                  environment->subject.empty() ? "" : " ",
                                  environment->subject, environment->fix);
  }
  return failure;
}

Failure LostFailure(EvalPhase phase, std::string reason, std::string log) {
  Failure failure{.outcome = std::nullopt,
                  .verdict = Verdict::kLost,
                  .phase = phase,
                  .reason = std::move(reason),
                  .signature = {},
                  .tail = {},
                  .log = std::move(log)};
  failure.signature = FailureSignature(phase, Verdict::kLost, failure.reason);
  return failure;
}

}  // namespace coppice::eval

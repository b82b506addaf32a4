#include "eval/slurm_words.h"

#include <fmt/format.h>

#include "base/text.h"
#include "eval/failure_signature.h"
#include "eval/phase_failure.h"

// States of a job that has ended without an answer of its worker
// (squeue(1), "JOB STATE CODES"). The limits of commands are kept inside the
// job, by the same means as on one's own machine: so what Slurm itself ends is
// the cluster's or the user's doing, but for memory, which the job's limit may
// meet first.

namespace coppice::eval {
namespace {

// "NODE_FAIL", or "FAILED: NonZeroExitCode" with Slurm's own word for it.
std::string StateOf(const SlurmJob& job) {
  if (job.reason.empty() || job.reason == "None") return job.end;
  return fmt::format("{}: {}", job.end, OneLine(job.reason, 100));
}

std::string Reason(const SlurmJob& job, const spec::Slurm& slurm,
                   const std::string& output) {
  const std::string at = job.node.empty() ? "" : " on " + job.node;
  if (job.end == "TIMEOUT" || job.end == "DEADLINE") {
    return fmt::format(
        "job {}{} was ended by its own time limit, not by the candidate's: "
        "raise evaluation.slurm.time ({})",
        job.task, at, slurm.time.value_or("the partition's default"));
  }
  if (job.end == "NODE_FAIL" || job.end == "BOOT_FAIL" ||
      job.end == "LAUNCH_FAILED") {
    return fmt::format("job {} lost its node{} ({})", job.task, at,
                       StateOf(job));
  }
  if (job.end == "PREEMPTED") {
    return fmt::format("job {}{} was preempted", job.task, at);
  }
  if (job.end == "CANCELLED") {
    return fmt::format("job {}{} was cancelled from outside", job.task, at);
  }
  if (job.end == kRequeued) {
    return fmt::format("job {}{} was put back into the queue", job.task, at);
  }
  if (job.end == kVanished) {
    return fmt::format("Slurm does not know job {} any more", job.task);
  }
  std::string text = fmt::format(
      "the worker of job {}{} ended without an "
      "answer ({})",
      job.task, at, StateOf(job));
  const std::string said = OneLine(LastLines(output, 3), 300);
  if (!said.empty()) text += ": " + said;
  return text;
}

}  // namespace

Failure EndOfJob(const SlurmJob& job, const spec::Slurm& slurm, EvalPhase phase,
                 const std::string& output, std::string log) {
  if (job.end == "OUT_OF_MEMORY") {
    Failure failure{
        .outcome = Outcome::kOom,
        .verdict = Verdict::kMemory,
        .phase = phase,
        .reason = fmt::format("the job's memory ran out "
                              "(evaluation.slurm.mem: {})",
                              slurm.mem.value_or("the partition's default")),
        .signature = {},
        .tail = {},
        .log = std::move(log)};
    failure.signature =
        FailureSignature(phase, Verdict::kMemory, failure.reason);
    return failure;
  }
  return LostFailure(phase, Reason(job, slurm, output), std::move(log));
}

// An allocation that has come to its end leaves its steps to the next one.
bool MayEndBetter(const SlurmJob& job) {
  const bool limit = job.end == "TIMEOUT" || job.end == "DEADLINE";
  return !limit || job.step || job.arrived.contains("1");
}

}  // namespace coppice::eval

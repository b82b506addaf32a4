#include "eval/containment_verdict.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstring>

#include "base/text.h"

namespace coppice::eval {
namespace {

constexpr std::int64_t kSuspendMs = 100;

std::string SignalName(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name)
                         : fmt::format("signal {}", signal);
}

std::string MemoryReason(std::int64_t limit_mb) {
  return limit_mb > 0 ? fmt::format("memory limit {} MB", limit_mb)
                      : std::string("killed for memory");
}

// Without a control group only the shape of the end is known: the kernel
// kills, or a failed allocation ends a program that was near its limit.
bool LooksLikeMemory(const Evidence& evidence, const ProcessExit& end) {
  if (evidence.counted || end.status == 0) return false;
  const std::int64_t limit_kb = evidence.memory_mb * 1024;
  if (limit_kb > 0 && end.max_rss_kb >= limit_kb / 10 * 9) return true;
  return end.signal() == SIGKILL && evidence.stop == Stop::kNone;
}

// By that signal itself, or its last child was, as a shell tells it.
bool EndedBy(const ProcessExit& end, int signal) {
  return end.signal() == signal || end.exit_code() == 128 + signal;
}

Judgement JudgeEnd(const Evidence& evidence, const protocol::Record& record) {
  const ProcessExit end{.status = record.status,
                        .max_rss_kb = record.max_rss_kb};
  if (LooksLikeMemory(evidence, end)) {
    return {Verdict::kMemory, MemoryReason(evidence.memory_mb)};
  }
  if (end.status == 0) return {Verdict::kOk, {}};
  if (evidence.host_full) return {Verdict::kLost, "the host's disk is full"};
  if (evidence.filled_disk || EndedBy(end, SIGXFSZ)) {
    return {Verdict::kFailed, "disk limit"};
  }
  if (end.signal() == SIGXCPU) return {Verdict::kTimeout, "cpu"};
  if (evidence.refused_forks > 0) return {Verdict::kFailed, "pids limit"};
  if (end.signal() != 0) {
    return {Verdict::kCrashed, SignalName(end.signal())};
  }
  return {Verdict::kFailed, fmt::format("exit {}", end.exit_code())};
}

Judgement JudgeStage(const protocol::Record& record) {
  const std::string error = std::strerror(record.error);
  switch (record.stage) {
    case protocol::kDirectoryFailed:
      return {Verdict::kFailed, "cannot enter its directory: " + error};
    case protocol::kExecFailed:
      return {Verdict::kLost, "cannot run /bin/sh: " + error};
    case protocol::kGroupFailed:
      return {Verdict::kLost, "cannot join its control group: " + error};
    case protocol::kLimitFailed:
      return {Verdict::kLost, "cannot set its limits: " + error};
    default:
      return {Verdict::kLost, "cannot fork: " + error};
  }
}

}  // namespace

Judgement Judge(const Evidence& evidence) {
  if (evidence.survivors) {
    return {Verdict::kLost, "processes that would not die"};
  }
  if (evidence.stop == Stop::kCancelled) return {Verdict::kLost, "cancelled"};
  if (evidence.stop == Stop::kAborted) return {Verdict::kAborted, "abort rule"};
  if (evidence.oom_kills > 0) {
    return {Verdict::kMemory, MemoryReason(evidence.memory_mb)};
  }
  if (evidence.stop == Stop::kOutput) {
    return {Verdict::kFailed, "output limit"};
  }
  if (evidence.stop == Stop::kDisk) return {Verdict::kFailed, "disk limit"};
  if (evidence.record && evidence.record->suspended_ms > kSuspendMs) {
    return {Verdict::kLost, "suspend"};
  }
  if (evidence.stop == Stop::kTimeout && !evidence.begun) {
    return {Verdict::kLost, "the sandbox did not start the command in time"};
  }
  if (evidence.stop == Stop::kTimeout) return {Verdict::kTimeout, "wall"};
  if (evidence.stop == Stop::kCpu) return {Verdict::kTimeout, "cpu"};
  if (!evidence.record) {
    if (evidence.refused_forks > 0) return {Verdict::kFailed, "pids limit"};
    return {Verdict::kLost, evidence.complaint.empty()
                                ? std::string("the supervisor died")
                                : OneLine(evidence.complaint, 300)};
  }
  if (evidence.record->stage != protocol::kRan) {
    return JudgeStage(*evidence.record);
  }
  return JudgeEnd(evidence, *evidence.record);
}

}  // namespace coppice::eval

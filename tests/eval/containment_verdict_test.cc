#include "eval/containment_verdict.h"

#include <doctest/doctest.h>
#include <errno.h>
#include <signal.h>

namespace coppice::eval {
namespace {

constexpr std::int32_t Exited(int code) { return code << 8; }
constexpr std::int32_t Killed(int signal) { return signal; }

Evidence Ended(std::int32_t status) {
  return Evidence{.record = protocol::Record{.status = status},
                  .counted = true};
}

struct Row {
  const char* what;
  Evidence evidence;
  Verdict verdict;
  const char* reason;
};

}  // namespace

TEST_CASE("FM-09 the first cause that explains an end names it") {
  auto with = [](Evidence evidence, auto change) {
    change(evidence);
    return evidence;
  };
  const Row rows[] = {
      {"ok", Ended(0), Verdict::kOk, ""},
      {"exit", Ended(Exited(2)), Verdict::kFailed, "exit 2"},
      {"exit 139", Ended(Exited(139)), Verdict::kFailed, "exit 139"},
      {"signal", Ended(Killed(SIGSEGV)), Verdict::kCrashed, "SIGSEGV"},
      {"realtime signal", Ended(Killed(40)), Verdict::kCrashed, "signal 40"},
      {"killed, but not for memory", Ended(Killed(SIGKILL)), Verdict::kCrashed,
       "SIGKILL"},
      {"a child out of memory, exit 0",
       with(Ended(0),
            [](Evidence& e) {
              e.oom_kills = 1;
              e.memory_mb = 64;
            }),
       Verdict::kMemory, "memory limit 64 MB"},
      {"memory explains a timeout",
       with(Ended(Killed(SIGKILL)),
            [](Evidence& e) {
              e.oom_kills = 1;
              e.stop = Stop::kTimeout;
            }),
       Verdict::kMemory, "killed for memory"},
      {"refused forks of a success do not count",
       with(Ended(0), [](Evidence& e) { e.refused_forks = 3; }), Verdict::kOk,
       ""},
      {"refused forks explain a failure",
       with(Ended(Exited(1)), [](Evidence& e) { e.refused_forks = 3; }),
       Verdict::kFailed, "pids limit"},
      {"a command that the sandbox never came to start",
       with(Evidence{},
            [](Evidence& e) {
              e.stop = Stop::kTimeout;
              e.begun = false;
            }),
       Verdict::kLost, "the sandbox did not start the command in time"},
      {"timeout, even if it said goodbye",
       with(Ended(0), [](Evidence& e) { e.stop = Stop::kTimeout; }),
       Verdict::kTimeout, "wall"},
      {"output limit",
       with(Ended(Killed(SIGKILL)),
            [](Evidence& e) { e.stop = Stop::kOutput; }),
       Verdict::kFailed, "output limit"},
      {"abort rule",
       with(Ended(Killed(SIGKILL)),
            [](Evidence& e) { e.stop = Stop::kAborted; }),
       Verdict::kAborted, "abort rule"},
      {"cancelled",
       with(Ended(0), [](Evidence& e) { e.stop = Stop::kCancelled; }),
       Verdict::kLost, "cancelled"},
      {"the machine slept",
       with(Ended(0), [](Evidence& e) { e.record->suspended_ms = 5000; }),
       Verdict::kLost, "suspend"},
      {"too much CPU time",
       with(Ended(Killed(SIGKILL)), [](Evidence& e) { e.stop = Stop::kCpu; }),
       Verdict::kTimeout, "cpu"},
      {"too much CPU time of one process", Ended(Killed(SIGXCPU)),
       Verdict::kTimeout, "cpu"},
      {"too much on disk",
       with(Ended(Killed(SIGKILL)), [](Evidence& e) { e.stop = Stop::kDisk; }),
       Verdict::kFailed, "disk limit"},
      {"too long a file", Ended(Killed(SIGXFSZ)), Verdict::kFailed,
       "disk limit"},
      {"too long a file of a child", Ended(Exited(128 + SIGXFSZ)),
       Verdict::kFailed, "disk limit"},
      {"a disk that it filled",
       with(Ended(Exited(1)), [](Evidence& e) { e.filled_disk = true; }),
       Verdict::kFailed, "disk limit"},
      {"a disk that others filled",
       with(Ended(Exited(1)), [](Evidence& e) { e.host_full = true; }),
       Verdict::kLost, "the host's disk is full"},
      {"the machine slept before the timeout",
       with(Ended(Killed(SIGKILL)),
            [](Evidence& e) {
              e.stop = Stop::kTimeout;
              e.record->suspended_ms = 5000;
            }),
       Verdict::kLost, "suspend"},
      {"an abort rule does not mind a sleep",
       with(Ended(Killed(SIGKILL)),
            [](Evidence& e) {
              e.stop = Stop::kAborted;
              e.record->suspended_ms = 5000;
            }),
       Verdict::kAborted, "abort rule"},
      {"survivors", with(Ended(0), [](Evidence& e) { e.survivors = true; }),
       Verdict::kLost, "processes that would not die"},
      {"no record", Evidence{}, Verdict::kLost, "the supervisor died"},
      {"no record, and words", Evidence{.complaint = "bwrap: No such file\n"},
       Verdict::kLost, "bwrap: No such file"},
      {"the supervisor itself out of memory", Evidence{.oom_kills = 1},
       Verdict::kMemory, "killed for memory"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Judgement judgement = Judge(row.evidence);
    CHECK(judgement.verdict == row.verdict);
    CHECK(judgement.reason == row.reason);
  }
}

TEST_CASE("without control groups memory is told by the shape of the end") {
  Evidence evidence = Ended(Killed(SIGKILL));
  evidence.counted = false;
  CHECK(Judge(evidence).verdict == Verdict::kMemory);
  evidence.record->status = Exited(1);
  CHECK(Judge(evidence).verdict == Verdict::kFailed);
  evidence.memory_mb = 100;
  evidence.record->max_rss_kb = 95 * 1024;
  CHECK(Judge(evidence).verdict == Verdict::kMemory);
  evidence.record->status = 0;
  CHECK(Judge(evidence).verdict == Verdict::kOk);
}

TEST_CASE("what keeps a command from starting is ours, a missing cwd is not") {
  auto stage = [](protocol::Stage at, int error) {
    return Judge(
        Evidence{.record = protocol::Record{.stage = at, .error = error}});
  };
  CHECK(stage(protocol::kForkFailed, EAGAIN).verdict == Verdict::kLost);
  CHECK(stage(protocol::kGroupFailed, ENOENT).verdict == Verdict::kLost);
  CHECK(stage(protocol::kLimitFailed, EPERM).verdict == Verdict::kLost);
  CHECK(stage(protocol::kExecFailed, ENOMEM).verdict == Verdict::kLost);
  CHECK(stage(protocol::kDirectoryFailed, ENOENT).verdict == Verdict::kFailed);
}

}  // namespace coppice::eval

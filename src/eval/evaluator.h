#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/boxed.h"
#include "base/ids.h"
#include "base/judge_item.h"
#include "base/outcome.h"
#include "base/result.h"
#include "base/task.h"
#include "base/workspaces.h"

namespace coppice::eval {

// What is evaluated.
struct Target {
  AttemptId attempt;
  ObjectId commit;
  bool clean = false;  // in a checkout of its own (suspicious nodes, export)
};

// A phase that ended a node (SPEC §3), or Verdict::kLost.
struct Failure {
  std::optional<Outcome> outcome;  // nothing: lost after its retries
  Verdict verdict = Verdict::kFailed;
  EvalPhase phase = EvalPhase::kMeasure;
  std::string reason;     // "make test: exit 2"
  std::string signature;  // phase, verdict, normalised last error line
  std::string tail;       // last lines of output, sanitized
  std::string log;        // path relative to the run directory
};

// What else the machine did during a sample, which it may have felt.
struct HostEvidence {
  double steal = 0;            // fraction of the wanted CPU time
  double pressure = 0;         // fraction of the time in which one waited
  std::int64_t swap_ins = 0;   // pages
  std::int64_t throttled = 0;  // periods, by a quota or for heat
  double load = 0;             // of the last minute

  friend bool operator==(const HostEvidence&, const HostEvidence&) = default;
};

// One run of the measurement command (SPEC §4, `sampled`).
struct Sample {
  int index = 0;
  SamplePhase phase = SamplePhase::kScreen;
  Verdict verdict = Verdict::kOk;
  std::map<std::string, double> metrics;  // every number seen, dotted names
  Boxed<Failure> failure;                 // metrics decide nothing if set
  int exit_code = 0;
  int signal = 0;
  double seconds = 0;
  double cpu_seconds = 0;
  std::int64_t rss_kb = 0;
  int slot = 0;
  bool cached = false;
  bool leaked = false;
  bool truncated = false;   // more output than is kept
  bool noisy_host = false;  // disturbed in every one of its tries
  HostEvidence host;
  std::string log;
  // What a judge may see of it, where the spec has one; on no record.
  std::vector<JudgeItem> items;
};

struct SampleRequest {
  SamplePhase phase = SamplePhase::kScreen;
  int index = 0;  // number of the sample of its node; COPPICE_SEED follows
};

struct PhaseSeconds {
  double build = 0;
  double checks = 0;
};

// What `evaluation.diagnose` said of a node.
struct Diagnosis {
  std::string text;     // of its stdout, sanitized, at most 8 KB
  std::string problem;  // why there is none
};

// A node made ready in a slot, which it holds. Conductor thread.
class Session {
 public:
  virtual ~Session() = default;
  // Fresh each time; never cached. Discards `warmup` runs before the first.
  // A sample of phase kHoldout is one of the holdout's command, which alone
  // sees the holdout's files; what a candidate does wrong there ends in
  // Outcome::kInconclusive.
  virtual Task<Sample> Measure(SampleRequest request) = 0;
  // Runs `evaluation.diagnose` once.
  virtual Task<Diagnosis> Diagnose() = 0;
  virtual int slot() const = 0;
};

struct Opened {
  std::unique_ptr<Session> session;  // nothing if a phase failed
  std::optional<Failure> failure;
  PhaseSeconds seconds;
};

// Always answers: a broken candidate is an outcome, not an error. What is our
// own fault is tried again after 1, 5 and 25 s and then reported as lost.
// Conductor thread; as many at once as there are slots.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  // Leases a slot, then build, smoke and checks.
  virtual Task<Opened> Open(const Target& target) = 0;
};

}  // namespace coppice::eval

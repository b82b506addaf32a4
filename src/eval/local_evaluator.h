#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/compute.h"
#include "base/sandbox.h"
#include "base/workspaces.h"
#include "eval/environment.h"
#include "eval/evaluator.h"
#include "eval/immutable.h"
#include "eval/named_locks.h"
#include "spec/spec.h"

namespace coppice::eval {

struct LocalSetup {
  const spec::Spec& spec;
  std::string run;                      // COPPICE_RUN
  std::filesystem::path run_directory;  // logs: nodes/<n>/eval.log below it
  std::filesystem::path home;           // of "~/" in evaluation.expose
  Variables passed;                     // see PassedVariables
  ImmutableRules immutable;
  // From baseline.lock when the base is not measured in this process.
  BaselineHabits habits;
  std::map<std::string, std::string> units;
  // What candidates share with each other and the rest of the machine.
  NamedLocks* locks = nullptr;  // needed if one of the next two is set, or
                                // evaluation.exclusive names any
  bool timing_lock = false;     // `cpu` around every sample
  bool shared_ports = false;    // {port} is used, and is the machine's own
  // Whose counters are looked at beside every sample.
  std::filesystem::path host = "/";
};

// What all evaluations of one run share. Conductor thread. Outlives the
// Workspaces that call its Provision, and the evaluator.
class LocalEvaluation {
 public:
  LocalEvaluation(LocalSetup setup, Sandbox& sandbox, Clock& clock,
                  Compute& compute);
  ~LocalEvaluation();
  LocalEvaluation(const LocalEvaluation&) = delete;
  LocalEvaluation& operator=(const LocalEvaluation&) = delete;

  // setup, then build, in a tree of the base. The error of a command that
  // fails is kCheck, with the end of its output and where its log is.
  Provision provision();

  // What was learned while the base was measured, for baseline.lock.
  const BaselineHabits& habits() const;
  const std::map<std::string, std::string>& units() const;

  struct Parts;
  Parts& parts() { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

// Evaluates on this machine, in slots of `workspaces`, which together with
// `evaluation` must outlive it and its sessions.
std::unique_ptr<Evaluator> MakeLocalEvaluator(LocalEvaluation& evaluation,
                                              Workspaces& workspaces);

}  // namespace coppice::eval

#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/compute.h"
#include "base/ids.h"
#include "eval/evaluator.h"
#include "eval/slurm_cluster.h"
#include "eval/slurm_files.h"

namespace coppice::eval {

// What a worker says of the phases before the measurement.
struct RemoteOpened {
  std::optional<Failure> failure;
  PhaseSeconds seconds;
};

// What the files hold is made and read by whoever knows a journal's forms.
struct SlurmWire {
  // Puts into the directory of a job what its worker needs. Blocks; any thread.
  std::function<Result<void>(const Target&, const std::filesystem::path&)>
      prepare;
  // Which target an order is for.
  std::function<Result<Target>(std::string_view)> read_order;
  std::function<void(std::string_view)> see_hello;
  std::function<Result<RemoteOpened>(std::string_view)> read_opened;
  std::function<Result<Sample>(std::string_view)> read_sample;
  std::function<Result<Diagnosis>(std::string_view)> read_diagnosis;
};

struct SlurmNews {
  // A job got its number: text for the record.
  std::function<void(AttemptId, const std::string&)> submitted;
  // The cluster does not answer or has no room, and why; or all is well again.
  std::function<void(std::optional<std::string>)> outage;
};

struct SlurmSetup {
  asio::any_io_executor executor;
  Clock& clock;
  Compute& compute;
  spec::Slurm slurm;
  SlurmFiles files;
  std::string program;
  int at_once = 1;  // workers that an allocation has room for
  // After this time without a sign of life an allocation ends.
  std::chrono::seconds silence = kSilence;
  std::filesystem::path run_directory;  // logs: nodes/<n>/eval.log below it
  SlurmWire wire;
};

// Evaluates on a cluster: each session is one worker there, which runs a local
// evaluator on its node. A worker that is lost with its node is replaced.
class SlurmEvaluator : public Evaluator {
 public:
  virtual void Listen(SlurmNews news) = 0;
  // Workers of an earlier process go on only for these attempts; called before
  // the first Open.
  virtual void Keep(std::set<AttemptId> wanted) = 0;
  // Ends the evaluation of one attempt, which is Outcome::kCancelled then.
  virtual void Cancel(AttemptId attempt) = 0;
  virtual void CancelAll() = 0;
};

// Errors: kCheck, shared_dir cannot be used.
Result<std::unique_ptr<SlurmEvaluator>> MakeSlurmEvaluator(SlurmSetup setup);

}  // namespace coppice::eval

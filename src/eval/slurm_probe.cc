#include "eval/slurm_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <string_view>

#include "base/file.h"
#include "base/text.h"

// The job speaks by its exit code, which reaches us through Slurm: where files
// do not, its output would not either.

namespace coppice::eval {
namespace {

constexpr int kNoFile = 41;
constexpr int kOtherFile = 42;
constexpr int kNoProgram = 43;
constexpr int kCannotRun = 44;
constexpr int kCannotWrite = 45;
constexpr int kPatience = 600;  // looks

std::string ProbeFile(const SlurmFiles& files) { return files.Run() / "probe"; }

std::string Nonce() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

std::string Script(const SlurmFiles& files, const std::string& program,
                   const std::string& nonce) {
  return fmt::format(
      "#!/bin/sh\n"
      "[ -r {0} ] || exit {1}\n"
      "[ \"$(cat {0})\" = {2} ] || exit {3}\n"
      "echo {2} >{0}.answer || exit {4}\n"
      "[ -x {5} ] || exit {6}\n"
      "{5} --version >{0}.answer 2>&1 || exit {7}\n",
      ShellQuote(ProbeFile(files)), kNoFile, nonce, kOtherFile, kCannotWrite,
      ShellQuote(program), kNoProgram, kCannotRun);
}

std::optional<Error> Explained(int code, const SlurmFiles& files,
                               const std::string& node) {
  const std::string at = node.empty() ? "a node" : "node " + node;
  Error error{.code = ErrorCode::kCheck,
              .what = {},
              .where = files.root.parent_path().string(),
              .next =
                  "evaluation.slurm.shared_dir must be one directory for "
                  "this machine and every node"};
  switch (code) {
    case kNoFile:
    case kOtherFile:
    case kNoProgram:
      error.what = fmt::format(
          "evaluation.slurm.shared_dir is not shared: {} does not see there "
          "what was written here",
          at);
      return error;
    case kCannotWrite:
      error.what =
          fmt::format("{} cannot write to evaluation.slurm.shared_dir", at);
      return error;
    case kCannotRun:
      error.what = fmt::format("{} cannot run coppice", at);
      error.cause = OneLine(
          LastLines(ReadWholeOrNothing(ProbeFile(files) + ".answer"), 2), 300);
      if (error.cause.empty()) {
        error.cause =
            "it has another processor or lacks libraries that this machine has";
      }
      error.next =
          "install on the nodes what `ldd $(command -v coppice)` "
          "names, or choose another evaluation.slurm.partition";
      return error;
    default:
      return std::nullopt;
  }
}

}  // namespace

Task<std::optional<Error>> WhyNoWorker(SlurmCluster& cluster, SlurmFiles files,
                                       std::string program, Clock& clock) {
  const std::string nonce = Nonce();
  Result<void> put = PutFile(ProbeFile(files), nonce);
  if (!put) co_return put.error();
  SlurmSubmission submission{.comment = "probe",
                             .script = Script(files, program, nonce),
                             .output = "/dev/null"};
  Result<std::string> job = co_await cluster.Submit(std::move(submission));
  if (!job) co_return job.error();
  std::string node;
  for (int look = 0; look < kPatience; ++look) {
    co_await clock.SleepFor(std::chrono::seconds(1));
    Result<std::vector<SlurmTask>> queue = co_await cluster.Queue();
    if (!queue) continue;
    const auto found = std::ranges::find(*queue, *job, &SlurmTask::id);
    if (found == queue->end()) break;
    node = found->node;
    if (!IsOver(found->state)) continue;
    Result<int> code = co_await cluster.ExitCode(*job);
    if (!code) break;
    co_return Explained(*code, files, node);
  }
  co_return std::nullopt;
}

}  // namespace coppice::eval

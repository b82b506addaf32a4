#include "eval/slurm_cluster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "base/process.h"
#include "base/text.h"

namespace coppice::eval {
namespace {

// A state ends with '+' where squeue was short of room.
constexpr std::array<std::string_view, 11> kOver = {
    "BOOT_FAIL", "CANCELLED",     "COMPLETED", "DEADLINE",
    "FAILED",    "LAUNCH_FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
    "PREEMPTED", "REVOKED",       "TIMEOUT"};

constexpr std::array<std::string_view, 4> kWaiting = {
    "PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"};

// What a waiting job says that no waiting will change.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNever =
    {{{"BadConstraints", "no node has what it asks for"},
      {"PartitionTimeLimit",
       "evaluation.slurm.time is more than the partition "
       "allows"},
      {"PartitionNodeLimit", "it asks for more than the partition allows"},
      {"InvalidAccount", "the account is not valid"},
      {"InvalidQOS", "the QOS is not valid"},
      {"launch failed requeued held", "a node could not start it"}}};

// The controller or the daemon that vouches for users does not answer.
constexpr std::array<std::string_view, 10> kDown = {
    "Unable to contact slurm controller",
    "Socket timed out",
    "Connection refused",
    "connect failure",
    "Zero Bytes were transmitted",
    "Unexpected message received",
    "Munged communication error",
    "Slurm backup controller in standby",
    "Resource temporarily unavailable",
    "authentication"};

Error TroubleOf(std::string_view program, const Result<ProcessOutput>& ran) {
  Error error{.code = ErrorCode::kLost, .what = {}};
  if (!ran) {
    error.code = ErrorCode::kCheck;
    error.what = fmt::format("{} cannot be started", program);
    error.cause = ran.error().Text();
    error.next =
        "start coppice where Slurm's programs are, or take out "
        "evaluation.backend";
    return error;
  }
  const std::string said = OneLine(Trim(ran->err), 300);
  if (ran->timed_out) {
    error.what = fmt::format("{} does not answer", program);
    return error;
  }
  auto names = [&](std::string_view words) {
    return said.find(words) != said.npos;
  };
  if (std::ranges::any_of(kDown, names)) {
    error.what = fmt::format("the cluster does not answer: {}", said);
    error.next = "`sinfo` says the same; ask who keeps it";
    return error;
  }
  error.code = ErrorCode::kCheck;
  if (names("configuration source") || names("fetch_config")) {
    error.what = "this machine belongs to no cluster";
    error.cause = said;
    error.next =
        "run coppice where `sinfo` answers, or set SLURM_CONF to the cluster's "
        "slurm.conf";
    return error;
  }
  error.what = fmt::format("{} refuses: {}", program,
                           said.empty() ? "no word why" : said);
  error.next = "see evaluation.slurm in the spec; `sinfo` lists partitions";
  return error;
}

Task<Result<std::string>> Said(std::vector<std::string> argv,
                               std::string stdin_text = {}) {
  const std::string program = argv.front();
  ToolOptions options;
  options.env = {{"LC_ALL", "C"}};
  options.stdin_text = std::move(stdin_text);
  Result<ProcessOutput> ran =
      co_await RunTool(std::move(argv), std::move(options));
  if (!ran || !ran->ok()) co_return TroubleOf(program, ran);
  co_return std::move(ran->out);
}

std::string Field(std::string_view& line) {
  const std::size_t bar = line.find('|');
  std::string field(line.substr(0, bar));
  line.remove_prefix(bar == line.npos ? line.size() : bar + 1);
  return field;
}

}  // namespace

std::vector<SlurmTask> ParseQueue(std::string_view text) {
  std::vector<SlurmTask> tasks;
  for (std::string_view line : SplitLines(text)) {
    SlurmTask task;
    task.id = Field(line);
    task.state = Field(line);
    task.comment = Field(line);
    task.node = Field(line);
    task.reason = line;  // last: it may hold anything
    if (!task.id.empty() && !task.state.empty()) {
      tasks.push_back(std::move(task));
    }
  }
  return tasks;
}

std::vector<SlurmTask> ParseAccounting(std::string_view text) {
  std::vector<SlurmTask> tasks;
  for (std::string_view line : SplitLines(text)) {
    SlurmTask task;
    task.id = Field(line);
    task.state = Field(line);
    // "CANCELLED by 1000"
    task.state.resize(std::min(task.state.find(' '), task.state.size()));
    task.node = Field(line);
    if (task.node == "None assigned") task.node.clear();
    task.reason = line;
    if (!task.id.empty() && !task.state.empty()) {
      tasks.push_back(std::move(task));
    }
  }
  return tasks;
}

bool IsOver(std::string_view state) {
  return std::ranges::find(kOver, state) != kOver.end();
}

bool IsWaiting(std::string_view state) {
  return std::ranges::find(kWaiting, state) != kWaiting.end();
}

std::string NeverStarts(std::string_view reason) {
  for (const auto& [word, text] : kNever) {
    if (reason.find(word) != reason.npos)
      return fmt::format("{} ({})", text, word);
  }
  return {};
}

// No variable of ours goes into a job, and none of the user's profile, which
// would be read anew for every job: --export=NIL does that where Slurm is older
// than the word, an empty file in none. A job that its node has lost is ours to
// submit again, so Slurm must not.
Task<Result<std::string>> SlurmCluster::Submit(SlurmSubmission submission) {
  std::vector<std::string> argv{"sbatch",
                                "--parsable",
                                "--job-name=" + name_,
                                "--comment=" + submission.comment,
                                "--export-file=/dev/null",
                                "--no-requeue",
                                "--chdir=/",
                                "--input=/dev/null",
                                "--open-mode=append",
                                "--output=" + submission.output,
                                fmt::format("--ntasks={}", submission.at_once),
                                fmt::format("--cpus-per-task={}", slurm_.cpus)};
  if (submission.tasks > 0) {
    argv.push_back(fmt::format("--array=0-{}", submission.tasks - 1));
    argv.push_back("--nodes=1");
  }
  auto add = [&](const char* flag, const std::optional<std::string>& value) {
    if (value) argv.push_back(fmt::format("--{}={}", flag, *value));
  };
  add("partition", slurm_.partition);
  add("time", slurm_.time);
  add("gres", slurm_.gres);
  if (submission.memory) {
    argv.push_back(*submission.memory);
  } else {
    add("mem", slurm_.mem);
  }
  argv.insert(argv.end(), slurm_.extra.begin(), slurm_.extra.end());
  Result<std::string> said =
      co_await Said(std::move(argv), std::move(submission.script));
  if (!said) co_return said;
  // "12", or "12;cluster"
  const std::string_view number =
      Trim(std::string_view(*said).substr(0, said->find(';')));
  if (number.empty() || !std::ranges::all_of(number, [](char c) {
        return c >= '0' && c <= '9';
      })) {
    co_return Error{
        .code = ErrorCode::kCheck,
        .what = "sbatch gave no number of a job: " + OneLine(*said, 200)};
  }
  co_return std::string(number);
}

Task<Result<std::vector<SlurmTask>>> SlurmCluster::Queue() {
  std::vector<std::string> argv{"squeue",
                                "--noheader",
                                "--array",
                                "--states=all",
                                "--name=" + name_,
                                fmt::format("--user={}", getuid()),
                                "--format=%i|%T|%k|%N|%r"};
  Result<std::string> said = co_await Said(std::move(argv));
  if (!said) co_return said.error();
  co_return ParseQueue(*said);
}

Task<std::vector<SlurmTask>> SlurmCluster::Accounted(
    std::vector<std::string> ids) {
  if (ids.empty() || !accounting_) co_return std::vector<SlurmTask>();
  std::vector<std::string> argv{"sacct",
                                "--noheader",
                                "--parsable2",
                                "--allocations",
                                "--name=" + name_,
                                fmt::format("--jobs={}", fmt::join(ids, ",")),
                                "--format=JobID,State,NodeList,Reason"};
  Result<std::string> said = co_await Said(std::move(argv));
  if (said) co_return ParseAccounting(*said);
  // What is not there or disabled will not be there the next time either.
  accounting_ = said.error().code == ErrorCode::kLost;
  if (accounting_) LogWarning(said.error().Text());
  co_return std::vector<SlurmTask>();
}

Task<Result<std::vector<SlurmStep>>> SlurmCluster::Steps(std::string job) {
  std::vector<std::string> argv{"squeue", "--noheader", "--steps",
                                "--jobs=" + job, "--format=%i|%j"};
  Result<std::string> said = co_await Said(std::move(argv));
  if (!said) co_return said.error();
  std::vector<SlurmStep> steps;
  for (std::string_view line : SplitLines(*said)) {
    std::string id = Field(line);
    steps.push_back({.id = std::move(id), .name = std::string(Trim(line))});
  }
  co_return steps;
}

Task<Result<std::set<std::string>>> LiveSlurmJobs() {
  std::vector<std::string> argv{"squeue", "--noheader",
                                fmt::format("--user={}", getuid()),
                                "--format=%j"};
  Result<std::string> said = co_await Said(std::move(argv));
  if (!said) co_return said.error();
  std::set<std::string> names;
  for (std::string_view line : SplitLines(*said)) names.emplace(Trim(line));
  co_return names;
}

Task<Result<int>> SlurmCluster::ExitCode(std::string job) {
  std::vector<std::string> argv{"scontrol", "--oneliner", "show", "job", job};
  Result<std::string> said = co_await Said(std::move(argv));
  if (!said) co_return said.error();
  constexpr std::string_view kKey = " ExitCode=";
  const std::size_t at = said->find(kKey);
  if (at != said->npos) {
    const std::string_view text =
        std::string_view(*said).substr(at + kKey.size());
    if (auto code = ParseNumber(text.substr(0, text.find(':')))) {
      co_return static_cast<int>(*code);
    }
  }
  co_return Error{.code = ErrorCode::kNotFound, .what = "no such job " + job};
}

Task<Result<void>> SlurmCluster::Cancel(std::vector<std::string> ids) {
  if (ids.empty()) co_return Ok();
  std::vector<std::string> argv{"scancel", "--quiet"};
  argv.insert(argv.end(), ids.begin(), ids.end());
  Result<std::string> said = co_await Said(std::move(argv));
  if (!said) co_return said.error();
  co_return Ok();
}

Task<Result<std::string>> SlurmCluster::Describe() {
  std::vector<std::string> argv{"sinfo", "--noheader",
                                "--format=%P|%a|%D|%T|%c|%m|%l"};
  if (slurm_.partition) argv.push_back("--partition=" + *slurm_.partition);
  co_return co_await Said(std::move(argv));
}

}  // namespace coppice::eval

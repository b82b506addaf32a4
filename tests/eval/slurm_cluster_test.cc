#include "eval/slurm_cluster.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "eval/slurm_files.h"
#include "eval/slurm_words.h"
#include "support/temp_dir.h"

namespace coppice::eval {
namespace {

TEST_CASE("the queue is read by fields, whatever a reason holds") {
  const auto tasks = ParseQueue(
      "12_0|RUNNING|batch 1|n2|None\n"
      "12_1|PENDING|batch 1||Nodes required for job are DOWN|DRAINED\n"
      "garbage\n");
  REQUIRE(tasks.size() == 2);
  CHECK(tasks[0] == SlurmTask{"12_0", "RUNNING", "None", "n2", "batch 1"});
  CHECK(tasks[1].state == "PENDING");
  CHECK(tasks[1].reason == "Nodes required for job are DOWN|DRAINED");
  CHECK(ParseQueue("").empty());
}

TEST_CASE("accounting is read by fields, with the first word of a state") {
  // sacct --noheader --parsable2 --allocations
  //   --format=JobID,State,NodeList,Reason
  const auto tasks = ParseAccounting(
      "12_0|NODE_FAIL|n2|None\n"
      "12_1|CANCELLED by 1000|None assigned|None\n"
      "12_[2-4]|PENDING|None assigned|Resources\n"
      "13|TIMEOUT|n[1-2]|TimeLimit|more\n"
      "\n");
  REQUIRE(tasks.size() == 4);
  CHECK(tasks[0] == SlurmTask{"12_0", "NODE_FAIL", "None", "n2", ""});
  CHECK(tasks[1] == SlurmTask{"12_1", "CANCELLED", "None", "", ""});
  CHECK_FALSE(IsOver(tasks[2].state));
  CHECK(tasks[3].reason == "TimeLimit|more");
  CHECK(ParseAccounting("Slurm accounting storage is disabled\n").empty());
}

TEST_CASE("states that end a job are told from those that do not") {
  for (const char* state :
       {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED",
        "BOOT_FAIL", "OUT_OF_MEMORY", "DEADLINE"}) {
    CAPTURE(state);
    CHECK(IsOver(state));
  }
  for (const char* state : {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING",
                            "SUSPENDED", "REQUEUED"}) {
    CAPTURE(state);
    CHECK_FALSE(IsOver(state));
  }
  for (const char* state : {"PENDING", "REQUEUED", "REQUEUE_HOLD"}) {
    CAPTURE(state);
    CHECK(IsWaiting(state));
  }
  CHECK_FALSE(IsWaiting("RUNNING"));
  CHECK(NeverStarts("Resources").empty());
  CHECK(NeverStarts("Priority").empty());
  CHECK(!NeverStarts("PartitionTimeLimit").empty());
}

Failure EndOf(const char* state) {
  asio::io_context io;
  SlurmJob job(io.get_executor(), "3-1");
  job.task = "12_0";
  job.end = state;
  return EndOfJob(job, {}, EvalPhase::kMeasure, "the last words\n", "log");
}

TEST_CASE("how a job ends is the candidate's only where it took the memory") {
  for (const char* state : {"NODE_FAIL", "PREEMPTED", "CANCELLED", "TIMEOUT",
                            "VANISHED", "REQUEUED", "FAILED"}) {
    CAPTURE(state);
    const Failure failure = EndOf(state);
    CHECK(failure.verdict == Verdict::kLost);
    CHECK_FALSE(failure.outcome.has_value());
  }
  const Failure memory = EndOf("OUT_OF_MEMORY");
  CHECK(memory.verdict == Verdict::kMemory);
  CHECK(memory.outcome == Outcome::kOom);
  CHECK(memory.reason.find("evaluation.slurm.mem") != std::string::npos);
  CHECK(EndOf("TIMEOUT").reason.find("evaluation.slurm.time") !=
        std::string::npos);
  CHECK(EndOf("FAILED").reason.find("the last words") != std::string::npos);
}

TEST_CASE("a limit is for the user, but an allocation's only ends its steps") {
  asio::io_context io;
  SlurmJob job(io.get_executor(), "3-1");
  job.end = "PREEMPTED";
  CHECK(MayEndBetter(job));
  job.end = "TIMEOUT";
  CHECK_FALSE(MayEndBetter(job));
  job.step = true;
  CHECK(MayEndBetter(job));
}

// Of one node, as its worker ships them.
struct Logs {
  Logs() { Ship("checks: ok\n"); }
  void Ship(const std::string& text) const {
    const std::filesystem::path log = job() / "logs/nodes/3/eval.log";
    std::filesystem::create_directories(log.parent_path());
    std::ofstream(log, std::ios::app) << text;
  }
  std::filesystem::path job() const { return temp / "job"; }
  std::filesystem::path run() const { return temp / "run"; }
  std::string Taken() const {
    return ReadWholeOrNothing(run() / "nodes/3/eval.log");
  }
  testing::TempDir temp;
};

TEST_CASE(
    "what one process took of a job's logs the next does not take again") {
  const Logs logs;
  std::filesystem::create_directories(logs.run() / "nodes/3");
  std::ofstream(logs.run() / "nodes/3/eval.log") << "of a worker before\n";
  Taken first;
  REQUIRE(TakeJobLogs(logs.job(), logs.run(), first).has_value());
  logs.Ship("measured: 1\n");
  Taken second;
  REQUIRE(TakeJobLogs(logs.job(), logs.run(), second).has_value());
  logs.Ship("measured: 2\n");
  REQUIRE(TakeJobLogs(logs.job(), logs.run(), second).has_value());
  CHECK(logs.Taken() ==
        "of a worker before\nchecks: ok\nmeasured: 1\nmeasured: 2\n");
}

TEST_CASE("a piece of a log that was cut off is taken from there") {
  const Logs logs;
  Taken first;
  REQUIRE(TakeJobLogs(logs.job(), logs.run(), first).has_value());
  logs.Ship("measured: 1\n");
  REQUIRE(TakeJobLogs(logs.job(), logs.run(), first).has_value());
  const std::filesystem::path log = logs.run() / "nodes/3/eval.log";
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 5);
  Taken second;
  REQUIRE(TakeJobLogs(logs.job(), logs.run(), second).has_value());
  CHECK(logs.Taken() == "checks: ok\nmeasured: 1\n");
}

TEST_CASE("a directory with room has nothing to say") {
  const testing::TempDir temp;
  CHECK_FALSE(WhyNoRoom(temp.path()).has_value());
  CHECK_FALSE(WhyNoRoom(temp / "not-there").has_value());
  CHECK(std::filesystem::is_empty(temp.path()));
}

}  // namespace
}  // namespace coppice::eval

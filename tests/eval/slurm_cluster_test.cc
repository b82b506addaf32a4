#include "eval/slurm_cluster.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include "eval/slurm_words.h"

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
                            "VANISHED", "FAILED"}) {
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

}  // namespace
}  // namespace coppice::eval

#include "eval/host_evidence.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/eval_world.h"

// What the machine does beside a sample, from files as Linux has them.

namespace coppice::eval {
namespace {

using testing::WriteFile;

// A machine of four cores that has been up for a while.
struct Machine {
  testing::TempDir root;
  std::int64_t user = 5000;
  std::int64_t stolen = 10;
  std::int64_t waited_us = 70'000;
  std::int64_t swap_ins = 3;
  std::int64_t throttled = 2;

  HostCounters Now() const {
    WriteFile(root / "proc/stat",
              fmt::format("cpu  {} 100 200 99999 800 5 6 {} 0 0\n"
                          "cpu0 1 2 3 4 5 6 7 8 0 0\n",
                          user, stolen));
    WriteFile(root / "proc/pressure/cpu",
              fmt::format("some avg10=0.10 avg60=0.00 avg300=0.00 total={}\n"
                          "full avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
                          waited_us));
    WriteFile(root / "proc/vmstat",
              fmt::format("nr_free 5\npswpin {}\npswpout 900\n", swap_ins));
    WriteFile(root / "proc/loadavg", "1.25 0.90 0.50 2/300 4242\n");
    WriteFile(root / "sys/fs/cgroup/cpu/cpu.stat",
              fmt::format("nr_periods 7\nnr_throttled {}\n", throttled));
    return ReadHost(root.path());
  }
};

}  // namespace

TEST_CASE("what was stolen is told as a part of what was wanted") {
  Machine machine;
  const HostCounters before = machine.Now();
  machine.user += 92;
  machine.stolen += 8;
  machine.waited_us += 500'000;
  machine.throttled += 4;
  const HostEvidence evidence = EvidenceBetween(before, machine.Now(), 2);
  CHECK(evidence.steal == 0.08);
  CHECK(evidence.pressure == 0.25);
  CHECK(evidence.throttled == 4);
  CHECK(evidence.swap_ins == 0);
  CHECK(evidence.load == 1.25);
  CHECK(IsDisturbed(evidence));
}

TEST_CASE("a little steal, and one that a tick could be, disturb nothing") {
  Machine machine;
  const HostCounters before = machine.Now();
  machine.user += 5;
  machine.stolen += 3;
  CHECK(EvidenceBetween(before, machine.Now(), 0.05).steal == 0);
  machine.user += 1'000;
  machine.stolen += 7;
  const HostEvidence evidence = EvidenceBetween(before, machine.Now(), 3);
  CHECK(evidence.steal == doctest::Approx(0.0099));
  CHECK_FALSE(IsDisturbed(evidence));
}

TEST_CASE("pages that come back from swap disturb a sample") {
  Machine machine;
  const HostCounters before = machine.Now();
  machine.swap_ins += 64;
  CHECK_FALSE(IsDisturbed(EvidenceBetween(before, machine.Now(), 1)));
  machine.swap_ins += 1;
  CHECK(IsDisturbed(EvidenceBetween(before, machine.Now(), 1)));
}

TEST_CASE("a machine that tells nothing has no evidence") {
  testing::TempDir empty;
  const HostCounters nothing = ReadHost(empty.path());
  CHECK(EvidenceBetween(nothing, nothing, 0) == HostEvidence{});
}

namespace {

// Commands that take no time, on a machine that is disturbed during the first
// ones of them.
struct DisturbedWorld : testing::EvalWorld {
  Machine machine;
  int commands = 0;

  explicit DisturbedWorld(int disturbed) {
    machine.Now();
    host = machine.root.path();
    sandbox.instead = [this, disturbed](const CommandRequest&) {
      machine.user += 50;
      if (commands++ < disturbed) machine.stolen += 50;
      machine.Now();
      CommandResult result;
      result.verdict = Verdict::kOk;
      result.out.head = fmt::format("score: {}\n", commands);
      return std::optional(result);
    };
  }
};

}  // namespace

TEST_CASE("a disturbed sample is taken again until one is not") {
  DisturbedWorld world(2);
  const Sample sample = world.Run("measure");
  CHECK(world.commands == 3);
  CHECK(sample.metrics.at("score") == 3);
  CHECK_FALSE(sample.noisy_host);
  CHECK(sample.host.steal == 0);
}

TEST_CASE("after three more tries a disturbed sample is kept, and flagged") {
  DisturbedWorld world(99);
  const Sample sample = world.Run("measure");
  CHECK(world.commands == 4);
  CHECK(sample.metrics.at("score") == 4);
  CHECK(sample.noisy_host);
  CHECK(sample.host.steal == 0.5);
}

}  // namespace coppice::eval

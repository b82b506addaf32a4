#pragma once

#include <cstdint>
#include <filesystem>

#include "eval/evaluator.h"

namespace coppice::eval {

// Counters of the machine that only grow; 0 where there is none.
struct HostCounters {
  std::int64_t wanted_ticks = 0;  // of CPU, what was stolen included
  std::int64_t stolen_ticks = 0;  // by the hypervisor
  std::int64_t pressure_us = 0;   // in which something waited for a CPU
  std::int64_t swap_ins = 0;
  std::int64_t throttled = 0;
  double load = 0;  // of the last minute
};

// Reads below `root` ("/" but for tests); some 0.1 ms.
HostCounters ReadHost(const std::filesystem::path& root);

// What happened in between, which took so many seconds.
HostEvidence EvidenceBetween(const HostCounters& before,
                             const HostCounters& after, double seconds);

// So much that a sample is better taken again.
bool IsDisturbed(const HostEvidence& evidence);

}  // namespace coppice::eval

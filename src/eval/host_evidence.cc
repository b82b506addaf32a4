#include "eval/host_evidence.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/text.h"

// The machine is looked at before and after a sample. Steal is given as a part
// of the CPU time that was wanted, so that the idle cores of a large machine
// do not hide it.

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

constexpr double kMostSteal = 0.02;
// A tick is 10 ms: fewer of them say nothing of a short sample.
constexpr std::int64_t kLeastTicks = 4;
// A quarter of a megabyte; less cannot be felt.
constexpr std::int64_t kMostSwapIns = 64;

std::int64_t NumberAt(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The number behind `key` in text such as "key 12\nother=3\n".
std::int64_t NumberAfter(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  return at == std::string_view::npos ? 0
                                      : NumberAt(text.substr(at + key.size()));
}

// "cpu  user nice system idle iowait irq softirq steal ..."
void ReadTicks(std::string_view stat, HostCounters& counters) {
  constexpr int kIdle = 3;
  constexpr int kWait = 4;
  constexpr int kSteal = 7;
  std::string_view line = stat.substr(0, stat.find('\n'));
  if (!line.starts_with("cpu ")) return;
  line.remove_prefix(4);
  for (int column = 0; column <= kSteal && !line.empty(); ++column) {
    while (line.starts_with(' ')) line.remove_prefix(1);
    const std::int64_t ticks = NumberAt(line);
    line.remove_prefix(std::min(line.find(' '), line.size()));
    if (column != kIdle && column != kWait) counters.wanted_ticks += ticks;
    if (column == kSteal) counters.stolen_ticks = ticks;
  }
}

// Of a quota on everything here, as containers have one, and of the heat.
std::int64_t ReadThrottled(const fs::path& root) {
  std::int64_t count = 0;
  for (const char* file :
       {"sys/fs/cgroup/cpu.stat", "sys/fs/cgroup/cpu/cpu.stat",
        "sys/fs/cgroup/cpu,cpuacct/cpu.stat"}) {
    count = NumberAfter(ReadWholeOrNothing(root / file), "nr_throttled ");
    if (count > 0) break;
  }
  return count + NumberAt(ReadWholeOrNothing(
                     root / "sys/devices/system/cpu/cpu0/thermal_throttle/"
                            "package_throttle_count"));
}

double Rounded(double fraction) { return std::round(fraction * 1e4) / 1e4; }

}  // namespace

HostCounters ReadHost(const fs::path& root) {
  HostCounters counters;
  ReadTicks(ReadWholeOrNothing(root / "proc/stat"), counters);
  counters.pressure_us =
      NumberAfter(ReadWholeOrNothing(root / "proc/pressure/cpu"), "total=");
  counters.swap_ins =
      NumberAfter(ReadWholeOrNothing(root / "proc/vmstat"), "\npswpin ");
  counters.throttled = ReadThrottled(root);
  const std::string load = ReadWholeOrNothing(root / "proc/loadavg");
  std::from_chars(load.data(), load.data() + load.size(), counters.load);
  return counters;
}

HostEvidence EvidenceBetween(const HostCounters& before,
                             const HostCounters& after, double seconds) {
  HostEvidence evidence;
  const std::int64_t wanted = after.wanted_ticks - before.wanted_ticks;
  const std::int64_t stolen = after.stolen_ticks - before.stolen_ticks;
  if (stolen >= kLeastTicks && wanted > 0) {
    evidence.steal =
        Rounded(static_cast<double>(stolen) / static_cast<double>(wanted));
  }
  if (seconds > 0) {
    const auto waited =
        static_cast<double>(after.pressure_us - before.pressure_us);
    evidence.pressure = Rounded(std::clamp(waited * 1e-6 / seconds, 0.0, 1.0));
  }
  evidence.swap_ins = after.swap_ins - before.swap_ins;
  evidence.throttled = after.throttled - before.throttled;
  evidence.load = after.load;
  return evidence;
}

bool IsDisturbed(const HostEvidence& evidence) {
  return evidence.steal > kMostSteal || evidence.swap_ins > kMostSwapIns;
}

}  // namespace coppice::eval

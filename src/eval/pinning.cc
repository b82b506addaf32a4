#include "eval/pinning.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <tuple>

namespace coppice::eval {
namespace {

int ReadNumber(const std::filesystem::path& file, int otherwise) {
  std::ifstream in(file);
  int value = 0;
  return in >> value ? value : otherwise;
}

}  // namespace

std::vector<int> AllowedCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cores.push_back(cpu);
  }
  return cores;
}

std::vector<int> CoresForEvaluation(const std::vector<int>& allowed,
                                    const std::filesystem::path& root) {
  struct Place {
    int package, core, cpu;
    auto Key() const { return std::tuple(package, core, cpu); }
  };
  std::vector<Place> places;
  for (const int cpu : allowed) {
    const auto topology =
        root / fmt::format("sys/devices/system/cpu/cpu{}/topology", cpu);
    places.push_back({ReadNumber(topology / "physical_package_id", 0),
                      ReadNumber(topology / "core_id", cpu), cpu});
  }
  std::ranges::sort(places, {}, &Place::Key);
  if (places.size() > 2) {
    const Place first = places.front();
    std::erase_if(places, [&](const Place& p) {
      return p.package == first.package && p.core == first.core;
    });
  }
  std::vector<int> cores;
  for (const Place& p : places) cores.push_back(p.cpu);
  // All threads of a single core: nothing is left to spare.
  return cores.empty() ? allowed : cores;
}

std::vector<int> CoresOfSlot(const std::vector<int>& cores, int slot,
                             int count) {
  std::vector<int> mine;
  if (cores.empty()) return mine;
  const auto wanted = std::min(static_cast<std::size_t>(count), cores.size());
  const std::size_t start = static_cast<std::size_t>(slot) * wanted;
  for (std::size_t i = 0; i < wanted; ++i) {
    mine.push_back(cores[(start + i) % cores.size()]);
  }
  std::ranges::sort(mine);
  return mine;
}

}  // namespace coppice::eval

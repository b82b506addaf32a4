#include "scale.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

// docs/scale.md, measured.
//
//   coppice_bench_scale slots [FILES]    default: 70000
//   coppice_bench_scale growth [NODES]   default: 100000
//   coppice_bench_scale busy [SLOTS]     default: 200
//
// Everything is made below a fresh directory in $COPPICE_BENCH_DIR (default:
// /dev/shm, so that the figures are coppice's and not the disk's).

namespace {

struct Section {
  std::string_view name;
  void (*measure)(const std::filesystem::path&, int);
  int size;
};

constexpr Section kSections[] = {
    {"slots", coppice::bench::MeasureSlots, 70'000},
    {"growth", coppice::bench::MeasureGrowth, 100'000},
    {"busy", coppice::bench::MeasureBusy, 200}};

int Usage() {
  fmt::print(stderr,
             "usage: coppice_bench_scale slots|growth|busy [SIZE >= 10]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  for (const Section& section : kSections) {
    if (section.name != wanted) continue;
    int size = section.size;
    if (argc > 2) {
      const std::string_view text = argv[2];
      std::from_chars(text.data(), text.data() + text.size(), size);
    }
    if (size < 10) return Usage();
    const char* above = getenv("COPPICE_BENCH_DIR");
    std::string dir = above != nullptr ? above : "/dev/shm";
    dir += "/coppice-scale-XXXXXX";
    if (mkdtemp(dir.data()) == nullptr) return Usage();
    setenv("XDG_CACHE_HOME", (dir + "/cache").c_str(), 1);
    int exit = 0;
    try {
      section.measure(dir, size);
    } catch (const std::exception& failure) {
      fmt::print(stderr, "error: {}\n", failure.what());
      exit = 1;
    }
    std::filesystem::remove_all(dir);
    return exit;
  }
  return Usage();
}

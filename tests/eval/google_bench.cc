#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

// A real benchmark for the tests: one that works, with a counter that is no
// number, and one that fails.

namespace {

void Sum(benchmark::State& state) {
  std::vector<int> values(static_cast<std::size_t>(state.range(0)), 1);
  for (auto _ : state) {
    long sum = 0;
    for (const int value : values) sum += value;
    benchmark::DoNotOptimize(sum);
  }
  state.counters["rate"] = std::nan("");
  state.counters["items"] = 7;
}

void Broken(benchmark::State& state) {
  state.SkipWithError("no data");
  for (auto _ : state) {
  }
}

}  // namespace

BENCHMARK(Sum)->Arg(1000);
BENCHMARK(Broken);
BENCHMARK_MAIN();

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "noise_picture.h"
#include "study/simulated_search.h"
#include "support/noisy_run.h"

// How often the decision rule errs, either way: false claims of runs without
// any gain, by the shape of the noise, and the share of real gains found, by
// their size. Beside it the rule of R pairs alone.
//
//   coppice_bench_noise [--runs N] [--svg FILE]   the tables, and the picture
//   coppice_bench_noise --power [--runs N]        the curves of decide_power.cc

namespace coppice::bench {
namespace {

using testing::NoiseShape;
using testing::NoisyResult;
using testing::NoisyRun;

// The mean of some numbers of each of `runs` searches that differ by seed.
template <class F>
std::vector<double> Means(const NoisyRun& run, int runs, F numbers) {
  std::vector<std::vector<double>> rows(static_cast<std::size_t>(runs));
  study::SideBySide(rows.size(), [&](std::size_t i) {
    NoisyRun one = run;
    one.seed = 1'000'000 + i;
    rows[i] = numbers(testing::Run(one));
  });
  std::vector<double> means(rows.front().size());
  for (const std::vector<double>& row : rows) {
    for (std::size_t k = 0; k < row.size(); ++k) {
      means[k] += row[k] / static_cast<double>(runs);
    }
  }
  return means;
}

FalseClaims MeasureShape(const NoiseShape& shape, bool more_pairs, int runs) {
  NoisyRun run;
  run.shape = shape;
  run.more_pairs = more_pairs;
  run.gains.assign(100, 0.0);
  const std::vector<double> night =
      Means(run, runs, [](const NoisyResult& r) -> std::vector<double> {
        return {r.improved > 0 ? 100.0 : 0, r.confirmed ? 100.0 : 0,
                static_cast<double>(r.improved),
                static_cast<double>(r.contests),
                static_cast<double>(r.search_samples) / 100};
      });
  NoisyRun contender = run;
  contender.gains = {0};
  contender.screen = false;
  contender.final = false;
  const std::vector<double> straight =
      Means(contender, 4 * runs, [](const NoisyResult& r) {
        return std::vector<double>{r.improved > 0 ? 100.0 : 0};
      });
  fmt::print(
      "{:10} {:10} {:6.2f} % {:6.2f} % {:8.3f} % {:7.2f} % {:6.1f} {:6.2f}\n",
      shape.name, more_pairs ? "as shipped" : "R alone", night[0], night[1],
      night[2], straight[0], night[3], night[4]);
  return {.shape = std::string(shape.name), .percent = night[0]};
}

Errors MeasureErrors(int runs) {
  Errors errors;
  fmt::print(
      "100 equal candidates, {} runs each; R = 5\n"
      "noise      rule       improved   final  candidate  straight contests "
      "samples\n"
      "                      in runs    in runs           to pairs a run    "
      " a cand.\n",
      runs);
  for (const NoiseShape& shape : testing::NoiseShapes()) {
    errors.before.push_back(MeasureShape(shape, false, runs));
    errors.after.push_back(MeasureShape(shape, true, runs));
  }
  fmt::print(
      "\none candidate with a gain, normal noise, {} runs each; R = 5\n"
      "gain/sigma  R alone  as shipped  contender  final  claim - truth  "
      "samples: R alone, as shipped, final\n",
      runs);
  for (double gain = 0.25; gain <= 5; gain += 0.25) {
    NoisyRun run;
    run.gains = {gain};
    auto found = [](const NoisyResult& r) -> std::vector<double> {
      return {r.improved > 0 ? 100.0 : 0, static_cast<double>(r.search_samples),
              r.confirmed ? 100.0 : 0, r.confirmed ? r.claimed : 0,
              static_cast<double>(r.final_samples)};
    };
    const std::vector<double> after = Means(run, runs, found);
    run.more_pairs = false;
    const std::vector<double> before = Means(run, runs, found);
    run.more_pairs = true;
    run.screen = false;
    run.final = false;
    const std::vector<double> contender = Means(run, runs, found);
    errors.power.push_back({gain, before[0], after[0], contender[0]});
    fmt::print(
        "{:10.2f} {:6.1f} % {:9.1f} % {:8.1f} % {:5.1f} % {:13.2f} {:12.1f} "
        "{:10.1f} {:6.1f}\n",
        gain, before[0], after[0], contender[0], after[2],
        after[2] > 0 ? after[3] / (after[2] / 100) - gain : 0, before[1],
        after[1], after[4]);
  }
  return errors;
}

// After twenty candidates without a gain, as in the midst of a run.
void PrintPower(int runs) {
  for (const int repeats : {1, 2, 3, 5, 10}) {
    fmt::print("{{{},", repeats);
    for (const double gain : {0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0,
                              8.0, 10.0, 12.0, 16.0}) {
      NoisyRun run;
      run.gains.assign(20, 0.0);
      run.gains.push_back(gain);
      run.repeats = repeats;
      run.min_improvement = 0;
      run.final = false;
      const std::vector<double> found =
          Means(run, runs, [&](const NoisyResult& r) {
            return std::vector<double>{r.best_true == gain ? 1.0 : 0};
          });
      fmt::print(" {:.3f},", found[0]);
    }
    fmt::print("}}\n");
  }
}

}  // namespace
}  // namespace coppice::bench

int main(int argc, char** argv) {
  namespace bench = coppice::bench;
  int runs = 0;
  bool power = false;
  std::string svg;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--power") power = true;
    if (word == "--runs" && i + 1 < argc) runs = std::atoi(argv[++i]);
    if (word == "--svg" && i + 1 < argc) svg = argv[++i];
  }
  if (power) {
    bench::PrintPower(runs > 0 ? runs : 10'000);
    return 0;
  }
  const bench::Errors errors = bench::MeasureErrors(runs > 0 ? runs : 4000);
  if (svg.empty()) return 0;
  const std::string picture = bench::Picture(errors);
  std::FILE* file = std::fopen(svg.c_str(), "w");
  const bool written =
      file != nullptr &&
      std::fwrite(picture.data(), 1, picture.size(), file) == picture.size() &&
      std::fclose(file) == 0;
  if (!written) fmt::print(stderr, "cannot write {}\n", svg);
  return written ? 0 : 1;
}

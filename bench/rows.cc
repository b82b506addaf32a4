#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "search/puct.h"
#include "search/uct.h"
#include "study/setups.h"

// The table of SEARCH.md §5, made again: the share of searches that reach the
// target of a trap, beside what stands there. The tests hold some of these
// cells to ± .04; all of them take minutes.
//
//   coppice_bench_rows [--seeds N] [--seed FIRST] [ROW...]

namespace coppice::bench {
namespace {

using study::Simulated;
using study::SimulationOptions;

constexpr std::array kTraps = {"trap-mild", "trap-2", "dead-end"};
constexpr std::array kWorkers = {1, 8};
constexpr std::array kBudgets = {100, 200, 400};
constexpr double kTolerance = .04;

// By trap, workers and budget, in hundredths.
using Told = std::array<std::array<std::array<int, 3>, 2>, 3>;

struct Row {
  const char* name;
  Told told;
};

// The rows in the order of SEARCH.md. "Same" and single numbers stand for all
// that they are said of.
constexpr Row kRows[] = {
    {"ucb",
     {{{{{31, 62, 87}, {31, 59, 85}}},
       {{{7, 19, 45}, {9, 19, 38}}},
       {{{98, 100, 100}, {76, 100, 100}}}}}},
    {"floor-off",
     {{{{{0, 0, 0}, {4, 4, 4}}},
       {{{0, 0, 0}, {0, 0, 0}}},
       {{{91, 100, 100}, {46, 99, 100}}}}}},
    {"linear",
     {{{{{21, 21, 21}, {3, 3, 3}}},
       {{{21, 21, 21}, {0, 0, 0}}},
       {{{53, 53, 53}, {4, 4, 4}}}}}},
    {"chains",
     {{{{{35, 80, 89}, {35, 80, 89}}},
       {{{22, 75, 88}, {22, 75, 88}}},
       {{{46, 98, 100}, {46, 98, 100}}}}}},
    {"halving",
     {{{{{34, 44, 79}, {34, 44, 79}}},
       {{{7, 9, 30}, {7, 9, 30}}},
       {{{34, 43, 74}, {34, 43, 74}}}}}},
    {"beam",
     {{{{{0, 0, 0}, {0, 0, 0}}},
       {{{0, 0, 0}, {0, 0, 0}}},
       {{{37, 44, 44}, {23, 48, 48}}}}}},
    {"uct-mean",
     {{{{{16, 25, 33}, {17, 32, 43}}},
       {{{0, 0, 0}, {0, 0, 0}}},
       {{{90, 97, 97}, {50, 99, 99}}}}}},
    {"uct-rank",
     {{{{{2, 2, 2}, {3, 3, 3}}},
       {{{0, 0, 0}, {0, 0, 0}}},
       {{{9, 9, 9}, {4, 5, 5}}}}}},
    {"puct-raw",
     {{{{{0, 0, 0}, {4, 4, 4}}},
       {{{0, 0, 0}, {1, 1, 1}}},
       {{{28, 56, 79}, {13, 41, 76}}}}}},
};

SimulationOptions OptionsOf(std::string_view row, const char* trap, int nodes,
                            int workers) {
  using study::Bare;
  SimulationOptions options = study::Shipped(trap, "linear", nodes, workers);
  if (row == "chains") {
    options.spec.search.chains = 10;
  } else if (row == "halving") {
    options.spec.search.chain_budget = spec::ChainBudget::kHalving;
  } else if (row == "linear") {
    options = Bare(trap, "linear", nodes, workers);
  } else if (row == "beam") {
    options = Bare(trap, "beam", nodes, workers);
    options.spec.search.beam_width = 10;
    options.spec.search.num_drafts = 20;  // two for each place in the beam
    options.spec.search.branching_factor = 1'000'000;  // never spent
  } else if (row == "uct-mean" || row == "uct-rank") {
    options = Bare(trap, "uct", nodes, workers);
    options.spec.search.num_drafts = 0;
    search::UctOptions uct;
    if (row == "uct-mean") uct = search::UctOptions::Aira();
    options.policy = [spec = options.spec, uct] {
      return search::MakeUct(spec, uct);
    };
  } else if (row == "puct-raw") {
    options = Bare(trap, "puct", nodes, workers);
    options.policy = [spec = options.spec] {
      return search::MakePuct(spec,
                              {.scale = search::PuctOptions::Scale::kScores});
    };
  } else {
    options = Bare(trap, "ucb", nodes, workers);
    options.spec.search.lineage_floor = row == "ucb";
  }
  return options;
}

void Measure(const Row& row, std::uint64_t first, std::size_t seeds) {
  double farthest = 0;
  for (std::size_t trap = 0; trap < kTraps.size(); ++trap) {
    for (std::size_t w = 0; w < kWorkers.size(); ++w) {
      fmt::print("{:10} {:10} P={}", row.name, kTraps[trap], kWorkers[w]);
      for (std::size_t b = 0; b < kBudgets.size(); ++b) {
        const SimulationOptions options =
            OptionsOf(row.name, kTraps[trap], kBudgets[b], kWorkers[w]);
        double hits = 0;
        for (double hit : study::SimulateSeeds(
                 options, first, seeds,
                 [](const Simulated& run) { return run.Solved() ? 1. : 0.; })) {
          hits += hit / static_cast<double>(seeds);
        }
        const double told = row.told[trap][w][b] / 100.;
        farthest = std::max(farthest, std::abs(hits - told));
        fmt::print("  {:.3f} ({:.2f}){}", hits, told,
                   std::abs(hits - told) > kTolerance + 1e-9 ? "!" : " ");
      }
      fmt::print("\n");
      std::fflush(stdout);
    }
  }
  fmt::print("{:10} farthest {:.3f}\n", row.name, farthest);
}

int Run(int argc, char** argv) {
  std::size_t seeds = 1000;
  std::uint64_t first = 0;
  std::vector<std::string_view> rows;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--seeds" && i + 1 < argc) {
      seeds = std::strtoul(argv[++i], nullptr, 10);
    } else if (word == "--seed" && i + 1 < argc) {
      first = std::strtoul(argv[++i], nullptr, 10);
    } else {
      rows.push_back(word);
    }
  }
  for (const Row& row : kRows) {
    if (rows.empty() || std::ranges::count(rows, row.name) > 0) {
      Measure(row, first, seeds);
    }
  }
  return 0;
}

}  // namespace
}  // namespace coppice::bench

int main(int argc, char** argv) { return coppice::bench::Run(argc, argv); }

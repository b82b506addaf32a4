#include "study/simulate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/linear.h"
#include "study/recorded.h"

namespace coppice::study {
namespace {

constexpr int kFewResamples = 2000;

// About forty numbers from 1 to `nodes`, evenly spaced in their logarithm.
std::vector<int> Grid(int nodes) {
  constexpr int kPoints = 40;
  std::vector<int> grid;
  for (int i = 0; i <= kPoints; ++i) {
    const double share = static_cast<double>(i) / kPoints;
    const int at = static_cast<int>(std::lround(std::pow(nodes, share)));
    if (grid.empty() || at > grid.back()) grid.push_back(at);
  }
  return grid;
}

SimulationOptions OptionsOf(const Question& question,
                            const Contender& contender,
                            const Landscape& landscape) {
  SimulationOptions options;
  options.landscape = &landscape;
  options.spec.search = contender.search;
  options.spec.metric.direction = spec::Direction::kMaximize;
  options.nodes = question.nodes;
  options.workers = question.workers;
  options.noise = question.noise;
  options.tau = question.tau;
  options.proposing = question.proposing;
  options.requests = question.requests;
  options.final_share = question.final_share;
  if (contender.bare) {
    options.spec.search.merge = 0;
    options.spec.search.restart_after = std::numeric_limits<int>::max() / 2;
    const bool linear = contender.search.policy == "linear";
    options.tau = linear ? 0 : -std::numeric_limits<double>::infinity();
    if (linear && contender.search.chains == 1 &&
        contender.search.chain_budget == spec::ChainBudget::kEven &&
        contender.split == 0) {
      options.policy = [spec = options.spec, workers = question.workers] {
        return search::MakeLinear(spec, workers);
      };
    }
  }
  if (contender.policy) {
    options.policy = [spec = options.spec, make = contender.policy] {
      return make(spec);
    };
  }
  return options;
}

Cell Empty(std::size_t seeds, std::size_t points) {
  Cell cell;
  for (auto* column : {&cell.truth, &cell.claimed, &cell.time, &cell.depth,
                       &cell.drafts, &cell.busy}) {
    column->resize(seeds);
  }
  cell.curves.assign(points, std::vector<double>(seeds));
  return cell;
}

// What one search was like, at its place in the cell.
void Record(const Simulated& run, const SimulationOptions& options,
            const std::vector<int>& grid, std::size_t seed, Cell& cell) {
  const search::Node& best = run.tree[run.best];
  cell.truth[seed] = run.truth();
  cell.claimed[seed] = run.claimed;
  cell.time[seed] = run.time();
  cell.depth[seed] = best.depth;
  double drafts = 0;
  for (const search::Expansion& e : run.selected) {
    drafts += e.parents.front() == run.tree.root() ? 1 : 0;
  }
  cell.drafts[seed] =
      drafts / std::max<double>(1, static_cast<double>(run.selected.size()));
  cell.busy[seed] =
      run.time() > 0 ? run.evaluating / (run.time() * options.workers) : 0;
  for (std::size_t g = 0; g < grid.size(); ++g) {
    const auto done =
        std::min(static_cast<std::size_t>(grid[g]), run.progress.size());
    cell.curves[g][seed] =
        done == 0 ? run.truths.front().quality : run.progress[done - 1].quality;
  }
}

std::vector<double> Scales(const Question& question, const Answer& answer) {
  std::vector<double> scale(question.landscapes.size(), 1);
  if (scale.size() == 1) return scale;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    double best = 0;
    for (const auto& row : answer.cells) {
      best = std::max(best, Mean(row[c].truth));
    }
    if (best > 0) scale[c] = 100 / best;
  }
  return scale;
}

double Sign(const Landscape& landscape) {
  return landscape.recorded ? landscape.recorded->sign() : 1;
}

}  // namespace

Answer Ask(const Question& question) {
  Answer answer{.grid = Grid(question.nodes)};
  const auto seeds = static_cast<std::size_t>(question.seeds);
  const std::size_t rows = question.contenders.size();
  const std::size_t columns = question.landscapes.size();
  answer.cells.assign(
      rows, std::vector<Cell>(columns, Empty(seeds, answer.grid.size())));
  std::vector<char> solved(rows * columns * seeds);
  SideBySide(solved.size(), [&](std::size_t i) {
    // Neighbours differ in their seed last: the slow rows spread over all.
    const std::size_t row = i % rows;
    const std::size_t column = i / rows % columns;
    const std::size_t seed = i / rows / columns;
    SimulationOptions options = OptionsOf(question, question.contenders[row],
                                          question.landscapes[column]);
    options.seed = question.first_seed + seed;
    const Simulated run = Simulate(options);
    Record(run, options, answer.grid, seed, answer.cells[row][column]);
    solved[i] = run.truth() >= question.landscapes[column].target ? 1 : 0;
  });
  for (std::size_t i = 0; i < solved.size(); ++i) {
    if (solved[i] != 0) ++answer.cells[i % rows][i / rows % columns].solved;
  }
  answer.scale = Scales(question, answer);
  return answer;
}

double Shown(const Landscape& landscape, double quality) {
  return landscape.recorded ? landscape.recorded->Metric(quality) : quality;
}

std::vector<Standing> Summarise(const Question& question,
                                const Answer& answer) {
  const std::size_t columns = question.landscapes.size();
  const auto landscapes = static_cast<double>(columns);
  const auto seeds = static_cast<std::size_t>(question.seeds);
  std::vector<Standing> standings;
  for (const auto& row : answer.cells) {
    Standing standing;
    standing.scores.assign(seeds, 0);
    std::size_t solved = 0;
    for (std::size_t c = 0; c < columns; ++c) {
      const Cell& cell = row[c];
      for (std::size_t s = 0; s < seeds; ++s) {
        standing.scores[s] += answer.scale[c] *
                              Shown(question.landscapes[c], cell.truth[s]) /
                              landscapes;
      }
      solved += cell.solved;
      standing.time += Mean(cell.time) / landscapes;
      standing.depth += Mean(cell.depth) / landscapes;
      standing.drafts += Mean(cell.drafts) / landscapes;
      standing.busy += Mean(cell.busy) / landscapes;
      standing.claimed += (Mean(cell.claimed) - Mean(cell.truth)) / landscapes;
    }
    standing.mean = Mean(standing.scores);
    standing.interval = MeanInterval(standing.scores, 0, kFewResamples);
    standing.solved =
        static_cast<double>(solved) / (landscapes * static_cast<double>(seeds));
    standing.solved_interval = ShareInterval(solved, columns * seeds);
    standings.push_back(std::move(standing));
  }
  // Of a run that minimises, less is better.
  const double sign = Sign(question.landscapes.front());
  for (Standing& standing : standings) {
    auto signed_scores = [sign](std::vector<double> scores) {
      for (double& score : scores) score *= sign;
      return scores;
    };
    standing.to_first =
        Compare(signed_scores(standing.scores),
                signed_scores(standings.front().scores), 0, kFewResamples);
  }
  return standings;
}

std::vector<ProgressPoint> CurveOf(const Question& question,
                                   const Answer& answer, std::size_t contender,
                                   std::optional<std::size_t> landscape) {
  std::vector<ProgressPoint> curve;
  const std::size_t first = landscape.value_or(0);
  const std::size_t last =
      landscape ? *landscape + 1 : question.landscapes.size();
  const auto count = static_cast<double>(last - first);
  for (std::size_t g = 0; g < answer.grid.size(); ++g) {
    std::vector<double> values(static_cast<std::size_t>(question.seeds));
    for (std::size_t c = first; c < last; ++c) {
      const Cell& cell = answer.cells[contender][c];
      const double scale = landscape ? 1 : answer.scale[c];
      for (std::size_t s = 0; s < values.size(); ++s) {
        values[s] +=
            scale * Shown(question.landscapes[c], cell.curves[g][s]) / count;
      }
    }
    const double half = 1.96 * Deviation(values) /
                        std::sqrt(static_cast<double>(values.size()));
    curve.push_back({.at = static_cast<double>(answer.grid[g]),
                     .mean = Mean(values),
                     .half = half});
  }
  return curve;
}

}  // namespace coppice::study

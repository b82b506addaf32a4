#include "search/bandit.h"

#include <algorithm>
#include <cmath>

namespace coppice::search {
namespace {

// κ: arms that cost less than the mean count more, within a factor of 2.
double CostFactor(double mean_of_all, const ArmStats& arm) {
  if (arm.given == 0 || mean_of_all <= 0) return 1;
  const double mean = arm.usd / arm.given;
  if (mean <= 0) return 2;
  return std::clamp(std::sqrt(mean_of_all / mean), 0.5, 2.0);
}

}  // namespace

std::optional<std::size_t> ChooseArm(
    std::span<const ArmChoice> arms,
    const std::map<std::string, ArmStats>& stats) {
  double weights = 0;
  double total = 0;
  double usd = 0;
  auto of = [&](const ArmChoice& arm) {
    auto found = stats.find(arm.name);
    return found == stats.end() ? ArmStats{} : found->second;
  };
  for (const ArmChoice& arm : arms) {
    if (!arm.able) continue;
    weights += arm.weight;
    total += of(arm).given;
    usd += of(arm).usd;
  }
  const double mean = total > 0 ? usd / total : 0;
  std::optional<std::size_t> chosen;
  double greatest = 0;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (!arms[i].able) continue;
    const ArmStats arm = of(arms[i]);
    const double prior = weights > 0 ? arms[i].weight / weights : 0;
    const double n = arm.given;
    const double score =
        (prior + arm.reward) / (1 + n) * CostFactor(mean, arm) +
        0.5 * std::sqrt(std::log1p(total) / (1 + n));
    if (!chosen || score > greatest) {
      chosen = i;
      greatest = score;
    }
  }
  return chosen;
}

std::optional<std::size_t> TakeTurns(
    std::span<const ArmChoice> arms,
    const std::map<std::string, ArmStats>& stats) {
  std::optional<std::size_t> chosen;
  double least = 0;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (!arms[i].able || arms[i].weight <= 0) continue;
    auto found = stats.find(arms[i].name);
    const int given = found == stats.end() ? 0 : found->second.given;
    const double behind = (given + 1) / arms[i].weight;
    if (!chosen || behind < least) {
      chosen = i;
      least = behind;
    }
  }
  return chosen;
}

}  // namespace coppice::search

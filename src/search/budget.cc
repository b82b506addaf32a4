#include "search/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "search/decide.h"
#include "spec/models.h"

namespace coppice::search {
namespace {

constexpr double kFinalShare = 0.1;  // of the evaluations (SEARCH §3.7)
constexpr double kWarnAt = 0.8;
constexpr int kFewNodes = 10;
constexpr int kUnlimited = std::numeric_limits<int>::max();

int Whole(double count) {
  if (!(count > 0)) return 0;
  return count >= kUnlimited ? kUnlimited : static_cast<int>(count);
}

// What the final will take; of a limit at most half, so that a dear final does
// not leave nothing to be confirmed.
double KeptHours(const Consumption& used, double limit) {
  const double sample_hours = used.samples > 0
                                  ? used.evaluation_hours / used.samples
                                  : used.mean_evaluation_seconds / 3600;
  const NoiseModel noise{.sigma = used.repeats > 1 ? 1.0 : 0.0,
                         .repeats = used.repeats};
  const int racers = std::min(kFinalists, used.finished);
  const double least = std::max(1, SmallestRace(racers, noise)) * sample_hours;
  const double share = kFinalShare * used.evaluation_hours;
  return std::min(std::max(least, share), limit / 2);
}

struct Use {
  std::string_view name;
  double used = 0;
  double limit = 0;
};

std::vector<Use> Uses(const spec::Budget& limits, const Consumption& used) {
  std::vector<Use> uses;
  auto add = [&](std::string_view name, double amount, auto limit) {
    if (limit) uses.push_back({name, amount, static_cast<double>(*limit)});
  };
  add("max_nodes", used.finished, limits.max_nodes);
  add("max_hours", used.hours, limits.max_hours);
  add("max_evaluation_hours", used.evaluation_hours,
      limits.max_evaluation_hours);
  add("max_cost_usd", used.usd, limits.max_cost_usd);
  add("max_tokens", static_cast<double>(used.tokens), limits.max_tokens);
  return uses;
}

// What one proposal of an arm may cost at worst; nothing if its price is not
// in the spec.
struct WorstCase {
  double usd = 0;
  double tokens = 0;
};

std::optional<WorstCase> WorstCaseOf(const spec::Proposer& proposer) {
  if (const auto* agent = std::get_if<spec::AgentArm>(&proposer.arm)) {
    return WorstCase{.usd = agent->max_usd};
  }
  const auto* model = std::get_if<spec::ModelArm>(&proposer.arm);
  if (model == nullptr) return WorstCase{};
  if (!model->price) return std::nullopt;
  constexpr double kBytesPerToken = 2;
  const double input = proposer.proposal.max_prompt_kb * 1024 / kBytesPerToken;
  const double output = model->max_output_tokens;
  return WorstCase{
      .usd =
          (input * model->price->input + output * model->price->output) / 1e6,
      .tokens = input + output};
}

// The mean over the arms by weight; nothing as soon as one is unknown.
std::optional<WorstCase> MeanProposal(const spec::Spec& spec) {
  WorstCase mean;
  double weights = 0;
  for (const spec::Proposer& proposer : spec.proposers) {
    std::optional<WorstCase> worst = WorstCaseOf(proposer);
    if (!worst) return std::nullopt;
    mean.usd += proposer.weight * worst->usd;
    mean.tokens += proposer.weight * worst->tokens;
    weights += proposer.weight;
  }
  if (weights > 0) mean = {mean.usd / weights, mean.tokens / weights};
  return mean;
}

}  // namespace

Budget::Budget(const spec::Budget& limits) : limits_(limits) {}

int Budget::Room(const Consumption& used) const {
  if (Reached(used)) return 0;
  if (limits_.max_cost_usd && used.usd_reserved > 0 &&
      used.usd + used.usd_reserved >= *limits_.max_cost_usd) {
    return 0;
  }
  if (!limits_.max_nodes) return kUnlimited;
  return std::max(0, *limits_.max_nodes - used.finished - used.in_flight);
}

std::optional<std::string> Budget::Reached(const Consumption& used) const {
  if (limits_.stop_at_target && used.target_reached) return "target";
  if (limits_.max_nodes && used.finished >= *limits_.max_nodes) {
    return "max_nodes";
  }
  if (limits_.max_hours &&
      used.hours + KeptHours(used, *limits_.max_hours) >= *limits_.max_hours) {
    return "max_hours";
  }
  if (limits_.max_evaluation_hours &&
      used.evaluation_hours + KeptHours(used, *limits_.max_evaluation_hours) >=
          *limits_.max_evaluation_hours) {
    return "max_evaluation_hours";
  }
  // Proposers that cost nothing run under a budget of nothing.
  if (limits_.max_cost_usd && used.usd > 0 &&
      used.usd >= *limits_.max_cost_usd) {
    return "max_cost_usd";
  }
  if (limits_.max_tokens && used.tokens > 0 &&
      used.tokens >= *limits_.max_tokens) {
    return "max_tokens";
  }
  if (limits_.plateau_nodes && used.since_best >= *limits_.plateau_nodes) {
    return "plateau";
  }
  return std::nullopt;
}

Budget::Decision Budget::Affords(const Consumption& used,
                                 std::int64_t picodollars,
                                 std::int64_t tokens) const {
  auto grant = [](std::int64_t settled, std::int64_t reserved,
                  std::int64_t wanted, std::int64_t limit) {
    if (wanted <= limit - settled - reserved) return Grant::kYes;
    return wanted <= limit - settled && reserved > 0 ? Grant::kWait
                                                     : Grant::kNo;
  };
  Grant money = Grant::kYes;
  if (limits_.max_cost_usd && picodollars > 0) {
    money = grant(used.picodollars, used.picodollars_reserved, picodollars,
                  spec::ToPicodollars(*limits_.max_cost_usd));
  }
  Grant count = Grant::kYes;
  if (limits_.max_tokens && tokens > 0) {
    count =
        grant(used.tokens, used.tokens_reserved, tokens, *limits_.max_tokens);
  }
  if (money >= count && money != Grant::kYes) return {money, "max_cost_usd"};
  if (count != Grant::kYes) return {count, "max_tokens"};
  return {};
}

std::vector<std::string> Budget::Warnings(const Consumption& used) const {
  std::vector<std::string> warnings;
  for (const Use& use : Uses(limits_, used)) {
    if (use.used <= 0 || use.used < kWarnAt * use.limit) continue;
    warnings.push_back(fmt::format("{}: {} of {}", use.name,
                                   FormatShort(use.used, 6),
                                   FormatNumber(use.limit)));
  }
  return warnings;
}

int Budget::FinalSamples(const Consumption& used, int repeats) const {
  const NoiseModel noise{.sigma = repeats > 1 ? 1.0 : 0.0, .repeats = repeats};
  const int least = SmallestRace(std::min(kFinalists, used.finished), noise);
  return std::max(least, Whole(std::ceil(kFinalShare * used.samples)));
}

Forecast ForecastRun(const spec::Spec& spec, double seconds_per_node,
                     int slots) {
  const spec::Budget& budget = spec.budget;
  Forecast forecast{.nodes = kUnlimited, .limit = "none"};
  auto bound = [&](std::string_view limit, double nodes) {
    if (Whole(nodes) >= forecast.nodes) return;
    forecast.nodes = Whole(nodes);
    forecast.limit = limit;
  };
  const double with_final = seconds_per_node * (1 + kFinalShare);
  const int workers = std::max(1, slots);
  if (budget.max_nodes) bound("max_nodes", *budget.max_nodes);
  if (budget.max_hours && seconds_per_node > 0) {
    bound("max_hours", *budget.max_hours * 3600 * workers / with_final);
  }
  if (budget.max_evaluation_hours && seconds_per_node > 0) {
    bound("max_evaluation_hours",
          *budget.max_evaluation_hours * 3600 / with_final);
  }
  if (const auto proposal = MeanProposal(spec)) {
    if (budget.max_cost_usd && proposal->usd > 0) {
      bound("max_cost_usd", *budget.max_cost_usd / proposal->usd);
    }
    if (budget.max_tokens && proposal->tokens > 0) {
      bound("max_tokens",
            static_cast<double>(*budget.max_tokens) / proposal->tokens);
    }
  } else if (budget.max_cost_usd || budget.max_tokens) {
    forecast.warnings.emplace_back(
        "the price of a proposer is not in the spec: the forecast leaves money "
        "and tokens out");
  }
  if (forecast.nodes != kUnlimited) {
    forecast.hours = forecast.nodes * with_final / workers / 3600;
  }
  if (forecast.nodes < kFewNodes) {
    const std::string count =
        forecast.nodes == 0   ? "no proposal at all"
        : forecast.nodes == 1 ? "one proposal"
                              : fmt::format("about {} nodes", forecast.nodes);
    forecast.warnings.push_back(
        fmt::format("this budget buys {} (limit: {}); fewer than {} seldom "
                    "find anything: raise budget.{}",
                    count, forecast.limit, kFewNodes, forecast.limit));
  }
  return forecast;
}

}  // namespace coppice::search

#include "search/budget.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>

#include "search/decide.h"

namespace coppice::search {
namespace {

// No limit at all.
spec::Budget Unlimited() {
  spec::Budget budget;
  budget.max_nodes.reset();
  budget.max_hours.reset();
  budget.max_cost_usd.reset();
  budget.plateau_nodes.reset();
  return budget;
}

TEST_CASE("each limit ends the search by its name, and only when reached") {
  struct Row {
    const char* name;
    std::function<void(spec::Budget&)> limit;
    std::function<void(Consumption&)> below;
    std::function<void(Consumption&)> at;
  };
  const Row rows[] = {
      {"max_nodes", [](auto& b) { b.max_nodes = 5; },
       [](auto& c) { c.finished = 4; }, [](auto& c) { c.finished = 5; }},
      {"max_hours", [](auto& b) { b.max_hours = 2; },
       [](auto& c) { c.hours = 1.99; }, [](auto& c) { c.hours = 2; }},
      {"max_evaluation_hours", [](auto& b) { b.max_evaluation_hours = 2; },
       [](auto& c) { c.evaluation_hours = 1.7; },
       [](auto& c) { c.evaluation_hours = 2; }},
      {"max_cost_usd", [](auto& b) { b.max_cost_usd = 3; },
       [](auto& c) { c.usd = 2.99; }, [](auto& c) { c.usd = 3; }},
      {"max_tokens", [](auto& b) { b.max_tokens = 1000; },
       [](auto& c) { c.tokens = 999; }, [](auto& c) { c.tokens = 1000; }},
      {"plateau", [](auto& b) { b.plateau_nodes = 30; },
       [](auto& c) { c.since_best = 29; }, [](auto& c) { c.since_best = 30; }},
      {"target", [](auto&) {}, [](auto&) {},
       [](auto& c) { c.target_reached = true; }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    spec::Budget limits = Unlimited();
    row.limit(limits);
    const Budget budget(limits);
    Consumption used;
    row.below(used);
    CHECK_FALSE(budget.Reached(used));
    CHECK(budget.Room(used) > 0);
    row.at(used);
    CHECK(budget.Reached(used) == row.name);
    CHECK(budget.Room(used) == 0);
    CHECK_FALSE(Budget([] {
                  spec::Budget none = Unlimited();
                  none.stop_at_target = false;
                  return none;
                }())
                    .Reached(used));
  }
}

TEST_CASE("what is in flight takes its room in the limit of nodes") {
  spec::Budget limits = Unlimited();
  limits.max_nodes = 10;
  const Budget budget(limits);
  CHECK(budget.Room({.finished = 4, .in_flight = 3}) == 3);
  CHECK(budget.Room({.finished = 4, .in_flight = 6}) == 0);
  CHECK_FALSE(budget.Reached({.finished = 4, .in_flight = 6}));
}

TEST_CASE("reserved money stops new calls but does not end the search") {
  spec::Budget limits = Unlimited();
  limits.max_cost_usd = 10;
  const Budget budget(limits);
  const Consumption used{.in_flight = 1, .usd = 8, .usd_reserved = 2.5};
  CHECK(budget.Room(used) == 0);
  CHECK_FALSE(budget.Reached(used));
}

TEST_CASE("proposers that cost nothing run under a budget of no dollars") {
  spec::Budget limits = Unlimited();
  limits.max_cost_usd = 0;
  CHECK(Budget(limits).Room({.finished = 50}) > 0);
  CHECK(Budget(limits).Reached({.usd = 0.01}) == "max_cost_usd");
}

TEST_CASE("time for the final is kept back from the limit of hours") {
  spec::Budget limits = Unlimited();
  limits.max_hours = 8;
  const Budget budget(limits);
  // 400 samples of 36 s: 10 % of 4 h of evaluation is 0.4 h.
  Consumption used{.finished = 400,
                   .evaluation_hours = 4,
                   .mean_evaluation_seconds = 36,
                   .samples = 400};
  used.hours = 7.59;
  CHECK_FALSE(budget.Reached(used));
  used.hours = 7.61;
  CHECK(budget.Reached(used) == "max_hours");
  // A noisy metric needs at least the smallest race: 58 samples of 1/20 h.
  used = {.finished = 40,
          .evaluation_hours = 2,
          .mean_evaluation_seconds = 180,
          .samples = 40,
          .repeats = 5};
  used.hours = 5.0;
  CHECK_FALSE(budget.Reached(used));
  used.hours = 5.2;
  CHECK(budget.Reached(used) == "max_hours");
}

TEST_CASE("a dear final takes at most half of the time") {
  spec::Budget limits = Unlimited();
  limits.max_hours = 8;
  const Consumption used{.finished = 1,
                         .hours = 3.9,
                         .evaluation_hours = 3.9,
                         .mean_evaluation_seconds = 3.9 * 3600,
                         .samples = 1,
                         .repeats = 5};
  CHECK_FALSE(Budget(limits).Reached(used));
}

TEST_CASE("limits used to four fifths are warned about") {
  spec::Budget limits;
  limits.max_tokens = 1'000'000;
  const Budget budget(limits);
  CHECK(budget.Warnings({.finished = 79, .hours = 6.3, .usd = 7.9}).empty());
  CHECK(budget.Warnings(
            {.finished = 81, .hours = 6.5, .usd = 8.05, .tokens = 800'000}) ==
        std::vector<std::string>{"max_nodes: 81 of 100", "max_hours: 6.5 of 8",
                                 "max_cost_usd: 8.05 of 10",
                                 "max_tokens: 800000 of 1000000"});
  CHECK(Budget(Unlimited()).Warnings({.finished = 1'000'000}).empty());
}

TEST_CASE("the final may take a tenth of the samples or its smallest race") {
  const Budget budget(Unlimited());
  const NoiseModel noisy{.sigma = 0.01, .repeats = 5};
  CHECK(budget.FinalSamples({.finished = 100, .samples = 2000}, 5) == 200);
  CHECK(budget.FinalSamples({.finished = 100, .samples = 150}, 5) ==
        SmallestRace(8, noisy));
  CHECK(budget.FinalSamples({.finished = 2, .samples = 2}, 5) ==
        SmallestRace(2, noisy));
  CHECK(SmallestRace(2, noisy) == 50);
  CHECK(budget.FinalSamples({.finished = 20, .samples = 20}, 1) == 9);
  CHECK(budget.FinalSamples({}, 5) == 0);
}

// ---- Forecast --------------------------------------------------------------

spec::Spec WithArm(spec::Proposer proposer) {
  spec::Spec spec;
  spec.budget = Unlimited();
  spec.proposers = {std::move(proposer)};
  return spec;
}

spec::Proposer Agent(double max_usd) {
  spec::Proposer proposer;
  spec::AgentArm agent;
  agent.max_usd = max_usd;
  proposer.arm = agent;
  return proposer;
}

TEST_CASE("a forecast names the limit that ends the run, and when") {
  spec::Spec spec = WithArm({.arm = spec::EditsArm()});
  spec.budget.max_nodes = 100;
  spec.budget.max_hours = 1;
  Forecast forecast = ForecastRun(spec, 10, 1);
  CHECK(forecast.limit == "max_nodes");
  CHECK(forecast.nodes == 100);
  CHECK(forecast.hours == doctest::Approx(100 * 11.0 / 3600));
  CHECK(forecast.warnings.empty());
  forecast = ForecastRun(spec, 60, 1);
  CHECK(forecast.limit == "max_hours");
  CHECK(forecast.nodes == 54);  // the final takes its tenth
  CHECK(ForecastRun(spec, 60, 2).nodes == 100);
  spec.budget.max_evaluation_hours = 0.5;
  CHECK(ForecastRun(spec, 60, 2).limit == "max_evaluation_hours");
  CHECK(ForecastRun(spec, 60, 2).nodes == 27);
}

TEST_CASE("a budget that buys one proposal says so before anything is spent") {
  spec::Spec spec = WithArm(Agent(6));
  spec.budget.max_cost_usd = 10;
  const Forecast forecast = ForecastRun(spec, 10, 1);
  CHECK(forecast.nodes == 1);
  CHECK(forecast.limit == "max_cost_usd");
  REQUIRE(forecast.warnings.size() == 1);
  CHECK(forecast.warnings[0] ==
        "this budget buys one proposal (limit: max_cost_usd); fewer than 10 "
        "seldom find anything: raise budget.max_cost_usd");
  spec.budget.max_cost_usd = 5;
  CHECK(ForecastRun(spec, 10, 1)
            .warnings[0]
            .starts_with("this budget buys no proposal at all"));
  spec.budget.max_cost_usd = 30;
  CHECK(ForecastRun(spec, 10, 1)
            .warnings[0]
            .starts_with("this budget buys about 5 nodes"));
  spec.budget.max_cost_usd = 60;
  CHECK(ForecastRun(spec, 10, 1).warnings.empty());
}

TEST_CASE("money is forecast at the worst case of the mean arm") {
  spec::Proposer model;
  spec::ModelArm arm;
  arm.max_output_tokens = 10'000;
  arm.price = spec::Price{.input = 2, .output = 10};
  model.arm = arm;
  model.proposal.max_prompt_kb = 100;  // 51,200 tokens: 0.1024 + 0.1 dollars
  spec::Spec spec = WithArm(model);
  spec.budget.max_cost_usd = 10;
  CHECK(ForecastRun(spec, 1, 1).nodes == 49);
  spec::Proposer free{.arm = spec::EditsArm(), .weight = 3};
  spec.proposers.push_back(free);
  CHECK(ForecastRun(spec, 1, 1).nodes == 197);
  spec.budget.max_tokens = 612'000;
  CHECK(ForecastRun(spec, 1, 1).nodes == 40);
  CHECK(ForecastRun(spec, 1, 1).limit == "max_tokens");
}

TEST_CASE("an unknown price is said instead of guessed") {
  spec::Spec spec = WithArm({.arm = spec::ModelArm()});
  spec.budget.max_cost_usd = 10;
  const Forecast forecast = ForecastRun(spec, 1, 1);
  CHECK(forecast.nodes == std::numeric_limits<int>::max());
  CHECK(forecast.limit == "none");
  REQUIRE(forecast.warnings.size() == 1);
  CHECK(forecast.warnings[0].starts_with("the price of a proposer"));
}

}  // namespace
}  // namespace coppice::search

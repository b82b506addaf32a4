#include "report/status.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "report/baseline.h"
#include "support/golden.h"
#include "support/sample_run.h"

namespace coppice::report {
namespace {

using Strings = std::vector<std::string>;

Strings Keys(const OrderedJson& json) {
  Strings keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

// The state right after the first record of this kind.
template <class Event>
std::unique_ptr<search::State> After(
    const std::vector<search::Record>& records) {
  for (const search::Record& record : records) {
    if (std::holds_alternative<Event>(record.event)) {
      return testing::Fold(records, static_cast<std::size_t>(record.seq));
    }
  }
  return nullptr;
}

std::unique_ptr<search::State> Running() {
  const auto records = testing::FruitfulRun();
  return testing::Fold(records, testing::BeforeTheFinal(records));
}

}  // namespace

TEST_CASE("the status object has the keys of the contract, in its order") {
  const auto state = Running();
  const OrderedJson json = StatusJson(*state, state->last_at(), {});
  CHECK(Keys(json) == Strings{"run_id",        "status",      "current_step",
                              "total_steps",   "best_metric", "best_step",
                              "metric_name",   "goal",        "model",
                              "pending_nodes", "outcomes",    "cost",
                              "tokens",        "arms",        "nodes_per_hour",
                              "slots",         "limiting",    "eta",
                              "waiting",       "locks",       "paused"});
  CHECK(Keys(json["cost"]) == Strings{"spent", "reserved", "limit"});
  CHECK(json["current_step"] == 18);
  CHECK(json["total_steps"] == 60);
  CHECK(json["best_step"] == 11);
  CHECK(json["goal"] == "minimize");
  CHECK(json["pending_nodes"] == 1);
  CHECK(json["paused"].is_null());
}

TEST_CASE("status says what is waited for and why") {
  const auto state = Running();
  const OrderedJson open = StatusJson(*state, state->last_at(), {})["waiting"];
  REQUIRE(open.size() == 1);
  CHECK(open[0]["node"] == 19);
  CHECK(open[0]["phase"] == "propose");
  CHECK(open[0]["why"] == "asked anthropic/claude-sonnet-4-5");

  StatusExtra extra;
  extra.waiting.push_back({.node = AttemptId(19),
                           .phase = "measure",
                           .since = state->last_at(),
                           .why = "the \x1b[31mcpu lock"});
  const OrderedJson told =
      StatusJson(*state, state->last_at(), extra)["waiting"];
  CHECK(told[0]["phase"] == "measure");
  CHECK(told[0]["why"] == "the cpu lock");
}

TEST_CASE("what limits a run is the side on which attempts wait") {
  const auto state = Running();
  CHECK(Limiting(*state, state->last_at(), {}) == "proposer");
  CHECK(Limiting(*state, state->last_at(),
                 {.slots_total = 2, .slots_busy = 2}) == "evaluation");
  // Two of four slots are free, and only one proposal is being made.
  StatusExtra starved{.slots_total = 4};
  for (const char* phase : {"measure", "measure", "propose"}) {
    starved.waiting.push_back({.node = AttemptId(19),
                               .phase = phase,
                               .since = state->last_at(),
                               .why = ""});
  }
  CHECK(Limiting(*state, state->last_at(), starved) == "proposer");
  starved.slots_total = 2;
  CHECK(Limiting(*state, state->last_at(), starved) == "evaluation");
  CHECK(Limiting(*state, state->last_at() + std::chrono::hours(9), {}) ==
        "budget");
}

TEST_CASE("the nearest limit gives the time to go") {
  const auto state = Running();
  const Pace pace = PaceOf(*state, state->last_at());
  // 18 attempts took 22 minutes, 42 are left: the cost would last longer.
  CHECK(pace.limit == "max_nodes");
  CHECK(pace.nodes_per_hour ==
        doctest::Approx(18 / state->Used(state->last_at()).hours));
  CHECK(*pace.eta_seconds == doctest::Approx(42 / pace.nodes_per_hour * 3600));
  const WallTime late = state->started_at() + std::chrono::minutes(470);
  CHECK(PaceOf(*state, late).limit == "max_hours");
  CHECK(*PaceOf(*state, late).eta_seconds == doctest::Approx(600));
}

TEST_CASE("a run is named by where it stands") {
  const auto good = testing::FruitfulRun();
  const auto bad = testing::FruitlessRun();
  CHECK(StatusWord(*testing::Fold(good, 3), {}) == "starting");
  CHECK(StatusWord(*Running(), true) == "running");
  CHECK(StatusWord(*Running(), false) == "interrupted");
  CHECK(StatusWord(*testing::Fold(good), {}) == "finished");
  CHECK(StatusWord(*After<search::Paused>(bad), {}) == "paused");
  CHECK(StatusWord(*After<search::Resumed>(bad), {}) == "running");
}

TEST_CASE("a run that has ended does not grow older") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const std::string now = StatusText(*state, state->last_at(), {});
  CHECK(now ==
        StatusText(*state, state->last_at() + std::chrono::hours(50), {}));
}

TEST_CASE("a paused run tells the way out") {
  const auto state = After<search::Paused>(testing::FruitlessRun());
  const OrderedJson paused = StatusJson(*state, state->last_at(), {})["paused"];
  CHECK(paused["class"] == "needs_user");
  CHECK(paused["cause"] == "signature");
  CHECK(paused["next"] == "coppice resume 20260901-223015-kqa");
}

TEST_CASE("the status text is as written down") {
  const auto running = Running();
  const auto good = testing::Fold(testing::FruitfulRun());
  const auto paused = After<search::Paused>(testing::FruitlessRun());
  const auto bad = testing::Fold(testing::FruitlessRun());
  const StatusExtra busy{.alive = true, .slots_total = 2, .slots_busy = 1};
  testing::CheckGolden(
      "report/golden/status.txt",
      StatusText(*running, running->last_at() + std::chrono::seconds(75),
                 busy) +
          "\n" + StatusText(*good, good->last_at(), {}) + "\n" +
          StatusText(*paused, paused->last_at(), {}) + "\n" +
          StatusText(*bad, bad->last_at(), {}));
}

TEST_CASE("a status before the baseline has no best value") {
  const auto state = testing::Fold(testing::FruitfulRun(), 1);
  const OrderedJson json = StatusJson(*state, state->last_at(), {});
  CHECK(json["status"] == "starting");
  CHECK(json["best_metric"].is_null());
  CHECK(json["best_step"] == 0);
  CHECK(json["eta"].is_null());
}

TEST_CASE("a target that the baseline meets is called met, not missed") {
  auto records = testing::FruitfulRun();
  CHECK(BaselineText(*testing::Fold(records, 10))
            .find("the target is 9 (-27.5%)") != std::string::npos);
  auto& started = std::get<search::Started>(records[0].event);
  nlohmann::json spec = nlohmann::json::parse(started.spec_json);
  spec["metric"]["target"] = 13;
  started.spec_json = spec.dump();
  CHECK(BaselineText(*testing::Fold(records, 10))
            .find("already meets the target 13") != std::string::npos);
}

TEST_CASE("use tells what the metric means in time and money a day") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const std::string impact = ImpactText(*state);
  // 12.41 s × 10,000 = 34.5 h, at $3 an hour.
  CHECK(impact.find("baseline: 12.41 seconds x 10000 calls a day = 34h 29m a "
                    "day, $103") != std::string::npos);
  CHECK(impact.find("best #11: 9.88 seconds") != std::string::npos);
}

}  // namespace coppice::report

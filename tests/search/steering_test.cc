#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "base/rng.h"
#include "search/directive.h"
#include "support/search_world.h"

// What the user says while a search runs, in every policy, and a search in
// which nothing finishes any more; whole searches in virtual time.

namespace coppice {
namespace {

using search::Directive;
using testing::SearchWorld;
using testing::ValueOf;
using testing::Write;

llm::Proposed Wander(const llm::Request& request) {
  Rng rng = Rng::Stream(request.seed, request.attempt.value(), "wander");
  const double next = ValueOf(request) + 4 * (rng.Uniform() - 0.6);
  if (rng.Chance(0.1)) return Write(fmt::format("boom {}", next));
  return Write(fmt::format("value {:.6f}", next));
}

std::string Spec(const std::string& policy, int nodes) {
  return fmt::format(
      "search: {{policy: {}}}\n"
      "budget: {{max_nodes: {}, plateau_nodes: null}}\n",
      policy, nodes);
}

// Says something as soon as so many attempts are selected.
void SayAfter(SearchWorld& world, std::int64_t selected, Directive what) {
  world.inbox = [&world, selected, said = false,
                 what](WallTime at) mutable -> std::vector<search::Record> {
    if (said || world.state().next_attempt().value() <= selected) return {};
    said = true;
    search::Record record;
    record.at = at;
    record.event = search::Told{search::FormatDirective(what)};
    record.seq = static_cast<std::int64_t>(world.journal.size()) + 1;
    world.journal.push_back(record);
    return {record};
  };
}

std::vector<search::Selected> SelectedAfterTold(const SearchWorld& world) {
  std::vector<search::Selected> selected;
  bool told = false;
  for (const search::Record& record : world.journal) {
    told = told || std::holds_alternative<search::Told>(record.event);
    const auto* one = std::get_if<search::Selected>(&record.event);
    if (told && one != nullptr) selected.push_back(*one);
  }
  return selected;
}

const std::vector<std::string> kPolicies{"ucb",    "beam",   "greedy",
                                         "linear", "abmcts", "rank",
                                         "uct",    "puct",   "best_of_n"};

}  // namespace

TEST_CASE("RUN-15 whatever the policy, a pinned node is what grows") {
  for (const std::string& policy : kPolicies) {
    CAPTURE(policy);
    SearchWorld world(Spec(policy, 30), Wander);
    SayAfter(world, 8, {.pin = AttemptId(0)});
    CHECK(world.Run().reason == "max_nodes");
    const auto selected = SelectedAfterTold(world);
    REQUIRE(selected.size() >= 15);
    for (const search::Selected& one : selected) {
      CAPTURE(one.attempt.value());
      const bool follows =
          one.op != Operator::kDebug && one.op != Operator::kMerge;
      if (follows) CHECK(one.parents.front() == AttemptId(0));
    }
  }
}

TEST_CASE("RUN-15 whatever the policy, nothing grows below a pruned node") {
  for (const std::string& policy : kPolicies) {
    CAPTURE(policy);
    SearchWorld world(Spec(policy, 40), Wander);
    world.evaluations = 3;
    SayAfter(world, 10, {.prune = AttemptId(1)});
    CHECK(world.Run().reason == "max_nodes");
    const search::SolutionTree& tree = world.tree();
    for (const search::Selected& one : SelectedAfterTold(world)) {
      CAPTURE(one.attempt.value());
      for (AttemptId parent : one.parents) {
        CHECK_FALSE(tree[*tree.Find(parent)].pruned);
      }
    }
    CHECK_FALSE(tree[world.state().best()].pruned);
    CHECK(world.state().Open().empty());
  }
}

TEST_CASE("a search in which nothing finishes pauses for the user") {
  SearchWorld world(
      "budget: {max_nodes: 20, max_hours: null, plateau_nodes: null}\n"
      "evaluation: {command: x, timeout_seconds: 60}\n",
      Wander);
  int given_up = 0;
  double slow = 0;
  world.give_up = [&] { ++given_up; };
  world.heartbeat = std::chrono::seconds(30);
  world.before_run = [&](search::Search&) {
    world.evaluator->duration = [slow](AttemptId a) {
      return a.value() == 5 ? slow : 1.0;
    };
  };
  SUBCASE("after three rounds of all limits") {
    slow = 4 * 3600;  // 3 x (60 s + the 1,800 s of a proposal): 1 h 33 min
    const search::Ending ending = world.Run();
    CHECK(ending.exit == 5);
    CHECK(ending.reason == "standstill");
    CHECK(ending.detail.find("1h 33m") != std::string::npos);
    CHECK(ending.detail.find("coppice status") != std::string::npos);
    CHECK(given_up == 1);
    REQUIRE(world.state().paused().has_value());
    slow = 1;
    CHECK(world.Run().reason == "max_nodes");
  }
  SUBCASE("in its final as well") {
    slow = 4 * 3600;
    world.before_run = [&](search::Search& search) {
      world.evaluator->duration = [&search, &slow](AttemptId) {
        return search.state().race().empty() ? 1.0 : slow;
      };
    };
    const search::Ending ending = world.Run();
    CHECK(ending.exit == 5);
    CHECK(ending.reason == "standstill");
    CHECK(given_up == 1);
    CHECK_FALSE(world.state().final());
    slow = 1;
    CHECK(world.Run().reason == "max_nodes");
    CHECK(world.state().final());
  }
  SUBCASE("and not while it only waits for a slow one") {
    slow = 3600;
    CHECK(world.Run().reason == "max_nodes");
    CHECK(given_up == 0);
  }
}

}  // namespace coppice

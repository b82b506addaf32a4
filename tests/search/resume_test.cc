#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/rng.h"
#include "support/search_world.h"

// Durability by cutting: the process dies before every single record of a
// run, what was not flushed is lost, and the run is resumed. With one slot and
// a deterministic evaluator the finished tree must be the undisturbed one, to
// the commit id.

namespace coppice {
namespace {

using testing::SearchWorld;
using testing::ValueOf;
using testing::Write;

llm::Proposed Wander(const llm::Request& request) {
  Rng rng = Rng::Stream(request.seed, request.attempt.value(),
                        fmt::format("wander {}", request.draw));
  const double next = ValueOf(request) + 4 * (rng.Uniform() - 0.6);
  if (rng.Chance(0.2)) return Write(fmt::format("boom {}", next));
  if (rng.Chance(0.1)) return Write("value 100");
  return Write(fmt::format("value {:.6f}", next));
}

constexpr const char* kSpec =
    "budget: {max_nodes: 18, plateau_nodes: null}\n"
    "search: {num_drafts: 3}\n";

}  // namespace

TEST_CASE("a run cut before any record resumes to the undisturbed tree") {
  SearchWorld undisturbed(kSpec, Wander);
  undisturbed.Run();
  const std::string expected = undisturbed.TreeText();
  const std::size_t records = undisturbed.journal.size();
  REQUIRE(records > 60);
  const std::size_t first = 9;  // started, root, 5 samples, baseline
  for (std::size_t cut = first; cut < records; ++cut) {
    CAPTURE(cut);
    SearchWorld world(kSpec, Wander);
    REQUIRE(world.RunAndDie(cut));
    world.Run();
    CHECK(world.TreeText() == expected);
    CHECK(world.state().final()->winner == undisturbed.state().final()->winner);
  }
}

TEST_CASE("a run cut again and again goes on from its prefix") {
  SearchWorld world("budget: {max_nodes: 25, plateau_nodes: null}\n", Wander);
  world.evaluator = std::make_unique<testing::TextEvaluator>(
      world.repository, Simulation().clock());
  world.evaluator->noise = 0.05;
  world.evaluations = 3;
  world.redraws = true;
  std::size_t at = 12;
  int deaths = 0;
  while (world.RunAndDie(at)) {
    const std::size_t before = world.journal.size();
    CHECK(before == at);
    ++deaths;
    at += 7;
  }
  CHECK(deaths > 5);
  CHECK(world.state().Open().empty());
  CHECK(world.state().final().has_value());
  // No node has two outcomes and no sample was taken twice.
  std::map<std::int64_t, int> outcomes;
  for (const search::Record& record : world.journal) {
    if (auto* e = std::get_if<search::Evaluated>(&record.event)) {
      ++outcomes[e->node.value()];
    }
  }
  for (const auto& [node, count] : outcomes) {
    CAPTURE(node);
    CHECK(count == 1);
  }
}

// Attempts in flight are not dropped by a death: they go on. So the next choice
// is the one that the undisturbed run made with them in flight.
TEST_CASE(
    "whatever was in flight when it died, a run chooses next what it would "
    "have chosen (SC-16)") {
  for (const std::string policy :
       {"ucb", "beam", "greedy", "rank", "uct", "puct", "abmcts", "linear"}) {
    CAPTURE(policy);
    const std::string spec = fmt::format(
        "budget: {{max_nodes: 30, plateau_nodes: null}}\n"
        "search: {{policy: {}, num_drafts: 3}}\n",
        policy);
    SearchWorld undisturbed(spec, Wander);
    undisturbed.evaluations = 3;
    undisturbed.Run();
    const auto& records = undisturbed.journal;
    int in_flight = 0;
    for (std::size_t cut = 9; cut < records.size(); ++cut) {
      const auto* next = std::get_if<search::Selected>(&records[cut].event);
      if (next == nullptr) continue;
      SearchWorld world(spec, Wander);
      world.evaluations = 3;
      REQUIRE(world.RunAndDie(cut));
      const std::size_t kept = world.journal.size();
      if (kept < cut) continue;  // the last ones were not flushed
      search::State before;
      for (const search::Record& record : world.journal) {
        REQUIRE(before.Apply(record).has_value());
      }
      in_flight += static_cast<int>(before.Open().size());
      world.Run();
      const search::Selected* chosen = nullptr;
      for (std::size_t i = kept; chosen == nullptr && i < world.journal.size();
           ++i) {
        chosen = std::get_if<search::Selected>(&world.journal[i].event);
      }
      REQUIRE(chosen != nullptr);
      CAPTURE(cut);
      CHECK(chosen->attempt == next->attempt);
      CHECK(chosen->op == next->op);
      CHECK(chosen->parents == next->parents);
      CHECK(chosen->history_withheld == next->history_withheld);
    }
    // One chain has one attempt at a time.
    CHECK(in_flight >= (policy == "linear" ? 0 : 11));
  }
}

TEST_CASE("an answer on record is used, not asked for again") {
  SearchWorld world("budget: {max_nodes: 4, plateau_nodes: null}\n", Wander);
  // Die right after the first `answered`.
  SearchWorld probe("budget: {max_nodes: 4, plateau_nodes: null}\n", Wander);
  probe.Run();
  std::size_t answered = 0;
  while (!std::holds_alternative<search::Answered>(
      probe.journal[answered].event)) {
    ++answered;
  }
  REQUIRE(world.RunAndDie(answered + 1));
  world.Run();
  CHECK(world.proposer->calls == probe.proposer->calls - 1);
  CHECK(world.TreeText() == probe.TreeText());
}

TEST_CASE("every prefix of a journal is a state whose best was measured") {
  SearchWorld world(kSpec, Wander);
  world.Run();
  for (std::size_t n = 9; n <= world.journal.size(); ++n) {
    search::State state;
    for (std::size_t i = 0; i < n; ++i) {
      REQUIRE(state.Apply(world.journal[i]).has_value());
      REQUIRE(state.Apply(world.journal[i]).has_value());  // twice is once
    }
    const auto& best = state.tree()[state.best()];
    CHECK(best.value.has_value());
    CHECK(MayBeImproved(*best.outcome));
  }
}

}  // namespace coppice

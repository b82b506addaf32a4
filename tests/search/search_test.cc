#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "support/search_world.h"

namespace coppice {
namespace {

using testing::SearchWorld;
using testing::ValueOf;
using testing::Write;

// Every attempt makes its parent a little better or worse, at random.
llm::Proposed Wander(const llm::Request& request) {
  Rng rng = Rng::Stream(request.seed, request.attempt.value(), "wander");
  const double next = ValueOf(request) + 4 * (rng.Uniform() - 0.6);
  if (rng.Chance(0.2)) return Write(fmt::format("boom {}", next));
  return Write(fmt::format("value {:.6f}", next));
}

bool Has(const SearchWorld& world, std::int64_t attempt, Outcome outcome) {
  const auto* a = world.tree().FindAttempt(AttemptId(attempt));
  return a != nullptr && a->outcome == outcome;
}

int Count(const SearchWorld& world, Outcome outcome) {
  auto outcomes = world.state().Outcomes();
  auto found = outcomes.find(outcome);
  return found == outcomes.end() ? 0 : found->second;
}

// The texts of notes of a kind.
std::vector<std::string> Notes(const SearchWorld& world,
                               const std::string& kind) {
  std::vector<std::string> texts;
  for (const search::Noted& note : world.state().notes()) {
    if (note.kind == kind) texts.push_back(note.text);
  }
  return texts;
}

}  // namespace

TEST_CASE("a search ends by its budget and confirms what it found") {
  SearchWorld world("budget: {max_nodes: 60, plateau_nodes: null}\n", Wander);
  const search::Ending ending = world.Run();
  CHECK(ending.reason == "max_nodes");
  CHECK(ending.exit == 0);
  REQUIRE(world.state().final().has_value());
  CHECK(world.state().final()->confirmed);
  CHECK(world.state().final()->gain > 0);
  const auto& best = world.tree()[world.state().best()];
  CHECK(best.attempt == world.state().final()->winner);
  CHECK(world.repository.published() == best.commit);
}

TEST_CASE("AC-18 100 attempts of a scripted proposer end by a stated reason") {
  for (const char* policy : {"ucb", "greedy", "linear", "beam", "best_of_n"}) {
    CAPTURE(policy);
    SearchWorld world(
        fmt::format("search: {{policy: {}}}\n"
                    "budget: {{max_nodes: 100, plateau_nodes: null}}\n",
                    policy),
        Wander);
    const search::Ending ending = world.Run();
    CHECK(ending.reason == "max_nodes");
    CHECK(world.state().Used(WallTime()).finished == 100);
    CHECK(world.state().Open().empty());
    for (std::int64_t i = 1; i <= 100; ++i) {
      const auto* attempt = world.tree().FindAttempt(AttemptId(i));
      REQUIRE(attempt != nullptr);
      REQUIRE(attempt->outcome.has_value());
      if (attempt->op != Operator::kImprove) continue;
      for (NodeId parent : attempt->parents) {
        CHECK(MayBeImproved(*world.tree()[parent].outcome));
      }
    }
  }
}

TEST_CASE("one failure signature eight times in a row pauses the run (MC-38)") {
  auto fail = [](const llm::Request& request) {
    return Write(fmt::format("boom {}", request.attempt.value()));
  };
  SearchWorld world("budget: {max_nodes: 20, plateau_nodes: null}\n", fail);
  const search::Ending ending = world.Run();
  CHECK(ending.exit == 5);
  CHECK(ending.reason == "signature");
  CHECK(ending.detail.find("boom") != std::string::npos);
  CHECK(Count(world, Outcome::kBuggy) == 8);
  const int calls = world.proposer->calls;
  // Those in flight when the eighth one fails come on top.
  CHECK(calls <= 12);
  REQUIRE(world.state().paused().has_value());

  SUBCASE("and a resumed one counts anew") {
    const search::Ending again = world.Run();
    CHECK(again.exit == 5);
    CHECK(Count(world, Outcome::kBuggy) == 16);
  }
}

TEST_CASE("seven failures and a success do not pause") {
  auto mostly = [](const llm::Request& request) {
    const auto n = request.attempt.value();
    if (n % 8 == 0) return Write(fmt::format("value {}", 200 + n));
    return Write(fmt::format("boom {}", n));
  };
  SearchWorld world("budget: {max_nodes: 40, plateau_nodes: null}\n", mostly);
  CHECK(world.Run().reason == "max_nodes");
}

TEST_CASE("AC-35 one evaluator killed by signal 9 does not end the search") {
  auto once = [](const llm::Request& request) {
    if (request.attempt.value() == 15) return Write("killed value 1");
    return Wander(request);
  };
  SearchWorld world("budget: {max_nodes: 200, plateau_nodes: null}\n", once);
  const search::Ending ending = world.Run();
  CHECK(world.state().Used(WallTime()).finished == 200);
  CHECK(Has(world, 15, Outcome::kBuggy));
  CHECK(ending.exit == 0);
}

TEST_CASE("a full disk holds the run, which goes on by itself (MC-46)") {
  auto better = [](const llm::Request& request) {
    return Write(fmt::format("value {}", 100 + request.attempt.value()));
  };
  SearchWorld world("budget: {max_nodes: 10, plateau_nodes: null}\n", better);
  std::optional<Instant> full_since;
  auto minutes = std::chrono::minutes(20);
  SUBCASE("when there is room again") {}
  SUBCASE("but not for ever") { minutes = std::chrono::hours(10); }
  world.full_disk = [&](Instant now) -> std::optional<std::string> {
    if (world.tree().size() < 4) return std::nullopt;
    if (!full_since) full_since = now;
    if (now - *full_since >= minutes) return std::nullopt;
    return "only 3 MB are free";
  };
  const search::Ending ending = world.Run();
  const std::vector<std::string> notes = Notes(world, "disk");
  REQUIRE(!notes.empty());
  CHECK(notes.front() == "nothing new is started: only 3 MB are free");
  if (minutes < std::chrono::hours(1)) {
    CHECK(ending.reason == "max_nodes");
    CHECK(world.state().order_of_completion().size() == 10);
    CHECK(notes.size() == 2);
  } else {
    CHECK(ending.exit == 5);
    CHECK(ending.reason == "disk");
    CHECK(notes.size() == 1);
    minutes = std::chrono::minutes(0);
    CHECK(world.Run().reason == "max_nodes");
  }
}

TEST_CASE("the same patch ten times is evaluated once") {
  auto same = [](const llm::Request&) { return Write("value 120"); };
  SearchWorld world(
      "search: {policy: best_of_n}\n"
      "budget: {max_nodes: 10, plateau_nodes: null}\n",
      same);
  world.Run();
  CHECK(Count(world, Outcome::kValid) == 1);
  CHECK(Count(world, Outcome::kDuplicate) == 9);
  CHECK(world.state().Info(AttemptId(2))->reason == "duplicate of 1");
  CHECK(world.tree().size() == 2);
}

TEST_CASE(
    "AC-40 what runs when the budget ends is finished and may become best") {
  // Attempt 3 is slow and by far the best; the budget ends while it runs.
  auto script = [](const llm::Request& request) {
    return Write(fmt::format("value {}", request.attempt.value() == 3
                                             ? 10
                                             : 100 + request.attempt.value()));
  };
  SearchWorld world(
      "search: {policy: best_of_n}\n"
      "budget: {max_nodes: null, max_evaluation_hours: 0.005,"
      " plateau_nodes: null}\n",
      script);
  world.evaluations = 4;
  world.evaluator = std::make_unique<testing::TextEvaluator>(
      world.repository, Simulation().clock());
  world.evaluator->duration = [](AttemptId a) {
    return a.value() == 3 ? 60.0 : 1.0;
  };
  const search::Ending ending = world.Run();
  CHECK(ending.reason == "max_evaluation_hours");
  CHECK(Has(world, 3, Outcome::kImproved));
  CHECK(world.state().final()->winner == AttemptId(3));
  CHECK(world.state().Open().empty());
}

TEST_CASE(
    "a node that needs an unapproved dependency is deferred, then "
    "evaluated without asking again") {
  auto needy = [](const llm::Request& request) {
    if (request.attempt.value() != 2) return Wander(request);
    llm::Proposed answer = Write("value -50");
    answer.proposal->plan.needs = {"zlib"};
    return answer;
  };
  SearchWorld world("budget: {max_nodes: 6, plateau_nodes: null}\n", needy);
  world.Run();
  CHECK(Has(world, 2, Outcome::kDeferred));
  const int calls = world.proposer->calls;
  world.before_run = [](search::Search& s) { s.Approve("zlib"); };
  const search::Ending ending = world.Run();
  CAPTURE(world.TreeText());
  CAPTURE(world.state().Info(AttemptId(2))->reason.str());
  CHECK(Has(world, 2, Outcome::kImproved));
  CHECK(world.proposer->calls == 0);
  CHECK(calls >= 6);
  CHECK(ending.exit == 0);
}

TEST_CASE("two improvements in different files are merged and measured") {
  auto script = [](const llm::Request& request) {
    switch (request.attempt.value()) {
      case 1:
        return Write("value 60");  // x: 100 -> 60
      case 2:
        return Write("value -30", "y");  // y: 0 -> -30
      default:
        return Write(fmt::format("value {}", 300 + request.attempt.value()));
    }
  };
  SearchWorld world(
      "search: {num_drafts: 2, debug_prob: 0}\n"
      "budget: {max_nodes: 5, plateau_nodes: null}\n",
      script);
  world.redraws = true;  // nothing is selected before the last one ended
  world.Run();
  const auto* merge = world.tree().FindAttempt(AttemptId(3));
  REQUIRE(merge != nullptr);
  CHECK(merge->op == Operator::kMerge);
  CHECK(merge->outcome == Outcome::kImproved);
  CHECK(merge->parents.size() == 2);
  CHECK(*world.tree()[*merge->node].value == 30);
  CHECK(world.state().final()->winner == AttemptId(3));
}

TEST_CASE("overlapping improvements note the conflict and merge no more") {
  auto script = [](const llm::Request& request) {
    switch (request.attempt.value()) {
      case 1:
        return Write("value 60");
      case 2:  // changes another file too, so it is a merge partner
        return [] {
          llm::Proposed both = Write("value 70");
          both.proposal->changes.push_back({"y", "value -1\n"});
          return both;
        }();
      default:
        return Write(fmt::format("value {}", 300 + request.attempt.value()));
    }
  };
  SearchWorld world(
      "search: {num_drafts: 2, debug_prob: 0, merge: 3}\n"
      "budget: {max_nodes: 8, plateau_nodes: null}\n",
      script);
  world.redraws = true;
  world.Run();
  int merges = 0;
  for (std::int64_t i = 1; i <= 8; ++i) {
    const auto* attempt = world.tree().FindAttempt(AttemptId(i));
    if (attempt->op != Operator::kMerge) continue;
    ++merges;
    CHECK(attempt->outcome == Outcome::kEditFailed);
    const std::string reason = world.state().Info(AttemptId(i))->reason.str();
    CHECK(reason.find("merge conflict: x") != std::string::npos);
  }
  CHECK(merges == 1);
}

TEST_CASE(
    "environment errors that the base shares pause, and are repaired at "
    "resume") {
  auto script = [](const llm::Request& request) {
    return Write(fmt::format("value {}", 90 - request.attempt.value()));
  };
  SearchWorld world("budget: {max_nodes: 6, plateau_nodes: null}\n", script);
  world.evaluator = std::make_unique<testing::TextEvaluator>(
      world.repository, Simulation().clock());
  world.evaluator->environment_broken = true;
  CHECK(world.Run().reason == "environment");
  // What was under way when the third failed may end too.
  CHECK(Count(world, Outcome::kBuggy) >= 3);
  CHECK(Count(world, Outcome::kBuggy) <= 4);
  world.evaluator->environment_broken = false;
  CHECK(world.Run().exit == 0);
  CHECK(Count(world, Outcome::kBuggy) == 0);
}

TEST_CASE("environment-like errors that are the candidates' own do not pause") {
  auto script = [](const llm::Request& request) {
    return Write(fmt::format("missing {}", request.attempt.value()));
  };
  SearchWorld world("budget: {max_nodes: 6, plateau_nodes: null}\n", script);
  CHECK(world.Run().reason == "max_nodes");
}

TEST_CASE("all slots are used and none is used twice") {
  SearchWorld world("budget: {max_nodes: 40, plateau_nodes: null}\n", Wander);
  world.evaluations = 4;
  world.redraws = true;
  world.Run();
  CHECK(world.evaluator->most_running <= 5);
  CHECK(world.evaluator->most_running >= 4);
}

TEST_CASE(
    "SCA-05 slots stay busy while proposals take long and evaluations vary") {
  auto worse = [](const llm::Request& request) {
    return Write(fmt::format("value {}", 100 + request.attempt.value()));
  };
  constexpr int kSlots = 16;
  constexpr int kNodes = 100 * kSlots;
  SearchWorld world(
      fmt::format("budget: {{max_nodes: {}, max_hours: null, "
                  "plateau_nodes: null}}\nparallel: {{requests: 64}}\n",
                  kNodes),
      worse);
  world.evaluations = kSlots;
  world.propose_seconds = 15;
  // Lognormal around ten seconds; three in a hundred take eight times as long.
  std::chrono::duration<double> begin{}, end{};
  std::vector<std::pair<double, double>> used;  // of a slot: from, to
  WallTime now;
  auto duration = [&](AttemptId attempt) {
    Rng rng = Rng::Stream(1, attempt.value(), "duration");
    double time = 10 * std::exp(.5 * rng.Normal());
    if (rng.Chance(.03)) time *= 8;
    const double from =
        std::chrono::duration<double>(now.time_since_epoch()).count();
    used.emplace_back(from, from + time);
    return time;
  };
  world.before_run = [&](search::Search&) {
    world.evaluator->seconds = 0;
    world.evaluator->duration = duration;
  };
  // From when all slots have been filled until nothing is left to select.
  world.observers.push_back(
      [&](const search::State& state, const search::Record& record) {
        now = record.at;
        if (state.order_of_completion().size() == kSlots) {
          begin = now.time_since_epoch();
        }
        if (std::holds_alternative<search::Selected>(record.event)) {
          end = now.time_since_epoch();
        }
      });
  world.Run();
  double sum = 0;
  for (const auto& [from, to] : used) {
    sum +=
        std::max(0., std::min(to, end.count()) - std::max(from, begin.count()));
  }
  CHECK(sum > .95 * kSlots * (end - begin).count());
}

TEST_CASE("no improvement is said plainly") {
  auto worse = [](const llm::Request& request) {
    return Write(fmt::format("value {}", 100 + request.attempt.value()));
  };
  SearchWorld world("budget: {max_nodes: 12, plateau_nodes: null}\n", worse);
  const search::Ending ending = world.Run();
  CHECK(ending.exit == 3);
  CHECK_FALSE(world.state().final()->confirmed);
  CHECK(world.state().best() == world.tree().root());
}

}  // namespace coppice

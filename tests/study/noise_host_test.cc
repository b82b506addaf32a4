#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "support/search_world.h"

// The real search on hosts that change and metrics that surprise, in virtual
// time (MEASURE §10, MC-31 to MC-36).

namespace coppice::study {
namespace {

using testing::SearchWorld;
using Shows = std::function<double(const eval::Target&,
                                   const eval::SampleRequest&, double)>;

// Candidates that change a comment only.
llm::Proposed Comment(const llm::Request& request) {
  return testing::Write(
      fmt::format("value 100 # note {}", request.attempt.value()));
}

void Measure(SearchWorld& world, Shows shows) {
  world.evaluator = std::make_unique<testing::TextEvaluator>(
      world.repository, Simulation().clock());
  world.evaluator->shows = std::move(shows);
}

int Count(const SearchWorld& world, Outcome outcome) {
  const auto outcomes = world.state().Outcomes();
  const auto found = outcomes.find(outcome);
  return found == outcomes.end() ? 0 : found->second;
}

std::ptrdiff_t CountFlag(const SearchWorld& world, std::int64_t attempt,
                         const std::string& flag) {
  return std::ranges::count(
      world.state().Info(AttemptId(attempt))->evaluated->flags, flag);
}

int Notes(const SearchWorld& world, const std::string& kind) {
  return static_cast<int>(
      std::ranges::count(world.state().notes(), kind, &search::Noted::kind));
}

TEST_CASE("a host that becomes slower or faster halfway fools nobody (MC-31)") {
  for (const double change : {1.15, 0.85}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      CAPTURE(change);
      CAPTURE(seed);
      SearchWorld world(fmt::format("search: {{seed: {}}}\n"
                                    "budget: {{max_nodes: 200, plateau_nodes: "
                                    "null}}\n",
                                    seed),
                        Comment);
      Rng rng(seed);
      double speed = 1;
      Measure(world, [&](const eval::Target& target, const eval::SampleRequest&,
                         double value) {
        if (target.attempt.value() == 90) speed = change;
        return speed * (value + rng.Normal());
      });
      // The canary of 100 nodes notes it, that of 125 pauses.
      CHECK(world.Run().reason == "drift");
      CHECK(Count(world, Outcome::kImproved) == 0);
      CHECK(Notes(world, "canary") == 2);
      CHECK(world.state().Used(WallTime()).finished < 130);
      // Who goes on all the same accepts the host as it is.
      CHECK(world.Run().reason == "max_nodes");
      CHECK(Notes(world, "canary") == 2);
      CHECK_FALSE(world.state().final()->confirmed);
    }
  }
}

TEST_CASE(
    "a deterministic metric takes one sample until one deviates (MC-33)") {
  int best = 100;
  SearchWorld world(
      "search: {merge: 0, tune: 0, policy: linear}\n"
      "budget: {max_nodes: 40, plateau_nodes: null}\n",
      [&](const llm::Request&) {
        return testing::Write(fmt::format("value {}", --best));
      });
  Measure(world, [](const eval::Target&, const eval::SampleRequest& request,
                    double value) {
    return request.phase == SamplePhase::kCanary ? value + 0.25 : value;
  });
  world.Run();
  CHECK(world.state().noise().repeats == 5);
  for (std::int64_t node = 1; node <= 40; ++node) {
    CAPTURE(node);
    std::ptrdiff_t pairs = 0;
    std::ptrdiff_t screens = 0;
    for (const search::Sampled& s : world.state().samples_of(AttemptId(node))) {
      screens += s.sample.phase == SamplePhase::kScreen ? 1 : 0;
      pairs +=
          s.sample.phase == SamplePhase::kConfirm && s.versus < AttemptId(node)
              ? 1
              : 0;
    }
    CHECK(screens == 1);
    CHECK(pairs == (node <= 25 ? 0 : 5));
  }
}

TEST_CASE("a patch that does nothing is no improvement (MC-34)") {
  int improved = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SearchWorld world("budget: {max_nodes: 1, plateau_nodes: null}\n", Comment);
    Rng rng(seed);
    Measure(world, [&](const eval::Target&, const eval::SampleRequest&,
                       double value) { return value + 3 * rng.Normal(); });
    world.Run();
    improved += Count(world, Outcome::kImproved);
  }
  CHECK(improved <= 10);
}

TEST_CASE("one repeat on a noisy metric is one, and unconfirmed (MC-35)") {
  SearchWorld world(
      "evaluation: {command: measure, repeats: 1}\n"
      "budget: {max_nodes: 2, plateau_nodes: null}\n",
      [](const llm::Request& request) {
        return testing::Write(
            fmt::format("value {}", request.attempt.value() == 1 ? 50 : 48));
      });
  Rng rng(1);
  Measure(world, [&](const eval::Target&, const eval::SampleRequest&,
                     double value) { return value + rng.Normal(); });
  world.Run();
  const search::Attempt* first = world.tree().FindAttempt(AttemptId(1));
  CHECK(first->outcome == Outcome::kImproved);
  CHECK(CountFlag(world, 1, "unconfirmed") == 1);
  CHECK(world.tree().FindAttempt(AttemptId(2))->outcome ==
        Outcome::kInconclusive);
  for (const search::Record& record : world.journal) {
    const auto* s = std::get_if<search::Sampled>(&record.event);
    CHECK_FALSE((s != nullptr && s->sample.phase == SamplePhase::kConfirm));
  }
}

TEST_CASE("what is too good must show it in a clean checkout (MC-36)") {
  for (const bool real : {true, false}) {
    CAPTURE(real);
    SearchWorld world("budget: {max_nodes: 30, plateau_nodes: null}\n",
                      Comment);
    Rng rng(4);
    Measure(world, [&](const eval::Target& target, const eval::SampleRequest&,
                       double value) {
      const bool trick = target.attempt.value() == 3;
      const bool shown = trick && (real || !target.clean);
      return (shown ? 5 : value) + 0.1 * rng.Normal();
    });
    world.Run();
    const search::Attempt* trick = world.tree().FindAttempt(AttemptId(3));
    CHECK(CountFlag(world, 3, "suspicious") == 1);
    CHECK(trick->outcome ==
          (real ? Outcome::kImproved : Outcome::kInconclusive));
    const std::string reason = world.state().Info(AttemptId(3))->reason.str();
    CHECK(reason.starts_with("not reproduced: ") == !real);
    CHECK(world.state().final()->confirmed == real);
    bool judged = false;
    for (const search::Record& record : world.journal) {
      if (const auto* e = std::get_if<search::Evaluated>(&record.event)) {
        judged = judged || e->node == AttemptId(3);
      }
      if (const auto* s = std::get_if<search::Selected>(&record.event)) {
        const bool child = std::ranges::count(s->parents, AttemptId(3)) > 0;
        CHECK((judged || !child));
      }
    }
  }
}

// ---- Pairs beyond R --------------------------------------------------------

// Attempts 2 and 5 gain 1.3σ each on what they grow from.
llm::Proposed SmallGains(const llm::Request& request) {
  const std::int64_t attempt = request.attempt.value();
  const double gain = attempt == 2 || attempt == 5 ? 1.3 : 0;
  return testing::Write(fmt::format("value {:.1f} # note {}",
                                    testing::ValueOf(request) - gain, attempt));
}

struct SmallWorld : SearchWorld {
  explicit SmallWorld(const std::string& budget = "")
      : SearchWorld(
            "search: {merge: 0, tune: 0, seed: 5, policy: linear}\n"
            "budget: {max_nodes: 6, plateau_nodes: null" +
                budget + "}\n",
            SmallGains) {
    // Noise by node, phase and number, so that it is the same at resume.
    Measure(*this, [](const eval::Target& target,
                      const eval::SampleRequest& request, double value) {
      const auto node = static_cast<std::uint64_t>(target.attempt.value());
      Rng rng = Rng::Stream(900 + node, request.index, Name(request.phase));
      return value + rng.Normal();
    });
  }

  std::string Reasons() const {
    std::string text;
    for (std::int64_t i = 1; i <= 6; ++i) {
      const search::Attempt* attempt = tree().FindAttempt(AttemptId(i));
      if (attempt == nullptr) break;  // the time was over
      text += fmt::format("{} {} {}\n", i, Name(*attempt->outcome),
                          state().Info(AttemptId(i))->reason.view());
    }
    return text;
  }
};

TEST_CASE("a contest cut anywhere resumes and replays to the same end") {
  SmallWorld undisturbed;
  undisturbed.Run();
  CHECK(undisturbed.Reasons().find("signed-rank") != std::string::npos);
  REQUIRE(undisturbed.journal.size() > 80);
  for (std::size_t cut = 9; cut < undisturbed.journal.size(); ++cut) {
    CAPTURE(cut);
    SmallWorld world;
    REQUIRE(world.RunAndDie(cut));
    world.Run();
    CHECK(world.Reasons() == undisturbed.Reasons());
    CHECK(world.TreeText() == undisturbed.TreeText());
    CHECK(world.state().final()->gain == undisturbed.state().final()->gain);
  }
  SmallWorld again;
  const Result<void> replayed = again.Replay(undisturbed.journal);
  const std::string error = replayed ? "" : replayed.error().Text();
  CAPTURE(error);
  CHECK(replayed.has_value());
  CHECK(again.Reasons() == undisturbed.Reasons());
}

TEST_CASE("pairs beyond R end where the time does") {
  SmallWorld world(", max_evaluation_hours: 6");
  world.evaluator->seconds = 900;
  world.Run();
  MESSAGE(world.Reasons());
  CHECK(world.Reasons().find("no time for more pairs") != std::string::npos);
}

}  // namespace
}  // namespace coppice::study

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/search_world.h"

// The holdout (SPEC §5 step 5, MEA-17) and `evaluation.diagnose` through whole
// searches.

namespace coppice {
namespace {

using testing::SearchWorld;
using testing::Write;

constexpr const char* kHeldOut =
    "evaluation: {command: measure, repeats: 3,\n"
    "             holdout: {command: measure held}}\n"
    "search: {policy: linear, merge: 0}\n"
    "budget: {max_nodes: 3, plateau_nodes: null, max_cost_usd: null}\n";

search::Finding Result1(const SearchWorld& world) {
  return *world.state().Info(AttemptId(1))->evaluated;
}

std::string Reason1(const SearchWorld& world) {
  return world.state().Info(AttemptId(1))->reason.str();
}

int Samples(const SearchWorld& world, std::int64_t node, SamplePhase phase) {
  int count = 0;
  for (const auto& s : world.state().samples_of(AttemptId(node))) {
    count += s.sample.phase == phase ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_CASE("what memorised the training data does not become best") {
  SearchWorld world(kHeldOut, [](const llm::Request& request) {
    return Write(request.attempt.value() == 1 ? "value 50 held 120" : "boom");
  });
  const search::Ending ending = world.Run();
  CHECK(ending.exit == 3);
  CHECK(Result1(world).outcome == Outcome::kInconclusive);
  CHECK(Reason1(world).starts_with("holdout worse"));
  CHECK(Result1(world).flags == std::vector<std::string>{"overfit"});
  // It stays a parent, with the value that was measured.
  CHECK(Result1(world).value == 50);
  CHECK(world.tree()[world.state().best()].attempt == AttemptId(0));
  CHECK(Samples(world, 1, SamplePhase::kHoldout) == 3);
}

TEST_CASE("only what was confirmed is shown to the holdout") {
  SearchWorld world(kHeldOut, [](const llm::Request& request) {
    return Write(request.attempt.value() == 1 ? "value 130 held 1" : "boom");
  });
  world.Run();
  CHECK(Result1(world).outcome == Outcome::kValid);
  CHECK(Samples(world, 1, SamplePhase::kHoldout) == 0);
  CHECK(Samples(world, 0, SamplePhase::kHoldout) == 0);
}

TEST_CASE("the final measures the winner's gain on the holdout afresh") {
  struct Row {
    const char* text;
    double gain;
    const char* word;
  };
  for (const Row& row : {Row{"value 50 held 60", 0.4, "high"},
                         Row{"value 50 held 95", 0.05, "overfit"}}) {
    CAPTURE(row.text);
    SearchWorld world(kHeldOut, [&](const llm::Request& request) {
      return Write(request.attempt.value() == 1 ? row.text : "boom");
    });
    const search::Ending ending = world.Run();
    CHECK(ending.exit == 0);
    REQUIRE(world.state().final());
    CHECK(*world.state().final()->holdout == doctest::Approx(row.gain));
    CHECK(world.state().final()->gain == doctest::Approx(0.5));
    CHECK(world.state().final()->word == row.word);
    CHECK(Samples(world, 1, SamplePhase::kHoldout) == 6);
    CHECK(Samples(world, 0, SamplePhase::kHoldout) == 6);
  }
}

TEST_CASE("a lucky runner-up that is worse on the holdout does not win") {
  // The second is within the effect of the first, and shorter: the final would
  // prefer it, and the holdout sees it there for the first time.
  SearchWorld world(
      "evaluation: {command: measure, repeats: 2,\n"
      "             holdout: {command: measure held}}\n"
      "metric: {name: cost, direction: minimize, min_improvement: 30}\n"
      "search: {policy: best_of_n, merge: 0}\n"
      "budget: {max_nodes: 2, plateau_nodes: null, max_cost_usd: null}\n",
      [](const llm::Request& request) {
        return Write(request.attempt.value() == 1 ? "value 60 held 61\n\n\n"
                                                  : "value 40 held 150");
      });
  CHECK(world.Run().exit == 0);
  CHECK(world.state().Info(AttemptId(1))->evaluated->outcome ==
        Outcome::kImproved);
  CHECK(world.state().Info(AttemptId(2))->evaluated->outcome ==
        Outcome::kInconclusive);
  CHECK(Samples(world, 2, SamplePhase::kHoldout) > 0);
  REQUIRE(world.state().final());
  CHECK(world.state().final()->winner == AttemptId(1));
}

TEST_CASE("a candidate that fails on the holdout is not confirmed by it") {
  SearchWorld world(kHeldOut, [](const llm::Request& request) {
    return Write(request.attempt.value() == 1 ? "value 50 unfit" : "boom");
  });
  CHECK(world.Run().exit == 3);
  CHECK(Result1(world).outcome == Outcome::kInconclusive);
  CHECK(Reason1(world) == "holdout: exit 1");
  CHECK(Result1(world).value == 50);
}

TEST_CASE("MC-37 nothing of the holdout reaches a prompt") {
  SearchWorld world(
      "evaluation: {command: measure, repeats: 3,\n"
      "             holdout: {command: measure secret_data}}\n"
      "budget: {max_nodes: 12, plateau_nodes: null, max_cost_usd: null}\n",
      [](const llm::Request& request) {
        const double value = 100 - 3.0 * request.attempt.value();
        return Write(
            fmt::format("value {}{}", value,
                        request.attempt.value() == 4 ? " held 777" : ""),
            request.attempt.value() == 4 ? "y" : "x");
      });
  world.before_run = [&](search::Search&) {
    world.evaluator->holdout_scale = 1.2345;
  };
  std::string prompts;
  world.observers.push_back(
      [&](const search::State&, const search::Record& record) {
        const auto* asked = std::get_if<search::Asked>(&record.event);
        if (asked == nullptr) return;
        for (const llm::Utterance& part : asked->prompt) prompts += part.text;
      });
  world.Run();
  CHECK(Samples(world, 1, SamplePhase::kHoldout) > 0);
  CHECK(prompts.find("value") != std::string::npos);
  for (const char* secret : {"holdout", "secret_data", "119.7", "123.4"}) {
    CAPTURE(secret);
    CHECK(prompts.find(secret) == std::string::npos);
  }
}

TEST_CASE("a search with a holdout is replayed and resumed to the same end") {
  const auto answer = [](const llm::Request& request) {
    const double value = 100 - 5.0 * request.attempt.value();
    return Write(fmt::format("value {} held {}", value, value + 1));
  };
  const std::string spec = kHeldOut;
  SearchWorld source(spec, answer);
  source.Run();
  const std::string tree = source.TreeText();
  SearchWorld again(spec, answer);
  const Result<void> replayed = again.Replay(source.journal);
  REQUIRE_MESSAGE(replayed.has_value(), replayed.error().Text());
  CHECK(again.TreeText() == tree);
  CHECK(again.state().final()->holdout == source.state().final()->holdout);
  for (std::size_t cut = 10; cut < source.journal.size(); cut += 3) {
    CAPTURE(cut);
    SearchWorld resumed(spec, answer);
    if (!resumed.RunAndDie(cut)) continue;
    resumed.Run();
    CHECK(resumed.TreeText() == tree);
    CHECK(Samples(resumed, 3, SamplePhase::kHoldout) ==
          Samples(source, 3, SamplePhase::kHoldout));
  }
}

TEST_CASE("what a profiler says of a new best is told to those who grow it") {
  SearchWorld world(
      "evaluation: {command: measure, diagnose: perf}\n"
      "search: {policy: linear, merge: 0}\n"
      "budget: {max_nodes: 3, plateau_nodes: null, max_cost_usd: null}\n",
      [](const llm::Request& request) {
        const double value = request.attempt.value() == 1 ? 50 : 120;
        return Write(fmt::format("value {}", value + request.attempt.value()));
      });
  std::vector<std::string> prompts(4);
  world.observers.push_back(
      [&](const search::State&, const search::Record& record) {
        const auto* asked = std::get_if<search::Asked>(&record.event);
        if (asked == nullptr) return;
        std::string& prompt =
            prompts.at(static_cast<std::size_t>(asked->attempt.value()));
        for (const llm::Utterance& part : asked->prompt) prompt += part.text;
      });
  world.Run();
  CHECK(world.state().Info(AttemptId(1))->diagnosis == "hot: node 1");
  CHECK(world.state().Info(AttemptId(2))->diagnosis.empty());
  CHECK(prompts[1].find("hot: node") == std::string::npos);
  CHECK(prompts[2].find("hot: node 1") != std::string::npos);
  CHECK(prompts[3].find("hot: node 1") != std::string::npos);
}

}  // namespace coppice

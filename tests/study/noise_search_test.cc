#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "study/simulated_search.h"
#include "support/noisy_run.h"
#include "support/search_world.h"

// Whole nights of the real search in virtual time: a hundred candidates that
// change nothing but a comment, or one real gain among them (AC-07, AC-20).

namespace coppice::study {
namespace {

using testing::NoiseShape;
using testing::SearchWorld;

struct Night {
  int improved = 0;
  int finished = 0;
  bool claimed = false;
};

// Attempt number `real` is `gain` better than all others, if there is one.
Night Search(const NoiseShape& shape, std::uint64_t seed, int nodes,
             std::int64_t real = 0, double gain = 0) {
  SearchWorld world(
      fmt::format("search: {{seed: {}, merge: 0, tune: 0}}\n"
                  "budget: {{max_nodes: {}, plateau_nodes: null}}\n",
                  seed, nodes),
      [&](const llm::Request& request) {
        const std::int64_t attempt = request.attempt.value();
        const double value =
            attempt == real ? 100 - gain : testing::ValueOf(request);
        return testing::Write(
            fmt::format("value {} # note {}", value, attempt));
      });
  Rng rng(seed);
  world.evaluator = std::make_unique<testing::TextEvaluator>(
      world.repository, Simulation().clock());
  world.evaluator->shows = [&, noise = shape.make()](const eval::Target&,
                                                     const eval::SampleRequest&,
                                                     double value) mutable {
    return value + noise(rng);
  };
  world.Run();
  Night night;
  night.finished = world.state().Used(WallTime()).finished;
  for (const search::Record& record : world.journal) {
    const auto* e = std::get_if<search::Evaluated>(&record.event);
    night.improved += e != nullptr && e->outcome == Outcome::kImproved ? 1 : 0;
  }
  night.claimed = world.state().final()->confirmed;
  return night;
}

TEST_CASE(
    "of 200 nights of 100 comment-only candidates one in twenty claims a gain "
    "at most (AC-07)") {
  constexpr std::size_t kNights = 200;
  for (const NoiseShape& shape : testing::NoiseShapes()) {
    if (shape.name != "normal" && shape.name != "spiky") continue;
    CAPTURE(shape.name);
    std::vector<Night> nights(kNights);
    SideBySide(kNights, [&](std::size_t i) {
      nights[i] = Search(shape, 3000 + i, 100);
    });
    std::size_t improved = 0;
    std::size_t claimed = 0;
    for (const Night& night : nights) {
      REQUIRE(night.finished == 100);
      improved += night.improved > 0 ? 1 : 0;
      claimed += night.claimed ? 1 : 0;
    }
    CHECK(improved <= kNights / 20);
    CHECK(claimed <= kNights / 20);
  }
}

}  // namespace
}  // namespace coppice::study

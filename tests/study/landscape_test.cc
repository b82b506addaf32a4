#include "study/landscape.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <set>

namespace coppice::study {
namespace {

const Landscape& Get(std::string_view name) {
  return *FindLandscape(name).value();
}

Truth Draft(const Landscape& landscape, std::uint64_t seed, int index) {
  const std::array root{landscape.Root(seed)};
  return landscape.Grow(Operator::kDraft, root, index);
}

TEST_CASE("an unknown landscape is refused with the names there are") {
  const auto found = FindLandscape("moon");
  REQUIRE(found.has_error());
  CHECK(found.error().code == ErrorCode::kUsage);
  CHECK(found.error().Text().find("trap-mild") != std::string::npos);
}

TEST_CASE("a solution depends on its parent and its number, not on history") {
  for (const Landscape& landscape : Landscapes()) {
    CAPTURE(landscape.name);
    std::set<std::uint64_t> keys;
    for (int index = 0; index < 50; ++index) {
      const std::array parent{Draft(landscape, 1, 0)};
      const Truth once = landscape.Grow(Operator::kImprove, parent, index);
      const Truth again = landscape.Grow(Operator::kImprove, parent, index);
      CHECK(once.key == again.key);
      CHECK(once.quality == again.quality);
      CHECK(once.works == again.works);
      keys.insert(once.key);
    }
    CHECK(keys.size() == 50);
    CHECK(Draft(landscape, 1, 0).key != Draft(landscape, 2, 0).key);
  }
}

TEST_CASE("nothing that grows gets beyond the optimum") {
  for (const Landscape& landscape : Landscapes()) {
    CAPTURE(landscape.name);
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      Truth at = Draft(landscape, seed, 0);
      for (int step = 0; step < 200; ++step) {
        const std::array parent{at};
        const Truth next = landscape.Grow(Operator::kImprove, parent, step % 3);
        CHECK(next.quality <= landscape.optimum);
        if (next.quality > at.quality) at = next;
      }
    }
  }
}

TEST_CASE("the traps have the odds and the starts that are written down") {
  int ahead = 0;
  int dead = 0;
  constexpr int kSeeds = 20000;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Truth mild = Draft(Get("trap-mild"), seed, 0);
    CHECK(mild.ceiling == (mild.quality >= .5 ? .62 : 1));
    ahead += mild.ceiling == .62 ? 1 : 0;
    const Truth two = Draft(Get("trap-2"), seed, 3);
    CHECK(two.ceiling == (two.quality >= .55 ? .70 : 1));
    const Truth end = Draft(Get("dead-end"), seed, 0);
    CHECK(end.quality == (end.dead_end ? .60 : .30));
    dead += end.dead_end ? 1 : 0;
    CHECK(Draft(Get("deceptive"), seed, 0).dead_end);
  }
  CHECK(ahead == doctest::Approx(.8 * kSeeds).epsilon(.02));
  CHECK(dead == doctest::Approx(.5 * kSeeds).epsilon(.02));
}

TEST_CASE("a trap's change gains a sixth of the rest or loses a little") {
  const std::array parent{Truth{.quality = .4, .ceiling = 1, .key = 9}};
  double gained = 0;
  double lost = 0;
  int gains = 0;
  constexpr int kChanges = 40000;
  for (int i = 0; i < kChanges; ++i) {
    const Truth child = Get("trap-mild").Grow(Operator::kImprove, parent, i);
    const double change = child.quality - .4;
    gains += change > 0 ? 1 : 0;
    (change > 0 ? gained : lost) += change;
  }
  CHECK(gains == doctest::Approx(kChanges / 2).epsilon(.02));
  CHECK(gained / gains == doctest::Approx(.6 / 6).epsilon(.03));
  CHECK(lost / (kChanges - gains) == doctest::Approx(-.03).epsilon(.03));
}

TEST_CASE("what grows from a dead end is broken, repairs included") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Truth draft = Draft(Get("dead-end"), seed, 0);
    const std::array parent{draft};
    const std::array child{Get("dead-end").Grow(Operator::kImprove, parent, 0)};
    CHECK(child[0].works == !draft.dead_end);
    CHECK_FALSE(Get("dead-end").Grow(Operator::kDebug, child, 0).works);
  }
}

TEST_CASE("a repair shows what the broken change would have been") {
  int repaired = 0;
  constexpr int kSeeds = 5000;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const std::array broken{Draft(Get("plain"), seed, 0)};
    const Truth fixed = Get("plain").Grow(Operator::kDebug, broken, 0);
    CHECK(fixed.quality == broken[0].quality);
    repaired += fixed.works ? 1 : 0;
  }
  CHECK(repaired == doctest::Approx(.6 * kSeeds).epsilon(.05));
}

TEST_CASE("a plateau shows steps of one twentieth") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const double steps = Draft(Get("plateau"), seed, 0).quality * 20;
    CHECK(std::abs(steps - std::round(steps)) < 1e-9);
  }
}

}  // namespace
}  // namespace coppice::study

#include "study/landscape.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <set>

#include "base/rng.h"
#include "study/nk.h"

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

TEST_CASE("a landscape goes by its other name, and a near miss is named") {
  for (auto [alias, name] : {std::pair("smooth", "plain"),
                             {"rugged", "nk"},
                             {"plateau", "quantised"},
                             {"hier", "hierarchical"}}) {
    CHECK(FindLandscape(alias).value()->name == name);
  }
  const auto found = FindLandscape("tunel");
  CHECK(found.error().Text().find("did you mean \"tunnel\"") !=
        std::string::npos);
  std::set<std::string> names;
  for (const Landscape& landscape : Landscapes()) {
    CHECK(names.insert(landscape.name).second);
    CHECK_FALSE(landscape.ancestry.empty());
    CHECK(landscape.target <= landscape.optimum);
  }
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
        CHECK(next.quality <= landscape.optimum + 1e-12);
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
    CHECK(Draft(Get("first-trap"), seed, 0).dead_end);
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

// The fitness where flips of no one or two neighbouring bits gain any more.
double Climbed(std::uint64_t world, std::uint32_t genome) {
  double best = NkFitness(world, genome);
  for (int since = 0; since < 3 * kNkBits; ++since) {
    const int bit = since % kNkBits;
    for (const std::uint32_t flips : {1U, 3U, 5U}) {
      const std::uint32_t next = genome ^ std::rotl(flips, bit);
      const double fitness = NkFitness(world, next);
      if (fitness <= best) continue;
      best = fitness;
      genome = next;
      since = -1;
      break;
    }
  }
  return best;
}

TEST_CASE("the optimum of an nk landscape is met by climbs, never passed") {
  for (const std::uint64_t world : {1, 2, 3}) {
    CAPTURE(world);
    const double optimum = NkOptimum(world);
    Rng rng(world);
    double best = 0;
    for (int climb = 0; climb < 400 && best < optimum - 1e-12; ++climb) {
      best = std::max(best,
                      Climbed(world, static_cast<std::uint32_t>(rng.Next())));
    }
    CHECK(best == doctest::Approx(optimum).epsilon(1e-12));
  }
}

TEST_CASE("nk's founder has the baseline's quality, and bits interact") {
  const Landscape& nk = Get("nk");
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::array root{nk.Root(seed)};
    const Truth draft = nk.Grow(Operator::kDraft, root, 0);
    const std::array parent{draft};
    const Truth child = nk.Grow(Operator::kImprove, parent, 0);
    CHECK(std::popcount(draft.code ^ child.code) == 1);
    CHECK(draft.quality < 1);
    CHECK(root[0].ceiling == NkOptimum(seed));
  }
}

TEST_CASE("a valley is passed by two losses in a row, and then pays") {
  const Landscape& valley = Get("valley");
  int crossed = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Truth at = Draft(valley, seed, 0);
    const double start = at.quality;
    for (int step = 0; step < 12; ++step) {
      const std::array parent{at};
      const Truth next = valley.Grow(Operator::kImprove, parent, 0);
      if (next.below == 1 && at.below == 0) {
        CHECK(next.quality == doctest::Approx(at.quality - .08));
      }
      if (next.below == 2 && at.below == 1) {
        CHECK(next.quality == doctest::Approx(at.quality - .05));
      }
      if (at.below == 2 && next.below == 0) {
        CHECK(next.quality == doctest::Approx(at.quality + .27));
        ++crossed;
        break;
      }
      at = next;
    }
    // On a level there is next to nothing to gain.
    if (at.below == 0) CHECK(at.quality <= start + .03 + 1e-12);
  }
  CHECK(crossed > 100);
}

TEST_CASE("meta draws constants and noise by seed, the others neither") {
  std::set<double> noises;
  std::set<double> shapes;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    noises.insert(Get("meta").Noise(seed).value());
    shapes.insert(Climb::Drawn(seed).gain_shape);
    CHECK(Climb::Drawn(seed).gain_shape == Climb::Drawn(seed).gain_shape);
    CHECK_FALSE(Get("tunnel").Noise(seed).has_value());
  }
  CHECK(noises == std::set<double>{0, .02, .05, .1});
  CHECK(shapes.size() == 100);
}

TEST_CASE("new beginnings break more often than small changes") {
  const Landscape& tunnel = Get("tunnel");
  int bold = 0;
  int broken = 0;
  for (std::uint64_t seed = 0; seed < 20000; ++seed) {
    const std::array parent{Draft(tunnel, seed, 0)};
    const Truth child = tunnel.Grow(Operator::kImprove, parent, 0);
    if (child.ceiling == parent[0].ceiling) continue;
    ++bold;
    broken += child.works ? 0 : 1;
  }
  CHECK(bold == doctest::Approx(.03 * 20000).epsilon(.15));
  CHECK(broken == doctest::Approx(.5 * bold).epsilon(.15));
}

}  // namespace
}  // namespace coppice::study

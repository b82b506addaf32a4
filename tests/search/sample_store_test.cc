#include "search/sample_store.h"

#include <doctest/doctest.h>

#include <map>
#include <variant>

#include "support/sample_events.h"

namespace coppice::search {
namespace {

std::string Text(const Sampled& sampled) { return Encode(sampled).body; }

std::vector<std::string> Texts(const std::vector<Sampled>& samples) {
  std::vector<std::string> texts;
  for (const Sampled& one : samples) texts.push_back(Text(one));
  return texts;
}

Sampled RandomSampled(Rng& rng) {
  while (true) {
    Event event = testing::RandomEvent(rng);
    if (auto* sampled = std::get_if<Sampled>(&event)) return *sampled;
  }
}

Sampled Screen(int node, int index, double seconds,
               SamplePhase phase = SamplePhase::kScreen) {
  Sampled sampled;
  sampled.node = AttemptId(node);
  sampled.sample.phase = phase;
  sampled.sample.index = index;
  sampled.sample.seconds = seconds;
  return sampled;
}

}  // namespace

TEST_CASE("a packed sample is the sample, but for what it printed") {
  Rng rng(7);
  for (int round = 0; round < 50; ++round) {
    SampleStore store;
    std::vector<Sampled> all;
    for (int i = 0; i < 4; ++i) {
      all.push_back(RandomSampled(rng));
      all.back().node = AttemptId(3);
      all.back().sample.index = i;
      CHECK(store.Add(all.back()));
    }
    CHECK(Texts(store.Of(AttemptId(3))) == Texts(all));
    store.Settle(AttemptId(3));
    for (Sampled& one : all) {
      if (one.sample.failure) one.sample.failure->tail.clear();
    }
    CHECK(Texts(store.Of(AttemptId(3))) == Texts(all));
    all.push_back(Screen(3, 9, 2.5));
    CHECK(store.Add(all.back()));  // of a node that has its outcome
    store.Reopen(AttemptId(3));
    CHECK(Texts(store.Of(AttemptId(3))) == Texts(all));
  }
}

TEST_CASE("the same sample again takes the place of the earlier one") {
  for (bool settled : {false, true}) {
    CAPTURE(settled);
    SampleStore store;
    CHECK(store.NextIndex(AttemptId(1), SamplePhase::kConfirm) == 0);
    CHECK(store.Add(Screen(1, 0, 1, SamplePhase::kConfirm)));
    CHECK(store.Add(Screen(1, 1, 2, SamplePhase::kConfirm)));
    if (settled) store.Settle(AttemptId(1));
    CHECK_FALSE(store.Add(Screen(1, 0, 5, SamplePhase::kConfirm)));
    CHECK(store.NextIndex(AttemptId(1), SamplePhase::kConfirm) == 2);
    CHECK(store.NextIndex(AttemptId(1), SamplePhase::kScreen) == 0);
    const std::vector<Sampled> samples = store.Of(AttemptId(1));
    REQUIRE(samples.size() == 2);
    CHECK(samples[0].sample.seconds == 5);
    const auto& met = store.Against(AttemptId(1), SamplePhase::kConfirm);
    REQUIRE(met.size() == 2);
    CHECK(met[0].seconds == 5);
    CHECK(met[1].index == 1);
  }
}

TEST_CASE("fresh pairs are told apart by whom they met") {
  SampleStore store;
  for (int i = 0; i < 6; ++i) {
    Sampled pair = Screen(0, i, i, SamplePhase::kConfirm);
    pair.versus = AttemptId(i % 2 + 1);
    CHECK(store.Add(pair));
  }
  const auto& met =
      store.Against(AttemptId(0), SamplePhase::kConfirm, AttemptId(2));
  REQUIRE(met.size() == 3);
  CHECK(met[0].index == 1);
  CHECK(met[2].index == 5);
  CHECK(store.Against(AttemptId(0), SamplePhase::kConfirm).empty());
}

}  // namespace coppice::search

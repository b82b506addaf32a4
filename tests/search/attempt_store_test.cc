#include "search/attempt_store.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <string>
#include <variant>

#include "support/sample_events.h"

namespace coppice::search {
namespace {

template <class E>
E Random(Rng& rng) {
  while (true) {
    Event event = testing::RandomEvent(rng);
    if (auto* wanted = std::get_if<E>(&event)) return *wanted;
  }
}

WallTime At(std::int64_t microseconds) {
  return WallTime(Duration(microseconds));
}

// As the fold fills it, with nothing left out.
AttemptInfo RandomInfo(Rng& rng) {
  auto seq = [&] { return static_cast<std::int64_t>(rng.Below(1 << 20)); };
  AttemptInfo info;
  auto selected = Random<Selected>(rng);
  if (selected.parents.size() > kMostParents) selected.parents.resize(2);
  info.selected = Choice(selected);
  for (std::uint64_t i = rng.Below(4); i > 0; --i) {
    const auto asked = Random<Asked>(rng);
    info.turns.push_back({.turn = asked.turn,
                          .arm = asked.arm,
                          .role = asked.role,
                          .reserve_usd = asked.reserve_usd,
                          .reserve_tokens = asked.reserve_tokens,
                          .asked_seq = seq(),
                          .answered_seq = seq(),
                          .answered = nullptr});
  }
  const auto committed = Random<Committed>(rng);
  info.plan = PlanNote(committed.plan);
  info.files.assign(committed.files.begin(), committed.files.end());
  info.needs = committed.needs;
  info.matched = committed.matched;
  info.flags = committed.flags;
  if (rng.Below(3) > 0) info.evaluated = Finding(Random<Evaluated>(rng), seq());
  info.rejected = rng.Below(2) == 0;
  info.reason = Random<Rejected>(rng).reason;
  info.diagnosis = Random<Noted>(rng).text;
  info.propose_seconds = Random<Rejected>(rng).usd;
  info.measure_seconds = Random<Rejected>(rng).usd;
  info.reward = 0.6;
  info.usd = Random<Rejected>(rng).usd;
  info.input_tokens = seq();
  info.output_tokens = seq();
  info.selected_at = At(1795329596346671 + seq());
  info.finished_at = rng.Below(2) == 0 ? WallTime() : At(seq());
  info.selected_seq = seq();
  info.asked_seq = seq();
  info.calls_seq = seq();
  info.committed_seq = seq();
  return info;
}

// Every field.
std::string Text(const AttemptInfo& info) {
  const Choice& c = info.selected;
  std::string text =
      fmt::format("{} {} {} '{}' '{}'", Name(c.op), c.history_withheld, c.chain,
                  c.arm.str(), c.idea.view());
  for (AttemptId parent : c.parents) text += fmt::format(" {}", parent.value());
  for (const Turn& t : info.turns) {
    text +=
        fmt::format("\nturn {} '{}' '{}' {} {} {} {} {}", t.turn, t.arm.str(),
                    t.role.str(), t.reserve_usd, t.reserve_tokens, t.asked_seq,
                    t.answered_seq, t.answered != nullptr);
  }
  const PlanNote& p = info.plan;
  text +=
      fmt::format("\nplan '{}' '{}' '{}' '{}' '{}' '{}' '{}' {}", p.idea.view(),
                  p.category.str(), p.bottleneck.view(), p.alternatives.view(),
                  p.expect.view(), p.risk.view(), p.lesson.view(), p.needs);
  for (const FileNote& f : info.files) {
    text += fmt::format("\nfile '{}' {} {} {} {}", f.path.str(), f.added,
                        f.removed, f.created, f.deleted);
  }
  if (info.evaluated) {
    const Finding& f = *info.evaluated;
    text += fmt::format("\nfound {} {} {} {} {} '{}' '{}' {} {} {}",
                        Name(f.outcome), f.printed, f.sigma,
                        f.value ? fmt::to_string(*f.value) : "-", f.seq,
                        f.signature.view(), f.log.view(), f.flags,
                        f.seconds.build, f.seconds.checks);
    if (f.gain) {
      text += fmt::format(" {} {} {}", f.gain->parent, f.gain->best,
                          f.gain->baseline);
    }
  }
  return text +
         fmt::format("\n{} {} '{}' '{}' '{}' {} {} {} {} {} {} {}",
                     info.rejected, info.needs, info.reason.view(),
                     info.matched.view(), info.diagnosis.view(), info.flags,
                     info.propose_seconds, info.measure_seconds, info.reward,
                     info.usd, info.input_tokens, info.output_tokens) +
         fmt::format(
             "\n{} {} {} {} {} {}", info.selected_at.time_since_epoch().count(),
             info.finished_at.time_since_epoch().count(), info.selected_seq,
             info.asked_seq, info.calls_seq, info.committed_seq);
}

constexpr auto kAllEnded = [](AttemptId) { return true; };

}  // namespace

TEST_CASE("what is known of an attempt stays the same when it has ended") {
  Rng rng(11);
  AttemptStore store;
  for (int i = 0; i < 500; ++i) {
    const AttemptInfo info = RandomInfo(rng);
    const AttemptId attempt(i);
    store[attempt] = info;
    CAPTURE(i);
    CHECK(Text(*store.Of(attempt)) == Text(info));
    store.Settle(kAllEnded);
    CHECK(store.open().empty());
    CHECK(Text(*store.Of(attempt)) == Text(info));
    // Once more, as an event about an attempt that has ended does it.
    store[attempt].input_tokens += 1;
    store.Settle(kAllEnded);
    CHECK(store.Of(attempt)->input_tokens == info.input_tokens + 1);
  }
}

TEST_CASE("of an attempt that was never selected nothing is known") {
  AttemptStore store;
  store[AttemptId(5)].usd = 1;
  store.Settle(kAllEnded);
  for (std::int64_t attempt : {0, 4, 6, 1000}) {
    CAPTURE(attempt);
    CHECK(store.Of(AttemptId(attempt)) == nullptr);
    CHECK(store.Find(AttemptId(attempt)) == nullptr);
  }
  REQUIRE(store.Find(AttemptId(5)) != nullptr);
  CHECK(store.Find(AttemptId(5))->usd == 1);
}

TEST_CASE("who looks at an open attempt sees what becomes of it") {
  AttemptStore store;
  store[AttemptId(1)].usd = 1;
  const InfoView open = store.Of(AttemptId(1));
  store[AttemptId(1)].usd = 2;
  CHECK(open->usd == 2);
  store.Settle(kAllEnded);
  CHECK(open->usd == 2);  // it is theirs now
  const InfoView ended = store.Of(AttemptId(1));
  CHECK(ended->usd == 2);
}

TEST_CASE("an attempt whose answer is still wanted stays open") {
  AttemptStore store;
  Turn turn;
  turn.answered = std::make_shared<const Answered>();
  store[AttemptId(3)].turns.push_back(turn);
  store.Settle(kAllEnded);
  REQUIRE(store.open().size() == 1);
  CHECK(store.Of(AttemptId(3))->turns.back().answered != nullptr);
  store[AttemptId(3)].turns.back().answered.reset();
  store.Settle(kAllEnded);
  CHECK(store.open().empty());
}

}  // namespace coppice::search

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/rng.h"
#include "spec/models.h"
#include "support/search_world.h"

// Who is asked, what is paid, and what happens when nobody answers; whole
// searches in virtual time.

namespace coppice {
namespace {

using testing::ScriptedProposer;
using testing::SearchWorld;
using testing::ValueOf;
using testing::Write;

llm::Proposed Wander(const llm::Request& request) {
  Rng rng = Rng::Stream(request.seed, request.attempt.value(), "wander");
  const double next = ValueOf(request) + 4 * (rng.Uniform() - 0.6);
  if (rng.Chance(0.2)) return Write(fmt::format("boom {}", next));
  return Write(fmt::format("value {:.6f}", next));
}

llm::Proposed Out(bool off, const char* cause, const char* shared = "") {
  llm::Proposed out;
  out.unavailable.emplace();
  out.unavailable->off = off;
  out.unavailable->cause = cause;
  out.unavailable->reason = "the reason";
  out.unavailable->shared = shared;
  return out;
}

template <class Kind>
std::vector<Kind> All(const SearchWorld& world) {
  std::vector<Kind> found;
  for (const search::Record& record : world.journal) {
    if (const auto* kind = std::get_if<Kind>(&record.event)) {
      found.push_back(*kind);
    }
  }
  return found;
}

int Failed(const SearchWorld& world) {
  const auto outcomes = world.state().Outcomes();
  auto found = outcomes.find(Outcome::kEditFailed);
  return found == outcomes.end() ? 0 : found->second;
}

const search::ArmStats& Stats(const SearchWorld& world, const char* arm) {
  return world.state().arm_stats().at(arm);
}

}  // namespace

TEST_CASE("AC-26 while nobody answers the run is paused, and goes on itself") {
  SearchWorld world("budget: {max_nodes: 12, plateau_nodes: null}\n", Wander);
  Clock* clock = nullptr;
  ScriptedProposer* script = nullptr;
  const Instant up{std::chrono::minutes(10)};
  world.furnish = [&](const std::string&, ScriptedProposer& made) {
    script = &made;
    clock = made.clock;
  };
  SearchWorld down("budget: {max_nodes: 12, plateau_nodes: null}\n",
                   [&](const llm::Request& request) {
                     if (clock->Now() >= up) return Wander(request);
                     script->rests_until =
                         clock->Now() + std::chrono::seconds(30);
                     return Out(false, "outage");
                   });
  down.furnish = world.furnish;
  const search::Ending ending = down.Run();
  CHECK(ending.reason == "max_nodes");
  CHECK(Failed(down) == 0);
  CHECK(down.state().Used(WallTime()).finished == 12);
  const auto pauses = All<search::Paused>(down);
  REQUIRE(pauses.size() == 1);
  CHECK(pauses[0].pause == search::PauseClass::kOutage);
  CHECK(All<search::Resumed>(down).size() == 1);
  world.furnish = nullptr;
  world.Run();
  CHECK(down.TreeText() == world.TreeText());
}

TEST_CASE("AC-54 other arms fill the slots while a provider is down") {
  SearchWorld world("budget: {max_nodes: 20, plateau_nodes: null}\n", Wander);
  ScriptedProposer* script = nullptr;
  SearchWorld split("budget: {max_nodes: 20, plateau_nodes: null}\n",
                    [&](const llm::Request&) {
                      script->rests_until =
                          script->clock->Now() + std::chrono::hours(1);
                      return Out(false, "outage");
                    });
  split.furnish = [&](const std::string& name, ScriptedProposer& made) {
    if (name == "script") script = &made;
  };
  split.more_arms.push_back({.name = "other", .answer = Wander});
  const search::Ending ending = split.Run();
  CHECK(ending.reason == "max_nodes");
  CHECK(Failed(split) == 0);
  CHECK(All<search::Paused>(split).empty());
  CHECK(Stats(split, "script").given == 0);
  CHECK(Stats(split, "other").given == 20);
}

TEST_CASE("PC-21 a key that is refused switches off every arm that uses it") {
  auto refuse = [](const llm::Request&) { return Out(true, "auth", "key A"); };
  bool repaired = false;
  auto maybe = [&](const llm::Request& request) {
    return repaired ? Wander(request) : Out(true, "auth", "key A");
  };
  SearchWorld world("budget: {max_nodes: 8, plateau_nodes: null}\n", maybe);
  world.more_arms.push_back(
      {.name = "same", .answer = refuse, .shared = "key A"});
  const search::Ending ending = world.Run();
  CHECK(ending.exit == 5);
  CHECK(world.proposer->calls == 1);
  CHECK(world.state().arms_off().size() == 2);
  CHECK(world.state().paused()->detail.find("the reason") != std::string::npos);
  CHECK(world.state().Used(WallTime()).finished == 0);
  // The user has set the key; nothing is lost.
  repaired = true;
  world.more_arms.clear();
  CHECK(world.Run().reason == "max_nodes");
  CHECK(world.state().Used(WallTime()).finished == 8);
}

TEST_CASE("PC-52 AC-30 reserved and settled never exceed the budget") {
  SearchWorld world(
      "budget: {max_nodes: 100, max_cost_usd: 0.10, plateau_nodes: null}\n"
      "search: {policy: best_of_n}\n"
      "parallel: {requests: 8}\n",
      Wander);
  world.propose_seconds = 10;
  world.evaluations = 8;
  world.furnish = [](const std::string&, ScriptedProposer& made) {
    made.reserve_usd = 0.02;
    made.usd = 0.011;
  };
  const search::Ending ending = world.Run();
  CHECK(ending.reason == "max_cost_usd");
  const std::int64_t cap = spec::ToPicodollars(0.10);
  search::State state;
  int most = 0;
  for (const search::Record& record : world.journal) {
    REQUIRE(state.Apply(record).has_value());
    const search::Consumption used = state.Used(record.at);
    CHECK(used.picodollars + used.picodollars_reserved <= cap);
    most = std::max(most, used.in_flight);
  }
  CHECK(most > 2);
  CHECK(All<search::Answered>(world).size() == 8);  // 8 * 0.011 + 0.02 > 0.10
  const auto notes = All<search::Noted>(world);
  const bool warned = std::ranges::any_of(notes, [](const auto& note) {
    return note.kind == "budget" &&
           note.text.find("max_cost_usd") != std::string::npos;
  });
  CHECK(warned);
}

TEST_CASE("AC-34 ideas are tried next, once each, with their source") {
  std::vector<std::string> ideas;
  auto answer = [&](const llm::Request& request) {
    if (request.attempt.value() == 3) ideas = {"hoist the mask", "unroll"};
    return Wander(request);
  };
  SearchWorld world(
      "budget: {max_nodes: 12, plateau_nodes: null}\n"
      "search: {hypotheses: ideas.md}\n",
      answer);
  world.hypotheses = [&] { return ideas; };
  bool told = false;
  world.inbox = [&](WallTime at) {
    std::vector<search::Record> records;
    if (told || world.journal.size() < 30) return records;
    told = true;
    search::Record record;
    record.seq = static_cast<std::int64_t>(world.journal.size()) + 1;
    record.at = at;
    record.event = search::Told{R"({"idea":"use a table","source":"tell"})"};
    world.journal.push_back(record);
    records.push_back(record);
    return records;
  };
  world.Run();
  std::map<std::string, int> tried;
  for (const search::Selected& selected : All<search::Selected>(world)) {
    if (!selected.idea.empty()) ++tried[selected.idea];
  }
  CHECK(tried == std::map<std::string, int>{
                     {"hoist the mask", 1}, {"unroll", 1}, {"use a table", 1}});
  for (const search::Idea& idea : world.state().ideas()) {
    CHECK(idea.tried.has_value());
    CHECK(idea.source == (idea.text == "use a table" ? "tell" : "ideas.md"));
  }
}

TEST_CASE("a program that fails three times in a row is switched off") {
  auto fail = [](const llm::Request&) {
    llm::Proposed proposed;
    proposed.refusal.reason = "no change";
    return proposed;
  };
  SearchWorld world("budget: {max_nodes: 20, plateau_nodes: null}\n", Wander);
  world.more_arms.push_back({.name = "agent", .answer = fail});
  world.furnish = [](const std::string& name, ScriptedProposer& made) {
    made.is_program = name == "agent";
  };
  world.Run();
  CHECK(world.state().arms_off().at("agent").cause == "failures");
  CHECK(Stats(world, "agent").given == 3);
  CHECK(Stats(world, "script").given == 17);
}

TEST_CASE("a model that fails three times in a row is asked for whole files") {
  std::vector<llm::EditFormat> formats;
  auto answer = [&](const llm::Request& request) {
    formats.push_back(request.format);
    if (request.format == llm::EditFormat::kWhole) return Wander(request);
    llm::Proposed proposed;
    proposed.refusal.reason = "not_found";
    return proposed;
  };
  SearchWorld world("budget: {max_nodes: 10, plateau_nodes: null}\n", answer);
  world.furnish = [](const std::string&, ScriptedProposer& made) {
    made.reads = llm::PromptStyle::kAnswer;
  };
  world.Run();
  CHECK(Failed(world) >= 3);
  CHECK(world.state().FormatOf("script") == "whole");
  CHECK(formats.back() == llm::EditFormat::kWhole);
  CHECK(Stats(world, "script").formats.at("search_replace").well_formed == 0);
  CHECK(Stats(world, "script").formats.at("whole").well_formed > 0);
}

TEST_CASE("AC-36 statistics of arms that stay go on when the list changes") {
  SearchWorld world("budget: {max_nodes: 10, plateau_nodes: null}\n", Wander);
  world.more_arms.push_back({.name = "old", .answer = Wander});
  world.Run();
  const double reward = Stats(world, "script").reward;
  const int given = Stats(world, "script").given;
  REQUIRE(given > 0);
  world.more_arms = {{.name = "new", .answer = Wander}};
  world.before_run = [&](search::Search& search) {
    CHECK(search.state().arm_stats().at("script").given == given);
    CHECK(search.state().arm_stats().at("script").reward ==
          doctest::Approx(reward));
    CHECK_FALSE(search.state().arm_stats().contains("new"));
  };
  search::Resumed more;
  std::string spec = world.state().merged_spec();
  const auto at = spec.find("\"max_nodes\":10");
  REQUIRE(at != std::string::npos);
  more.budget_json = spec.replace(at, 14, "\"max_nodes\":20");
  world.resumed = more;
  world.Run();
  CHECK(Stats(world, "new").given > 0);
  CHECK(Stats(world, "old").given > 0);
}

TEST_CASE(
    "AC-08, MC-55: a recorded run of 8 workers is made again, commit for "
    "commit") {
  SearchWorld source(
      "budget: {max_nodes: 60, plateau_nodes: null}\nsearch: {chains: 2}\n",
      Wander);
  source.evaluations = 8;
  source.propose_seconds = 3;
  source.Run();
  for (int workers : {1, 8}) {
    CAPTURE(workers);
    int calls = 0;
    SearchWorld again(
        "budget: {max_nodes: 60, plateau_nodes: null}\nsearch: {chains: 2}\n",
        [&](const llm::Request& request) {
          ++calls;
          return Wander(request);
        });
    again.evaluations = workers;
    Result<void> replayed = again.Replay(source.journal);
    const std::string why = replayed ? "" : replayed.error().Text();
    CAPTURE(why);
    CHECK(replayed.has_value());
    CHECK(again.TreeText() == source.TreeText());
    CHECK(again.journal.size() == source.journal.size());
    CHECK(calls == 0);
    CHECK(again.evaluator->samples == 0);
  }
}

TEST_CASE("a replay adds nothing to what was noted: warnings, arms gone off") {
  const std::string spec =
      "budget: {max_nodes: 30, max_cost_usd: 4, plateau_nodes: null}\n";
  auto answer = [](const llm::Request& request) -> llm::Proposed {
    if (request.attempt.value() < 5) return Wander(request);
    llm::Proposed refused;
    refused.refusal.reason = "nothing comes to mind";
    return refused;
  };
  auto furnish = [](const std::string& name, ScriptedProposer& proposer) {
    proposer.is_program = name == "script";
    proposer.reserve_usd = 0.2;
    proposer.usd = 0.12;
  };
  SearchWorld source(spec, answer);
  source.more_arms.push_back({.name = "other", .answer = Wander});
  source.furnish = furnish;
  source.Run();
  auto count = [](const SearchWorld& world, std::string_view kind) {
    return std::ranges::count_if(world.journal, [&](const auto& record) {
      const auto* note = std::get_if<search::Noted>(&record.event);
      return note != nullptr && note->kind == kind;
    });
  };
  REQUIRE(count(source, "budget") >= 2);
  REQUIRE(count(source, "arm_off") == 1);
  SearchWorld again(spec, answer);
  again.more_arms = source.more_arms;
  again.furnish = furnish;
  Result<void> replayed = again.Replay(source.journal);
  const std::string why = replayed ? "" : replayed.error().Text();
  CAPTURE(why);
  CHECK(replayed.has_value());
  CHECK(again.journal.size() == source.journal.size());
  CHECK(again.TreeText() == source.TreeText());
}

TEST_CASE("a replay that comes to another decision says where") {
  SearchWorld source("budget: {max_nodes: 20, plateau_nodes: null}\n", Wander);
  source.Run();
  std::vector<search::Record> changed = source.journal;
  std::int64_t at = 0;
  for (search::Record& record : changed) {
    auto* answered = std::get_if<search::Answered>(&record.event);
    if (answered == nullptr || answered->attempt.value() != 5) continue;
    answered->changes = {{"x", "value 1\n"}};
    at = record.seq;
  }
  REQUIRE(at > 0);
  SearchWorld again("budget: {max_nodes: 20, plateau_nodes: null}\n", Wander);
  Result<void> replayed = again.Replay(changed);
  REQUIRE_FALSE(replayed.has_value());
  CHECK(replayed.error().cause.find("node 5") != std::string::npos);
}

}  // namespace coppice

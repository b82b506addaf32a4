#include "study/compare.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <charconv>
#include <memory>

#include "base/rng.h"
#include "base/simulation.h"
#include "search/search.h"
#include "spec/load.h"
#include "study/compare_report.h"
#include "study/side_by_side.h"
#include "study/turnstile.h"
#include "support/fake_repository.h"
#include "support/memory_journal.h"
#include "support/search_world.h"

// Studies in virtual time: real searches, the real turnstile and the real
// statistics; a tunnel instead of a program.

namespace coppice {
namespace {

using study::Comparison;
using testing::FakeRepository;
using testing::MemoryJournal;
using testing::TextEvaluator;

// A change takes a random part off what is left of its parent's 100, so that
// depth is what counts: no draft gets below 50.
llm::Proposed Change(const llm::Request& request) {
  Rng rng = Rng::Stream(request.seed, request.attempt.value(),
                        fmt::format("change:{}", request.draw));
  const double value = testing::ValueOf(request);
  return testing::Write(
      fmt::format("value {:.6f}\n", value * (.5 + .7 * rng.Uniform())));
}

spec::Study StudyOf(const std::string& yaml) {
  Result<spec::Study> study = spec::ParseStudy(yaml, "study.yaml");
  REQUIRE_MESSAGE(study.has_value(), study.error().Text());
  return *study;
}

// A study as the program makes it, seed after seed.
class World {
 public:
  explicit World(spec::Study study) : study_(std::move(study)) {
    base_ = repository_.AddRoot({{"x", "value 100\n"}});
  }
  double seconds = 1;
  int seats = 2;
  // How far finished attempts of two searches under way were ever apart.
  int drift = 0;

  Comparison Run() {
    Comparison comparison;
    comparison.study = study_;
    comparison.metric = "cost";
    comparison.baseline = 100;
    comparison.planned =
        study_.arms.size() * static_cast<std::size_t>(study_.seeds);
    for (int seed = 0; seed < study_.seeds; ++seed) {
      RunSeed(seed, comparison.searches);
    }
    comparison.finished = true;
    study::Conclude(comparison);
    return comparison;
  }

 private:
  struct Member {
    MemoryJournal journal;
    std::unique_ptr<testing::ScriptedProposer> proposer;
    std::unique_ptr<search::Search> search;
    study::Turnstile::Place* place = nullptr;
    int evaluations = 1;
  };

  void RunSeed(int seed, std::vector<study::SearchFacts>& facts) {
    Simulation simulation;
    TextEvaluator evaluator(repository_, simulation.clock());
    evaluator.seconds = seconds;
    Rng times = Rng::Stream(7, seed, "durations");
    evaluator.duration = [&times](AttemptId) { return times.Uniform(); };
    study::Turnstile turnstile({.executor = simulation.io().get_executor(),
                                .seats = seats,
                                .resource = study_.equalize,
                                .total = study_.total});
    std::vector<std::unique_ptr<Member>> members;
    for (const spec::StudyArm& arm : study_.arms) {
      members.push_back(Make(arm, seed, simulation, evaluator, turnstile));
    }
    std::vector<study::Runner> runners;
    std::vector<search::Search*> searches;
    for (const auto& member : members) {
      runners.push_back({member->search.get(), member->place, false});
      searches.push_back(member->search.get());
    }
    auto run = [&]() -> Task<void> {
      auto stopped =
          co_await study::RunTogether(simulation.io().get_executor(), runners);
      CHECK_FALSE(stopped.has_value());
      const bool measured =
          co_await study::MeasureWinners(searches, study_.remeasure);
      CHECK(measured);
    };
    simulation.Run(run());
    CheckEndedCount(simulation, runners);
    for (std::size_t i = 0; i < members.size(); ++i) {
      Result<study::SearchFacts> one =
          study::FactsOf(members[i]->journal, study_.arms[i].name, seed);
      REQUIRE(one.has_value());
      facts.push_back(std::move(*one));
    }
  }

  // Of a study that is taken up again those searches that have ended do
  // nothing, but what they had counts.
  void CheckEndedCount(Simulation& simulation,
                       std::vector<study::Runner> runners) {
    study::Turnstile turnstile({.executor = simulation.io().get_executor(),
                                .resource = study_.equalize,
                                .total = study_.total});
    for (study::Runner& runner : runners) {
      runner.place = &turnstile.Add({});
      runner.ended = true;
    }
    auto run = [&]() -> Task<void> {
      auto stopped =
          co_await study::RunTogether(simulation.io().get_executor(), runners);
      CHECK_FALSE(stopped.has_value());
    };
    simulation.Run(run());
    for (const study::Runner& runner : runners) {
      const search::State& state = runner.search->state();
      CHECK(runner.place->spending().nodes ==
            static_cast<int>(state.order_of_completion().size()));
    }
  }

  std::unique_ptr<Member> Make(const spec::StudyArm& arm, int seed,
                               Simulation& simulation, TextEvaluator& evaluator,
                               study::Turnstile& turnstile) {
    auto member = std::make_unique<Member>();
    member->proposer =
        std::make_unique<testing::ScriptedProposer>(Change, true);
    member->place = &turnstile.Add({});
    const spec::Loaded loaded = SpecOf(arm, seed);
    search::Search::Parts parts{
        .executor = simulation.io().get_executor(),
        .clock = simulation.clock(),
        .compute = simulation.compute(),
        .repository = repository_,
        .evaluator = evaluator,
        .journal = member->journal,
        .evaluations = loaded.spec.parallel.evaluations.value_or(1),
        .company = member->place,
    };
    search::Arm script;
    script.name = "script";
    script.proposer = member->proposer.get();
    parts.arms.push_back(script);
    parts.scope.mutable_files = {"x"};
    parts.observers.push_back(
        [this, place = member->place, &turnstile](
            const search::State& state, const search::Record& record) {
          place->Observe(state, record);
          Watch(place, state, turnstile);
        });
    member->search = std::make_unique<search::Search>(std::move(parts));
    REQUIRE(member->search->Recover().has_value());
    search::Search::Beginning beginning;
    beginning.started.run = fmt::format("{}-{}", arm.name, seed);
    beginning.started.spec_json = loaded.merged_json;
    beginning.started.base = base_;
    beginning.started.seed = seed;
    beginning.started.study = "study";
    beginning.base_tree = *repository_.TreeOf(base_, {});
    for (int i = 0; i < 5; ++i) {
      eval::Sample sample;
      sample.phase = SamplePhase::kBaseline;
      sample.index = i;
      sample.metrics["cost"] = 100;
      beginning.baseline.push_back(sample);
    }
    REQUIRE(member->search->Begin(std::move(beginning)).has_value());
    return member;
  }

  spec::Loaded SpecOf(const spec::StudyArm& arm, int seed) {
    std::vector<spec::Override> overrides(arm.keys.begin(), arm.keys.end());
    overrides.emplace_back("search.seed", std::to_string(seed));
    const bool nodes = study_.equalize == spec::Equalize::kNodes;
    overrides.emplace_back(
        "budget.max_nodes",
        nodes ? fmt::format("{}", study_.total) : std::string("null"));
    Result<spec::Loaded> loaded = spec::ParseSpec(
        "name: world\ngoal: x\nscope: {mutable: [x]}\nevaluation: measure\n"
        "metric: {name: cost, direction: minimize}\n"
        "proposers: [{command: script}]\n"
        "budget: {max_hours: null, max_cost_usd: null, plateau_nodes: null}\n",
        "world.yaml", overrides);
    REQUIRE_MESSAGE(loaded.has_value(), loaded.error().Text());
    return *loaded;
  }

  void Watch(study::Turnstile::Place* place, const search::State& state,
             study::Turnstile& turnstile) {
    std::map<study::Turnstile::Place*, int>& finished = finished_[&turnstile];
    finished[place] = state.Used(state.last_at()).finished;
    if (finished.size() < study_.arms.size()) return;
    for (const auto& [other, count] : finished) {
      if (count >= static_cast<int>(study_.total)) continue;  // it has ended
      drift = std::max(drift, finished[place] - count);
    }
  }

  spec::Study study_;
  FakeRepository repository_;
  ObjectId base_;
  std::map<study::Turnstile*, std::map<study::Turnstile::Place*, int>>
      finished_;
};

constexpr const char* kHead =
    "name: study\nspec: coppice.yaml\nmax_cost_usd: 0\n";

}  // namespace

TEST_CASE("AC-16 twenty seeds find the better split, at equal budgets") {
  World world(StudyOf(std::string(kHead) +
                      "total: 40\nseeds: 20\nremeasure: 2\narms:\n"
                      "  - {name: 1x40, policy: linear, chains: 1}\n"
                      "  - {name: 5x8, policy: linear, chains: 5}\n"
                      "  - {name: 40x1, policy: best_of_n}\n"));
  const Comparison found = world.Run();
  REQUIRE(found.searches.size() == 60);
  for (const study::SearchFacts& search : found.searches) {
    CHECK(search.used.nodes == 40);
    CHECK(search.fresh.size() == 2);
  }
  REQUIRE(found.differences.size() == 3);
  for (const study::Difference& d : found.differences) {
    CAPTURE(found.arms[d.a].name);
    CAPTURE(found.arms[d.b].name);
    CHECK(d.paired.mean > 0);
    CHECK(d.paired.interval.low > 0);
    CHECK(d.holm_p < .05);
  }
  CHECK(found.Ranking() == std::vector<std::size_t>{0, 1, 2});
  CHECK(study::Verdicts(found).front() ==
        "1x40 is better than every other arm (20 seeds)");
  // Nobody was ever ahead by more than an attempt and what was being measured.
  CHECK(world.drift >= 1);
  CHECK(world.drift <= 1 + world.seats);
  // Five chains of one arm tell what fewer of them would have come to.
  const std::vector<double>& best_of = found.arms[1].best_of;
  REQUIRE(best_of.size() == 5);
  CHECK(std::ranges::is_sorted(best_of, std::greater<>()));
  const std::string md = study::CompareMarkdown(found);
  CHECK(md.find("Held equal: nodes (40 for each search; used 40 to 40)") !=
        std::string::npos);
  CHECK(md == study::CompareMarkdown(world.Run()));
}

TEST_CASE("CMP-02 arms held equal in hours differ by less than an attempt") {
  World world(StudyOf(std::string(kHead) +
                      "equalize: hours\ntotal: 0.02\nseeds: 4\n"
                      "remeasure: 30\narms:\n"
                      "  - {name: chain, policy: linear}\n"
                      "  - {name: drafts, policy: best_of_n}\n"));
  const Comparison found = world.Run();
  for (const study::SearchFacts& search : found.searches) {
    CHECK(search.ended == "share");
    CHECK(search.used.hours >= .02);
    CHECK(search.used.hours < .02 + search.largest.hours);
  }
  const study::Spread used = study::SpreadOf(found, spec::Equalize::kHours);
  CHECK(used.greatest - used.least <
        study::UnitOf(found, spec::Equalize::kHours));
}

TEST_CASE("AC-38 what is in flight does not depend on the seats there are") {
  World world(StudyOf(std::string(kHead) +
                      "vary: parallel\ntotal: 64\nseeds: 8\nremeasure: 1\n"
                      "arms:\n"
                      "  - {name: one, evaluations: 1}\n"
                      "  - {name: sixteen, evaluations: 16}\n"));
  world.seats = 1;
  const Comparison found = world.Run();
  for (const study::SearchFacts& search : found.searches) {
    const bool wide = search.arm == "sixteen";
    CHECK(search.most_in_flight == (wide ? 15 : 0));
    if (wide) CHECK(search.mean_in_flight > 12);
  }
  double depth[2] = {0, 0};
  for (const study::SearchFacts& search : found.searches) {
    depth[search.arm == "one" ? 0 : 1] += search.winner_depth;
  }
  CHECK(depth[0] > depth[1]);
  CHECK(found.arms[0].mean < found.arms[1].mean);
}

TEST_CASE("a study that cannot tell says so, and what might") {
  Comparison facts;
  facts.study = StudyOf(std::string(kHead) +
                        "total: 10\nseeds: 3\narms:\n"
                        "  - {name: a, policy: linear}\n"
                        "  - {name: b, policy: ucb}\n");
  facts.metric = "<b>cost</b>|";
  const double values[2][3] = {{10, 12, 11}, {11, 11.5, 10.5}};
  for (int arm = 0; arm < 2; ++arm) {
    for (int seed = 0; seed < 3; ++seed) {
      study::SearchFacts search;
      search.arm = arm == 0 ? "a" : "b";
      search.seed = seed;
      search.value = values[arm][seed];
      search.curve = {{.best = 20}, {.nodes = 10, .best = values[arm][seed]}};
      search.used = search.curve.back();
      search.chain_bests = {values[arm][seed]};
      facts.searches.push_back(search);
    }
  }
  study::Conclude(facts);
  REQUIRE(facts.differences.size() == 1);
  CHECK_FALSE(facts.differences[0].paired.Decided());
  CHECK(study::Verdicts(facts)[1].find("3 seeds cannot tell these apart") !=
        std::string::npos);
  CHECK(study::Verdicts(facts)[0].starts_with("undecided"));
  CHECK(facts.arms[0].areas[0] == doctest::Approx(20));
  CHECK(study::CompareHtml(facts).find("<b>cost") == std::string::npos);
  CHECK(study::CompareMarkdown(facts).find("\\<b>cost\\</b>\\|") !=
        std::string::npos);
  // A seed that one arm has not finished counts for none.
  facts.searches.back().value.reset();
  study::Conclude(facts);
  CHECK(facts.arms[0].values.size() == 2);
}

}  // namespace coppice

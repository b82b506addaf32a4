#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "app/answering_models.h"
#include "app/model_world.h"
#include "support/cli.h"

// Studies whose arms ask models: what is held equal, who pays for what, and
// what a killed one has lost. The server keeps its own books.

namespace coppice {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Ran;
using testing::ReadFile;
using testing::Shell;
using testing::TinyRepo;

constexpr double kPerInput = 1e-6, kPerOutput = 10e-6;

class StudyRepo : public ModelRepo {
 public:
  // The latest study's directory; empty while there is none.
  fs::path Directory() const {
    const fs::path all = path() / ".git" / "coppice" / "compare";
    fs::path latest;
    if (!fs::exists(all)) return latest;
    for (const auto& entry : fs::directory_iterator(all)) {
      if (latest.empty() || entry.path() > latest) latest = entry.path();
    }
    return latest;
  }

  json Result() const {
    return json::parse(ReadFile(Directory() / "compare.json"));
  }

  // Runs that belong to a study.
  std::set<std::string> Runs() const {
    std::set<std::string> runs;
    for (const auto& entry :
         fs::directory_iterator(path() / ".git" / "coppice" / "tiny")) {
      if (fs::exists(entry.path() / "journal.db")) {
        runs.insert(entry.path().filename());
      }
    }
    return runs;
  }

  // A query on the journal of a run, a row an object.
  json Rows(const std::string& run, const std::string& query) const {
    const fs::path journal =
        path() / ".git" / "coppice" / "tiny" / run / "journal.db";
    const Ran ran = Shell(fmt::format("sqlite3 -readonly -json {} \"{}\"",
                                      journal.string(), query),
                          path(), env());
    REQUIRE_MESSAGE(ran.exit == 0, ran.err);
    return ran.out.empty() ? json::array() : json::parse(ran.out);
  }
  double Number(const std::string& run, const std::string& query) const {
    const json value = Rows(run, query).at(0).begin().value();
    return value.is_null() ? 0 : value.get<double>();
  }

  // All calls of a run, answered or not, in order.
  json Calls(const std::string& run) const {
    return Rows(
        run,
        "select a.attempt, json_extract(a.body,'$.turn') turn, "
        "json_extract(a.body,'$.reserve_usd') reserve_usd, "
        "json_extract(a.body,'$.reserve_tokens') reserve_tokens, "
        "json_extract(b.body,'$.stop') stop, "
        "json_extract(b.body,'$.usd') usd, "
        "json_extract(b.body,'$.usage.input') + "
        "json_extract(b.body,'$.usage.output') tokens, "
        "json_extract(b.body,'$.request_id') id from events a left join "
        "events b on b.kind='answered' and b.attempt=a.attempt and "
        "json_extract(b.body,'$.turn')=json_extract(a.body,'$.turn') where "
        "a.kind='asked' and a.attempt>0 order by a.seq");
  }
};

// What a search paid by the books of the server.
struct Paid {
  std::int64_t tokens = 0;
  double usd = 0;
  double reserve_usd = 0;  // the most of a call
  std::int64_t reserve_tokens = 0;
  std::set<std::string> ids;
};

Paid PaidBy(const StudyRepo& repo, const std::string& run,
            const AnsweringModels& models) {
  const auto books = models.Books();
  Paid paid;
  for (const json& call : repo.Calls(run)) {
    CAPTURE(call.dump());
    REQUIRE(call["stop"] == "complete");
    const std::string id = call["id"];
    REQUIRE(books.contains(id));
    const AnsweringModels::Entry& entry = books.at(id);
    CHECK(paid.ids.insert(id).second);  // nobody pays for one answer twice
    paid.tokens += entry.input + entry.output;
    paid.usd += entry.price * (static_cast<double>(entry.input) * kPerInput +
                               static_cast<double>(entry.output) * kPerOutput);
    paid.reserve_usd =
        std::max(paid.reserve_usd, call["reserve_usd"].get<double>());
    paid.reserve_tokens = std::max(paid.reserve_tokens,
                                   call["reserve_tokens"].get<std::int64_t>());
  }
  return paid;
}

std::string Model(const AnsweringModels& models, const std::string& name,
                  int price = 1) {
  return ModelArm("local/" + name, models.Url(),
                  fmt::format("max_output_tokens: 100, price: {{input: {}, "
                              "output: {}}}",
                              price, 10 * price));
}

// How far apart the searches of each seed are.
double Apart(const json& result, const char* resource) {
  double apart = 0;
  for (int seed = 0; seed < result["seeds"]; ++seed) {
    double least = 1e300, most = 0;
    for (const json& search : result["searches"]) {
      if (search["seed"] != seed) continue;
      least = std::min(least, search[resource].get<double>());
      most = std::max(most, search[resource].get<double>());
    }
    apart = std::max(apart, most - least);
  }
  return apart;
}

constexpr const char* kOneByOne = "parallel: {evaluations: 1, requests: 1}\n";

}  // namespace

TEST_CASE("CMP-02 arms of unequal prices cost alike, to less than a call") {
  AnsweringModels models({{"small", {.output = 40}},
                          {"large", {.output = 90, .price = 2}},
                          {"clumsy", {.output = 40, .stutters = true}}});
  StudyRepo repo;
  repo.Spec(Model(models, "small"), 2, kOneByOne);
  const std::string arms = fmt::format(
      "  - {{name: small, proposers: {}}}\n"
      "  - {{name: large, proposers: {}}}\n"
      "  - {{name: clumsy, proposers: {}}}\n",
      Model(models, "small"), Model(models, "large", 2),
      Model(models, "clumsy"));
  repo.Write("prices.yaml",
             "name: prices\nspec: coppice.yaml\nequalize: cost\ntotal: 0.04\n"
             "seeds: 2\nremeasure: 2\nvary: proposers\narms:\n" +
                 arms);
  const Ran ran = repo.Coppice("compare prices.yaml");
  CAPTURE(ran.err);
  CAPTURE(ran.out);
  REQUIRE(ran.exit == 0);
  const json result = repo.Result();
  REQUIRE(result["searches"].size() == 6);
  std::set<std::string> paid_for;
  std::map<std::string, int> nodes;
  double unit = 0;
  for (const json& search : result["searches"]) {
    CAPTURE(search.dump());
    const Paid paid = PaidBy(repo, search["run"], models);
    CHECK(search["cost_usd"].get<double>() == doctest::Approx(paid.usd));
    CHECK(search["tokens"] == paid.tokens);
    CHECK(search["ended"] == "max_cost_usd");
    CHECK(search["cost_usd"].get<double>() <= 0.04);
    CHECK(search["cost_usd"].get<double>() > 0.04 - paid.reserve_usd);
    unit = std::max(unit, paid.reserve_usd);
    paid_for.insert(paid.ids.begin(), paid.ids.end());
    nodes[search["arm"]] += search["nodes"].get<int>();
  }
  CHECK(result["unit"].get<double>() == doctest::Approx(unit));
  CHECK(Apart(result, "cost_usd") < unit);
  // What was asked was paid for, and the arms did not share anything.
  CHECK(paid_for.size() == models.Books().size());
  CHECK(nodes["small"] > 1.5 * nodes["large"]);
  CHECK(nodes["small"] > 1.5 * nodes["clumsy"]);
  const std::string md = ReadFile(repo.Directory() / "compare.md");
  CHECK(md.find("Held equal: cost (0.04 USD for each search; used 0.03") !=
        std::string::npos);
  CHECK(md.find("Not equal in the end") == std::string::npos);
}

TEST_CASE("CMP-02 arms that share answers use tokens alike, and each pays") {
  AnsweringModels models({{"qwen", {.output = 50}}});
  StudyRepo repo;
  repo.Spec(Model(models, "qwen"), 2, kOneByOne);
  // Alike until the third attempt; then one drafts on, the other improves, and
  // its prompts are longer.
  repo.Write("prefix.yaml",
             "name: prefix\nspec: coppice.yaml\nequalize: tokens\n"
             "total: 40000\nseeds: 2\nremeasure: 1\nmax_cost_usd: 1\narms:\n"
             "  - {name: three, policy: greedy, num_drafts: 3}\n"
             "  - {name: many, policy: greedy, num_drafts: 100}\n");
  const Ran ran = repo.Coppice("compare prefix.yaml");
  CAPTURE(ran.err);
  CAPTURE(ran.out);
  REQUIRE(ran.exit == 0);
  const json result = repo.Result();
  std::map<std::string, int> payers;
  std::int64_t unit = 0;
  for (const json& search : result["searches"]) {
    CAPTURE(search.dump());
    const Paid paid = PaidBy(repo, search["run"], models);
    CHECK(search["tokens"] == paid.tokens);
    CHECK(search["cost_usd"].get<double>() == doctest::Approx(paid.usd));
    CHECK(paid.tokens <= 40000);
    CHECK(paid.tokens > 40000 - paid.reserve_tokens);
    unit = std::max(unit, paid.reserve_tokens);
    for (const std::string& id : paid.ids) ++payers[id];
  }
  CHECK(result["unit"] == unit);
  CHECK(Apart(result, "tokens") < static_cast<double>(unit));
  // Every request has somebody who paid for it, those of a prefix have two.
  CHECK(payers.size() == models.Books().size());
  const auto shared = std::ranges::count_if(
      payers, [](const auto& one) { return one.second == 2; });
  CHECK(shared >= 2 * 3);
}

TEST_CASE("CMP-02 a slow proposer gets the hours of a quick one") {
  AnsweringModels models(
      {{"quick", {.pause_ms = 20}}, {"slow", {.pause_ms = 120}}});
  StudyRepo repo;
  // Contenders meet the best in two pairs; its samples are work of the search.
  repo.Write("coppice.yaml",
             testing::TinySpec(
                 std::string("evaluation: {command: sh measure.sh, repeats: 2}"
                             "\nchecks: [sh check.sh]\n") +
                     kOneByOne,
                 "proposers: " + Model(models, "quick") + "\n"));
  repo.Commit("spec");
  repo.Write(
      "hours.yaml",
      fmt::format("name: hours\nspec: coppice.yaml\nequalize: hours\n"
                  "total: {}\nseeds: 2\nremeasure: 4\nmax_cost_usd: 10\n"
                  "vary: proposers\narms:\n"
                  "  - {{name: quick, proposers: {}}}\n"
                  "  - {{name: slow, proposers: {}}}\n",
                  0.8 / 3600, Model(models, "quick"), Model(models, "slow")));
  const Ran ran = repo.Coppice("compare hours.yaml");
  CAPTURE(ran.err);
  CAPTURE(ran.out);
  REQUIRE(ran.exit == 0);
  const json result = repo.Result();
  std::map<std::string, int> nodes;
  for (const json& search : result["searches"]) {
    CAPTURE(search.dump());
    const std::string run = search["run"];
    // What stands in the journal between the baseline and the end.
    const double asked =
        repo.Number(run,
                    "select sum(json_extract(body,'$.ms')) from events where "
                    "kind='answered'");
    const double measured = repo.Number(
        run,
        "select sum(json_extract(body,'$.ms')) from events where "
        "kind='sampled' and json_extract(body,'$.phase')!='baseline' and seq < "
        "(select max(seq) from events where kind='stopped')");
    const double prepared =
        repo.Number(run,
                    "select 1000*sum(json_extract(body,'$.seconds.build') + "
                    "json_extract(body,'$.seconds.checks')) from events where "
                    "kind='evaluated' and attempt>0");
    CHECK(search["hours"].get<double>() * 3.6e6 ==
          doctest::Approx(asked + measured + prepared));
    CHECK(repo.Number(run,
                      "select count(*) from events where kind='sampled' and "
                      "json_extract(body,'$.versus') is not null") > 0);
    CHECK(search["fresh"].size() == 4);
    CHECK(search["ended"] == "share");
    nodes[search["arm"]] += search["nodes"].get<int>();
  }
  CHECK(Apart(result, "hours") < result["unit"].get<double>());
  CHECK(nodes["quick"] > nodes["slow"]);
  const std::string md = ReadFile(repo.Directory() / "compare.md");
  CHECK(md.find("Held equal: hours of work (0.8s for each search; used ") !=
        std::string::npos);
}

namespace {

constexpr const char* kKilledStudy =
    "name: killed\nspec: coppice.yaml\ntotal: 10\nseeds: 2\nremeasure: 1\n"
    "max_cost_usd: 1\narms:\n"
    "  - {name: three, policy: greedy, num_drafts: 3}\n"
    "  - {name: many, policy: greedy, num_drafts: 100}\n";

// Slow to measure beside what the models take, so that nothing is asked ahead
// and an undisturbed study is the same every time; edits make seeds differ.
// Prices too small to be seen in a prompt: a charge for a lost call is.
void WriteKilledStudy(StudyRepo& repo, const AnsweringModels& models) {
  repo.Write("measure.sh", "sleep 0.2\nsed -n 's/^cost /cost: /p' app.txt\n");
  repo.Spec(fmt::format("[{{model: local/qwen, base_url: \"{}\", weight: 2, "
                        "max_output_tokens: 100, price: {{input: 0.001, "
                        "output: 0.01}}}}, {{edits: {{kinds: [number]}}}}]",
                        models.Url()),
            2, kOneByOne);
  repo.Write("killed.yaml", kKilledStudy);
}

// What must not depend on clocks, charges and who asked first.
json Searches(const json& result) {
  json kept = json::array();
  for (const json& s : result["searches"]) {
    kept.push_back({s["arm"], s["seed"], s["winner"], s["value"], s["fresh"],
                    s["nodes"], s["deepest"], s["drafts"], s["outcomes"],
                    s["winner_depth"], s["ended"]});
  }
  return kept;
}

constexpr const char* kSelected =
    "select count(*) from events where kind='selected'";
constexpr const char* kTwice =
    "select count(*) from (select 1 from events where kind in "
    "('selected','committed') group by kind, attempt having count(*)>1)";

// The process has ended, and waits to be asked how.
bool HasEnded(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info,
                WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

}  // namespace

TEST_CASE("a study killed in the midst of calls is the undisturbed one") {
  AnsweringModels models({{"qwen", {}}});
  StudyRepo calm;
  WriteKilledStudy(calm, models);
  const Ran undisturbed = calm.Coppice("compare killed.yaml");
  CAPTURE(undisturbed.err);
  REQUIRE(undisturbed.exit == 0);
  const int needed = models.asked();
  REQUIRE(needed >= 12);

  StudyRepo repo;
  WriteKilledStudy(repo, models);
  std::mt19937 random(20265);
  std::uniform_int_distribution<int> calls(1, needed / 6), wait(0, 700);
  int kills = 0;
  // In the midst of calls: before, in and after the answer in turns; and, every
  // fourth time, at a moment of chance.
  for (int i = 0; i < 6; ++i) {
    const bool chance = i % 4 == 3;
    if (!chance) models.Trap(models.asked() + calls(random), i % 3);
    const bool begun = fs::exists(repo.Directory() / "study.json");
    const pid_t pid = repo.Start(begun ? "compare killed.yaml --resume"
                                       : "compare killed.yaml");
    if (chance) SleepMs(wait(random));
    CHECK(Eventually(
        [&] { return chance || models.Trapped() || HasEnded(pid); }));
    kill(pid, SIGKILL);
    kills += TinyRepo::Wait(pid) == 128 + SIGKILL ? 1 : 0;
  }
  CHECK(kills == 6);
  const Ran last = repo.Coppice("compare killed.yaml --resume");
  CAPTURE(last.err);
  CAPTURE(last.out);
  REQUIRE(last.exit == 0);
  const json result = repo.Result(), wanted = calm.Result();
  CHECK(result["finished"] == true);
  CHECK(Searches(result) == Searches(wanted));

  // One run a cell, every attempt of it once.
  const std::set<std::string> runs = repo.Runs();
  CHECK(runs.size() == 4);
  const auto books = models.Books();
  std::set<std::string> paid_for;
  int lost = 0;
  for (std::size_t i = 0; i < result["searches"].size(); ++i) {
    const json& search = result["searches"][i];
    const std::string run = search["run"];
    CAPTURE(run);
    CHECK(runs.contains(run));
    CHECK(repo.Number(run, kSelected) == 10);
    CHECK(repo.Number(run, kTwice) == 0);
    std::int64_t tokens = 0;
    std::vector<int> answered;
    const json all = repo.Calls(run);
    for (const json& call : all) {
      CAPTURE(call.dump());
      tokens += call["tokens"].get<std::int64_t>();
      if (call["stop"] == "complete") {
        const std::string id = call["id"];
        REQUIRE(books.contains(id));
        CHECK(call["tokens"] == books.at(id).input + books.at(id).output);
        paid_for.insert(id);
        answered.push_back(call["attempt"]);
        continue;
      }
      // Charged as it was reserved, for nobody knows what became of it.
      CHECK(call["stop"] == "failed: interrupted");
      CHECK(call["tokens"] == call["reserve_tokens"]);
      CHECK(call["usd"] == call["reserve_usd"]);
      ++lost;
    }
    CHECK(search["tokens"] == tokens);
    // Repeated until there was an answer, and never after.
    std::vector<int> undisturbed_calls;
    for (const json& call : calm.Calls(wanted["searches"][i]["run"])) {
      undisturbed_calls.push_back(call["attempt"]);
    }
    CHECK(answered == undisturbed_calls);
  }
  CHECK(lost >= 3);
  // What one arm was told before is not asked again for the other.
  CHECK(static_cast<int>(paid_for.size()) == needed);
  // Nothing was asked but what was answered or lost.
  CHECK(models.asked() - needed <= static_cast<int>(paid_for.size()) + lost);
  CHECK(repo.Leftovers() == 0);
}

TEST_CASE("a study that runs out of money goes on alike with more") {
  AnsweringModels models({{"qwen", {}}});
  StudyRepo repo;
  repo.Spec(Model(models, "qwen"), 2, kOneByOne);
  auto write = [&](double usd) {
    repo.Write("money.yaml",
               fmt::format("name: money\nspec: coppice.yaml\ntotal: 10\n"
                           "seeds: 2\nremeasure: 1\nmax_cost_usd: {}\narms:\n"
                           "  - {{name: chain, policy: linear}}\n"
                           "  - {{name: drafts, policy: best_of_n}}\n",
                           usd));
  };
  write(0.012);  // less than one search of the four takes
  const Ran poor = repo.Coppice("compare money.yaml");
  CAPTURE(poor.err);
  CHECK(poor.exit == 5);
  CHECK(Says(poor, "raise max_cost_usd in the file"));
  double spent = 0;
  const json before = repo.Result();
  for (const json& search : before["searches"]) {
    spent += search["cost_usd"].get<double>();
  }
  CHECK(spent <= 0.012);
  CHECK(spent > 0.006);

  write(1);
  const Ran rich = repo.Coppice("compare money.yaml --resume");
  CAPTURE(rich.err);
  CAPTURE(rich.out);
  REQUIRE(rich.exit == 0);
  const json after = repo.Result();
  for (const json& search : after["searches"]) {
    CAPTURE(search.dump());
    CHECK(search["nodes"] == 10);
    CHECK(search["ended"] == "max_nodes");
    CHECK(search["cost_usd"].get<double>() > 0.012);
  }
}

}  // namespace coppice

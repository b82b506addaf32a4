#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "search/ucb.h"
#include "study/ideas.h"
#include "study/simulate.h"

// Searches in virtual time: how fast, how large, how busy their slots are; and
// the constants and ideas that no spec names, against the default.
//
//   coppice_bench_study                            speed, memory, slots
//   coppice_bench_study constants|ideas [--nodes N] [--noise S] [--seeds N]
//     [--seed FIRST] [--only TEXT]

namespace coppice::bench {
namespace {

using study::Landscape;
using study::Simulated;
using study::SimulationOptions;

double Now() {
  static const std::unique_ptr<Clock> clock = MakeRealClock();
  return std::chrono::duration<double>(clock->Now().since_start).count();
}

double PeakMegabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

SimulationOptions Options(const std::string& policy, int nodes, int workers) {
  SimulationOptions options;
  options.landscape = *study::FindLandscape("tunnel");
  options.spec.search.policy = policy;
  options.spec.metric.direction = spec::Direction::kMaximize;
  options.nodes = nodes;
  options.workers = workers;
  options.noise = .05;
  return options;
}

double Seconds(const SimulationOptions& options) {
  const double begin = Now();
  const Simulated run = study::Simulate(options);
  const double seconds = Now() - begin;
  if (run.progress.size() != static_cast<std::size_t>(options.nodes)) {
    fmt::print("a search ended early: {} of {}\n", run.progress.size(),
               options.nodes);
  }
  return seconds;
}

// Everything a node costs in simulation: select, record, and the landscape.
void MeasureSpeed() {
  fmt::print("{:10} {:>14} {:>14} {:>8} {:>22}\n", "policy", "us/node, 10^3",
             "us/node, 10^5", "ratio", "10^5 with 256 workers");
  for (const char* policy : {"ucb", "beam", "greedy", "linear", "best_of_n",
                             "rank", "uct", "puct", "abmcts"}) {
    SimulationOptions options = Options(policy, 1000, 256);
    if (!search::MakePolicy(options.spec)) continue;
    double small = 0;
    constexpr int kRounds = 20;
    for (int i = 0; i < kRounds; ++i) {
      options.seed = static_cast<std::uint64_t>(i);
      small += Seconds(options) / kRounds;
    }
    options.nodes = 100'000;
    const double large = Seconds(options);
    fmt::print("{:10} {:14.2f} {:14.2f} {:8.2f} {:20.2f} s\n", policy,
               small / 1e3 * 1e6, large / 1e5 * 1e6, large / 100 / small,
               large);
    std::fflush(stdout);
  }
}

void MeasureSlots() {
  fmt::print("slots, lognormal(.5) with 3 % stragglers of 8 times\n");
  Landscape landscape = **study::FindLandscape("tunnel");
  landscape.duplicates = 0;  // which would leave slots to nobody
  for (const int slots : {16, 256}) {
    for (const double proposing : {0., .5, 2.}) {
      for (const double slack : {0., 1.}) {
        if (proposing == 0 && slack > 0) continue;
        SimulationOptions options = Options("ucb", 100 * slots, slots);
        options.landscape = &landscape;
        options.proposing = proposing;
        options.requests = 4 * slots;
        options.slack = slack;
        const Simulated run = study::Simulate(options);
        fmt::print(
            "{:4} slots, proposals {:3.1f} evaluations long{}: busy {:5.1f} % "
            "until the last selection, {:5.1f} % to the end\n",
            slots, proposing,
            proposing == 0 ? ""
            : slack > 0    ? ", as the search runs ahead"
                           : ", none more than the mean",
            100 * run.busy_while_selecting / (slots * run.last_selection),
            100 * run.evaluating / (slots * run.time()));
      }
    }
  }
  fmt::print("\n");
}

void MeasureMemory() {
  SimulationOptions options = Options("ucb", 1'000'000, 256);
  const double seconds = Seconds(options);
  fmt::print("10^6 nodes with ucb: {:.1f} s, peak {:.0f} MB\n", seconds,
             PeakMegabytes());
}

struct Flags {
  int nodes = 300;
  double noise = .05;
  int seeds = 400;
  int first_seed = 0;
  std::string only;  // rows whose name holds this, beside the default
};

study::Question QuestionOf(const Flags& flags) {
  study::Question question;
  question.nodes = flags.nodes;
  question.noise = flags.noise;
  question.seeds = flags.seeds;
  question.first_seed = static_cast<std::uint64_t>(flags.first_seed);
  for (const Landscape& landscape : study::Landscapes()) {
    if (!landscape.trap && landscape.name != "needle") {
      question.landscapes.push_back(landscape);
    }
  }
  question.contenders.push_back({.name = "ucb"});
  return question;
}

void PrintAnswer(const study::Question& question) {
  const study::Answer answer = study::Ask(question);
  const auto standings = study::Summarise(question, answer);
  fmt::print(
      "{} attempts, noise {}, {} seeds from {}; percent of the best row\n{:28}"
      "{:>8} {:>25}",
      question.nodes, question.noise, question.seeds, question.first_seed, "",
      "score", "against ucb");
  for (const Landscape& l : question.landscapes) {
    fmt::print(" {:>6.6}", l.name);
  }
  fmt::print("\n");
  for (std::size_t i = 0; i < standings.size(); ++i) {
    const study::PairedDifference& d = standings[i].to_first;
    fmt::print("{:28} {:7.1f} {:+7.1f} [{:+5.1f}, {:+5.1f}]{:3}",
               question.contenders[i].name, standings[i].mean, d.mean,
               d.interval.low, d.interval.high, d.Decided() ? "" : " ?");
    for (const study::Cell& cell : answer.cells[i]) {
      fmt::print(" {:6.3f}", study::Mean(cell.truth));
    }
    fmt::print("\n");
  }
}

void CompareConstants(const Flags& flags) {
  study::Question question = QuestionOf(flags);
  auto add = [&question](std::string name, auto change) {
    search::UcbOptions options =
        search::UcbOptionsOf(question.contenders.front().search);
    change(options);
    question.contenders.push_back(
        {.name = std::move(name), .policy = [options](const spec::Spec& spec) {
           return search::MakeUcb(spec, options);
         }});
  };
  add("floor off, widening 1.5",
      [](auto& o) { o.floor = false, o.widening = 1.5; });
  add("floor off, widening .7", [](auto& o) { o.floor = false; });
  add("C 1 throughout", [](auto& o) { o.restless = 1; });
  add("C 3 throughout", [](auto& o) { o.calm = o.restless = 3; });
  add("C 5 throughout", [](auto& o) { o.calm = o.restless = 5; });
  add("C 1 to 3", [](auto& o) { o.restless = 3; });
  add("C 1 to 8", [](auto& o) { o.restless = 8; });
  add("C .5 to 5", [](auto& o) { o.calm = .5; });
  add("C 2 to 5", [](auto& o) { o.calm = 2; });
  add("widening 0", [](auto& o) { o.widening = 0; });
  add("widening 1.5", [](auto& o) { o.widening = 1.5; });
  add("widening 2.5", [](auto& o) { o.widening = 2.5; });
  add("eps 0", [](auto& o) { o.eps = 0; });
  add("eps .03", [](auto& o) { o.eps = .03; });
  add("patience 8", [](auto& o) { o.patience = 8; });
  add("patience 30", [](auto& o) { o.patience = 30; });
  for (const auto& [name, change] :
       std::vector<std::pair<std::string, void (*)(spec::Search&)>>{
           {"no merges", [](spec::Search& s) { s.merge = 0; }},
           {"no restarts", [](spec::Search& s) { s.restart_after = 0; }},
           {"2 drafts", [](spec::Search& s) { s.num_drafts = 2; }},
           {"10 drafts", [](spec::Search& s) { s.num_drafts = 10; }}}) {
    study::Contender row = question.contenders.front();
    row.name = name;
    change(row.search);
    question.contenders.push_back(row);
  }
  question.contenders.push_back({.name = "bare", .bare = true});
  study::Contender smooth = question.contenders.front();
  smooth.name = "floor off";
  smooth.search.lineage_floor = false;
  question.contenders.push_back(smooth);
  smooth.name = "floor off, bare";
  smooth.bare = true;
  question.contenders.push_back(smooth);
  PrintAnswer(question);
}

void CompareIdeas(const Flags& flags) {
  study::Question question = QuestionOf(flags);
  for (const auto& [name, ideas] :
       std::vector<std::pair<std::string, study::Ideas>>{
           {"excursions 10 %, 6 steps", {.excursions = .1, .steps = 6}},
           {"excursions 25 %, 3 steps", {.excursions = .25, .steps = 3}},
           {"excursions 25 %, 6 steps", {.excursions = .25, .steps = 6}},
           {"excursions 25 %, 12 steps", {.excursions = .25, .steps = 12}},
           {"excursions 50 %, 6 steps", {.excursions = .5, .steps = 6}},
           {"breadth 25 %", {.breadth = .25}},
           {"breadth 50 %", {.breadth = .5}},
           {"breadth 100 %", {.breadth = 1}},
           {"both, 25 % each",
            {.excursions = .25, .steps = 6, .breadth = .25}}}) {
    if (name.find(flags.only) == std::string::npos) continue;
    question.contenders.push_back(
        {.name = name, .policy = [ideas](const spec::Spec& spec) {
           return study::MakeWithIdeas(spec, ideas);
         }});
  }
  PrintAnswer(question);
}

int Run(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "speed";
  Flags flags;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--nodes") flags.nodes = std::atoi(argv[i + 1]);
    if (flag == "--noise") flags.noise = std::atof(argv[i + 1]);
    if (flag == "--seeds") flags.seeds = std::atoi(argv[i + 1]);
    if (flag == "--seed") flags.first_seed = std::atoi(argv[i + 1]);
    if (flag == "--only") flags.only = argv[i + 1];
  }
  if (what == "constants") {
    CompareConstants(flags);
  } else if (what == "ideas") {
    CompareIdeas(flags);
  } else {
    MeasureSlots();
    MeasureSpeed();
    MeasureMemory();
  }
  return 0;
}

}  // namespace
}  // namespace coppice::bench

int main(int argc, char** argv) { return coppice::bench::Run(argc, argv); }

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <thread>

#include "eval/pinning.h"
#include "support/cli.h"

// How many evaluations at once are honest, as the built program finds out, and
// the locks that keep what is not honest apart. Measured in real time.

namespace coppice {
namespace {

using nlohmann::json;
using testing::Ran;
using testing::TinyRepo;

bool Says(const Ran& ran, const std::string& text) {
  return ran.err.find(text) != std::string::npos ||
         ran.out.find(text) != std::string::npos;
}

// Its locks are those of nobody else's tests.
struct ProbeRepo : TinyRepo {
  ProbeRepo() { env()["COPPICE_LOCK_DIR"] = path().parent_path() / "locks"; }

  void Spec(const std::string& rest) {
    Write("coppice.yaml",
          "name: tiny\ngoal: lower it\nscope: {mutable: [app.txt]}\n"
          "metric: {name: seconds, direction: minimize}\n"
          "proposers: [{command: sh propose.sh}]\n"
          "checks: [sh check.sh]\n" +
              rest);
    Commit("spec");
  }
  json Slots() {
    return json::parse(Read(".git/coppice/tiny/baseline.lock"))["slots"];
  }
};

// Prints how many of its kind run at this moment: a measurement that is slower
// the more there are, whatever the machine does meanwhile.
std::string CountingScript() {
  return fmt::format(
      "sleep 0.3{0} &\n"
      "sleep 0.15\n"
      "n=$(grep -las '0[.]3{0}' /proc/[0-9]*/cmdline | wc -l)\n"
      "wait\n"
      "echo seconds: $n\n",
      getpid());
}

struct Span {
  long long from = 0;
  long long to = 0;
  bool Overlaps(const Span& other) const {
    return from < other.to && other.from < to;
  }
};

// What the nodes of a run have logged.
std::string Logs(const std::filesystem::path& run) {
  std::string logs;
  if (!std::filesystem::exists(run / "nodes")) return logs;
  for (const auto& node : std::filesystem::directory_iterator(run / "nodes")) {
    const std::filesystem::path log = node.path() / "eval.log";
    if (std::filesystem::exists(log)) logs += testing::ReadFile(log);
  }
  return logs;
}

// Lines "span NAME FROM TO" that commands of a run have printed.
std::vector<Span> Spans(const std::filesystem::path& run,
                        const std::string& name) {
  const std::string logs = Logs(run);
  const std::regex line("span " + name + " (\\d+) (\\d+)");
  std::vector<Span> spans;
  for (std::sregex_iterator it(logs.begin(), logs.end(), line), end; it != end;
       ++it) {
    spans.push_back({std::stoll((*it)[1]), std::stoll((*it)[2])});
  }
  return spans;
}

std::string Timed(const std::string& name, const std::string& seconds) {
  return "from=$(date +%s%N); sleep " + seconds + "; echo span " + name +
         " $from $(date +%s%N)\n";
}

bool AnyOverlap(const std::vector<Span>& a, const std::vector<Span>& b) {
  return std::ranges::any_of(a, [&](const Span& one) {
    return std::ranges::any_of(b, [&](const Span& other) {
      return &one != &other && one.Overlaps(other);
    });
  });
}

}  // namespace

TEST_CASE("AC-27 an evaluator that slows under load gets one honest slot") {
  ProbeRepo repo;
  repo.Write("measure.sh", CountingScript());
  repo.Spec(
      "evaluation: {command: sh measure.sh, sandbox: none}\n"
      "budget: {max_nodes: 1, plateau_nodes: null}\n");
  const Ran check = repo.Coppice("check");
  CAPTURE(check.err);
  CAPTURE(check.out);
  REQUIRE(check.exit == 0);
  const json slots = repo.Slots();
  CAPTURE(slots.dump());
  CHECK(slots["tried"] == 4);
  CHECK(slots["honest"] == 1);
  CHECK(slots["times"] == true);
  REQUIRE(slots["loaded"].size() == 2);
  CHECK(slots["loaded"][0]["median"].get<double>() >
        1.5 * slots["solo"]["median"].get<double>());
  CHECK(Says(check, "slots      1 at a time"));

  const Ran run = repo.Coppice("--output plain run");
  CHECK_FALSE(Says(run, "at once ..."));  // what is known is not tried again
  CHECK(Says(run, "from baseline.lock"));
  const Ran status = repo.Coppice("--output json status");
  CHECK(json::parse(status.out)["slots"]["total"] == 1);

  const Ran more = repo.Coppice("run --dry-run --set parallel.evaluations=2");
  CAPTURE(more.err);
  CHECK(more.exit == 0);
  CHECK(Says(more,
             "parallel.evaluations: 2 is more than the 1 that a load probe "
             "found honest: seconds is "));
  CHECK(Says(more, "the lock cpu"));
}

TEST_CASE("AC-27 MC-41 an evaluator that only waits gets four") {
  ProbeRepo repo;
  repo.Write("measure.sh", "sleep 0.2\necho seconds: 0.2\n");
  repo.Spec(
      "evaluation: sh measure.sh\n"
      "budget: {max_nodes: 4, plateau_nodes: null}\n");
  Ran check;
  json slots;
  for (int attempt = 0; attempt < 2 && slots["honest"] != 4; ++attempt) {
    check = repo.Coppice("check");
    slots = repo.Slots();
  }
  CAPTURE(check.err);
  CAPTURE(slots.dump());
  CHECK(slots["tried"] == 4);
  CHECK(slots["honest"] == 4);
  CHECK(Says(check, "4 at once"));
  const Ran run = repo.Coppice("--output plain run");
  CHECK(Says(run, "4 at once"));
  const Ran status = repo.Coppice("--output json status");
  CHECK(json::parse(status.out)["slots"]["total"] == 4);
}

TEST_CASE(
    "MC-40 a program that needs the processors is not honest beside itself") {
  ProbeRepo repo;
  // Eight of them on each core: no noise of a busy machine hides that.
  const int many = 8 * static_cast<int>(eval::AllowedCores().size());
  repo.Write("measure.sh",
             "from=$(date +%s%N)\n"
             "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done\n"
             "to=$(date +%s%N)\n"
             "echo seconds: $(((to - from) / 1000000))\n");
  repo.Spec("evaluation: sh measure.sh\n");
  const Ran check = repo.Coppice(fmt::format("check --load {}", many));
  CAPTURE(check.err);
  CAPTURE(check.out);
  REQUIRE(check.exit == 0);
  const json slots = repo.Slots();
  CAPTURE(slots.dump());
  CHECK(slots["tried"] == many);
  CHECK(slots["honest"] < many);
  CHECK(slots["solo"]["median"].get<double>() > 0);
  CHECK(slots["loaded"][0]["at_once"] == many);
  CHECK(slots["loaded"][0]["median"].get<double>() >
        slots["solo"]["median"].get<double>());
  CHECK(slots["loaded"][0]["fault"] != "");
}

TEST_CASE("what fails only beside itself gets one slot, with the reason") {
  ProbeRepo repo;
  repo.Write("measure.sh", CountingScript() +
                               "test $n -eq 1 || { echo address in use >&2; "
                               "exit 1; }\n");
  repo.Spec("evaluation: {command: sh measure.sh, sandbox: none}\n");
  const Ran check = repo.Coppice("check --load 2");
  CAPTURE(check.err);
  CHECK(check.exit == 0);
  const json slots = repo.Slots();
  CAPTURE(slots.dump());
  CHECK(slots["tried"] == 2);
  CHECK(slots["honest"] == 1);
  const std::string fault = slots["loaded"][0]["fault"];
  CHECK(fault.find("failed with 2 at once") != std::string::npos);
  CHECK(fault.find("address in use") != std::string::npos);
}

TEST_CASE("MC-42 with the cpu lock no build or check overlaps a timed sample") {
  ProbeRepo repo;
  repo.Write("build.sh", Timed("build", "0.15"));
  repo.Write("check.sh", Timed("check", "0.1"));
  repo.Write("measure.sh", Timed("sample", "0.1") +
                               "sed -n 's/^cost /seconds: /p' app.txt\n");
  repo.Spec(
      "evaluation: {build: sh build.sh, command: sh measure.sh,"
      " exclusive: [cpu]}\n"
      "search: {policy: best_of_n}\n"
      "parallel: {evaluations: 3}\n"
      "budget: {max_nodes: 5, plateau_nodes: null}\n");
  repo.Write("propose.sh",
             "echo \"cost $(od -An -N2 -tu2 /dev/urandom)\" "
             "| tr -s ' ' >app.txt\n");
  repo.Commit("draw");
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  const auto dir = repo.RunDir();
  const std::vector<Span> samples = Spans(dir, "sample");
  const std::vector<Span> builds = Spans(dir, "build");
  const std::vector<Span> checks = Spans(dir, "check");
  CHECK(samples.size() >= 5);
  CHECK(builds.size() >= 5);
  CHECK_FALSE(AnyOverlap(samples, samples));
  CHECK_FALSE(AnyOverlap(samples, builds));
  CHECK_FALSE(AnyOverlap(samples, checks));
}

TEST_CASE(
    "MC-43 two runs with one named lock never measure together, and the "
    "lock of a killed one is free") {
  ProbeRepo first;
  ProbeRepo second;
  second.env()["COPPICE_LOCK_DIR"] = first.env().at("COPPICE_LOCK_DIR");
  for (ProbeRepo* repo : {&first, &second}) {
    repo->Write("measure.sh", Timed("sample", "0.2") +
                                  "sed -n 's/^cost /seconds: /p' app.txt\n");
    repo->Spec(
        "evaluation: {command: sh measure.sh, exclusive: [db]}\n"
        "budget: {max_nodes: 60, plateau_nodes: null}\n");
    REQUIRE(repo->Coppice("check").exit == 0);
  }
  const pid_t a = first.Start("--output plain run");
  const pid_t b = second.Start("--output plain run");
  // Until both have measured something.
  for (int i = 0; i < 200; ++i) {
    if (Spans(first.RunDir(), "sample").size() > 2 &&
        Spans(second.RunDir(), "sample").size() > 2) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  bool shown = false;
  for (int i = 0; i < 20 && !shown; ++i) {
    shown = Says(first.Coppice("status"), "db: held by run ");
  }
  CHECK(shown);
  kill(a, SIGKILL);
  TinyRepo::Wait(a);
  const std::size_t before = Spans(second.RunDir(), "sample").size();
  std::size_t after = before;
  for (int i = 0; i < 70 && after < before + 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    after = Spans(second.RunDir(), "sample").size();
  }
  CHECK(after >= before + 2);
  kill(b, SIGKILL);
  TinyRepo::Wait(b);
  const std::vector<Span> one = Spans(first.RunDir(), "sample");
  const std::vector<Span> other = Spans(second.RunDir(), "sample");
  CHECK(one.size() > 2);
  CHECK(other.size() > 4);
  CHECK_FALSE(AnyOverlap(one, other));
}

TEST_CASE("MC-44 inside a sample the allowed cores are those of its slot") {
  ProbeRepo repo;
  repo.Write("measure.sh",
             "echo slot $COPPICE_SLOT $(sed -n "
             "'s/^Cpus_allowed_list:[^0-9]*/on /p' /proc/self/status)\n"
             "sed -n 's/^cost /seconds: /p' app.txt\n");
  repo.Spec(
      "evaluation: {command: sh measure.sh, limits: {cpus: 1}}\n"
      "parallel: {evaluations: 2}\n"
      "budget: {max_nodes: 4, plateau_nodes: null}\n");
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.err);
  const std::vector<int> cores =
      eval::CoresForEvaluation(eval::AllowedCores(), "/");
  // The probe's two sessions are in there as well.
  const std::string logs =
      Logs(repo.RunDir()) + Logs(repo.path() / ".git/coppice/tiny/check");
  const std::regex line("slot (\\d+) on (\\S+)");
  std::set<int> slots;
  for (std::sregex_iterator it(logs.begin(), logs.end(), line), end; it != end;
       ++it) {
    const int slot = std::stoi((*it)[1]);
    slots.insert(slot);
    const std::vector<int> mine = eval::CoresOfSlot(cores, slot, 1);
    CHECK((*it)[2] == std::to_string(mine.front()));
  }
  CHECK(slots.contains(0));
  CHECK(slots.contains(1));
}

TEST_CASE(
    "MC-56 a base that measures otherwise in a clean checkout is refused") {
  ProbeRepo repo;
  repo.Write(".gitignore", "build/\n");
  repo.Write("build.sh", "mkdir -p build && touch build/object\n");
  repo.Write("measure.sh",
             "if [ -e build/cache ]; then echo seconds: 50; exit; fi\n"
             "echo answer >build/cache\n"
             "echo seconds: 100\n");
  repo.Spec(
      "evaluation: {build: sh build.sh, command: sh measure.sh}\n"
      "parallel: {evaluations: 1}\n");
  const Ran check = repo.Coppice("check");
  CHECK(check.exit == 2);
  CAPTURE(check.err);
  CHECK(Says(check,
             "seconds = 50 in a slot that was used before and 100 in a "
             "clean checkout"));
  CHECK(Says(check, "build/"));
  CHECK(Says(check, "evaluation.keep"));

  SUBCASE("a build that leaves files which do not matter is fine") {
    repo.Write("measure.sh", "test -e build/object && echo seconds: 7\n");
    repo.Commit("honest");
    const Ran good = repo.Coppice("check");
    CAPTURE(good.err);
    CHECK(good.exit == 0);
    CHECK(Says(good, "clean      7 without what a build left (build/)"));
  }
}

TEST_CASE("check warns of what evaluations would share, with the key to set") {
  ProbeRepo repo;
  repo.Write("measure.sh",
             "true || curl http://localhost:8080/\n"
             "true || docker compose up -d\n"
             "sed -n 's/^cost /seconds: /p' app.txt\n");
  repo.Spec(
      "evaluation: {command: sh measure.sh, network: true}\n"
      "parallel: {evaluations: 1}\n");
  const Ran check = repo.Coppice("check");
  CAPTURE(check.err);
  CHECK(check.exit == 0);
  CHECK(Says(check, "measure.sh:1 uses the fixed port 8080"));
  CHECK(Says(check, "measure.sh:2 uses docker compose"));
  CHECK(Says(check, "exclusive: [docker]"));
}

}  // namespace coppice

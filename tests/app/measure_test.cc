#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "support/cli.h"

// Measurement through the whole program: what is believed, what is not.

namespace coppice {
namespace {

using testing::Ran;
using testing::TinyRepo;
using testing::TinySpec;

constexpr const char* kFew =
    "budget: {max_nodes: 6, plateau_nodes: null}\n"
    "search: {policy: linear, merge: 0}\n";

bool Says(const Ran& ran, const std::string& text) {
  return (ran.out + ran.err).find(text) != std::string::npos;
}

// One command proposer a text, each drafting once.
std::string OneEach(TinyRepo& repo, const std::vector<std::string>& texts) {
  std::string proposers = "proposers:\n";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    repo.Write(fmt::format("p{}.sh", i),
               "cat >app.txt <<'X'\n" + texts[i] + "\nX\n");
    proposers += fmt::format("  - {{command: sh p{}.sh}}\n", i);
  }
  return proposers;
}

std::string Outcomes(TinyRepo& repo) {
  return repo.Sql(
      "select group_concat(o, ' ') from (select json_extract(body, "
      "'$.outcome') o from events where kind='evaluated' and attempt>0 order "
      "by attempt)");
}

}  // namespace

TEST_CASE(
    "AC-41 what cannot be is an error, what is too good has to show it again "
    "in a clean checkout") {
  TinyRepo repo;
  repo.Write(".gitignore", "left\n");
  const std::string proposers = OneEach(repo, {"cost -5", "cost 4"});
  repo.Write("coppice.yaml",
             "name: tiny\ngoal: lower the cost\n"
             "scope: {mutable: [app.txt]}\n"
             "metric: {name: cost, direction: minimize, range: [0, 1000]}\n" +
                 proposers +
                 "evaluation: {command: sh measure.sh, build: date > left}\n"
                 "search: {policy: best_of_n}\n"
                 "budget: {max_nodes: 2, plateau_nodes: null}\n");
  repo.Commit("spec");
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.out);
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  CHECK(Outcomes(repo) == "metric_error improved");
  CHECK(repo.Sql("select body from events where kind='evaluated' and "
                 "attempt=1")
            .find("implausible") != std::string::npos);
  CHECK(repo.Sql("select body from events where kind='evaluated' and "
                 "attempt=2")
            .find("suspicious") != std::string::npos);
  CHECK(repo.Coppice("report").out.find("suspicious") != std::string::npos);
}

TEST_CASE(
    "MC-11 MC-53 MC-57 what a better number has cost is named, with the rule "
    "and the log") {
  TinyRepo repo;
  repo.Write("app.txt", "cost 100\nmb 10\nok\n");
  repo.Write("measure.sh", "sed -n 's/^\\(cost\\|mb\\) /\\1: /p' app.txt\n");
  const std::string proposers =
      OneEach(repo, {"cost 50\nmb 10", "cost 60\nmb 30\nok", "cost 70\nok",
                     "cost 80\nmb 10\nok"});
  repo.Write("coppice.yaml",
             "name: tiny\ngoal: lower the cost\n"
             "scope: {mutable: [app.txt]}\n"
             "metric: {name: cost, direction: minimize,\n"
             "  guards: [{name: mb, direction: minimize, "
             "max_regression: 50%}]}\n" +
                 proposers +
                 "checks: [grep -q ok app.txt]\n"
                 "evaluation: {command: sh measure.sh}\n"
                 "search: {policy: best_of_n}\n"
                 "parallel: {evaluations: 1}\n"
                 "budget: {max_nodes: 4, plateau_nodes: null}\n");
  repo.Commit("spec");
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.out);
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  CHECK(Outcomes(repo) == "checks_failed degenerate metric_error improved");
  auto reason = [&](int attempt) {
    return repo.Sql(
        fmt::format("select json_extract(body,'$.reason') from events where "
                    "kind='evaluated' and attempt={}",
                    attempt));
  };
  CHECK(reason(1).find("grep -q ok app.txt: exit 1") != std::string::npos);
  CHECK(reason(2).find("guard mb: 30 <= 15 fails") != std::string::npos);
  CHECK(reason(3).find("mb") != std::string::npos);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    CAPTURE(attempt);
    const std::string log = repo.Sql(
        fmt::format("select json_extract(body,'$.log') from events where "
                    "kind='evaluated' and attempt={}",
                    attempt));
    CHECK(std::filesystem::exists(repo.RunDir() / log));
  }
}

TEST_CASE(
    "AC-43 ten gigabytes of data and a slow build cost a node neither a copy "
    "nor a whole build") {
  TinyRepo repo;
  namespace fs = std::filesystem;
  repo.Write(".gitignore", "data.bin\n*.o\nprogram\n");
  repo.Write("data.bin", "head");
  fs::resize_file(repo.path() / "data.bin", std::uintmax_t{10} << 30);
  repo.Write("slow.c", "int slow(void) { return 1; }\n");
  repo.Write("app.c",
             "#include <stdio.h>\nint slow(void);\nint main(void) {"
             " printf(\"cost: %d\\n\", 100 * slow()); }\n");
  repo.Write("Makefile",
             "program: slow.o app.o\n\t$(CC) -o $@ slow.o app.o\n"
             "slow.o: slow.c\n\techo compiling slow; sleep 1; $(CC) -c slow.c\n"
             "app.o: app.c\n\techo compiling app; $(CC) -c app.c\n");
  repo.Write("propose.sh",
             "sed -i 's/98/97/; s/99/98/; s/100/99/' app.c\n"
             "date '+/* %N */' >> app.c\n");
  repo.Write("coppice.yaml",
             "name: tiny\ngoal: lower the cost\n"
             "scope: {mutable: [app.c]}\n"
             "metric: {name: cost, direction: minimize}\n"
             "proposers: [{command: sh propose.sh}]\n"
             "evaluation: {build: make, copy: [data.bin],\n"
             "  command: test $(stat -c %s data.bin) = 10737418240 &&"
             " ./program}\n"
             "search: {policy: linear}\n"
             "budget: {max_nodes: 3, plateau_nodes: null}\n");
  repo.Commit("spec");
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.out);
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  for (int node = 1; node <= 3; ++node) {
    const fs::path log =
        repo.RunDir() / "nodes" / std::to_string(node) / "eval.log";
    REQUIRE(fs::exists(log));
    const std::string text = testing::ReadFile(log);
    CHECK(text.find("compiling app") != std::string::npos);
    CHECK(text.find("compiling slow") == std::string::npos);
  }
  // The data stands once below the cache, with its holes, and in no slot.
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(
           repo.cache(), fs::directory_options::skip_permission_denied)) {
    struct stat st{};
    if (lstat(entry.path().c_str(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
    bytes += static_cast<std::uintmax_t>(st.st_blocks) * 512;
  }
  CHECK(bytes < (std::uintmax_t{64} << 20));
}

TEST_CASE("MC-39 an evaluator that scores the size of a file is refused") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec("evaluation: \"echo cost: $(stat -c %s app.txt)\"\n"));
  repo.Commit("spec");
  CHECK(repo.Coppice("check").exit == 0);
  const Ran refused = repo.Coppice("check --null");
  CAPTURE(refused.out);
  CHECK(refused.exit == 2);
  CHECK(Says(refused, "app.txt emptied measures as an improvement"));
  CHECK(Says(refused, "check or a gate"));
}

TEST_CASE("a sound evaluator passes the null test, and the rate is printed") {
  TinyRepo repo;
  repo.Write("coppice.yaml", TinySpec("evaluation: sh measure.sh\n"));
  repo.Commit("spec");
  const Ran check = repo.Coppice("check --null");
  CAPTURE(check.out);
  CAPTURE(check.err);
  CHECK(check.exit == 0);
  CHECK(Says(check, "0 of 20 contests of the base with itself"));
  CHECK(Says(check, "app.txt emptied: metric_error"));
}

TEST_CASE("remeasure takes fresh samples in turns and shows what they change") {
  TinyRepo repo;
  repo.Write("coppice.yaml",
             TinySpec(std::string("evaluation: sh measure.sh\n") + kFew));
  repo.Commit("spec");
  REQUIRE(repo.Coppice("run").exit == 0);
  const std::string before =
      repo.Sql("select count(*) from events where kind='sampled'");
  const Ran ran = repo.Coppice("remeasure best base --samples 3");
  CAPTURE(ran.out);
  CAPTURE(ran.err);
  CHECK(ran.exit == 0);
  CHECK(Says(ran, "3 fresh samples"));
  CHECK(std::stoi(repo.Sql("select count(*) from events where "
                           "kind='sampled'")) == std::stoi(before) + 6);
  CHECK(repo.Coppice("status").exit == 0);
  CHECK(repo.Coppice("replay " + repo.RunDir().filename().string()).exit == 0);
  const std::string rows = repo.Sql("select count(*) from events");
  CHECK(repo.Coppice("remeasure 99").exit == 2);
  CHECK(repo.Coppice("remeasure best --holdout").exit == 2);
  CHECK(repo.Sql("select count(*) from events") == rows);
}

TEST_CASE(
    "AC-21 what memorises the training data is turned down by data that "
    "nobody has seen") {
  TinyRepo repo;
  repo.Write(".gitignore", "held.csv\n");
  repo.Write("held.csv", "7 canary-of-the-holdout\n");
  repo.Write("train.csv", "5\n");
  // The candidate is a script that guesses the number in a file; its error is
  // the metric.
  repo.Write("guess.sh", "n=$(cut -d' ' -f1 $1); echo $((n + 3))\n");
  repo.Write("score.sh",
             "n=$(cut -d' ' -f1 $1); g=$(sh guess.sh $1)\n"
             "echo error: $(( (g - n) * (g - n) ))\n");
  repo.Write("p0.sh",
             "cat > guess.sh <<'X'\n"
             "case $1 in train.csv) echo 5;; *) echo 99;; esac\nX\n"
             "cat held.csv 2>/dev/null; true\n");
  repo.Write("p1.sh",
             "echo 'n=$(cut -d\" \" -f1 $1); echo $((n + 1))' > guess.sh\n");
  repo.Write("coppice.yaml",
             "name: tiny\ngoal: guess well\n"
             "scope: {mutable: [guess.sh]}\n"
             "metric: {name: error, direction: minimize}\n"
             "proposers: [{command: sh p0.sh}, {command: sh p1.sh}]\n"
             "evaluation:\n"
             "  command: test ! -e held.csv && sh score.sh train.csv\n"
             "  repeats: 2\n"
             "  holdout: {command: sh score.sh held.csv, copy: [held.csv]}\n"
             "search: {policy: best_of_n}\n"
             "budget: {max_nodes: 2, plateau_nodes: null}\n");
  repo.Commit("spec");
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.out);
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  CHECK(Outcomes(repo) == "inconclusive improved");
  CHECK(Says(repo.Coppice("show 1"), "holdout worse"));
  CHECK(repo.Sql("select count(*) from texts where body like "
                 "'%canary-of-the-holdout%'") == "0");
  const Ran tracked = [&] {
    repo.Git("add -f held.csv");
    repo.Commit("a mistake");
    return repo.Coppice("check");
  }();
  CHECK(tracked.exit == 2);
  CHECK(Says(tracked, "held.csv is tracked by git"));
}

TEST_CASE("MC-16 a patch of more than text is refused, and no filter runs") {
  TinyRepo repo;
  repo.Write("src/a.txt", "a\n");
  repo.Write("coppice.yaml",
             "name: tiny\ngoal: lower the cost\n"
             "scope: {mutable: [app.txt, src/], allow_create: true}\n"
             "metric: {name: cost, direction: minimize}\n"
             "evaluation: sh measure.sh\n"
             "proposers: [{edits: {}}]\n");
  repo.Commit("spec");
  repo.Git("config filter.evil.clean 'touch ../ran; cat'");
  repo.Git("config filter.evil.smudge 'touch ../ran; cat'");
  auto step = [&](const std::string& change) {
    repo.Git("-c core.symlinks=true add -A");
    testing::Shell(change +
                       "; git add -A; git diff --cached HEAD --binary >../p; "
                       "git reset -q --hard; git clean -qffdx; rm -f ../ran",
                   repo.path());
    return repo.Coppice("step --patch ../p");
  };
  for (const auto& [change, word] :
       std::vector<std::pair<std::string, std::string>>{
           {"chmod +x app.txt", "mode changes are not supported"},
           {"sed -i s/100/90/ app.txt; chmod +x app.txt", "mode changes"},
           {"ln -s /etc/passwd src/link", "120000"},
           {"git init -q src/sub; git -C src/sub -c user.name=a -c "
            "user.email=a@b commit -q --allow-empty -m x",
            "160000"}}) {
    CAPTURE(change);
    const Ran ran = step(change);
    CHECK(ran.exit == 2);
    CHECK(Says(ran, word));
  }
  const Ran filter =
      step("printf '*.txt filter=evil\\n' >src/.gitattributes; echo b >src/b");
  CHECK(filter.exit == 3);
  CHECK(Says(filter, "scope_violation"));
  CHECK(Says(filter, "src/.gitattributes"));
  CHECK_FALSE(std::filesystem::exists(repo.path() / "../ran"));
}

TEST_CASE("MC-23 numbers are read alike where the caller writes a comma") {
  TinyRepo repo;
  const std::string made =
      (std::filesystem::path(repo.path()) / "../locales").string();
  std::filesystem::create_directory(made);
  const Ran locale = testing::Shell(
      "localedef -i de_DE -f UTF-8 '" + made + "/de_DE.UTF-8'", repo.path());
  if (locale.exit != 0) {
    MESSAGE("skipped: no sources of locales here (package locales)");
    return;
  }
  repo.env()["LOCPATH"] = made;
  repo.env()["LC_ALL"] = "de_DE.UTF-8";
  CHECK(testing::Shell("bash -c 'printf %.1f 1,5'", repo.path(), repo.env())
            .out == "1,5");
  repo.Write("measure.sh", "echo cost: 1.5\necho half: +.5e0\n");
  repo.Write("coppice.yaml", TinySpec("evaluation: sh measure.sh\n"));
  repo.Commit("spec");
  const Ran check = repo.Coppice("check");
  CAPTURE(check.err);
  CHECK(check.exit == 0);
  CHECK(Says(check, "cost = 1.5"));
  repo.Write("measure.sh", "echo cost: 1,5\n");
  repo.Commit("a comma");
  const Ran comma = repo.Coppice("check");
  CHECK(comma.exit == 2);
  CHECK(Says(comma, "1,5"));
}

TEST_CASE("MC-32 a canary that fails pauses the run for drift") {
  TinyRepo repo;
  const std::string broken =
      (std::filesystem::path(repo.path()) / "../broken").string();
  repo.Write("measure.sh", "grep -q 'cost 100' app.txt && test -e " + broken +
                               " && echo the machine is ill >&2 && exit 1\n"
                               "sed -n 's/^cost /cost: /p' app.txt\n");
  repo.Write("p0.sh", "printf 'cost 50\\n# %s\\n' \"$(date +%N)\" >app.txt\n");
  repo.Write("coppice.yaml",
             "name: tiny\ngoal: lower the cost\n"
             "scope: {mutable: [app.txt]}\n"
             "metric: {name: cost, direction: maximize}\n"
             "proposers: [{command: sh p0.sh}]\n"
             "evaluation: {command: sh measure.sh, sandbox: none}\n"
             "search: {policy: best_of_n}\n"
             "budget: {max_nodes: 60, plateau_nodes: null}\n");
  repo.Commit("spec");
  REQUIRE(repo.Coppice("check").exit == 0);
  std::ofstream(broken) << "yes";
  const Ran run = repo.Coppice("--output plain run");
  CAPTURE(run.out);
  CAPTURE(run.err);
  CHECK(run.exit == 5);
  CHECK(repo.Sql("select json_extract(body, '$.cause') from events where "
                 "kind='paused'") == "drift");
  CHECK(Says(run, "the machine is ill"));
  const int finished = std::stoi(repo.Sql(
      "select count(*) from events where kind='evaluated' and attempt>0"));
  CHECK(finished >= 25);
  CHECK(finished < 60);
  CHECK(repo.Sql("select count(*) from events where kind='selected' and seq > "
                 "(select seq from events where kind='paused')") == "0");
  std::filesystem::remove(broken);
  CHECK(repo.Coppice("resume").exit == 3);
}

}  // namespace coppice

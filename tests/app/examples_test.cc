#include <doctest/doctest.h>

#include <filesystem>

#include "app/example.h"

// The example tasks, copied into fresh repositories and searched as a user
// would.

namespace coppice {
namespace {

using testing::Ran;
using testing::TinyRepo;

namespace fs = std::filesystem;

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("AC-46 knobs reach their known optimum without a model") {
  Example knobs("knobs");
  const Ran run = knobs.Coppice("run");
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  CHECK(Has(run.out, "22069"));
}

TEST_CASE("a bug is repaired by the built-in edits") {
  Example repair("repair");
  const Ran run = repair.Coppice("run");
  CAPTURE(run.err);
  CAPTURE(run.out);
  CHECK(run.exit == 0);
  CHECK(Has(run.out, "target"));
}

TEST_CASE("each example checks out, and a short search measures its nodes") {
  struct Row {
    const char* name;
    const char* metric;
  };
  for (const Row& row :
       {Row{"k_module", "correct"}, Row{"noisy", "value"},
        Row{"schedule", "makespan"}, Row{"circles", "sum_radii"},
        Row{"heilbronn", "min_area"}}) {
    CAPTURE(row.name);
    Example example(row.name);
    const Ran check = example.Coppice("check");
    CAPTURE(check.err);
    CHECK(check.exit == 0);
    CHECK(Has(check.out, std::string("baseline   ") + row.metric + " = "));
    const Ran run = example.Coppice("run --max-nodes 6");
    CAPTURE(run.out);
    CAPTURE(run.err);
    CHECK((run.exit == 0 || run.exit == 3));
    const Ran top = example.Coppice("top --all --format csv");
    CAPTURE(top.out);
    CHECK((Has(top.out, "valid") || Has(top.out, "improved") ||
           Has(top.out, "inconclusive")));
  }
}

TEST_CASE("an example's evaluator does not take a solution that is none") {
  struct Row {
    const char* name;
    const char* spoil;  // a shell command
    const char* says;
  };
  for (const Row& row :
       {Row{"k_module", "sed -i s/loader/reader/ pipeline.conf", "names"},
        Row{"noisy", "echo 'x = 7.0' >> point.conf", "outside"},
        Row{"schedule", "sed -i 1d order.txt", "job 1 stands 5 times"},
        Row{"circles", "echo 'print(0.5, 0.5, 0.5)' >> pack.py", "27 circles"},
        Row{"circles", "echo 'while True: pass' >> pack.py",
            "2 s of processor time"},
        Row{"heilbronn", "sed -i s/COOLING/COOLNIG/ place.py", "NameError"},
        Row{"heilbronn", "echo 'print(0, 0)' >> place.py", "12 points"}}) {
    CAPTURE(row.name);
    CAPTURE(row.spoil);
    Example example(row.name);
    const Ran bad =
        example.In(std::string(row.spoil) + " && python3 -B evaluate.py");
    CAPTURE(bad.out);
    CAPTURE(bad.err);
    CHECK(bad.exit == 1);
    CHECK(Has(bad.err, row.says));
  }
}

TEST_CASE("circles that overlap by the least bit are counted") {
  Example circles("circles");
  circles.In("printf 'for i in range(26): print(0.5, 0.5, 0)\\n' > pack.py");
  CHECK(Has(circles.In("python3 -B evaluate.py").out, "overlaps: 0\n"));
  circles.In(
      "printf 'for i in range(25): print(0.5, 0.5, 0)\\n"
      "print(0.5, 0.5, 1e-300)\\n' > pack.py");
  CHECK(Has(circles.In("python3 -B evaluate.py").out, "overlaps: 25\n"));
  circles.In(
      "printf 'for i in range(26): print(\"0.1 0.5 0.10000000000000000001\")'"
      " > pack.py");
  CHECK(Has(circles.In("python3 -B evaluate.py").out, "outside: 26\n"));
}

TEST_CASE("the demo is made, refuses to be made twice, and checks out") {
  TinyRepo repo;
  const fs::path dir = repo.path().parent_path() / "demo";
  CHECK(repo.Coppice("init --demo " + dir.string()).exit == 0);
  CHECK(repo.Coppice("init --demo " + dir.string()).exit == 2);
  const Ran check = repo.Coppice("--repo " + dir.string() + " check");
  CAPTURE(check.err);
  CHECK(check.exit == 0);
  CHECK(check.out.find("milliseconds") != std::string::npos);
}

}  // namespace coppice

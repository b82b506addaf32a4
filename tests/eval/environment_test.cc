#include "eval/environment.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "eval/environment_facts.h"
#include "eval/pinning.h"
#include "support/eval_world.h"

namespace coppice::eval {
namespace {

using testing::WriteFile;

Result<Variables> Pass(const std::vector<std::string>& names) {
  return PassedVariables(
      names, [](const std::string& name) -> std::optional<std::string> {
        if (name == "UNSET") return std::nullopt;
        return "value of " + name;
      });
}

TEST_CASE("variables that hold secrets or steer loaders are never passed") {
  for (const char* name :
       {"OPENAI_API_KEY", "GITHUB_TOKEN", "db_secret", "PGPASSWORD",
        "PASSWORD_FILE", "AWS_PROFILE", "SSH_AUTH_SOCK", "LD_PRELOAD",
        "PYTHONPATH", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "RUBYOPT",
        "PERL5LIB", "BASH_ENV", "ENV", "GIT_DIR"}) {
    CAPTURE(name);
    const Result<Variables> passed = Pass({"HOME_SWEET_HOME", name});
    REQUIRE_FALSE(passed.has_value());
    CHECK(passed.error().code == ErrorCode::kUsage);
    CHECK(passed.error().what.find(name) != std::string::npos);
  }
  const Result<Variables> passed = Pass({"LICENSE", "UNSET", "KEYBOARD"});
  REQUIRE(passed.has_value());
  CHECK(*passed == Variables{{"LICENSE", "value of LICENSE"},
                             {"KEYBOARD", "value of KEYBOARD"}});
}

TEST_CASE("the user's env wins over what is passed, COPPICE_* over both") {
  spec::Spec spec;
  spec.evaluation.env = {{"A", "spec"}, {"COPPICE_SLOT", "99"}};
  const Variables variables = CommandVariables(
      spec, {{"A", "passed"}, {"B", "b"}}, {.run = "r", .slot = 3});
  std::map<std::string, std::string> seen;
  for (const auto& [name, value] : variables) seen[name] = value;
  CHECK(seen.at("A") == "spec");
  CHECK(seen.at("B") == "b");
  CHECK(seen.at("COPPICE_SLOT") == "3");
  CHECK(seen.at("COPPICE_PORT") == "9003");
}

TEST_CASE("seeds differ from sample to sample and fit a signed int") {
  spec::Spec spec;
  std::set<std::uint32_t> seeds;
  for (int i = 0; i < 50; ++i) {
    const std::uint32_t seed = SampleSeed(spec, SamplePhase::kConfirm, i);
    CHECK(seed <= 0x7fffffffU);
    CHECK(seed == SampleSeed(spec, SamplePhase::kConfirm, i));
    seeds.insert(seed);
  }
  CHECK(seeds.size() == 50);
  spec.search.seed = 1;
  CHECK_FALSE(seeds.contains(SampleSeed(spec, SamplePhase::kConfirm, 0)));
}

TEST_CASE("facts are read from where Linux keeps them") {
  testing::TempDir root;
  WriteFile(root / "etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian 12\"\n");
  WriteFile(root / "proc/cpuinfo",
            "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\n");
  WriteFile(root / "proc/meminfo", "MemTotal:        8000000 kB\n");
  WriteFile(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            "powersave\n");
  WriteFile(root / "proc/driver/nvidia/gpus/0000:01:00.0/information",
            "Model: \t\t Big GPU\nIRQ: 1\n");
  const EnvironmentFacts facts = ReadEnvironment(root.path());
  CHECK(facts.os == "Debian 12");
  CHECK(facts.cpu == "Fast CPU @ 3 GHz");
  CHECK(facts.memory_mb == 7812);
  CHECK(facts.governor == "powersave");
  CHECK(facts.gpu == "Big GPU");
  CHECK(facts.cores >= 1);
  CHECK_FALSE(facts.kernel.empty());
  CHECK(ReadEnvironment(root / "nothing").cpu.empty());
}

TEST_CASE("drift names what changed, from what to what") {
  EnvironmentFacts before;
  before.kernel = "6.1.0";
  before.cores = 8;
  before.isolation = "L2/v1";
  before.tools = {{"cc", "gcc 12"}, {"make", "GNU Make 4.3"}};
  EnvironmentFacts now = before;
  CHECK(Drift(before, now).empty());
  CHECK(EnvironmentDigest(before) == EnvironmentDigest(now));
  now.kernel = "6.1.2";
  now.cores = 4;
  now.isolation = "L1";
  now.tools = {{"cc", "gcc 13"}};
  CHECK(Drift(before, now) ==
        std::vector<std::string>{
            "kernel: 6.1.0 -> 6.1.2", "cores: 8 -> 4", "isolation: L2/v1 -> L1",
            "tool cc: gcc 12 -> gcc 13", "tool make: GNU Make 4.3 -> unknown"});
  CHECK(EnvironmentDigest(before) != EnvironmentDigest(now));
  CHECK(EnvironmentFromJson(ToJson(now)) == now);
}

TEST_CASE("tools named in commands are asked for their version") {
  testing::EvalWorld world;
  world.spec.evaluation.command = "bash -c 'true' && ./make me";
  WorkTree tree;
  tree.root = world.run.path();
  const auto versions =
      world.Await(AskToolVersions(world.spec, world.sandbox, tree));
  REQUIRE(versions.contains("bash"));
  CHECK(versions.at("bash").find("bash") != std::string::npos);
  CHECK(versions.size() == 1);
}

TEST_CASE("slots get whole cores of their own, the first one is ours") {
  testing::TempDir root;
  const auto place = [&](int cpu, int core) {
    const std::string topology =
        "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    WriteFile(root / (topology + "physical_package_id"), "0\n");
    WriteFile(root / (topology + "core_id"), std::to_string(core) + "\n");
  };
  for (int cpu = 0; cpu < 8; ++cpu) place(cpu, cpu % 4);  // siblings: n, n + 4
  const std::vector<int> cores =
      CoresForEvaluation({0, 1, 2, 3, 4, 5, 6, 7}, root.path());
  CHECK(cores == std::vector<int>{1, 5, 2, 6, 3, 7});
  CHECK(CoresOfSlot(cores, 0, 2) == std::vector<int>{1, 5});
  CHECK(CoresOfSlot(cores, 2, 2) == std::vector<int>{3, 7});
  CHECK(CoresOfSlot(cores, 3, 2) == std::vector<int>{1, 5});
  CHECK(CoresOfSlot(cores, 0, 99).size() == 6);
  CHECK(CoresForEvaluation({0, 1}, root.path()) == std::vector<int>{0, 1});
}

}  // namespace
}  // namespace coppice::eval

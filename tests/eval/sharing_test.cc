#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/fd.h"
#include "base/simulation.h"
#include "eval/local_evaluator.h"
#include "eval/port.h"
#include "support/eval_sandbox.h"
#include "support/eval_workspaces.h"

// What commands hold while they run, in virtual time.

namespace coppice::eval {
namespace {

using testing::EvalSandbox;
using testing::EvalWorkspaces;

struct SharingWorld {
  testing::TempDir dir;
  spec::Spec spec;
  Simulation simulation;
  EvalWorkspaces trees;
  EvalSandbox sandbox;
  bool timing_lock = false;
  bool shared_ports = false;
  ObjectId base = trees.Add({{"a", {"1"}}});
  // "measure: db exclusive, cpu shared", one a command.
  std::vector<std::string> seen;
  std::vector<std::string> names{"cpu", "db", "gpu"};

  SharingWorld() {
    spec.metric.name = "score";
    spec.evaluation.command = "measure";
    spec.evaluation.build = "build";
    spec.checks = {{.command = "check"}};
    sandbox.instead = [this](const CommandRequest& request) {
      std::string line = request.command + ":";
      for (const std::string& name : names) {
        const LockState state = ReadLockState(dir / "locks", name);
        if (!state.held) continue;
        line += " " + name + (state.holder ? " exclusive" : " shared");
      }
      seen.push_back(line);
      CommandResult result;
      result.verdict = Verdict::kOk;
      result.exit_code = 0;
      result.out.head = "score: 3\n";
      return std::optional(result);
    };
  }

  Sample Evaluate() {
    auto locks = NamedLocks::Open(dir / "locks", "r", simulation.clock());
    REQUIRE(locks.has_value());
    LocalEvaluation local({.spec = spec,
                           .run = "r",
                           .run_directory = dir.path(),
                           .home = {},
                           .passed = {},
                           .immutable = {},
                           .habits = {},
                           .units = {},
                           .locks = locks->get(),
                           .timing_lock = timing_lock,
                           .shared_ports = shared_ports},
                          sandbox, simulation.clock(), simulation.compute());
    trees.provision = local.provision();
    const std::unique_ptr<Evaluator> evaluator =
        MakeLocalEvaluator(local, trees);
    Sample sample;
    auto whole = [&]() -> Task<void> {
      const Target target{.attempt = AttemptId(5), .commit = base};
      Opened opened = co_await evaluator->Open(target);
      sample.failure = opened.failure;
      if (opened.session) sample = co_await opened.session->Measure({});
    };
    simulation.Run(whole());
    return sample;
  }
  bool Saw(const std::string& line) const {
    return std::ranges::count(seen, line) > 0;
  }
};

// Listens on the port of a slot, unless somebody else does.
UniqueFd Listen(int port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
      0) {
    listen(fd.get(), 1);
  }
  return fd;
}

}  // namespace

TEST_CASE("a sample holds what the spec names, builds and checks nothing") {
  SharingWorld world;
  world.spec.evaluation.exclusive = {"gpu", "db"};
  CHECK_FALSE(world.Evaluate().failure);
  CHECK(world.Saw("measure: db exclusive gpu exclusive"));
  CHECK(world.Saw("build:"));
  CHECK(world.Saw("check:"));
}

TEST_CASE("where samples hold the processors, builds and checks share them") {
  SharingWorld world;
  SUBCASE("because the spec says so") {
    world.spec.evaluation.exclusive = {"cpu"};
  }
  SUBCASE("because a load probe found it dishonest") {
    world.timing_lock = true;
  }
  CHECK_FALSE(world.Evaluate().failure);
  CHECK(world.Saw("measure: cpu exclusive"));
  CHECK(world.Saw("build: cpu shared"));
  CHECK(world.Saw("check: cpu shared"));
  for (const std::string& name : world.names) {
    CHECK_FALSE(ReadLockState(world.dir / "locks", name).held);
  }
}

TEST_CASE("without any of that no lock is taken") {
  SharingWorld world;
  CHECK_FALSE(world.Evaluate().failure);
  CHECK(world.Saw("measure:"));
  CHECK(std::filesystem::is_empty(world.dir / "locks"));
}

TEST_CASE("FM-27 a port that another process has is our fault, and told") {
  SharingWorld world;
  world.shared_ports = true;
  world.names = {"port-9000", "port-9001"};
  CHECK(PortOfSlot(0) == 9000);
  std::vector<UniqueFd> busy;
  for (int slot = 0; slot < 8; ++slot) busy.push_back(Listen(PortOfSlot(slot)));
  const Sample lost = world.Evaluate();
  REQUIRE(lost.failure);
  CHECK(lost.failure->verdict == Verdict::kLost);
  CHECK_FALSE(lost.failure->outcome);
  CHECK(lost.failure->reason.find("port 900") != std::string::npos);
  CHECK(lost.failure->reason.find("in use by another process") !=
        std::string::npos);
  CHECK(std::ranges::none_of(world.seen, [](const std::string& line) {
    return line.starts_with("measure");
  }));
}

}  // namespace coppice::eval

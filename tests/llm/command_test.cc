#include "llm/command.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "support/agent_world.h"
#include "support/fake_workspaces.h"
#include "support/memory_call_log.h"
#include "support/plain_sandbox.h"

namespace coppice::llm {
namespace {

using testing::FakeWorkspaces;
using testing::MemoryCallLog;
using testing::OnePrompt;
using testing::PlainSandbox;
using testing::RunTask;
using testing::ScopedVariable;

// A proposer that runs real commands in plain directories.
struct World {
  FakeWorkspaces workspaces;
  PlainSandbox sandbox;
  Keys keys;
  MemoryCallLog log;
  std::vector<std::string> refused;
  ObjectId parent =
      workspaces.Add({{"src/a.c", "int a = 1;\n"}, {"src/b.c", "int b;\n"}});

  CommandParts Parts() {
    return {sandbox, workspaces,
            [this](const Lease& lease) -> Task<Result<LeftBehind>> {
              LeftBehind left{workspaces.Changes(lease), refused};
              co_return left;
            },
            keys};
  }

  Proposed Ask(spec::CommandArm arm, Request request = {}) {
    log = {};
    return AskAgain(std::move(arm), request);
  }
  // On what is on record.
  Proposed AskAgain(spec::CommandArm arm, Request request = {}) {
    if (request.parent.IsZero()) request.parent = parent;
    const std::unique_ptr<Proposer> proposer =
        MakeCommandProposer(std::move(arm), Parts());
    Proposed proposed;
    auto ask = [&]() -> Task<void> {
      proposed = co_await proposer->Propose(request, log);
    };
    RunTask(ask());
    CHECK(workspaces.leased() == 0);
    return proposed;
  }
  Proposed Ask(std::string command) {
    return Ask(spec::CommandArm{.command = std::move(command)});
  }
};

TEST_CASE("what a command leaves in its slot is the proposal") {
  World world;
  const Proposed proposed =
      world.Ask("echo 'int a = 2;' > src/a.c; rm src/b.c; echo new > c.txt");
  REQUIRE(proposed.proposal);
  CHECK(proposed.proposal->changes ==
        std::vector<FileChange>{{"c.txt", "new\n"},
                                {"src/a.c", "int a = 2;\n"},
                                {"src/b.c", std::nullopt}});
  REQUIRE(world.log.answered.size() == 1);
  CHECK(world.log.answered[0].usage.usd == 0);
  CHECK_FALSE(world.log.answered[0].usage.estimated);
  CHECK(world.log.asked.at(0).reserve_usd == 0);
  CHECK(proposed.proposal->plan.idea.starts_with("echo 'int a = 2;'"));
  CHECK(proposed.proposal->plan.category == "other");
}

TEST_CASE("the prompt comes on standard input, a header goes to the output") {
  World world;
  Request request;
  request.prompt = OnePrompt("Make it faster.");
  request.prompt.push_back({.name = "task", .text = "Now.\n"});
  const Proposed proposed = world.Ask(
      {.command = "cat > got.txt; echo 'IDEA: unroll'; echo 'NEEDS: zlib'; "
                  "echo; echo done"},
      request);
  REQUIRE(proposed.proposal);
  CHECK(proposed.proposal->changes ==
        std::vector<FileChange>{{"got.txt", "Make it faster.\n\nNow.\n"}});
  CHECK(proposed.proposal->plan.idea == "unroll");
  CHECK(proposed.proposal->plan.needs == std::vector<std::string>{"zlib"});
  CHECK(world.log.answered.at(0).text == "IDEA: unroll\nNEEDS: zlib\n\ndone\n");
}

TEST_CASE("a command learns its seed, parent and operator, nothing secret") {
  World world;
  const ScopedVariable secret("COPPICE_TEST_SECRET", "s3cret");
  const ScopedVariable passed("COPPICE_TEST_PASSED", "yes");
  Request request;
  request.op = Operator::kDebug;
  request.attempt = AttemptId(7);
  const Proposed first =
      world.Ask({.command = "env > env.txt",
                 .pass_env = {"COPPICE_TEST_PASSED", "COPPICE_TEST_UNSET"}},
                request);
  REQUIRE(first.proposal);
  const std::string env = *first.proposal->changes.at(0).content;
  CHECK(env.find("COPPICE_ACTIVE=1\n") != std::string::npos);
  CHECK(env.find("COPPICE_OP=debug\n") != std::string::npos);
  CHECK(env.find("COPPICE_PARENT=" + world.parent.Hex() + "\n") !=
        std::string::npos);
  CHECK(env.find("COPPICE_TEST_PASSED=yes\n") != std::string::npos);
  CHECK(env.find("COPPICE_TEST_UNSET") == std::string::npos);
  CHECK(env.find("s3cret") == std::string::npos);
  CHECK(env.find("COPPICE_RESULT") == std::string::npos);
  CHECK(world.sandbox.requests.at(0).network);

  auto seed = [&](int attempt) {
    request.attempt = AttemptId(attempt);
    const Proposed proposed =
        world.Ask({.command = "echo $COPPICE_SEED > seed"}, request);
    return *proposed.proposal->changes.at(0).content;
  };
  CHECK(seed(7) == seed(7));
  CHECK(seed(7) != seed(8));
}

TEST_CASE("a failing, slow or idle command is a failed edit with its cause") {
  World world;
  auto refusal = [&](spec::CommandArm arm) {
    const Proposed proposed = world.Ask(std::move(arm));
    CHECK_FALSE(proposed.proposal);
    CHECK(proposed.refusal.outcome == Outcome::kEditFailed);
    return proposed.refusal.reason;
  };
  CHECK(refusal({.command =
                     "echo x > src/a.c; echo a >&2; echo bad >&2; exit 3"}) ==
        "exit 3: bad");
  CHECK(refusal({.command = "kill -9 $$"}) == "signal 9");
  CHECK(refusal({.command = "echo x > src/a.c; sleep 30",
                 .timeout_seconds = 1}) == "timeout after 1 s");
  CHECK(refusal({.command = "true"}) == "no change");
  Request request;
  request.parent.bytes[0] = 1;
  CHECK(world.Ask({.command = "true"}, request)
            .refusal.reason.starts_with("lost: no commit 01"));
}

TEST_CASE("what cannot be committed is out of scope") {
  World world;
  world.refused = {"link", "sub"};
  const Proposed proposed = world.Ask("echo x > src/a.c");
  CHECK_FALSE(proposed.proposal);
  CHECK(proposed.refusal.outcome == Outcome::kScopeViolation);
  CHECK(proposed.refusal.reason == "non-artifact change: link, sub");
}

TEST_CASE("a lost command is run again in a fresh slot, three times at most") {
  World world;
  world.sandbox.lose_next = 2;
  CHECK(world.Ask("echo x > src/a.c").proposal);
  CHECK(world.log.answered.size() == 3);
  CHECK(world.workspaces.acquired() == 3);
  CHECK(world.workspaces.dirty() == 2);
  world.sandbox.lose_next = 3;
  const Proposed proposed = world.Ask("echo x > src/a.c");
  CHECK_FALSE(proposed.proposal);
  CHECK(proposed.refusal.outcome == Outcome::kEditFailed);
  CHECK(proposed.refusal.reason.find("lost") != std::string::npos);
}

TEST_CASE("a cancelled command ends its attempt as cancelled") {
  World world;
  world.sandbox.CancelAll();
  const Proposed proposed = world.Ask("echo x > src/a.c");
  CHECK_FALSE(proposed.proposal);
  CHECK(proposed.refusal.outcome == Outcome::kCancelled);
  CHECK(world.workspaces.acquired() == 1);
}

TEST_CASE("a command is recorded before and after, and not run again") {
  World world;
  const spec::CommandArm arm{.command = "echo 'IDEA: x'; echo x > src/a.c"};
  const Proposed fresh = world.Ask(arm);
  REQUIRE(world.log.asked.size() == 1);
  CHECK(world.log.asked[0].model == arm.command);
  CHECK(world.log.asked[0].turn == 0);
  const Proposed again = world.AskAgain(arm);
  CHECK(world.workspaces.acquired() == 1);
  REQUIRE(again.proposal);
  CHECK(again.proposal->changes == fresh.proposal->changes);
  CHECK(again.proposal->plan.idea == "x");
}

TEST_CASE("scope violations and cancellations on record stay what they were") {
  World world;
  world.refused = {"link"};
  world.Ask("echo x > src/a.c");
  CHECK(world.AskAgain({.command = "true"}).refusal.outcome ==
        Outcome::kScopeViolation);
  world.sandbox.CancelAll();
  world.Ask("echo x > src/a.c");
  CHECK(world.AskAgain({.command = "true"}).refusal.outcome ==
        Outcome::kCancelled);
}

TEST_CASE("a key that the spec lets through is passed, and not recorded") {
  World world;
  ::setenv("COPPICE_TEST_KEY", "sk-very-secret", 1);
  world.keys.Take({"COPPICE_TEST_KEY"});
  const spec::CommandArm arm{
      .command =
          "test $COPPICE_TEST_KEY = sk-very-secret && echo x > src/a.c; "
          "echo IDEA: use $COPPICE_TEST_KEY",
      .pass_env = {"COPPICE_TEST_KEY"}};
  const Proposed proposed = world.Ask(arm);
  REQUIRE(proposed.proposal);
  CHECK(proposed.proposal->plan.idea == "use [REDACTED]");
  CHECK(world.log.answered.at(0).text == "IDEA: use [REDACTED]\n");
}

}  // namespace
}  // namespace coppice::llm

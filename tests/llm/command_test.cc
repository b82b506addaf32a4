#include "llm/command.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <string>
#include <utility>

#include "llm/make_proposer.h"
#include "support/fake_workspaces.h"
#include "support/plain_sandbox.h"

namespace coppice::llm {
namespace {

using testing::FakeWorkspaces;
using testing::PlainSandbox;

// Runs one task to its end in real time.
void RunTask(Task<void> task) {
  asio::io_context io;
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task),
                 [&](std::exception_ptr e) { failure = e; });
  io.run();
  if (failure) std::rethrow_exception(failure);
}

// A proposer that runs real commands in plain directories.
struct World {
  FakeWorkspaces workspaces;
  PlainSandbox sandbox;
  std::vector<std::string> refused;
  ObjectId parent =
      workspaces.Add({{"src/a.c", "int a = 1;\n"}, {"src/b.c", "int b;\n"}});

  CommandParts Parts() {
    return {sandbox, workspaces,
            [this](const Lease& lease) -> Task<Result<LeftBehind>> {
              LeftBehind left{workspaces.Changes(lease), refused};
              co_return left;
            }};
  }

  Proposed Ask(spec::CommandArm arm, Request request = {}) {
    if (request.parent.IsZero()) request.parent = parent;
    const std::unique_ptr<Proposer> proposer =
        MakeCommandProposer(std::move(arm), Parts());
    Proposed proposed;
    auto ask = [&]() -> Task<void> {
      proposed = co_await proposer->Propose(request);
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
  CHECK(proposed.proposal->usage.usd == 0);
  CHECK(proposed.proposal->plan.idea.starts_with("echo 'int a = 2;'"));
  CHECK(proposed.proposal->plan.category == "other");
}

TEST_CASE("the prompt comes on standard input, a header goes to the output") {
  World world;
  Request request;
  request.prompt = "Make it faster.\n";
  const Proposed proposed = world.Ask(
      {.command = "cat > got.txt; echo 'IDEA: unroll'; echo 'NEEDS: zlib'; "
                  "echo; echo done"},
      request);
  REQUIRE(proposed.proposal);
  CHECK(proposed.proposal->changes ==
        std::vector<FileChange>{{"got.txt", "Make it faster.\n"}});
  CHECK(proposed.proposal->plan.idea == "unroll");
  CHECK(proposed.proposal->plan.needs == std::vector<std::string>{"zlib"});
  CHECK(proposed.proposal->answer == "IDEA: unroll\nNEEDS: zlib\n\ndone\n");
}

TEST_CASE("a command learns its seed, parent and operator, nothing secret") {
  World world;
  ::setenv("COPPICE_TEST_SECRET", "s3cret", 1);
  ::setenv("COPPICE_TEST_PASSED", "yes", 1);
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
        "the proposer command failed: exit 3: bad");
  CHECK(refusal({.command = "kill -9 $$"}) ==
        "the proposer command failed: signal 9");
  CHECK(refusal({.command = "echo x > src/a.c; sleep 30",
                 .timeout_seconds = 1}) == "the proposer command ran past 1 s");
  CHECK(refusal({.command = "true"}) == "no change");
  Request request;
  request.parent.bytes[0] = 1;
  CHECK(world.Ask({.command = "true"}, request)
            .refusal.reason.starts_with("no commit 01"));
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

TEST_CASE("proposers are made in the order of the spec") {
  World world;
  const std::unique_ptr<Compute> compute = MakeInlineCompute();
  const ProposerParts parts{*compute, world.Parts()};
  spec::Spec spec;
  spec.proposers = {{.name = "edits", .arm = spec::EditsArm{}, .weight = 2},
                    {.name = "command",
                     .arm = spec::CommandArm{.command = "true"},
                     .operators = {"improve"}}};
  auto made = MakeProposers(spec, parts);
  REQUIRE(made.has_value());
  REQUIRE(made->size() == 2);
  CHECK(made->at(0).name == "edits");
  CHECK(made->at(0).weight == 2);
  CHECK(made->at(0).proposer->redraws());
  CHECK(made->at(1).operators == std::vector<std::string>{"improve"});
  CHECK_FALSE(made->at(1).proposer->redraws());
}

TEST_CASE("kinds of later versions are refused by name") {
  World world;
  const std::unique_ptr<Compute> compute = MakeInlineCompute();
  const ProposerParts parts{*compute, world.Parts()};
  spec::Spec spec;
  spec.proposers = {{.name = "m", .arm = spec::ModelArm{.model = "a/b"}}};
  auto made = MakeProposers(spec, parts);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().code == ErrorCode::kUsage);
  CHECK(made.error().what == "proposers: model a/b is not in this version");
  spec.proposers = {{.name = "c", .arm = spec::AgentArm{.agent = "codex"}}};
  made = MakeProposers(spec, parts);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().what == "proposers: agent codex is not in this version");
}

}  // namespace
}  // namespace coppice::llm

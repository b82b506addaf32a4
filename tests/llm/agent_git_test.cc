#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "eval/containment.h"
#include "support/agent_world.h"
#include "vcs/read_changes.h"
#include "vcs/slot_world.h"

// An agent over the real slots: the diff against the parent is what counts,
// whatever the agent did with git.

namespace coppice::llm {
namespace {

using testing::AgentWorld;
using testing::SlotWorld;
using testing::TempDir;

Proposed RunInGit(vcs::SlotMode mode, const std::string& script) {
  const TempDir scratch;
  auto sandbox = eval::MakeSandbox(
      {.mode = eval::SandboxMode::kNone, .scratch = scratch.path()});
  REQUIRE(sandbox.has_value());
  AgentWorld agents(std::move(*sandbox));
  agents.Install("claude", script);
  SlotWorld world;
  auto slots = vcs::MakeWorkspaces(world.Options(mode));
  auto read_back = [&](const Lease& lease) -> Task<Result<LeftBehind>> {
    auto left = co_await vcs::ReadChanges(*world.store, *world.compute, *slots,
                                          lease, {"data/set.bin"});
    if (!left) co_return left.error();
    co_return LeftBehind{std::move(left->changes), std::move(left->refused)};
  };
  auto made = MakeAgentProposer(
      {.agent = "claude-code"}, {},
      {CommandParts{*agents.sandbox, *slots, read_back, agents.keys}});
  REQUIRE(made.has_value());
  Request request;
  request.parent = world.base;
  Proposed proposed;
  world.Run([&]() -> Task<void> {
    proposed = co_await (*made)->Propose(request, agents.log);
  });
  return proposed;
}

TEST_CASE("commits and branches of an agent's own are read as one diff") {
  testing::ForBothModes([](vcs::SlotMode mode) {
    const Proposed proposed = RunInGit(
        mode,
        "git init -q . && git config user.email a@b && git config user.name a "
        "&& git add -A && git commit -qm start && git checkout -qb mine && "
        "echo better > a.txt && git commit -qam better && "
        "git rm -q dir/b.txt && git commit -qm gone && "
        "echo 'o' > x.o && echo new > dir/new.txt; exit 0");
    REQUIRE_MESSAGE(proposed.proposal, proposed.refusal.reason);
    CHECK(proposed.proposal->changes ==
          std::vector<FileChange>{{"a.txt", "better\n"},
                                  {"dir/b.txt", std::nullopt},
                                  {"dir/new.txt", "new\n"}});
  });
}

TEST_CASE("an agent that undid all it did changed nothing") {
  testing::ForBothModes([](vcs::SlotMode mode) {
    const Proposed proposed = RunInGit(
        mode, "echo worse > a.txt; echo alpha > a.txt; touch dir/b.txt");
    CHECK_FALSE(proposed.proposal);
    CHECK(proposed.refusal.reason == "no change");
  });
}

TEST_CASE("links and binaries that an agent leaves end the attempt") {
  testing::ForBothModes([](vcs::SlotMode mode) {
    const Proposed proposed =
        RunInGit(mode, "echo better > a.txt; ln -s / everything");
    CHECK_FALSE(proposed.proposal);
    CHECK(proposed.refusal.outcome == Outcome::kScopeViolation);
    CHECK(proposed.refusal.reason ==
          "non-artifact change: everything: a symbolic link, or not readable");
  });
}

}  // namespace
}  // namespace coppice::llm

#include "vcs/slot_world.h"

#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "base/text.h"

namespace coppice::testing {
namespace fs = std::filesystem;
namespace {

constexpr uid_t kNobody = 65534;
bool ordinary = false;

}  // namespace

AsOrdinaryUser::AsOrdinaryUser() {
  if (geteuid() != 0) return;
  REQUIRE(setresgid(kNobody, kNobody, 0) == 0);
  REQUIRE(setresuid(kNobody, kNobody, 0) == 0);
  ordinary = true;
}

AsOrdinaryUser::~AsOrdinaryUser() {
  if (!ordinary) return;
  ordinary = false;
  if (setresuid(0, 0, 0) != 0 || setresgid(0, 0, 0) != 0) abort();
}

int Sh(const std::string& command) {
  return system(("exec >/dev/null 2>&1; " + command).c_str());
}

bool CanMountOverlay() {
  return Sh(geteuid() == 0 ? "unshare -m true" : "unshare -Urm true") == 0;
}

SlotWorld::SlotWorld() {
  Write("a.txt", "alpha\n");
  Write("dir/b.txt", "beta\n");
  Write("dir/run.sh", "#!/bin/sh\necho run\n");
  Write("data/set.bin", "untracked data\n");
  Write(".gitignore", "*.o\ndata/\n");
  fs::permissions(repo() / "dir/run.sh", fs::perms(0755));
  GitFixture::Commit("base");
  store = Must(vcs::OpenStore(Must(vcs::FindRepository(repo()))));
  base = Must(store->Resolve("HEAD"));
  provision = [](const fs::path& tree) {
    WriteFile(tree / "built.o", "object code");
  };
}

vcs::SlotOptions SlotWorld::Options(vcs::SlotMode mode) {
  vcs::SlotOptions options{.executor = io.get_executor(),
                           .clock = *clock,
                           .compute = *compute,
                           .store = *store,
                           .base = base,
                           .cache_dir = cache(),
                           .digest = "0123456789abcdef",
                           .copy = {"data/set.bin"},
                           .copy_from = repo(),
                           .keep = {},
                           .mode = mode,
                           .evaluation_slots = 1,
                           .proposer_slots = 1,
                           .provision = {}};
  options.provision = [this](const WorkTree& tree) -> Task<Result<void>> {
    ++provisions;
    provision(tree.root);
    co_return Ok();
  };
  return options;
}

void SlotWorld::Run(const std::function<Task<void>()>& body) {
  std::exception_ptr failure;
  io.restart();
  boost::asio::co_spawn(io, body(), [&](const std::exception_ptr& e) { failure = e; });
  io.run();
  if (failure) std::rethrow_exception(failure);
}

int SlotWorld::In(const Lease& lease, const std::string& command) const {
  const WorkTree& tree = lease.tree();
  const std::string enter =
      "cd " + ShellQuote(tree.root.string()) + " && " + command;
  if (!tree.overlay) return Sh("sh -c " + ShellQuote(enter));
  const bool root = geteuid() == 0;
  const std::string mount =
      "mount -t overlay overlay -o " + std::string(root ? "" : "userxattr,") +
      "index=off,lowerdir=" + tree.overlay->lower.string() +
      ",upperdir=" + tree.overlay->upper.string() +
      ",workdir=" + tree.overlay->work.string() + " " + tree.root.string();
  return Sh(std::string(root ? "unshare -m" : "unshare -Urm") + " sh -c " +
            ShellQuote(mount + " && " + enter));
}

ObjectId SlotWorld::Make(ObjectId parent, std::vector<FileChange> changes) {
  vcs::CommitRequest request;
  request.parents = {parent};
  request.changes = std::move(changes);
  request.message = "a step\n";
  return Must(store->Commit(request)).commit;
}

std::string List(const std::vector<TouchedPath>& touched) {
  std::string text;
  for (const TouchedPath& t : touched) {
    text += (t.removed ? "-" : "+") + t.path + " ";
  }
  return text;
}

void ForBothModes(const std::function<void(vcs::SlotMode)>& test) {
  for (vcs::SlotMode mode : {vcs::SlotMode::kOverlay, vcs::SlotMode::kPool}) {
    if (mode == vcs::SlotMode::kOverlay && !CanMountOverlay()) {
      MESSAGE("skipped: no overlay can be mounted on this machine");
      continue;
    }
    CAPTURE(static_cast<int>(mode));
    test(mode);
  }
}

}  // namespace coppice::testing

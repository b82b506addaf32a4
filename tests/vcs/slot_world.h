#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/compute.h"
#include "vcs/git_fixture.h"
#include "vcs/slots.h"

namespace coppice::testing {

// Becomes an ordinary user for its lifetime if the tests run as root; the
// processes started meanwhile cannot go back.
class AsOrdinaryUser {
 public:
  AsOrdinaryUser();
  ~AsOrdinaryUser();
  AsOrdinaryUser(const AsOrdinaryUser&) = delete;
  AsOrdinaryUser& operator=(const AsOrdinaryUser&) = delete;
};

// Exit status of a shell command whose output nobody wants.
int Sh(const std::string& command);

// Can this user mount an overlay, in a user namespace if need be?
bool CanMountOverlay();

// A repository, its store, and slots over it whose overlays are looked at
// through real mounts.
struct SlotWorld : GitFixture {
  SlotWorld();

  vcs::SlotOptions Options(vcs::SlotMode mode);
  // Runs one conversation with the slots to its end.
  void Run(const std::function<Task<void>()>& body);
  // Exit status of a command in the slot, as the sandbox would run it.
  int In(const Lease& lease, const std::string& command) const;
  ObjectId Make(ObjectId parent, std::vector<FileChange> changes);

  std::filesystem::path cache() const { return scratch("cache"); }

  boost::asio::io_context io;
  std::unique_ptr<Clock> clock = MakeRealClock();
  std::unique_ptr<Compute> compute = MakeArenaCompute(2);
  std::unique_ptr<vcs::Store> store;
  ObjectId base;
  int provisions = 0;
  // What setup and build do; by default they make built.o.
  std::function<void(const std::filesystem::path& tree)> provision;
};

// "-removed +written ", sorted by path.
std::string List(const std::vector<TouchedPath>& touched);

// Once with overlays, if they can be mounted, and once with whole checkouts.
void ForBothModes(const std::function<void(vcs::SlotMode)>& test);

}  // namespace coppice::testing

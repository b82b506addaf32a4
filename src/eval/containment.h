#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/compute.h"
#include "base/result.h"
#include "base/sandbox.h"

namespace coppice::eval {

enum class SandboxMode { kBwrap, kNone };
// kNone: as on a machine that has none of ours to divide.
enum class GroupUse { kBest, kNone };

struct SandboxOptions {
  SandboxMode mode = SandboxMode::kBwrap;
  // Without bwrap: writes outside are denied where the kernel can. Nothing
  // started there may mount, which programs that make containers have to.
  bool restrict_writes = true;
  // Where private directories are made; empty: the system's temporary one.
  std::filesystem::path scratch;
  // Of a command that names none; 0: 0.8 of what is available now. It binds
  // only where there are control groups: RLIMIT_AS would break programs that
  // reserve much more than they use.
  std::int64_t default_memory_mb = 0;
  // From SIGTERM to SIGKILL of a command past its timeout.
  std::chrono::milliseconds grace{2'000};
  // From one look at what a command wrote to the next.
  std::chrono::milliseconds disk_every{5'000};
  // Where that look is taken; nullptr: in place. Must outlive the sandbox.
  Compute* compute = nullptr;
  GroupUse groups = GroupUse::kBest;
  // 2 or 3: less is an error (kCheck) that names what is missing, in one line.
  int required_level = 0;
};

// The real sandbox, at the best level that this machine allows, found by
// running a command in it; blocks for some 10 ms. Errors: kCheck if bubblewrap
// is asked for and missing or not working, naming both ways out; kNotFound if
// coppice-sandbox is missing.
Result<std::unique_ptr<Sandbox>> MakeSandbox(SandboxOptions options);

// For this process: no other one of its account reads its memory, descriptors
// or environment (root may), and if memory runs out it is the last to go, where
// it has the right to ask for that.
void ShieldProcess();

// Does a command see an overlay whose upper directory lies in `directory`?
// Found by trying; blocks for some ms. Where it is false, slots have to be
// directories of their own.
bool OverlayWorks(const std::filesystem::path& directory);

}  // namespace coppice::eval

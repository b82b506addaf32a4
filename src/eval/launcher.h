#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/sandbox.h"
#include "eval/cgroup.h"
#include "eval/supervisor_protocol.h"

namespace coppice::eval {

// What stays the same from command to command.
struct LaunchBase {
  std::filesystem::path helper;
  std::vector<std::string> bwrap;  // BwrapBase; empty: without bwrap
  bool restrict_writes = false;    // Landlock, where bwrap is not
};

// What one command gets.
struct LaunchPlace {
  std::filesystem::path home;  // private directories outside bwrap
  std::filesystem::path temp;
  const ControlGroup* group = nullptr;
  // Limits of each process, where nothing limits the tree; 0: none.
  std::int64_t address_space_mb = 0;
  std::int64_t cpu_seconds = 0;
};

// The plan of supervisor_protocol.h for this command.
std::string MakePlan(const LaunchBase& base, const LaunchPlace& place,
                     const CommandRequest& request);

}  // namespace coppice::eval

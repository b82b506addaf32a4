#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/sandbox.h"
#include "base/task.h"
#include "spec/spec.h"

namespace coppice::eval {

// What a measurement depends on beside the tree.
struct EnvironmentFacts {
  std::string os, kernel, cpu, governor, gpu;  // empty: not known
  int cores = 0;                               // that this process may use
  std::int64_t memory_mb = 0;                  // of the machine
  std::string isolation;                       // "L2/v1"
  std::map<std::string, std::string> tools;  // name -> first line of --version

  friend bool operator==(const EnvironmentFacts&,
                         const EnvironmentFacts&) = default;
};

// Facts of this machine, read below `root` ("/" but for tests).
EnvironmentFacts ReadEnvironment(const std::filesystem::path& root);

// Compilers, interpreters and build tools that the commands name, asked for
// their version inside the sandbox, where candidates will find them.
Task<std::map<std::string, std::string>> AskToolVersions(const spec::Spec& spec,
                                                         Sandbox& sandbox,
                                                         WorkTree tree);

Json ToJson(const EnvironmentFacts& facts);
EnvironmentFacts EnvironmentFromJson(const Json& json);

// SHA-256 over all facts, for the measurement cache.
std::string EnvironmentDigest(const EnvironmentFacts& facts);

// "kernel: 6.1.0 -> 6.1.2", one a difference that may move a measurement.
std::vector<std::string> Drift(const EnvironmentFacts& before,
                               const EnvironmentFacts& now);

}  // namespace coppice::eval

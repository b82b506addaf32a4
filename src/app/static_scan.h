#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/project.h"
#include "base/sandbox.h"
#include "spec/spec.h"

// What evaluations at once, or two runs on one machine, could collide in, as
// far as the text of commands and of the files they name shows it (MEA-29).

namespace coppice::app {

struct ScanInput {
  const spec::Spec& spec;
  // Does every slot have all ports to itself?
  bool own_ports = true;
  // The text of a tracked file; nothing if there is none or it is no text.
  std::function<std::optional<std::string>(const std::string& path)> tracked;
  // Is it a file of the user's work tree that git does not track?
  std::function<bool(const std::string& path)> untracked;
};

// Has every slot a network of its own?
bool HasOwnPorts(const spec::Spec& spec, const Isolation& isolation);
// Of a project, which must outlive it.
ScanInput InputOf(const Project& project, bool own_ports);

// One line a finding, with the key to set.
std::vector<std::string> ScanForCollisions(const ScanInput& input);

// Does anything that is evaluated ask for its slot's port?
bool UsesPort(const ScanInput& input);

// Mutable files that seem to print the metric themselves, with the line.
std::vector<std::string> PrintersOfMetric(
    const ScanInput& input, const std::vector<std::string>& mutable_files);

}  // namespace coppice::app

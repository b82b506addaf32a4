#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/patch.h"
#include "spec/spec.h"

// Which files of a tree are what (SCO-01 to SCO-07), and whether a change may
// stand. Pure functions.

namespace coppice::spec {

// A file of the base commit, as git tracks it.
struct TrackedFile {
  std::string path;
  std::uint64_t size = 0;
  bool symlink = false;
  bool executable = false;
};

// The scope resolved against the files of the base commit.
struct ResolvedScope {
  std::vector<std::string> mutable_files;    // tracked, may change
  std::vector<std::string> immutable_files;  // tracked, must not change
  std::vector<std::string> readable_files;   // tracked, shown only
  std::vector<std::string> extensions;       // allowed, with the point
  std::vector<std::string> warnings;  // "train.py prints its own metric: ..."
};

// Errors (kUsage, all of them at once): nothing mutable, a path that matches
// nothing, symbolic links named as mutable, files over max_file_kb or
// max_total_kb naming the largest, more mutable files than max_files, knobs in
// other files. Immutable wins, and the spec file, tracked files named in any
// command, manifests and the protected names of MEASURE §8 are immutable
// unless `mutable` names the file itself.
Result<ResolvedScope> ResolveScope(const Spec& spec, std::string_view spec_path,
                                   std::span<const TrackedFile> files);

// The reason of a scope_violation with numbers and paths ("too many changed
// lines: 512 > 400 (src/a.cpp +300 -212)"), or nothing.
std::optional<std::string> ViolatesScope(const Spec& spec,
                                         const ResolvedScope& scope,
                                         std::span<const FileStat> changes);

// Words of a command that look like paths: "bench/evaluate.py" of
// "python bench/evaluate.py --n 3".
std::vector<std::string> PathsNamedIn(std::string_view command);

}  // namespace coppice::spec

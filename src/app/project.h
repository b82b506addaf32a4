#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/places.h"
#include "base/result.h"
#include "spec/load.h"
#include "spec/scope_rules.h"
#include "vcs/store.h"

namespace coppice::app {

// A repository, a spec and what follows from the two: everything that can be
// known before a command runs. Blocking.
struct Project {
  Home home;
  std::unique_ptr<vcs::Store> store;
  spec::Loaded loaded;
  std::string spec_path;  // relative to the repository; empty: not tracked
  ObjectId base;
  std::vector<vcs::TreeEntry> files;  // of the base
  spec::ResolvedScope scope;
  std::vector<std::string> warnings;
  std::vector<std::string> notices;  // said first

  const spec::Spec& spec() const { return loaded.spec; }
  std::set<std::string> TrackedPaths() const;
  std::filesystem::path NameDir() const { return home.coppice / spec().name; }
  std::filesystem::path LockFile() const { return NameDir() / "baseline.lock"; }
};

// The repository that `global` names.
struct Opened {
  Home home;
  std::unique_ptr<vcs::Store> store;
};
Result<Opened> OpenRepository(const Global& global);

// The preflight that costs nothing (SET-06): repository, spec, features of
// this version, base, scope, uncommitted changes in it, knobs, proposers. The
// first error, with every finding of its kind.
struct SpecSource {
  std::string file;                 // empty: coppice.yaml at the root
  std::optional<std::string> text;  // instead of a file
};
Result<Project> OpenProject(const Global& global, const SpecSource& spec,
                            const Overrides& overrides);

// The project of a run, from its journal's spec and base; what the user's
// tree looks like now does not matter.
Result<Project> OpenRunProject(Opened repository, spec::Spec spec,
                               std::string merged_json, ObjectId base);

}  // namespace coppice::app

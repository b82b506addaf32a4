#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/workspaces.h"

// What no command of a candidate may write (MEASURE §8).

namespace coppice::eval {

struct RootFile {
  std::string bytes;
  bool executable = false;
};

struct ImmutableRules {
  std::vector<std::string> files;     // tracked at the base; sorted
  std::vector<std::string> patterns;  // scope.immutable
  std::vector<std::string> copied;    // evaluation.copy, not by-products
  // Does git ignore this path? May block; any thread. Empty: nothing is.
  std::function<bool(const std::string&)> ignored;
  // A file of the base commit. May block; any thread.
  std::function<Result<RootFile>(const std::string&)> root_file;
};

// What the evaluator itself does to immutable places on the base, and what a
// candidate may therefore do as well.
struct BaselineHabits {
  // New files and, with a final '/', new directories beside immutable files.
  std::set<std::string> by_products;
  // Immutable files that are opened for writing and left as they were.
  std::set<std::string> rewritten;

  friend bool operator==(const BaselineHabits&,
                         const BaselineHabits&) = default;
};

// Compares what was written with what may be. Blocks on disk.
class ImmutableGuard {
 public:
  explicit ImmutableGuard(ImmutableRules rules);

  // The offences among `touched`, each as "bench/evaluate.py (written)".
  // `habits` excuses what the baseline does too.
  std::vector<std::string> Offences(const WorkTree& tree,
                                    std::span<const TouchedPath> touched,
                                    const BaselineHabits& habits) const;

  // What the baseline's evaluation did to immutable places. Files that it
  // changed are not excused.
  void Learn(const WorkTree& tree, std::span<const TouchedPath> touched,
             BaselineHabits& habits) const;

  // New files that setup and build left in immutable directories below `root`.
  void LearnByWalking(const std::filesystem::path& root,
                      BaselineHabits& habits) const;

 private:
  enum class Kind { kFree, kTracked, kNew };

  Kind KindOf(const std::string& path) const;
  bool IsCopied(const std::string& path) const;
  bool IsAsInRoot(const WorkTree& tree, const TouchedPath& touched) const;
  std::string ByProductName(const std::string& path) const;
  bool IsByProduct(const std::string& path, const BaselineHabits& habits) const;

  ImmutableRules rules_;
  std::set<std::string, std::less<>> files_;
  std::set<std::string, std::less<>> directories_;  // that hold one of files_
};

}  // namespace coppice::eval

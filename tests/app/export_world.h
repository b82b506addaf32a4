#pragma once

#include <string>
#include <vector>

#include "support/cli.h"

namespace coppice::testing {

// A finished run whose best node changes five hunks of app.txt, of which only
// the line "cost" is measured. `extra` goes below the spec.
class HunkRepo : public TinyRepo {
 public:
  explicit HunkRepo(const std::string& extra = "");

  void Finish();
  // Lines of `git diff --unified=3 RANGE` that begin a hunk.
  int HunksOf(const std::string& range);
  std::string Diff(const std::string& range) {
    return Git("diff " + range).out;
  }
};

// A finished run whose best node lowers a number in each of a.txt and b.txt,
// which are measured together, and writes the new one of b.txt into c.txt too,
// which `check.sh` wants to be equal.
class FilesRepo : public TinyRepo {
 public:
  FilesRepo();
  void Finish();
};

bool Says(const Ran& ran, const std::string& text);

}  // namespace coppice::testing

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

// Where things are (SPEC §4 "Places"). Blocking; for the start of a command.

namespace coppice::app {

// The user's repository.
struct Home {
  std::filesystem::path work_dir;    // of the checkout
  std::filesystem::path common_dir;  // <git-common-dir>
  std::filesystem::path coppice;     // <git-common-dir>/coppice
};

// One run on disk.
struct RunPlace {
  std::string id;
  std::string spec_name;
  std::filesystem::path dir;
  std::filesystem::path journal() const { return dir / "journal.db"; }
};

// Oldest first. A directory without a journal is no run.
std::vector<RunPlace> ListRuns(const Home& home);
// By id, unique prefix or the name of a spec; "" is the latest. kNotFound
// names what there is.
Result<RunPlace> FindRun(const Home& home, std::string_view run);

// YYYYMMDD-HHMMSS-xxx: UTC and three random letters.
std::string NewRunId(WallTime now);

// <user's cache directory>/coppice
std::filesystem::path CacheDirectory();

// kUsage: cannot be read, with the reason.
Result<std::string> ReadTextFile(const std::filesystem::path& file);

// Attempt number of NODE: a number, "best" or "base" (`best` given).
Result<std::int64_t> ParseNode(std::string_view node, std::int64_t best);

}  // namespace coppice::app

#include "app/places.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "base/file.h"

namespace coppice::app {
namespace fs = std::filesystem;

std::vector<RunPlace> ListRuns(const Home& home) {
  std::vector<RunPlace> runs;
  std::error_code ignored;
  for (const auto& spec : fs::directory_iterator(home.coppice, ignored)) {
    if (!spec.is_directory() || spec.path().filename() == "store.git") continue;
    for (const auto& run : fs::directory_iterator(spec.path(), ignored)) {
      RunPlace place{.id = run.path().filename(),
                     .spec_name = spec.path().filename(),
                     .dir = run.path()};
      if (fs::exists(place.journal())) runs.push_back(std::move(place));
    }
  }
  std::ranges::sort(runs, {}, &RunPlace::id);
  return runs;
}

Result<RunPlace> FindRun(const Home& home, std::string_view run) {
  const std::vector<RunPlace> runs = ListRuns(home);
  if (runs.empty()) {
    return Error{.code = ErrorCode::kNotFound,
                 .what = "there is no run yet",
                 .where = home.coppice,
                 .next = "start one with `coppice run`"};
  }
  if (run.empty()) return runs.back();
  std::vector<RunPlace> found;
  for (const RunPlace& place : runs) {
    if (place.id == run) return place;
    if (place.id.starts_with(run)) found.push_back(place);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    for (const RunPlace& place : runs) {
      if (place.spec_name == run) found.push_back(place);
    }
    if (!found.empty()) return found.back();
  }
  std::string ids;
  for (const RunPlace& place : found.empty() ? runs : found) {
    ids += fmt::format("{}{} ({})", ids.empty() ? "" : ", ", place.id,
                       place.spec_name);
  }
  return Error{.code = ErrorCode::kNotFound,
               .what = found.empty()
                           ? fmt::format("no run is called \"{}\"", run)
                           : fmt::format("\"{}\" names several runs", run),
               .next = "one of: " + ids};
}

std::string NewRunId(WallTime now) {
  std::random_device random;
  std::string id = FormatCompactUtc(now) + "-";
  for (int i = 0; i < 3; ++i) id += static_cast<char>('a' + random() % 26);
  return id;
}

fs::path CacheDirectory() {
  if (const char* xdg = getenv("XDG_CACHE_HOME"); xdg && *xdg == '/') {
    return fs::path(xdg) / "coppice";
  }
  const char* home = getenv("HOME");
  return fs::path(home && *home ? home : "/tmp") / ".cache" / "coppice";
}

Result<std::int64_t> ParseNode(std::string_view node, std::int64_t best) {
  if (node == "best") return best;
  if (node == "base") return std::int64_t{0};
  std::int64_t number = 0;
  const char* end = node.data() + node.size();
  const auto parsed = std::from_chars(node.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < 0) {
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("\"{}\" is no node", node),
                 .next = "a number, `best` or `base`; see `coppice tree`"};
  }
  return number;
}

Result<std::string> ReadTextFile(const std::filesystem::path& file) {
  Result<std::string> text = ReadWhole(file);
  if (text) return text;
  Error error = text.error();
  error.code = ErrorCode::kUsage;
  return error;
}

}  // namespace coppice::app

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <set>

#include "app/commands.h"
#include "app/overlay_directory.h"
#include "app/run_reader.h"
#include "search/lease.h"
#include "vcs/slots.h"

// Frees slots that no process holds, and runs that are old, finished or not,
// that no process owns. The store keeps what the remaining runs need.

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

Result<std::chrono::seconds> ParseAge(const std::string& text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const std::string_view unit(parsed.ptr,
                              static_cast<std::size_t>(end - parsed.ptr));
  const std::map<std::string_view, std::int64_t> units{
      {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
  auto found = units.find(unit);
  if (parsed.ec == std::errc() && found != units.end() && number >= 0) {
    return std::chrono::seconds(number * found->second);
  }
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("--older-than \"{}\" is no age", text),
               .next = "for instance 30d, 12h or 90m"};
}

bool IsOlder(const RunPlace& run, std::chrono::seconds age) {
  std::error_code error;
  const auto touched = fs::last_write_time(run.journal(), error);
  return !error && fs::file_time_type::clock::now() - touched >= age;
}

std::string Megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

Result<void> FreeSlots(const Opened& repository, bool dry_run) {
  std::uint64_t freed = 0;
  int count = 0;
  for (const fs::path& above : {CacheDirectory(), OverlayDirectory()}) {
    if (above.empty()) continue;
    const fs::path directory = above / repository.store->places().id;
    for (const auto& [slot, bytes] : vcs::IdleSlots(directory)) {
      freed += bytes;
      ++count;
      if (dry_run) continue;
      Result<void> removed = vcs::RemoveSlot(slot);
      if (!removed) return removed;
    }
  }
  Print(fmt::format("{} {} slot directories, {}",
                    dry_run ? "would free" : "freed", count, Megabytes(freed)));
  return Ok();
}

// What the store must keep: every commit of every remaining run.
Result<std::vector<ObjectId>> CommitsOf(const Global& global,
                                        const RunPlace& place) {
  std::vector<ObjectId> commits;
  Result<ReadRun> run = OpenRun(global, place.id);
  if (!run) return run.error();
  for (std::uint32_t i = 1; i < run->state->tree().size(); ++i) {
    commits.push_back(run->state->tree()[NodeId(i)].commit);
  }
  return commits;
}

Result<void> FreeRuns(const Global& global, Opened& repository,
                      std::chrono::seconds age, bool dry_run) {
  std::vector<ObjectId> needed;
  int count = 0;
  bool owned = false;
  for (const RunPlace& run : ListRuns(repository.home)) {
    const bool alive = search::FindOwner(run.dir).has_value();
    owned |= alive;
    if (alive || !IsOlder(run, age)) {
      Result<std::vector<ObjectId>> commits = CommitsOf(global, run);
      if (!commits) return commits.error();
      needed.insert(needed.end(), commits->begin(), commits->end());
      continue;
    }
    ++count;
    Print(fmt::format("{} run {} ({})", dry_run ? "would remove" : "removed",
                      run.id, run.spec_name));
    if (dry_run) continue;
    Result<void> done = repository.store->Unpin(run.id);
    if (done) done = repository.store->UnpublishBest(run.id);
    if (!done) return done;
    std::error_code error;
    fs::remove_all(run.dir, error);
    if (error) {
      return Error{.code = ErrorCode::kIo,
                   .what = "cannot remove a run",
                   .where = run.dir.string(),
                   .cause = error.message()};
    }
  }
  if (count == 0) Print("no run is old enough");
  if (count == 0 || dry_run) return Ok();
  if (owned) {
    Print("a run is going on; its store is packed next time");
    return Ok();
  }
  return repository.store->Repack(needed);
}

}  // namespace

int Gc(const Global& global, const GcOptions& options) {
  Result<std::chrono::seconds> age = ParseAge(options.older_than);
  if (!age) return Fail(global, age.error());
  Result<Opened> repository = OpenRepository(global);
  if (!repository) return Fail(global, repository.error());
  Result<void> done = Ok();
  if (!options.runs) done = FreeSlots(*repository, options.dry_run);
  if (done && !options.slots) {
    done = FreeRuns(global, *repository, *age, options.dry_run);
  }
  if (!done) return Fail(global, done.error());
  return kDone;
}

}  // namespace coppice::app

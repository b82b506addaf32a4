#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include "app/cluster.h"
#include "app/cluster_gc.h"
#include "app/commands.h"
#include "app/overlay_directory.h"
#include "app/run_reader.h"
#include "base/file.h"
#include "search/lease.h"
#include "vcs/slots.h"

// Frees slots that no process holds, and runs that are old, finished or not,
// that no process owns. The store keeps what the remaining runs need, and so do
// the shared directories of those that measure on a cluster.

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

// What the remaining runs, and those that go, have outside of their
// directories.
struct Ties {
  std::vector<ObjectId> commits;           // of every remaining run
  std::set<std::string> shared;            // evaluation.slurm.shared_dir of all
  std::map<std::string, bool> unfinished;  // the remaining runs
};

void AddShared(const spec::Evaluation& evaluation, Ties& ties) {
  if (evaluation.backend == "slurm" && evaluation.slurm.shared_dir) {
    ties.shared.insert(*evaluation.slurm.shared_dir);
  }
}

Result<void> AddRemaining(const Global& global, const RunPlace& place,
                          bool alive, Ties& ties) {
  Result<ReadRun> run = OpenRun(global, place.id);
  if (!run) return run.error();
  for (std::uint32_t i = 1; i < run->state->tree().size(); ++i) {
    ties.commits.push_back(run->state->tree()[NodeId(i)].commit);
  }
  AddShared(run->state->spec().evaluation, ties);
  ties.unfinished[place.id] = alive || !run->state->stopped();
  return Ok();
}

Result<void> FreeRuns(const Global& global, Opened& repository,
                      std::chrono::seconds age, bool dry_run, Ties& ties) {
  int count = 0;
  bool owned = false;
  for (const RunPlace& run : ListRuns(repository.home)) {
    const bool alive = search::FindOwner(run.dir).has_value();
    owned |= alive;
    if (alive || !IsOlder(run, age)) {
      Result<void> added = AddRemaining(global, run, alive, ties);
      if (!added) return added;
      continue;
    }
    if (Result<ReadRun> read = OpenRun(global, run.id)) {
      AddShared(read->state->spec().evaluation, ties);
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
  return repository.store->Repack(ties.commits);
}

// The spec of now names a shared directory whose runs may all be gone.
Result<void> FreeSharedDirectories(const Opened& repository, bool dry_run,
                                   Ties ties) {
  const fs::path file = repository.home.work_dir / "coppice.yaml";
  Result<spec::Loaded> loaded =
      spec::ParseSpec(ReadWholeOrNothing(file), file.string(), {});
  if (loaded) AddShared(loaded->spec.evaluation, ties);
  const SharedGarbage garbage{.repository = repository.store->places().id,
                              .runs = std::move(ties.unfinished),
                              .dry_run = dry_run};
  for (const std::string& shared : ties.shared) {
    spec::Slurm slurm;
    slurm.shared_dir = shared;
    Result<void> done = FreeShared(ClusterRoot(slurm), garbage);
    if (!done) return done;
  }
  return Ok();
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
    Ties ties;
    done = FreeRuns(global, *repository, *age, options.dry_run, ties);
    if (done) {
      done =
          FreeSharedDirectories(*repository, options.dry_run, std::move(ties));
    }
  }
  if (!done) return Fail(global, done.error());
  return kDone;
}

}  // namespace coppice::app

#include "app/search_parts.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cstdint>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "search/sqlite_cache.h"

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

// Below this nothing new is started: a journal must always find room.
constexpr std::uint64_t kDiskReserve = std::uint64_t{256} << 20;

}  // namespace

std::function<std::optional<std::string>()> DiskWatch(
    std::vector<fs::path> places) {
  return [places = std::move(places)]() -> std::optional<std::string> {
    for (const fs::path& place : places) {
      struct statvfs disk;
      if (statvfs(place.c_str(), &disk) != 0) continue;
      const std::uint64_t free = disk.f_bavail * disk.f_frsize;
      if (free < kDiskReserve) {
        return fmt::format(
            "only {} MB are free at {}; free {} MB (`coppice "
            "gc` may help)",
            free >> 20, place.string(), kDiskReserve >> 20);
      }
    }
    return std::nullopt;
  };
}

Result<search::RunLease> TakeRunDirectory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return Error{.code = ErrorCode::kIo,
                 .what = "cannot make the run's directory",
                 .where = directory.string(),
                 .cause = error.message()};
  }
  return search::AcquireLease(directory);
}

Result<std::vector<search::Arm>> ArmsOf(
    const std::vector<llm::NamedProposer>& proposers, const Home& home,
    TemplateSets& templates) {
  std::vector<search::Arm> arms;
  for (const llm::NamedProposer& proposer : proposers) {
    const search::Templates* own = nullptr;
    if (const auto& dir = proposer.proposal.templates) {
      auto known = templates.find(*dir);
      if (known == templates.end()) {
        Result<search::Templates> loaded =
            search::Templates::Load(home.work_dir / *dir);
        if (!loaded) return loaded.error();
        known = templates.emplace(*dir, std::move(*loaded)).first;
      }
      own = &known->second;
    }
    arms.push_back({.name = proposer.name,
                    .weight = proposer.weight,
                    .operators = proposer.operators,
                    .proposer = proposer.proposer.get(),
                    .shared = proposer.shared,
                    .max_prompt_kb = proposer.proposal.max_prompt_kb,
                    .templates = own});
  }
  return arms;
}

std::unique_ptr<search::MeasurementCache> OpenMeasurements(
    const Home& home, const Workbench& bench) {
  auto cache =
      search::OpenCache(home.coppice / "cache.db", bench.measuring_digest(),
                        eval::EnvironmentDigest(bench.environment()));
  if (cache) return std::move(*cache);
  LogWarning(cache.error().Text());
  return nullptr;
}

// One idea a line, '#' for remarks, list marks left out. It is read where the
// user edits it, in the work tree.
std::function<std::vector<std::string>()> IdeasOf(const Home& home,
                                                  const spec::Spec& spec) {
  const std::optional<std::string>& file = spec.search.hypotheses;
  if (!file) return nullptr;
  return [path = home.work_dir / *file] {
    std::vector<std::string> ideas;
    Result<std::string> text = ReadTextFile(path);
    if (!text) return ideas;
    for (std::string_view line : SplitLines(*text)) {
      line = Trim(line);
      if (line.starts_with("- ") || line.starts_with("* ")) {
        line = Trim(line.substr(2));
      }
      if (line.empty() || line.starts_with('#')) continue;
      ideas.push_back(OneLine(line, 400));
    }
    return ideas;
  };
}

Result<search::Search::Beginning> BeginningOf(Project& project,
                                              const spec::Loaded& loaded,
                                              const Baseline& baseline,
                                              std::string run) {
  search::Search::Beginning beginning;
  search::Started& started = beginning.started;
  started.coppice = COPPICE_VERSION;
  started.names_prompts = true;
  started.run = std::move(run);
  started.spec_json = loaded.merged_json;
  started.spec_sha256 = Sha256Hex(loaded.merged_json);
  started.base = project.base;
  started.lock_json = eval::FormatLock(baseline.lock);
  started.seed = loaded.spec.search.seed;
  Result<ObjectId> tree = project.store->TreeIdOf(project.base);
  if (!tree) return tree.error();
  beginning.base_tree = *tree;
  beginning.baseline = baseline.samples;
  beginning.baseline.insert(beginning.baseline.end(), baseline.holdout.begin(),
                            baseline.holdout.end());
  if (baseline.lock.judged) {
    beginning.judged =
        JudgedOnce(loaded.spec.judge->models, *baseline.lock.judged);
  }
  return beginning;
}

Workbench::Options OptionsFor(const Global& global, std::string run,
                              fs::path directory, eval::BaselineLock lock) {
  Workbench::Options options;
  options.run = std::move(run);
  options.run_directory = std::move(directory);
  options.habits = std::move(lock.habits);
  options.units = std::move(lock.units);
  options.slots = std::move(lock.slots);
  options.judged = std::move(lock.judged);
  options.models = global.models;
  options.require_isolation = global.require_isolation;
  return options;
}

}  // namespace coppice::app

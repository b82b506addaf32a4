#include "app/worker_place.h"

#include <fmt/format.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "app/places.h"
#include "base/file.h"
#include "base/text.h"
#include "eval/environment_facts.h"
#include "eval/isolation.h"
#include "vcs/carried.h"

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

Error Lacking(std::string what, const fs::path& where) {
  return Error{.code = ErrorCode::kUsage,
               .what = std::move(what),
               .where = where.string(),
               .cause =
                   "`coppice worker` is started by jobs of a search, not by "
                   "hand; or this node does not see "
                   "evaluation.slurm.shared_dir"};
}

// Jobs come with next to no environment.
void FurnishEnvironment() {
  const passwd* account = getpwuid(getuid());
  if (account != nullptr) setenv("HOME", account->pw_dir, 0);
  setenv("PATH", eval::kStandardPath, 0);
}

// In the directory that all jobs of an account share: nobody else may have made
// it, for what is built there is run.
Result<fs::path> MakeScratch(const CommonOrder& common) {
  fs::path above = common.scratch;
  for (const char* name : {"SLURM_TMPDIR", "TMPDIR"}) {
    if (above.empty()) above = Variable(name);
  }
  if (above.empty()) above = "/tmp";
  std::error_code ignored;
  fs::create_directories(above, ignored);
  const fs::path scratch = above / fmt::format("coppice-{}", getuid());
  struct stat st{};
  const bool there = mkdir(scratch.c_str(), 0700) == 0 || errno == EEXIST;
  if (!there || lstat(scratch.c_str(), &st) != 0) {
    return DiskError("make", scratch);
  }
  if (!S_ISDIR(st.st_mode) || st.st_uid != getuid() ||
      (st.st_mode & 022) != 0) {
    return Error{.code = ErrorCode::kCheck,
                 .what = "the scratch directory belongs to somebody else",
                 .where = scratch.string(),
                 .next = "set COPPICE_SCRATCH to a directory of your own"};
  }
  return scratch;
}

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

}  // namespace

Result<WorkerPlace> FindWorkerPlace(const std::string& run_dir, int batch) {
  FurnishEnvironment();
  WorkerPlace place;
  const fs::path run = fs::path(run_dir);
  place.files = {.root = run.parent_path(), .run = run.filename()};
  const std::string list = ReadWholeOrNothing(place.files.Batch(batch));
  const auto keys = SplitLines(list);
  const auto task = ParseNumber(Variable("SLURM_ARRAY_TASK_ID"));
  place.step = !task;
  const auto index = static_cast<std::size_t>(task.value_or(0));
  if (index >= keys.size()) {
    return Lacking("there is no order for this job", place.files.Batch(batch));
  }
  place.key = keys[index];
  place.job_dir = place.files.Job(place.key);
  Result<std::string> text = ReadWhole(place.job_dir / eval::kOrder);
  if (!text) return Lacking("its order was taken back", place.job_dir);
  Result<Order> order = DecodeOrder(*text);
  if (!order) return order.error();
  place.order = std::move(*order);
  text = ReadWhole(place.files.Run() / place.order.common);
  if (!text) return text.error();
  Result<CommonOrder> common = DecodeCommon(*text);
  if (!common) return common.error();
  place.common = std::move(*common);
  Result<fs::path> scratch = MakeScratch(place.common);
  if (!scratch) return scratch.error();
  place.shared_scratch = *scratch;
  place.scratch_dir =
      *scratch / "jobs" / fmt::format("{}.{}", place.files.run, place.key);
  place.run_directory = place.scratch_dir / "run";
  setenv("XDG_CACHE_HOME", (*scratch / "cache").c_str(), 1);
  for (const auto& [name, value] : place.common.passed) {
    setenv(name.c_str(), value.c_str(), 1);
  }
  return place;
}

Result<void> SayHello(const WorkerPlace& place, Clock& clock) {
  const fs::path file = place.files.Answer(place.key, eval::kHello);
  std::error_code error;
  if (fs::exists(file, error)) {
    return Error{.code = ErrorCode::kBusy,
                 .what = "the cluster has started this job for a second time",
                 .where = place.job_dir.string()};
  }
  std::string job = Variable("SLURM_ARRAY_JOB_ID");
  if (!job.empty()) job += "_" + Variable("SLURM_ARRAY_TASK_ID");
  const std::string node = Variable("SLURMD_NODENAME");
  Hello hello{.host = node.empty() ? HostName() : node,
              .job = job,
              .coppice = COPPICE_VERSION,
              .at = clock.Wall().time_since_epoch().count(),
              .environment = eval::ReadEnvironment("/")};
  return eval::PutFile(file, Encode(hello));
}

Result<Project> OpenCarriedProject(const WorkerPlace& place) {
  const CommonOrder& common = place.common;
  vcs::CarriedPacks packs{
      .base = common.base_pack,
      .commit = {},
      .kept = place.shared_scratch / "bases" / common.base.Hex(),
      .exclude = common.exclude,
      .id = common.repository};
  if (place.order.target.commit != common.base) {
    packs.commit = place.job_dir / "tree.pack";
  }
  Opened opened;
  const fs::path repository = place.scratch_dir / "repository";
  std::error_code ignored;
  fs::create_directories(packs.kept.parent_path(), ignored);
  Result<std::unique_ptr<vcs::Store>> store =
      vcs::MakeCarriedStore(repository, packs, common.base);
  if (!store) return store.error();
  opened.store = std::move(*store);
  opened.home = {
      .work_dir = common.copies.empty() ? repository.string() : common.copies,
      .common_dir = repository / ".git",
      .coppice = repository / ".git" / "coppice"};
  Result<spec::Loaded> loaded = spec::ParseSpec(
      common.spec_json, "the order",
      {{"evaluation.backend", "local"}, {"parallel.evaluations", "1"}});
  if (!loaded) return loaded.error();
  return OpenRunProject(std::move(opened), loaded->spec, loaded->merged_json,
                        common.base);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace coppice::app

#include "app/cluster.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "eval/isolation.h"
#include "search/lease.h"

// What never changes is put there once, under a name that says what it is:
// the program by its size and time, a base by its commit, copied files by the
// digest of what is measured. Each is made under another name and renamed, so
// that two searches may come at once.

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSharedHint =
    "evaluation.slurm.shared_dir must be a directory that you may write, with "
    "room, and that every node sees";

// Copying tells a full disk from other trouble no more than "I/O error".
Error Trouble(std::string what, const fs::path& where,
              const std::error_code& error) {
  const std::optional<std::string> full = eval::WhyNoRoom(where.parent_path());
  return Error{.code = ErrorCode::kCheck,
               .what = std::move(what),
               .where = where.string(),
               .cause = full.value_or(error.message()),
               .next = kSharedHint};
}

Result<void> MakeDirectory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (!error) return Ok();
  return Trouble("cannot make a directory", directory, error);
}

// Makes `place` with `fill`, unless it is there. Its time says when it was
// last wanted: `gc` looks at it.
template <class Fill>
Result<void> MakeOnce(const fs::path& place, Fill fill) {
  std::error_code error;
  if (fs::exists(place, error)) {
    utimensat(AT_FDCWD, place.c_str(), nullptr, 0);
    return Ok();
  }
  const fs::path draft = fmt::format("{}.draft-{}", place.string(), getpid());
  fs::remove_all(draft, error);
  Result<void> made = MakeDirectory(place.parent_path());
  if (made) made = fill(draft);
  if (made) {
    fs::rename(draft, place, error);
    if (error && !fs::exists(place)) {
      made = Trouble("cannot put a file", place, error);
    }
  }
  fs::remove_all(draft, error);
  return made;
}

Result<void> CopyInto(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  fs::copy(from, to,
           fs::copy_options::recursive | fs::copy_options::copy_symlinks,
           error);
  if (error) return Trouble("cannot copy " + from.string(), to, error);
  return Ok();
}

std::string Stamp(const fs::path& file) {
  struct stat st{};
  if (stat(file.c_str(), &st) != 0) return "0";
  return fmt::format("{:x}-{:x}{:08x}", st.st_size, st.st_mtim.tv_sec,
                     st.st_mtim.tv_nsec);
}

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

// How long cores are held for a search that shows no life.
std::chrono::seconds Silence() {
  constexpr double kLeast = 5, kMost = 86400;
  const auto told = ParseNumber(Variable("COPPICE_IDLE_SECONDS"));
  if (!told) return eval::kSilence;
  return std::chrono::seconds(
      static_cast<int>(std::clamp(*told, kLeast, kMost)));
}

}  // namespace

eval::EnvironmentFacts ClusterEnvironment(const spec::Slurm& slurm) {
  eval::EnvironmentFacts facts;
  facts.os = "slurm";
  facts.cpu = "partition " + slurm.partition.value_or("(default)");
  facts.gpu = slurm.gres.value_or("");
  facts.cores = slurm.cpus;
  facts.isolation = "of the nodes";
  return facts;
}

fs::path ClusterRoot(const spec::Slurm& slurm) {
  return fs::path(*slurm.shared_dir) / "coppice";
}

Result<std::string> StageProgram(const fs::path& root) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  Result<fs::path> helper = eval::FindSandboxHelper();
  if (!helper) return helper.error();
  const fs::path place =
      root / "bin" / fmt::format("{}-{}", Stamp(self), Stamp(*helper));
  Result<void> staged =
      MakeOnce(place, [&](const fs::path& draft) -> Result<void> {
        Result<void> done = CopyInto(self, draft / "coppice");
        if (done) done = CopyInto(*helper, draft / "coppice-sandbox");
        return done;
      });
  if (!staged) return staged.error();
  return (place / "coppice").string();
}

Result<std::unique_ptr<Cluster>> Cluster::Make(Project& project,
                                               ClusterParts parts) {
  const spec::Slurm& slurm = project.spec().evaluation.slurm;
  std::unique_ptr<Cluster> cluster(new Cluster(project));
  cluster->clock_ = &parts.clock;
  cluster->began_ = parts.clock.Wall();
  cluster->silence_ = Silence();
  cluster->files_ = {.root = ClusterRoot(slurm), .run = parts.run};
  std::error_code error;
  if (!fs::is_directory(*slurm.shared_dir, error)) {
    return Trouble("evaluation.slurm.shared_dir is no directory",
                   *slurm.shared_dir, error);
  }
  Result<void> made = MakeDirectory(cluster->files_.root);
  if (!made) return made.error();
  Result<std::string> program = app::StageProgram(cluster->files_.root);
  if (!program) return program.error();
  Result<std::string> base = cluster->StageBase();
  if (!base) return base.error();
  Result<std::string> copies = cluster->StageCopies(parts.digest);
  if (!copies) return copies.error();
  Result<void> owned = cluster->PutOwner(parts, {*program, *base, *copies});
  if (!owned) return owned.error();
  cluster->learned_.habits.habits = std::move(parts.habits);
  cluster->learned_.habits.units = std::move(parts.units);
  cluster->learned_.habits.base = project.base;
  CommonOrder common{
      .coppice = COPPICE_VERSION,
      .run = parts.run,
      .repository = project.store->places().id,
      .base = project.base,
      .spec_json = project.loaded.merged_json,
      .learned = cluster->learned_.habits,
      .passed = {parts.passed.begin(), parts.passed.end()},
      .exclude = ReadWholeOrNothing(project.home.common_dir / "info/exclude"),
      .isolation = std::move(parts.require_isolation),
      .base_pack = std::move(*base),
      .copies = std::move(*copies),
      .scratch = Variable("COPPICE_SCRATCH"),
      .silence = cluster->silence_};
  Result<std::unique_ptr<eval::SlurmEvaluator>> evaluator =
      eval::MakeSlurmEvaluator({.executor = parts.executor,
                                .clock = parts.clock,
                                .compute = parts.compute,
                                .slurm = slurm,
                                .files = cluster->files_,
                                .program = std::move(*program),
                                .at_once = parts.at_once,
                                .silence = cluster->silence_,
                                .run_directory = std::move(parts.run_directory),
                                .wire = cluster->Wire()});
  if (!evaluator) return evaluator.error();
  cluster->evaluator_ = std::move(*evaluator);
  const std::string text = Encode(common);
  cluster->common_ = fmt::format("common-{:.12}.json", Sha256Hex(text));
  made = eval::PutFile(cluster->files_.Run() / cluster->common_, text);
  if (!made) return made.error();
  cluster->ShowLife();
  return cluster;
}

// With what workers of an earlier process may still use.
Result<void> Cluster::PutOwner(const ClusterParts& parts,
                               std::set<std::string> needs) const {
  needs.erase("");
  const fs::path file = files_.Run() / kOwnerFile;
  Result<Owner> before = DecodeOwner(ReadWholeOrNothing(file));
  if (before) needs.merge(before->needs);
  Result<void> made = MakeDirectory(files_.Run());
  if (!made) return made;
  return eval::PutFile(file,
                       Encode(Owner{.repository = project_.store->places().id,
                                    .host = search::ThisProcess().host,
                                    .directory = parts.run_directory,
                                    .needs = std::move(needs)}));
}

Result<std::string> Cluster::StageBase() const {
  const fs::path pack = files_.root / "packs" / (project_.base.Hex() + ".pack");
  Result<void> staged = MakeOnce(pack, [&](const fs::path& draft) {
    return project_.store->WritePack(project_.base, std::nullopt, draft);
  });
  if (!staged) return staged.error();
  return pack.string();
}

Result<std::string> Cluster::StageCopies(const std::string& digest) const {
  const spec::Evaluation& evaluation = project_.spec().evaluation;
  std::vector<std::string> paths = evaluation.copy;
  if (evaluation.holdout) {
    const std::vector<std::string>& held = evaluation.holdout->copy;
    paths.insert(paths.end(), held.begin(), held.end());
  }
  if (paths.empty()) return std::string();
  const fs::path place = files_.root / "copies" / fmt::format("{:.16}", digest);
  auto fill = [&](const fs::path& draft) -> Result<void> {
    Result<void> done = MakeDirectory(draft);
    for (const std::string& path : paths) {
      const fs::path from = project_.home.work_dir / path;
      std::error_code error;
      if (!fs::exists(from, error)) continue;  // the worker says so
      if (done) done = CopyInto(from, draft / path);
    }
    return done;
  };
  Result<void> staged = MakeOnce(place, fill);
  if (!staged) return staged.error();
  chmod(place.c_str(), 0700);
  return place.string();
}

Result<void> Cluster::Prepare(const eval::Target& target,
                              const fs::path& directory) const {
  if (target.commit != project_.base) {
    Result<void> packed = project_.store->WritePack(
        target.commit, project_.base, directory / "tree.pack");
    if (!packed) return packed;
  }
  return eval::PutFile(directory / eval::kOrder,
                       Encode(Order{.target = target, .common = common_}));
}

eval::SlurmWire Cluster::Wire() {
  eval::SlurmWire wire;
  wire.prepare = [this](const eval::Target& target, const fs::path& directory) {
    return Prepare(target, directory);
  };
  wire.read_order = [](std::string_view text) -> Result<eval::Target> {
    Result<Order> order = DecodeOrder(text);
    if (!order) return order.error();
    return order->target;
  };
  wire.see_hello = [this](std::string_view text) {
    Result<Hello> hello = DecodeHello(text);
    if (!hello) return;
    constexpr double kMicros = 1e6;
    const double said = static_cast<double>(hello->at) / kMicros;
    const double now =
        static_cast<double>(clock_->Wall().time_since_epoch().count()) /
        kMicros;
    const double began =
        static_cast<double>(began_.time_since_epoch().count()) / kMicros;
    ahead_[hello->host] =
        said > now ? said - now : (said < began ? said - began : 0);
    nodes_.insert_or_assign(hello->host, std::move(*hello));
  };
  wire.read_opened =
      [this](std::string_view text) -> Result<eval::RemoteOpened> {
    Result<OpenedAnswer> answer = DecodeOpened(text);
    if (!answer) return answer.error();
    Learn(answer->learned);
    return std::move(answer->opened);
  };
  wire.read_sample = [this](std::string_view text) -> Result<eval::Sample> {
    Result<SampleAnswer> answer = DecodeSampleAnswer(text);
    if (!answer) return answer.error();
    Learn(answer->learned);
    return std::move(answer->sample);
  };
  wire.read_diagnosis = DecodeDiagnosis;
  return wire;
}

double Cluster::ClockAhead(const std::string& node) const {
  const auto found = ahead_.find(node);
  return found == ahead_.end() ? 0 : found->second;
}

void Cluster::Learn(const std::optional<Learned>& learned) {
  if (!learned) return;
  eval::BaselineLock& known = learned_.habits;
  known.habits.by_products.insert(learned->habits.habits.by_products.begin(),
                                  learned->habits.habits.by_products.end());
  known.habits.rewritten.insert(learned->habits.habits.rewritten.begin(),
                                learned->habits.habits.rewritten.end());
  known.units.insert(learned->habits.units.begin(),
                     learned->habits.units.end());
  if (learned->checkout.bytes != 0) learned_.checkout = learned->checkout;
}

}  // namespace coppice::app

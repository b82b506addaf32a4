#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/export_branches.h"
#include "app/export_files.h"
#include "app/export_push.h"
#include "app/run_reader.h"
#include "base/text.h"
#include "report/views.h"
#include "report/words.h"
#include "search/lease.h"
#include "vcs/export.h"

// From a node to what a reviewer merges. The commits are composed in our own
// store, measured in a clean checkout, and only then copied into the user's
// repository, so that a branch that exists has been verified.

namespace coppice::app {
namespace {
namespace fs = std::filesystem;

Error AsConflict(Error error) {
  error.code = ErrorCode::kConflict;
  return error;
}

bool IntoFile(const ExportOptions& options) {
  return !options.patch.empty() || !options.bundle.empty();
}

// What can be refused before anything is measured: names, and a conflict.
Result<void> CheckFirst(ReadRun& run, const ExportPlan& plan,
                        const ExportOptions& options) {
  if (!IntoFile(options)) {
    Result<void> free =
        vcs::CheckBranchIsFree(run.store->places(), plan.branch);
    if (!free) return AsConflict(free.error());
  }
  const vcs::ExportStep step{run.state->base(), plan.commit, "draft\n"};
  Result<std::vector<ObjectId>> commits =
      vcs::ComposeExport(*run.store, plan.onto, std::span(&step, 1));
  if (!commits) return commits.error();
  return Ok();
}

int SayDryRun(const Global& global, const ExportPlan& plan,
              const ExportWork& work) {
  const std::size_t hunks = work.hunks().all().size();
  const bool minimise = work.minimise && plan.gain && hunks > 1;
  if (global.output == OutputMode::kJson) {
    Print(DumpCanonical(Json{{"node", plan.node.value()},
                             {"branch", plan.branch},
                             {"mode", plan.mode},
                             {"onto", plan.onto.Hex()},
                             {"hunks", hunks},
                             {"minimise", minimise},
                             {"done", false}}));
    return kDone;
  }
  Print(fmt::format("would make branch {} of node {} ({}) on {}: {}",
                    plan.branch, plan.node.value(), plan.mode, plan.onto_name,
                    report::Count(static_cast<std::int64_t>(hunks), "hunk")));
  for (const vcs::HunkSpan& hunk : work.hunks().all()) {
    Print("  " + report::Safe(hunk.path) +
          (hunk.whole_file ? "" : fmt::format(":{}", hunk.old_begin + 1)));
  }
  if (!plan.failed.empty()) {
    Print("the node failed (" + report::Safe(plan.failed) +
          "): nothing would be verified");
  } else {
    Print(minimise ? "it would leave out what the gain does not need, then "
                     "verify in a clean checkout"
                   : "it would verify in a clean checkout");
  }
  return kDone;
}

// The journal tells of the branches; the journal of a run that another process
// owns is only read.
void Record(const ExportWork& work) {
  const RunPlace& place = work.run.place;
  Result<search::RunLease> lease = search::AcquireLease(place.dir);
  if (!lease) return;
  auto journal = search::OpenJournal(place.journal());
  if (!journal) return;
  for (const ExportBranch& branch : work.branches) {
    search::Exported exported;
    exported.node = work.plan.node;
    exported.branch = branch.name;
    exported.commits = branch.commits;
    exported.mode = work.plan.mode;
    if (!(*journal)->Append(MakeRealClock()->Wall(), std::move(exported))) {
      Say("warning: the export could not be noted in the journal");
    }
  }
}

// Takes the first branches away again.
void Withdraw(ExportWork& work, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const ExportBranch& branch = work.branches[i];
    Result<void> removed = vcs::RemoveBranch(
        work.run.store->places(), branch.name, branch.commits.back());
    if (!removed) Say("warning: " + removed.error().Text());
  }
}

Result<void> Publish(ExportWork& work) {
  for (std::size_t i = 0; i < work.branches.size(); ++i) {
    const ExportBranch& branch = work.branches[i];
    Result<void> made =
        vcs::PublishBranch(*work.run.store, branch.name, branch.commits.back());
    if (made) continue;
    Withdraw(work, i);
    return AsConflict(made.error());
  }
  return Ok();
}

Result<void> WriteFiles(ExportWork& work, const ExportOptions& options) {
  Result<void> written = Ok();
  if (!options.patch.empty()) written = WritePatchFile(work, options.patch);
  if (written && !options.bundle.empty()) {
    written = WriteBundle(work, options.bundle);
  }
  return written;
}

// Beside the run: `export/<branch>.md`, slashes as dashes.
Result<fs::path> WriteText(const ExportWork& work, const ExportBranch& branch) {
  std::string name = branch.name;
  std::ranges::replace(name, '/', '-');
  const fs::path file = work.run.place.dir / "export" / (name + ".md");
  std::error_code ignored;
  fs::create_directories(file.parent_path(), ignored);
  const ExportStory story = work.StoryOf(branch);
  Result<void> written =
      report::WriteWhole(file, "# " + report::Markdown(RequestTitle(story)) +
                                   "\n\n" + RequestText(story));
  if (!written) return written.error();
  return file;
}

Json ToJson(const ExportWork& work, const ExportBranch& branch,
            const fs::path& text) {
  Json hexes = Json::array();
  for (ObjectId commit : branch.commits) hexes.push_back(commit.Hex());
  return Json{{"branch", branch.name},
              {"commits", hexes},
              {"title", RequestTitle(work.StoryOf(branch))},
              {"text", text.string()}};
}

// Files, or branches here and on a remote that was asked for.
Result<Pushed> Announce(ExportWork& work, const ExportOptions& options,
                        const std::optional<PushTarget>& target) {
  Result<void> made =
      IntoFile(options) ? WriteFiles(work, options) : Publish(work);
  if (!made) return made.error();
  if (IntoFile(options)) return Pushed{};
  if (!target) {
    Record(work);
    return Pushed{};
  }
  if (work.global.output != OutputMode::kJson) {
    Say("pushing to " + report::Safe(target->remote) + " ...");
  }
  Result<Pushed> pushed = PushBranches(work, *target);
  // A remote that refuses leaves no branch here either.
  if (!pushed && pushed.error().code == ErrorCode::kConflict) {
    Withdraw(work, work.branches.size());
    return pushed;
  }
  Record(work);
  return pushed;
}

int SayDone(const ExportWork& work, const ExportOptions& options,
            const std::vector<fs::path>& texts, const Pushed& pushed) {
  const ExportPlan& plan = work.plan;
  const ExportStory story = work.StoryOf(work.branches.front());
  if (work.global.output == OutputMode::kJson) {
    Json json{{"node", plan.node.value()},
              {"mode", plan.mode},
              {"onto", plan.onto.Hex()},
              {"value", nullptr},
              {"done", true},
              {"verified", bool(work.evidence)},
              {"hunks", work.hunks().all().size()}};
    if (!options.patch.empty()) json["patch"] = options.patch;
    if (!options.bundle.empty()) json["bundle"] = options.bundle;
    json.update(ToJson(work, work.branches.front(), texts.front()));
    if (work.evidence) {
      json["value"] = work.evidence->after_value;
      json["before"] = work.evidence->before;
      json["after"] = work.evidence->after;
    }
    if (work.minimised) {
      json["kept"] = work.minimised->kept.size();
      json["evaluated"] = work.minimised->evaluated;
    }
    json["requests"] = pushed.urls;
    json["branches"] = Json::array();
    for (std::size_t i = 0; i < work.branches.size(); ++i) {
      json["branches"].push_back(ToJson(work, work.branches[i], texts[i]));
    }
    Print(DumpCanonical(json));
    return kDone;
  }
  if (work.evidence) {
    Print("verified in a clean checkout: checks pass, " + MetricText(story));
  }
  if (!options.patch.empty()) {
    Print(fmt::format("wrote {}: git am {} on {}", options.patch, options.patch,
                      plan.onto_name));
  }
  if (!options.bundle.empty()) {
    Print(fmt::format("wrote {}: git fetch {} {}", options.bundle,
                      options.bundle, work.branches.front().name));
  }
  for (std::size_t i = 0; i < work.branches.size(); ++i) {
    const ExportBranch& branch = work.branches[i];
    if (IntoFile(options)) {
      Print("  text:   " + texts[i].string());
      continue;
    }
    Print(fmt::format(
        "made branch {} of node {} ({}, {}) on {}", branch.name,
        plan.node.value(), plan.mode,
        report::Count(static_cast<std::int64_t>(branch.commits.size()),
                      "commit"),
        plan.onto_name));
    Print(
        fmt::format("  review: git diff {}...{}", plan.onto_name, branch.name));
    Print("  text:   " + texts[i].string());
  }
  for (const std::string& line : pushed.lines) {
    Print("  remote: " + report::Safe(line, 400));
  }
  return kDone;
}

}  // namespace

int Export(const Global& global, const ExportOptions& options) {
  Result<ReadRun> run = OpenRun(global, options.run);
  if (!run) return Fail(global, run.error());
  Result<ExportPlan> plan = MakeExportPlan(*run, options);
  if (!plan) return Fail(global, plan.error());
  Result<void> possible = CheckFirst(*run, *plan, options);
  if (!possible) return Fail(global, possible.error());
  std::optional<PushTarget> target;
  if (!IntoFile(options)) {
    Result<std::optional<PushTarget>> found =
        FindPushTarget(*run, *plan, options);
    if (!found) return Fail(global, found.error());
    target = std::move(*found);
  }
  Result<ExportChange> change = ReadChange(*run, *plan);
  if (!change) return Fail(global, change.error());
  ExportWork work{
      .global = global,
      .run = *run,
      .plan = *plan,
      .change = std::move(*change),
      .minimise = run->state->spec().export_.minimise && !options.no_minimise,
      .minimised = {},
      .branches = {},
      .evidence = {}};
  if (options.dry_run) return SayDryRun(global, *plan, work);
  Result<void> prepared = PrepareBranches(work);
  if (!prepared) {
    const int exit = Fail(global, prepared.error());
    return work.interrupted == 0 ? exit : 128 + work.interrupted;
  }
  Result<Pushed> announced = Announce(work, options, target);
  if (!announced) return Fail(global, announced.error());
  std::vector<fs::path> texts;
  for (const ExportBranch& branch : work.branches) {
    Result<fs::path> text = WriteText(work, branch);
    if (!text) return Fail(global, text.error());
    texts.push_back(std::move(*text));
  }
  return SayDone(work, options, texts, *announced);
}

int Apply(const Global& global, const ApplyOptions& options) {
  Result<ReadRun> run = OpenRun(global, options.run);
  if (!run) return Fail(global, run.error());
  Result<AttemptId> node = run->Node(options.node);
  if (!node) return Fail(global, node.error());
  std::optional<NodeId> vertex = run->state->tree().Find(*node);
  if (!vertex || *vertex == run->state->tree().root()) {
    return Fail(global,
                Error{.code = ErrorCode::kNotFound,
                      .what = "there is no better node to apply",
                      .next = "`coppice top`, then `coppice apply --node N`"});
  }
  Result<std::vector<std::string>> changed = vcs::ApplyToWorkTree(
      *run->store, run->state->base(), run->state->tree()[*vertex].commit);
  if (!changed) return Fail(global, AsConflict(changed.error()));
  Print(fmt::format("node {} applied: {}", node->value(),
                    fmt::join(*changed, ", ")));
  Print("next: run your tests, then commit");
  return kDone;
}

}  // namespace coppice::app

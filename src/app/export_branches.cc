#include "app/export_branches.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <span>
#include <utility>

#include "base/text.h"
#include "report/words.h"
#include "vcs/export.h"

// The order of an export: which hunks matter, in which commits, does the whole
// pass in a clean checkout, and only then the commits with what was measured
// in their messages. Their trees are the ones that were measured.

namespace coppice::app {
namespace {

void Tell(const ExportWork& work, const std::string& line) {
  if (work.global.output != OutputMode::kJson) Say(line);
}

std::vector<std::size_t> AllHunks(const vcs::Hunks& hunks) {
  std::vector<std::size_t> all(hunks.all().size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

Error Interrupted() {
  return Error{.code = ErrorCode::kLost,
               .what = "stopped by a signal; no branch was made",
               .next =
                   "the same command goes on with what was measured so "
                   "far"};
}

// Runs one task that ends in a result, or says which signal ended it.
template <class T>
Result<T> RunOn(ExportBench& bench, ExportWork& work, Task<Result<T>> task) {
  std::optional<Result<T>> result;
  auto run = [&]() -> Task<void> { result = co_await std::move(task); };
  bench.Run(run());
  work.interrupted = bench.interrupted();
  if (work.interrupted != 0) return Interrupted();
  return std::move(*result);
}

void TellMinimised(const ExportWork& work, const Minimised& done) {
  const std::size_t all = work.hunks().all().size();
  std::string line = fmt::format(
      "{} of {} hunks matter{} ({} measured", done.kept.size(), all,
      done.kept.size() == 1 ? "s" : "", report::Count(done.evaluated, "part"));
  if (done.known > 0) line += fmt::format(", {} known before", done.known);
  line += ")";
  if (done.undecided > 0) {
    line += fmt::format(
        "; {} were not asked about: an export measures 40 parts or one hour "
        "at most, and the next goes on from here",
        done.undecided);
  }
  Tell(work, line);
}

Result<void> ChooseHunks(ExportBench& bench, ExportWork& work) {
  Tell(work, fmt::format("minimising {} hunks (--no-minimise leaves this out)",
                         work.hunks().all().size()));
  auto say = [&](const std::string& line) { Tell(work, line); };
  Result<Minimised> done =
      RunOn(bench, work, Minimise(bench, work.plan, work.hunks(), say));
  if (!done) return done.error();
  TellMinimised(work, *done);
  work.minimised = std::move(*done);
  return Ok();
}

// All parts one after another on `onto`, with these messages.
Result<std::vector<ObjectId>> Compose(
    ExportWork& work, vcs::Store& store, const std::vector<ExportPart>& parts,
    const std::function<std::string(std::size_t)>& message) {
  std::vector<vcs::ExportStep> steps;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    steps.push_back({parts[i].from, parts[i].to, message(i)});
  }
  return vcs::ComposeExport(store, work.plan.onto, steps);
}

// The tip that has everything.
Result<ObjectId> Whole(ExportWork& work, vcs::Store& store) {
  std::vector<ExportPart> parts;
  for (const ExportBranch& branch : work.branches) {
    parts.insert(parts.end(), branch.parts.begin(), branch.parts.end());
  }
  auto draft = [](std::size_t) { return std::string("draft\n"); };
  Result<std::vector<ObjectId>> commits = Compose(work, store, parts, draft);
  if (!commits) return commits.error();
  return commits->back();
}

Result<void> VerifyBranches(ExportBench& bench, ExportWork& work) {
  Tell(work, "verifying in a clean checkout ...");
  Result<ObjectId> whole = Whole(work, bench.store());
  if (!whole) return whole.error();
  Result<Evidence> evidence =
      RunOn(bench, work, Verify(bench, work.plan, *whole));
  if (!evidence) return evidence.error();
  work.evidence = std::move(*evidence);
  return Ok();
}

// Commits that pass one by one, and branches that do.
Result<void> CheckParts(ExportBench& bench, ExportWork& work) {
  const Place place = [&](ObjectId part) -> Result<ObjectId> {
    const vcs::ExportStep step{work.change.base, part, "draft\n"};
    Result<std::vector<ObjectId>> commits =
        vcs::ComposeExport(bench.store(), work.plan.onto, std::span(&step, 1));
    if (!commits) return commits.error();
    return commits->back();
  };
  if (work.plan.mode == "stack" && work.branches[0].parts.size() > 1) {
    std::vector<ExportPart>& parts = work.branches[0].parts;
    Tell(work, fmt::format("checking {} commits one by one ...", parts.size()));
    const std::size_t before = parts.size();
    Result<std::vector<ExportPart>> folded = RunOn(
        bench, work, FoldBroken(bench, work.plan, std::move(parts), place));
    if (!folded) return folded.error();
    parts = std::move(*folded);
    if (parts.size() < before) {
      Tell(work, fmt::format("{} did not pass by themselves and are one with "
                             "the next",
                             before - parts.size()));
    }
  }
  if (work.plan.mode != "split" || work.branches.size() == 1) return Ok();
  Tell(work,
       fmt::format("checking {} files one by one ...", work.branches.size()));
  std::vector<ExportPart> parts;
  for (const ExportBranch& branch : work.branches) {
    parts.push_back(branch.parts.front());
  }
  const std::size_t before = parts.size();
  Result<std::vector<ExportPart>> joined = RunOn(
      bench, work,
      JoinBroken(bench, work.plan, work.hunks(), std::move(parts), place));
  if (!joined) return joined.error();
  if (joined->size() < before) {
    Tell(work, fmt::format("some need each other: {} branches of {} files",
                           joined->size(), before));
  }
  work.branches.clear();
  for (ExportPart& part : *joined) {
    work.branches.push_back({.parts = {std::move(part)}});
  }
  return Ok();
}

// `optimize/name`, or `optimize/name-1`, `-2`, ... of a split.
void NameBranches(ExportWork& work) {
  for (std::size_t i = 0; i < work.branches.size(); ++i) {
    work.branches[i].name = work.branches.size() == 1
                                ? work.plan.branch
                                : fmt::format("{}-{}", work.plan.branch, i + 1);
  }
}

Result<void> MakeBranches(ExportWork& work,
                          const std::vector<std::size_t>& kept) {
  const bool split = work.plan.mode == "split";
  MakeParts& make = split                       ? SplitParts
                    : work.plan.mode == "stack" ? StackParts
                                                : SquashParts;
  Result<std::vector<ExportPart>> parts = make(work.change, kept);
  if (!parts) return parts.error();
  work.branches.clear();
  if (!split) {
    work.branches.push_back({.parts = std::move(*parts)});
    return Ok();
  }
  for (ExportPart& part : *parts) {
    work.branches.push_back({.parts = {std::move(part)}});
  }
  return Ok();
}

Result<void> Measure(ExportWork& work) {
  // Without a gain nothing says what matters.
  const bool minimise =
      work.minimise && work.plan.gain && work.hunks().all().size() > 1;
  if (minimise && work.plan.moved) {
    // What matters was found where the search found it.
    Result<std::unique_ptr<ExportBench>> bench =
        ExportBench::Make(work.global, work.run, work.run.state->base());
    if (!bench) return bench.error();
    Result<void> chosen = ChooseHunks(**bench, work);
    if (!chosen) return chosen;
  }
  Result<std::unique_ptr<ExportBench>> bench =
      ExportBench::Make(work.global, work.run, work.plan.onto);
  if (!bench) return bench.error();
  if (minimise && !work.plan.moved) {
    Result<void> chosen = ChooseHunks(**bench, work);
    if (!chosen) return chosen;
  }
  auto prepare = [&](const std::vector<std::size_t>& kept) -> Result<void> {
    Result<void> made = MakeBranches(work, kept);
    if (!made) return made;
    Result<void> checked = CheckParts(**bench, work);
    if (!checked) return checked;
    return VerifyBranches(**bench, work);
  };
  const std::vector<std::size_t> all = AllHunks(work.hunks());
  const std::vector<std::size_t> kept =
      work.minimised ? work.minimised->kept : all;
  Result<void> verified = prepare(kept);
  if (verified || kept.size() == all.size() ||
      verified.error().code == ErrorCode::kLost) {
    return verified;
  }
  Tell(work, "the smaller change does not hold (" + verified.error().what +
                 "); the whole one instead");
  work.minimised.reset();
  return prepare(all);
}

}  // namespace

ExportStory ExportWork::StoryOf(const ExportBranch& branch) const {
  ExportStory story{.state = *run.state,
                    .plan = plan,
                    .hunks = hunks(),
                    .branch = branch.name,
                    .parts = branch.parts,
                    .together = {},
                    .minimised = minimised,
                    .evidence = evidence};
  if (branches.size() > 1) {
    for (const ExportBranch& other : branches) {
      story.together.push_back(other.name);
    }
  }
  return story;
}

Result<void> PrepareBranches(ExportWork& work) {
  if (work.plan.failed.empty()) {
    Result<void> measured = Measure(work);
    if (!measured) return measured;
  } else {
    Tell(work, fmt::format("node {} failed ({}): exported as it stands, "
                           "nothing is verified",
                           work.plan.node.value(),
                           OneLine(Sanitize(work.plan.failed), 100)));
    Result<void> made = MakeBranches(work, AllHunks(work.hunks()));
    if (!made) return made;
  }
  NameBranches(work);
  for (ExportBranch& branch : work.branches) {
    const ExportStory story = work.StoryOf(branch);
    auto message = [&](std::size_t part) { return CommitMessage(story, part); };
    Result<std::vector<ObjectId>> commits =
        Compose(work, *work.run.store, branch.parts, message);
    if (!commits) return commits.error();
    branch.commits = std::move(*commits);
  }
  return Ok();
}

}  // namespace coppice::app

#include "search/expander.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <utility>

#include "base/digest.h"
#include "base/text.h"
#include "search/bandit.h"
#include "search/company.h"

// Growing one node, up to its commit:
//
//   context    the mutable and readable files as they are in the parent
//   proposal   the arm's answer; arms that can draw again do so while the
//              tree they made was known when the attempt was selected, so
//              that a resumed attempt draws the same
//   scope      counted on the diff against the parent, never on a claim
//   duplicate  by tree id, within the chain
//   commit     objects in memory; the journal row is written before they
//              reach the disk, and can make them again

namespace coppice::search {
namespace {

constexpr int kMaxDraws = 20;
// Of versions of the scope's files that a search looks at in a while, beside
// those of one parent; dropped as a whole when exceeded. A file of a few lines
// takes more by being kept than by its text.
constexpr std::size_t kMostCachedBytes = 128 * 1024;
constexpr std::size_t kBytesOfEach = 400;

std::size_t BytesOf(const llm::SourceFile& file) {
  return kBytesOfEach + file.text.size();
}

Rejected Reject(AttemptId attempt, Outcome outcome, std::string reason) {
  Rejected rejected;
  rejected.attempt = attempt;
  rejected.outcome = outcome;
  rejected.reason = std::move(reason);
  return rejected;
}

}  // namespace

Expander::Expander(Parts parts) : parts_(std::move(parts)) {}

bool Expander::Able(const Arm& arm, Operator op, Reading reading) const {
  const bool asked_for =
      arm.operators.empty() || std::ranges::count(arm.operators, Name(op)) > 0;
  const bool reads = reading == Reading::kAny ||
                     arm.proposer->style() != llm::PromptStyle::kNone;
  return asked_for && reads && arm.proposer->Can(op) &&
         !parts_.state.arms_off().contains(arm.name);
}

const Arm* Expander::ChooseArm(Operator op, Reading reading) const {
  std::vector<ArmChoice> choices;
  const Instant now = parts_.clock.Now();
  for (const Arm& arm : parts_.arms) {
    const auto rests = arm.proposer->resting_until();
    choices.push_back({arm.name, arm.weight,
                       Able(arm, op, reading) && (!rests || *rests <= now)});
  }
  // What a study compares must not change what proposes.
  const auto& stats = parts_.state.arm_stats();
  auto chosen = parts_.state.start().study.empty()
                    ? search::ChooseArm(choices, stats)
                    : search::TakeTurns(choices, stats);
  return chosen ? &parts_.arms[*chosen] : nullptr;
}

bool Expander::AnyResting(Operator op, Reading reading) const {
  return std::ranges::any_of(parts_.arms, [&](const Arm& arm) {
    return Able(arm, op, reading) && arm.proposer->resting_until();
  });
}

const Arm* Expander::FindArm(const std::string& name) const {
  auto arm = std::ranges::find(parts_.arms, name, &Arm::name);
  return arm == parts_.arms.end() ? nullptr : &*arm;
}

// The files of a node without listing its tree: those of the base's scope and
// those its ancestors created, each as the nearest ancestor left it that
// touched it. The cost does not depend on the size of the repository, and a
// text is read once for all nodes that share it.
Task<Result<Expander::Files>> Expander::Load(NodeId node) {
  const SolutionTree& tree = parts_.state.tree();
  struct Version {
    ObjectId commit;
    AttemptId owner;
    bool gone = false;
    bool may_change = true;
  };
  std::map<std::string, Version> versions;
  for (NodeId at : tree.PathToRoot(node)) {
    const auto known = [&](const std::string& path) {
      return versions.contains(path);
    };
    if (std::ranges::all_of(tree.Files(at), known)) continue;
    const AttemptId attempt = tree[at].attempt;
    const InfoView info = parts_.state.Info(attempt);
    for (const FileNote& file : info->files) {
      const Version version{tree[at].commit, attempt, file.deleted, true};
      versions.try_emplace(file.path, version);
    }
  }
  const ObjectId base = tree[tree.root()].commit;
  for (const std::string& path : parts_.scope.mutable_files) {
    versions.try_emplace(path, Version{base, AttemptId(0), false, true});
  }
  for (const std::string& path : parts_.scope.readable_files) {
    versions.try_emplace(path, Version{base, AttemptId(0), false, false});
  }
  Files files;
  std::size_t bytes = 0;
  for (const auto& [path, version] : versions) {
    if (version.gone) continue;
    const auto key = std::pair(version.owner, path);
    auto cached = files_.find(key);
    if (cached == files_.end()) {
      auto read = [&] {
        return parts_.repository.ReadFile(version.commit, path);
      };
      Result<std::string> text = co_await Offload(parts_.compute, read);
      if (!text) co_return text.error();
      auto file = std::make_shared<llm::SourceFile>();
      file->path = path;
      file->digest = Sha256Hex(*text);
      file->text = std::move(*text);
      file->mutable_file = version.may_change;
      cached = files_.emplace(key, std::move(file)).first;
      cached_bytes_ += BytesOf(*cached->second);
    }
    files.push_back(cached->second);
    bytes += BytesOf(*cached->second);
  }
  if (cached_bytes_ > kMostCachedBytes + 2 * bytes) {
    files_.clear();
    cached_bytes_ = 0;
  }
  co_return files;
}

bool Expander::SeenBefore(AttemptId attempt, ObjectId tree) const {
  const InfoView info = parts_.state.Info(attempt);
  const auto& trees =
      parts_.state.chains()[static_cast<std::size_t>(info->selected.chain)]
          .trees;
  auto found = trees.find(tree);
  if (found == trees.end()) return false;
  return parts_.state.Info(found->second)->committed_seq < info->selected_seq;
}

// Draws by the tree and the index of the child instead of by the attempt, so
// that the arms of a study share what they can share.
void Expander::DrawInCommon(AttemptId attempt, llm::Request& request) const {
  const SolutionTree& tree = parts_.state.tree();
  const AttemptId parent = parts_.state.Info(attempt)->selected.parents.front();
  const ObjectId& from = tree[*tree.Find(parent)].tree;
  std::uint64_t part = 0;
  std::memcpy(&part, from.bytes.data(), sizeof part);
  request.seed ^= part;
  request.attempt = AttemptId(ChildIndex(parts_.state, attempt));
}

Task<Result<llm::Request>> Expander::MakeRequest(AttemptId attempt) {
  const InfoView info = parts_.state.Info(attempt);
  const Choice& selected = info->selected;
  const SolutionTree& tree = parts_.state.tree();
  const NodeId parent = *tree.Find(selected.parents.front());
  Result<Files> files = co_await Load(parent);
  if (!files) co_return files.error();
  const auto seed = static_cast<std::uint64_t>(parts_.state.start().seed);
  llm::Request request;
  request.attempt = attempt;
  request.op = selected.op;
  request.parent = tree[parent].commit;
  request.seed = seed;
  request.numbers_only = selected.op == Operator::kTune;
  request.spec_name = parts_.state.spec().name;
  request.run = parts_.state.run();
  const Arm* arm = FindArm(selected.arm);
  request.files = std::move(*files);
  if (arm == nullptr || arm->proposer->style() == llm::PromptStyle::kNone) {
    if (!parts_.state.start().study.empty()) DrawInCommon(attempt, request);
    co_return request;
  }
  const std::map<AttemptId, std::string> patches = co_await Patches(attempt);
  Result<std::string> output = std::string();
  if (parts_.journal != nullptr) {
    output =
        OutputOf(*parts_.state.Info(selected.parents.front()), *parts_.journal);
  }
  if (!output) co_return output.error();
  request.format = llm::ParseEditFormat(parts_.state.FormatOf(arm->name));
  request.marker_suffix = MarkerSuffix(request.files, seed, attempt);
  const PromptInput input{
      .attempt = attempt,
      .style = arm->proposer->style(),
      .format = request.format,
      .marker_suffix = request.marker_suffix,
      .files = request.files,
      .patches = patches,
      .parent_output = *output,
      .scope = parts_.scope,
      .max_prompt_kb = arm->max_prompt_kb,
      .templates = arm->templates ? *arm->templates : parts_.templates};
  request.seen = parts_.state.last_seq();
  request.prompt = BuildPrompt(parts_.state, input);
  co_return request;
}

// What the attempts did that the prompt shows in full. Other attempts go on
// while patches are read, so which ones are wanted is asked again after each:
// the prompt has to be of the one moment that its record names.
Task<std::map<AttemptId, std::string>> Expander::Patches(AttemptId attempt) {
  std::map<AttemptId, std::string> read;
  const SolutionTree& tree = parts_.state.tree();
  while (true) {
    const std::vector<AttemptId> wanted = WantedPatches(parts_.state, attempt);
    const auto next = std::ranges::find_if(
        wanted, [&](AttemptId one) { return !read.contains(one); });
    if (next == wanted.end()) break;
    const std::optional<NodeId> node = tree.Find(*next);
    const std::optional<NodeId> parent =
        node ? tree.FirstParent(*node) : std::nullopt;
    std::string& patch = read[*next];
    if (!parent) continue;
    const ObjectId from = tree[*parent].commit;
    const ObjectId to = tree[*node].commit;
    auto diff = [&] { return parts_.repository.Diff(from, to); };
    Result<std::string> found = co_await Offload(parts_.compute, diff);
    if (found) patch = std::move(*found);
  }
  std::erase_if(read, [](const auto& one) { return one.second.empty(); });
  co_return read;
}

Task<llm::Proposed> Expander::Propose(AttemptId attempt, llm::Request request,
                                      llm::Proposer& proposer,
                                      llm::CallLog& log) {
  llm::Proposed answer = co_await proposer.Propose(request, log);
  while (answer.proposal && proposer.redraws() &&
         request.draw + 1 < kMaxDraws) {
    auto tree_of = [&] {
      return parts_.repository.TreeOf(request.parent, answer.proposal->changes);
    };
    Result<ObjectId> tree = co_await Offload(parts_.compute, tree_of);
    if (!tree || !SeenBefore(attempt, *tree)) break;
    ++request.draw;
    answer = co_await proposer.Propose(request, log);
  }
  co_return answer;
}

Task<Expander::Made> Expander::Commit(AttemptId attempt, llm::Proposal proposal,
                                      std::string prompt) {
  const InfoView info = parts_.state.Info(attempt);
  const Choice& selected = info->selected;
  const SolutionTree& tree = parts_.state.tree();
  std::vector<ObjectId> parents;
  for (AttemptId parent : selected.parents) {
    parents.push_back(tree[*tree.Find(parent)].commit);
  }
  co_return co_await CommitChanges(attempt, std::move(proposal),
                                   std::move(parents), std::move(prompt));
}

Task<Expander::Made> Expander::Merge(AttemptId attempt) {
  Made made;
  const InfoView info = parts_.state.Info(attempt);
  const Choice& selected = info->selected;
  const SolutionTree& tree = parts_.state.tree();
  // Copies: while it waits the tree grows and moves.
  const ObjectId ours = tree[*tree.Find(selected.parents[0])].commit;
  const ObjectId theirs = tree[*tree.Find(selected.parents[1])].commit;
  auto merge = [&] { return parts_.repository.Merge(ours, theirs); };
  Result<vcs::MergeResult> merged = co_await Offload(parts_.compute, merge);
  if (!merged) {
    made.rejected =
        Reject(attempt, Outcome::kEditFailed, merged.error().Text());
    co_return made;
  }
  if (!merged->conflicts.empty()) {
    made.rejected = Reject(
        attempt, Outcome::kEditFailed,
        fmt::format("merge conflict: {}", fmt::join(merged->conflicts, ", ")));
    co_return made;
  }
  llm::Proposal proposal;
  proposal.changes = std::move(merged->changes);
  proposal.plan.idea =
      fmt::format("merge node {} into {}: {}", selected.parents[1].value(),
                  selected.parents[0].value(),
                  parts_.state.Info(selected.parents[1])->plan.idea.view());
  proposal.plan.category = "other";
  std::vector<ObjectId> parents{ours, theirs};
  co_return co_await CommitChanges(attempt, std::move(proposal),
                                   std::move(parents), "");
}

Task<Expander::Made> Expander::CommitChanges(AttemptId attempt,
                                             llm::Proposal proposal,
                                             std::vector<ObjectId> parents,
                                             std::string prompt) {
  Made made;
  if (proposal.changes.empty()) {
    made.rejected = Reject(attempt, Outcome::kDuplicate, "no change");
    co_return made;
  }
  vcs::CommitRequest request;
  request.parents = std::move(parents);
  request.changes = std::move(proposal.changes);
  request.message = CommitMessage(parts_.state, attempt, proposal.plan, prompt);
  request.time = CommitTime(parts_.state, attempt);
  auto commit = [&] { return parts_.repository.Commit(request); };
  Result<vcs::CommitInfo> info = co_await Offload(parts_.compute, commit);
  if (!info) {
    made.rejected =
        Reject(attempt, Outcome::kScopeViolation, info.error().Text());
    co_return made;
  }
  // A merge brings together what was within scope on each side.
  const Choice selected = parts_.state.Info(attempt)->selected;
  if (selected.op != Operator::kMerge) {
    auto violation =
        spec::ViolatesScope(parts_.state.spec(), parts_.scope, info->files);
    if (violation) {
      made.rejected = Reject(attempt, Outcome::kScopeViolation, *violation);
      co_return made;
    }
  }
  const SolutionTree& tree = parts_.state.tree();
  const AttemptId parent = selected.parents.front();
  if (tree[*tree.Find(parent)].tree == info->tree) {
    made.rejected = Reject(attempt, Outcome::kDuplicate, "no change");
    co_return made;
  }
  const auto& known =
      parts_.state.chains()[static_cast<std::size_t>(selected.chain)].trees;
  if (auto same = known.find(info->tree); same != known.end()) {
    made.rejected =
        Reject(attempt, Outcome::kDuplicate,
               fmt::format("duplicate of {}", same->second.value()));
    co_return made;
  }
  Committed record;
  record.attempt = attempt;
  record.commit = info->commit;
  record.tree = info->tree;
  record.message = std::move(request.message);
  record.time = request.time;
  record.patch = std::move(info->patch);
  record.files = std::move(info->files);
  record.matched = std::move(proposal.matched);
  record.flags = std::move(proposal.flags);
  const auto& approved = parts_.state.spec().dependencies.approved;
  for (const std::string& need : proposal.plan.needs) {
    if (std::ranges::count(approved, need) == 0 &&
        !parts_.state.approved().contains(need)) {
      record.needs.push_back(need);
    }
  }
  record.plan = std::move(proposal.plan);
  made.committed = std::move(record);
  co_return made;
}

Result<std::vector<FileChange>> ChangesOf(const Patch& patch,
                                          vcs::Repository& repository,
                                          ObjectId parent) {
  std::vector<FileChange> changes;
  for (const FilePatch& file : patch) {
    FileChange change;
    change.path = file.new_path.empty() ? file.old_path : file.new_path;
    std::string old_text;
    if (!file.old_path.empty()) {
      Result<std::string> old = repository.ReadFile(parent, file.old_path);
      if (!old) return old.error();
      old_text = std::move(*old);
    }
    if (!file.new_path.empty()) {
      Result<std::string> text = ApplyPatch(file, old_text);
      if (!text) return text.error();
      change.content = std::move(*text);
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

Result<ObjectId> RemakeCommit(const Committed& record,
                              const std::vector<ObjectId>& parents,
                              vcs::Repository& repository) {
  Result<Patch> patch = ParsePatch(record.patch);
  if (!patch) return patch.error();
  Result<std::vector<FileChange>> changes =
      ChangesOf(*patch, repository, parents.front());
  if (!changes) return changes.error();
  vcs::CommitRequest request;
  request.parents = parents;
  request.changes = std::move(*changes);
  request.message = record.message;
  request.time = record.time;
  Result<vcs::CommitInfo> made = repository.Commit(request);
  if (!made) return made.error();
  return made->commit;
}

Task<Result<void>> Expander::Restore(const Committed& record,
                                     const std::vector<ObjectId>& parents) {
  auto remake = [&] {
    return RemakeCommit(record, parents, parts_.repository);
  };
  Result<ObjectId> commit = co_await Offload(parts_.compute, remake);
  if (!commit) co_return commit.error();
  if (*commit == record.commit) co_return Ok();
  co_return Error{.code = ErrorCode::kIo,
                  .what = fmt::format("node {} was commit {} and came back "
                                      "as {}",
                                      record.attempt.value(),
                                      record.commit.Hex(), commit->Hex()),
                  .cause = "the base commit or the journal was changed"};
}

std::string CommitMessage(const State& state, AttemptId attempt,
                          const llm::Plan& plan, const std::string& prompt) {
  const InfoView info = state.Info(attempt);
  const Choice& selected = info->selected;
  std::string message = OneLine(plan.idea, 72) + "\n\n";
  std::string why;
  for (const std::string* part : {&plan.bottleneck, &plan.expect}) {
    if (!part->empty()) why += *part + "\n";
  }
  if (plan.idea.size() > 72) why = plan.idea + "\n" + why;
  if (!why.empty()) message += Wrap(Sanitize(why), 72) + "\n\n";
  const Started& start = state.start();
  message += fmt::format("Coppice-Run: {}\nCoppice-Node: {}\n",
                         start.replays.empty() ? start.run : start.replays,
                         attempt.value());
  for (AttemptId parent : selected.parents) {
    message += fmt::format("Coppice-Parent: {}\n", parent.value());
  }
  message += fmt::format("Coppice-Op: {}\n", Name(selected.op));
  if (!selected.arm.empty()) {
    message += fmt::format("Coppice-Arm: {}\n", selected.arm);
  }
  if (!prompt.empty()) {
    message += fmt::format("Coppice-Prompt: sha256:{}\n", prompt);
  }
  return message;
}

std::int64_t CommitTime(const State& state, AttemptId attempt) {
  const Started& start = state.start();
  const auto at = start.replays.empty()
                      ? state.started_at().time_since_epoch()
                      : std::chrono::microseconds(start.replays_at);
  return std::chrono::duration_cast<std::chrono::seconds>(at).count() +
         attempt.value();
}

}  // namespace coppice::search

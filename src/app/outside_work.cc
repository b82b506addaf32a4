#include "app/outside_work.h"

#include <fmt/format.h>

#include "app/console.h"
#include "app/places.h"
#include "base/patch.h"
#include "search/expander.h"

namespace coppice::app {
namespace {

Result<llm::Proposal> ProposalFrom(const std::string& text,
                                   const std::string& name, vcs::Store& store,
                                   ObjectId parent) {
  auto unfit = [&](Error error) {
    error.code = ErrorCode::kUsage;
    error.where = name;
    return error;
  };
  Result<Patch> patch = ParsePatch(text);
  if (!patch) return unfit(patch.error());
  Result<std::vector<FileChange>> changes =
      search::ChangesOf(*patch, store, parent);
  if (!changes) {
    Error error = unfit(changes.error());
    error.next = "make it against the parent, which `--parent NODE` names";
    return error;
  }
  llm::Proposal proposal;
  proposal.changes = std::move(*changes);
  return proposal;
}

}  // namespace

Result<llm::Proposal> ProposalFromFile(const std::string& file,
                                       vcs::Store& store, ObjectId parent) {
  Result<std::string> text = ReadTextFile(file);
  if (!text) return text.error();
  Result<llm::Proposal> proposal = ProposalFrom(*text, file, store, parent);
  if (proposal) proposal->plan.idea = "patch " + file;
  return proposal;
}

Result<llm::Proposal> ProposalFromCommit(const std::string& revision,
                                         vcs::Store& store, ObjectId parent) {
  Result<ObjectId> commit = store.Resolve(revision);
  if (!commit) return commit.error();
  Result<std::string> diff = store.Diff(parent, *commit);
  if (!diff) return diff.error();
  if (diff->empty()) {
    return Error{.code = ErrorCode::kUsage,
                 .what = revision + " differs in nothing from its parent node"};
  }
  Result<llm::Proposal> proposal = ProposalFrom(*diff, revision, store, parent);
  if (proposal) {
    proposal->plan.idea = fmt::format("commit {:.12}", commit->Hex());
  }
  return proposal;
}

int ExitOf(const search::State& state, AttemptId attempt) {
  const search::Attempt* made = state.tree().FindAttempt(attempt);
  if (made == nullptr || !made->outcome) return kPaused;
  switch (StatusOf(*made->outcome)) {
    case Status::kKeep:
      return kDone;
    case Status::kDiscard:
      return kNoImprovement;
    default:
      return kFailed;
  }
}

}  // namespace coppice::app

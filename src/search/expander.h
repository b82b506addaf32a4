#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/compute.h"
#include "base/task.h"
#include "llm/proposer.h"
#include "search/event.h"
#include "search/journal.h"
#include "search/policy.h"
#include "search/prompt.h"
#include "search/state.h"
#include "spec/scope_rules.h"
#include "vcs/repository.h"

namespace coppice::search {

// One proposer of the search, borrowed.
struct Arm {
  std::string name;
  double weight = 1;
  std::vector<std::string> operators;  // [] = all it can do
  llm::Proposer* proposer = nullptr;
  std::string shared;  // arms of one key go off together; empty: alone
  int max_prompt_kb = 240;
  const Templates* templates = nullptr;  // its own, borrowed; or the run's
};

// From an expansion to a commit: context -> proposal -> scope -> duplicate ->
// commit in memory. Reads State, never changes it. Conductor thread; git work
// is offloaded. Everything referred to must outlive it.
class Expander {
 public:
  struct Parts {
    Compute& compute;
    vcs::Repository& repository;
    const State& state;
    spec::ResolvedScope scope;
    std::vector<Arm> arms;
    const Clock& clock;
    const Templates& templates;
    Journal* journal = nullptr;  // has what failed nodes printed
  };
  explicit Expander(Parts parts);

  // Which arms may take an attempt: all, or those that read a prompt.
  enum class Reading { kAny, kPrompt };
  // The arm for an operator: the bandit over those that are able, switched on
  // and not resting; or nothing.
  const Arm* ChooseArm(Operator op, Reading reading) const;
  // Is there an arm that only rests, and would be chosen later?
  bool AnyResting(Operator op, Reading reading) const;
  const Arm* FindArm(const std::string& name) const;
  const std::vector<Arm>& arms() const { return parts_.arms; }

  // What the attempt's arm is asked.
  Task<Result<llm::Request>> MakeRequest(AttemptId attempt);
  // Asks the arm, again while it draws trees that are known.
  Task<llm::Proposed> Propose(AttemptId attempt, llm::Request request,
                              llm::Proposer& proposer, llm::CallLog& log);

  // Scope, duplicate, commit.
  struct Made {
    std::optional<Committed> committed;
    std::optional<Rejected> rejected;
  };
  // `prompt`: its sha256, if one was answered.
  Task<Made> Commit(AttemptId attempt, llm::Proposal proposal,
                    std::string prompt);
  // Two parents: git merges, nobody is asked.
  Task<Made> Merge(AttemptId attempt);

  // Makes the commit of a `committed` record again, with the same id.
  Task<Result<void>> Restore(const Committed& record,
                             const std::vector<ObjectId>& parents);

 private:
  using Files = std::vector<std::shared_ptr<const llm::SourceFile>>;

  Task<Result<Files>> Load(NodeId node);
  bool SeenBefore(AttemptId attempt, ObjectId tree) const;
  void DrawInCommon(AttemptId attempt, llm::Request& request) const;
  bool Able(const Arm& arm, Operator op, Reading reading) const;
  Task<std::map<AttemptId, std::string>> Patches(AttemptId attempt);
  Task<Made> CommitChanges(AttemptId attempt, llm::Proposal proposal,
                           std::vector<ObjectId> parents, std::string prompt);

  Parts parts_;
  // Texts by who changed them last: most files are the same in most parents.
  std::map<std::pair<AttemptId, std::string>,
           std::shared_ptr<const llm::SourceFile>>
      files_;
  std::size_t cached_bytes_ = 0;
};

// The whole texts that a patch makes of `parent`'s files. Blocks on disk.
Result<std::vector<FileChange>> ChangesOf(const Patch& patch,
                                          vcs::Repository& repository,
                                          ObjectId parent);

// Makes the commit of a `committed` record from what the record says alone,
// in memory; its id should be the recorded one. Blocks on disk.
Result<ObjectId> RemakeCommit(const Committed& record,
                              const std::vector<ObjectId>& parents,
                              vcs::Repository& repository);

// Subject ≤ 72, why wrapped at 72, trailers (SPEC §4).
std::string CommitMessage(const State& state, AttemptId attempt,
                          const llm::Plan& plan, const std::string& prompt);
// Author date: start of the run + attempt number in seconds.
std::int64_t CommitTime(const State& state, AttemptId attempt);

}  // namespace coppice::search

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/outcome.h"
#include "base/patch.h"
#include "base/task.h"

namespace coppice::llm {

// The header of an answer (SPEC §10), cut to its caps. Only `idea` is sure.
struct Plan {
  std::string idea;
  std::string category;
  std::string bottleneck;
  std::string alternatives;
  std::string expect;
  std::string risk;
  std::vector<std::string> needs;  // new dependencies
  std::string lesson;
};

struct CallUsage {
  double usd = 0;
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t cached = 0;
  double seconds = 0;
};

struct SourceFile {
  std::string path;
  std::string text;
  std::string digest;  // of the text: equal digests, equal texts
  bool mutable_file = false;
};

// Everything a proposer may look at. Built from the journal alone.
struct Request {
  AttemptId attempt;
  Operator op = Operator::kImprove;
  ObjectId parent;
  std::uint64_t seed = 0;  // of this run
  int draw = 0;            // 1, 2, ... when a draw gave a tree already known
  bool numbers_only = false;  // tune: numbers and knobs only
  std::vector<std::shared_ptr<const SourceFile>> files;
  std::string prompt;
  std::string spec_name;
};

struct Proposal {
  Plan plan;
  std::vector<FileChange> changes;  // against the parent
  std::string answer;               // what the proposer said, for `show`
  std::string matched;              // edit normalisations used
  std::vector<std::string> flags;   // "exit 1"
  CallUsage usage;
};

// The attempt ends: edit_failed with its cause.
struct Refusal {
  Outcome outcome = Outcome::kEditFailed;
  std::string reason;
  std::string answer;
  CallUsage usage;
};

// A Proposal or the reason why there is none.
struct Proposed {
  std::optional<Proposal> proposal;
  Refusal refusal;  // meaningful without a proposal
};

// One arm. Conductor thread; several calls at once. Always answers: a broken
// reply is a Refusal. A call with the same request gives the same answer if
// `deterministic`.
class Proposer {
 public:
  virtual ~Proposer() = default;
  virtual Task<Proposed> Propose(const Request& request) = 0;
  virtual bool Can(Operator op) const = 0;
  // Asked again with draw + 1 when the tree is already known (at most 20
  // times), instead of ending as a duplicate.
  virtual bool redraws() const = 0;
};

}  // namespace coppice::llm

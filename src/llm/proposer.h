#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
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
  bool usd_unknown = false;  // no price is known: tokens only
  bool estimated = false;    // charged at its reservation
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

enum class EditFormat { kSearchReplace, kWhole, kUdiff };
constexpr std::string_view Name(EditFormat format) {
  constexpr std::string_view kNames[] = {"search_replace", "whole", "udiff"};
  return kNames[static_cast<int>(format)];
}
constexpr EditFormat ParseEditFormat(std::string_view name) {
  for (EditFormat format : {EditFormat::kWhole, EditFormat::kUdiff}) {
    if (Name(format) == name) return format;
  }
  return EditFormat::kSearchReplace;
}

// What a proposer wants to be told.
enum class PromptStyle {
  kNone,     // nothing: it looks at the files
  kInPlace,  // it changes the files of its current directory
  kAnswer    // it answers in an edit format
};

// One part of a prompt (SPEC §10), most stable first. `keep` orders what is
// cut when a prompt is too long for the model: 0 first, kKeepAlways never.
struct PromptSection {
  static constexpr int kKeepAlways = 100;
  std::string name;  // "rules", "goal", "files", ...
  std::string text;
  bool system = false;  // goes into the system text
  int keep = kKeepAlways;
};
using Prompt = std::vector<PromptSection>;

// Everything a proposer may look at. Built from the journal alone.
struct Request {
  AttemptId attempt;
  Operator op = Operator::kImprove;
  ObjectId parent;
  std::uint64_t seed = 0;     // of this run
  int draw = 0;               // 1, 2, ... when a draw gave a tree already known
  bool numbers_only = false;  // tune: numbers and knobs only
  std::vector<std::shared_ptr<const SourceFile>> files;
  Prompt prompt;  // empty for PromptStyle::kNone
  EditFormat format = EditFormat::kSearchReplace;
  std::string marker_suffix;  // of the edit format's markers
  std::string spec_name;
  std::string run;
  std::int64_t seen = 0;  // the last record that the prompt tells of
};

// ---- The record of an attempt's calls --------------------------------------

enum class Speaker { kSystem, kUser, kAssistant };

// One part of what a model was sent; parts of one speaker in a row are one
// message.
struct Utterance {
  Speaker speaker = Speaker::kUser;
  std::string text;

  friend bool operator==(const Utterance&, const Utterance&) = default;
};

// A call, as recorded before it is made (SPEC §4 `asked`). Every request to a
// server is one, repeated ones too; turns number them within the attempt.
struct Asked {
  AttemptId attempt;
  int turn = 0;
  std::string arm;
  std::string model;
  std::string role = "propose";  // propose, edit, probe, judge
  double reserve_usd = 0;        // its worst case
  bool price_unknown = false;
  std::int64_t reserve_tokens = 0;
  std::int64_t seen = 0;  // Request::seen
  std::vector<Utterance> prompt;
};

// What came of it (`answered`). `stop` is "complete", or why the text is no
// complete answer: truncated, refused, filtered, empty, paused, or
// "failed: rate_limited" for a request that brought none.
struct Answered {
  AttemptId attempt;
  int turn = 0;
  std::string text;
  Plan plan;                        // of commands and agents
  std::vector<FileChange> changes;  // of commands and agents: what they left
  std::vector<std::string> flags;
  CallUsage usage;
  std::string stop;
  std::string request_id;
};

// The search's record of one attempt's calls. Conductor thread.
class CallLog {
 public:
  virtual ~CallLog() = default;
  // The answer to a turn of this arm, if it is on record: that call is not made
  // again. A turn that was asked and never answered (we died) was charged and
  // is answered "failed: interrupted". Valid until the next Answer.
  virtual const Answered* Past(int turn) const = 0;
  // What another search of a study was answered to the same; it is asked for,
  // recorded and charged as if it were made. Nothing: nobody knows.
  virtual Task<std::optional<Answered>> Known(Asked) { co_return std::nullopt; }
  // Reserves the worst case and records the call. Waits while calls in flight
  // might still free enough; false: it must not be made (the budget is spent,
  // or the search is ending). `attempt`, `arm` and `seen` are
  // filled in.
  virtual Task<bool> Ask(Asked asked) = 0;
  // Records what came of it, before anything is made of it.
  virtual void Answer(Answered answered) = 0;
  // No further call may be made: waits should end.
  virtual bool closed() const = 0;
};

struct Proposal {
  Plan plan;
  std::vector<FileChange> changes;  // against the parent
  std::string matched;              // edit normalisations used
  std::vector<std::string> flags;   // "exit 1"
  std::string said;  // by built-in edits: one line an edit, uncut
};

// The attempt ends: edit_failed with its cause.
struct Refusal {
  Outcome outcome = Outcome::kEditFailed;
  std::string reason;
};

// Not the attempt's fault, nor a failure of it: another arm may take it, or
// this one later. Cause "budget": the money is spent; "closing": Ask said no.
struct Unavailable {
  bool off = false;    // by configuration: until the user has changed it
  std::string cause;   // "auth", "billing", "outage", "budget", ...
  std::string reason;  // for people: what happened, and the fix if known
  std::string shared;  // arms with this value go off together (one key)
};

// One of the three.
struct Proposed {
  std::optional<Proposal> proposal;
  std::optional<Unavailable> unavailable;
  Refusal refusal;  // meaningful without the others
};

// One arm. Conductor thread; several calls at once. Always answers: a broken
// reply is a Refusal.
class Proposer {
 public:
  virtual ~Proposer() = default;
  // Every call with costs or side effects goes through `log`; with the same
  // request and the same answers on record it comes to the same end.
  virtual Task<Proposed> Propose(const Request& request, CallLog& log) = 0;
  virtual bool Can(Operator op) const = 0;
  virtual PromptStyle style() const = 0;
  // Asked again with draw + 1 when the tree is already known (at most 20
  // times), instead of ending as a duplicate.
  virtual bool redraws() const = 0;
  // Three failures in a row switch it off for the run.
  virtual bool off_after_failures() const { return false; }
  // When it may be asked again; nothing: now.
  virtual std::optional<Instant> resting_until() const { return std::nullopt; }
};

}  // namespace coppice::llm

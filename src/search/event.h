#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/outcome.h"
#include "base/patch.h"
#include "base/result.h"
#include "eval/evaluator.h"
#include "llm/proposer.h"

// Everything that ever happens in a search (SPEC §4). The journal is a list of
// these; the state of a search is a fold over them. Long texts (patches,
// answers, merged specs) are stored once by digest and travel inside the event
// here; the codec takes them out and puts them back.

namespace coppice::search {

struct Started {
  int format = 1;
  std::string coppice;    // version that wrote it
  std::string run;        // id of the run
  std::string spec_json;  // merged spec, canonical
  std::string spec_sha256;
  ObjectId base;
  std::string lock_json;  // baseline.lock as it was; may be empty
  std::int64_t seed = 0;
  // Of a run made again from another's records: commits name that run and its
  // start, so that they are the same.
  std::string replays;
  std::int64_t replays_at = 0;  // µs since 1970
  // Of a search of a study (SPEC §8): proposers take turns by weight, random
  // draws are those of the tree they start from, and what a cache knows is
  // charged as if it were measured.
  std::string study;
  // Commits name the prompt that they answer; not in runs of older versions.
  bool names_prompts = false;
};

struct Selected {
  AttemptId attempt;
  Operator op = Operator::kDraft;
  std::vector<AttemptId> parents;
  std::string arm;
  int chain = 0;
  bool history_withheld = false;
  std::string idea;  // the user's, if this attempt tries one
};

using Asked = llm::Asked;
using Answered = llm::Answered;

struct Rejected {
  AttemptId attempt;
  Outcome outcome = Outcome::kEditFailed;
  std::string reason;
  double usd = 0;
};

struct Committed {
  AttemptId attempt;
  ObjectId commit;
  ObjectId tree;
  llm::Plan plan;
  std::string message;
  std::int64_t time = 0;  // of the commit
  std::string patch;      // against the first parent
  std::vector<FileStat> files;
  std::string matched;
  std::vector<std::string> flags;
  std::vector<std::string> needs;  // not approved: the node is deferred
};

struct Sampled {
  AttemptId node;
  eval::Sample sample;
  // Of a confirm or holdout pair: the other side of it.
  std::optional<AttemptId> versus;
};

struct Gain {
  double parent = 0;  // fractions, positive = better
  double best = 0;
  double baseline = 0;
};

struct Evaluated {
  AttemptId node;
  Outcome outcome = Outcome::kValid;
  std::string reason;
  std::string signature;  // of a failure, for the stuck detector
  std::optional<double> value;
  double sigma = 0;
  std::optional<Gain> gain;
  std::vector<std::string> flags;
  eval::PhaseSeconds seconds;
  std::string tail;  // of a failure's output, for the next prompt
  std::string log;
};

struct Told {
  std::string directive;  // JSON of one `tell`
};
struct Approved {
  std::string dependency;
};
// Kinds that the fold reads back: "race" (the racers of a final),
// "environment_ok", "arm_off" ({"arm","cause","reason"}), "arm" (the attempt
// went to another arm), "format" ({"arm","format"}), "diagnosis" (what
// evaluation.diagnose printed), "race_out" (the holdout turned a winner down).
struct Noted {
  std::string kind;  // these, and "canary", "disk_low", "budget", ...
  std::optional<AttemptId> attempt;
  std::string text;
};

enum class PauseClass { kOutage, kNeedsUser };
struct Paused {
  PauseClass pause = PauseClass::kNeedsUser;
  std::string cause;   // a word: "signature", "environment", "disk", "lost"
  std::string detail;  // what to do, for the user
};
// The cause of a pause that the user asked for and may end by a word.
inline constexpr std::string_view kPausedByUser = "user";
struct Resumed {
  std::string coppice;
  std::vector<std::string> drift;
  std::string budget_json;  // changed budget, parallel, ...: merged spec keys
};

struct Finalist {
  AttemptId node;
  std::vector<double> values;  // fresh samples of the final alone
};
struct Final {
  std::vector<Finalist> finalists;
  AttemptId winner;
  double gain = 0;  // fraction against the baseline, from fresh samples
  double sigma = 0;
  bool confirmed = false;
  std::string word;  // high, moderate, noise, overfit
  // The same fraction on fresh samples of the holdout, if there is one.
  std::optional<double> holdout;
};

struct Exported {
  AttemptId node;
  std::string branch;
  std::vector<ObjectId> commits;
  std::string mode;
};
struct Stopped {
  std::string reason;  // "max_nodes", "plateau", "target", "interrupted", ...
  int exit = 0;
};

using Event = std::variant<Started, Selected, Asked, Answered, Rejected,
                           Committed, Sampled, Evaluated, Told, Approved, Noted,
                           Paused, Resumed, Final, Exported, Stopped>;

// One row of a journal.
struct Record {
  std::int64_t seq = 0;  // 1, 2, 3, ...
  WallTime at;
  Event event;
};

// "started", "selected", ...
std::string_view KindOf(const Event& event);
// The attempt or node the event is about, if any.
std::optional<AttemptId> AttemptOf(const Event& event);

// A row as it is stored: body is canonical JSON; long texts are replaced by
// {"sha256": "..."} and listed in `texts` (digest -> text).
struct EncodedEvent {
  std::string kind;
  std::optional<std::int64_t> attempt;
  std::string body;
  std::map<std::string, std::string> texts;
};
EncodedEvent Encode(const Event& event);
// `text` finds a stored text by digest. Unknown fields are ignored; an unknown
// kind or a missing field is an error that names it.
using FindText = std::function<Result<std::string>(const std::string& sha256)>;
Result<Event> Decode(const EncodedEvent& row, const FindText& text);

// One sample by itself, texts and all, for the cache of measurements.
std::string EncodeSample(const eval::Sample& sample);
Result<eval::Sample> DecodeSample(std::string_view body);

}  // namespace coppice::search

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace coppice::search {

enum class Steer { kNone, kPause, kContinue, kStop, kStopNow };

// What the user has to say to a run, live or stopped (SPEC §7 tell, stop,
// derive, approve): the body of a message in the inbox, and of a `told` record.
struct Directive {
  std::string text;              // joins the instructions
  std::string idea;              // joins the queue of ideas, once
  std::string source;            // of the idea
  std::optional<AttemptId> at;   // the idea grows there ...
  bool fresh = false;            // ... by a proposer that knows no history
  std::optional<AttemptId> pin;  // grow here until told otherwise; 0 = drafts
  bool unpin = false;
  std::optional<AttemptId> prune;  // this and all below is out of the search
  std::map<std::string, std::string> budget;  // key -> value as JSON
  std::string approve;                        // a dependency
  Steer steer = Steer::kNone;
  // The process that a stop is meant for ("host pid start"), so that it never
  // stops a later one, and what the sender knows it by.
  std::string process;
  std::string nonce;
};

// kUsage: not a JSON object. Unknown keys say nothing.
Result<Directive> ParseDirective(std::string_view body);
// Canonical JSON of what is said.
std::string FormatDirective(const Directive& directive);

}  // namespace coppice::search

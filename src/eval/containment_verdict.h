#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/outcome.h"
#include "base/process.h"
#include "eval/supervisor_protocol.h"

namespace coppice::eval {

// Why coppice ended a command before its time.
enum class Stop { kNone, kTimeout, kCpu, kOutput, kDisk, kAborted, kCancelled };

// All that is known about how a command ended.
struct Evidence {
  Stop stop = Stop::kNone;
  bool begun = true;                       // the command was started
  std::optional<protocol::Record> record;  // none: the supervisor is gone
  bool survivors = false;                  // something would not die
  bool counted = false;  // a control group counted the next two
  std::int64_t oom_kills = 0;
  std::int64_t refused_forks = 0;
  std::int64_t memory_mb = 0;  // limit in force, 0: none
  bool host_full = false;      // the disk, and not by this command
  bool filled_disk = false;    // the disk, by this command
  std::string complaint;       // what the sandbox itself said
};

struct Judgement {
  Verdict verdict = Verdict::kLost;
  std::string reason;
};

// A pure function; the first cause that explains the end names it.
Judgement Judge(const Evidence& evidence);

}  // namespace coppice::eval

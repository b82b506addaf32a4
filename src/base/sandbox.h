#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/outcome.h"
#include "base/task.h"
#include "base/workspaces.h"

// Commands of candidates and proposers, contained. The interface stands on
// the lowest floor because evaluators and proposers both run commands; the
// real ones are in eval/.

namespace coppice {

// A host directory or file shown to the command, and the variable that tells
// it where: `variable` is set to the path inside plus `suffix`.
struct Bind {
  std::filesystem::path host;
  std::string variable;  // empty: shown at its host path, no variable
  std::string suffix;    // e.g. "/result-3f9c": a file that need not exist
  bool writable = false;
};

struct CommandLimits {
  std::vector<int> cpus;        // cores; empty: inherited
  std::int64_t memory_mb = 0;   // 0: the sandbox's default
  std::int64_t output_mb = 64;  // kept on disk; stop at 16 times that
  int pids = 512;
  double cpu_seconds = 0;       // of all processes; 0: timeout x cores
  std::int64_t file_mb = 4096;  // each file
  std::int64_t disk_mb = 8192;  // all that the tree's slot gets on disk
  int new_files = 200'000;      // and as many files
};

enum class OutputStream { kStdout, kStderr };

struct CommandRequest {
  std::string command;  // run as: sh -c COMMAND
  WorkTree tree;
  std::string cwd = ".";  // relative to the tree
  // PATH, LANG and TZ, a private HOME and TMPDIR are set by the sandbox, these
  // on top. Nothing of the caller's environment is passed.
  std::vector<std::pair<std::string, std::string>> env;
  std::string stdin_text;  // empty: the null device
  std::chrono::milliseconds timeout{600'000};
  CommandLimits limits;
  bool network = false;
  std::vector<std::filesystem::path> expose;  // read-only, at their host path
  std::vector<Bind> binds;
  std::filesystem::path log;  // both streams, both ends kept; empty: none
  // Sees every byte as it comes, on the conductor. True ends the command:
  // verdict aborted.
  std::function<bool(OutputStream, std::string_view)> on_output;
};

// The first and the last part of a stream; what lies between is on disk.
struct Captured {
  std::string head;  // first 64 KiB
  std::string tail;  // last 256 KiB of what follows the head
  std::uint64_t bytes = 0;

  bool truncated() const { return bytes > head.size() + tail.size(); }
  std::string Text() const;  // head, mark if truncated, tail; sanitized
};

struct CommandResult {
  Verdict verdict = Verdict::kLost;
  std::string reason;  // "exit 3", "SIGSEGV", "wall", "cpu", "disk limit", ...
  int exit_code = -1;  // of a command that exited, else -1
  int signal = 0;      // of one that a signal ended
  double wall_seconds = 0;  // from exec to exit
  double cpu_seconds = 0;   // of all its processes
  std::int64_t max_rss_kb = 0;
  Captured out;
  Captured err;
  bool leaked = false;     // processes outlived the command and were ended
  bool truncated = false;  // more output than is kept on disk
};

// What a Sandbox can promise, as found by trying (MEASURE §2).
struct Isolation {
  int level = 0;                   // 0 .. 3
  std::string name;                // "L2/v1"
  std::vector<std::string> lines;  // one a finding, for `check`
  std::string lacks;  // what keeps it from the next level; empty at the last
};

// Runs commands. Conductor thread; many at once. However a command ends, no
// process of it is left when Run returns, and Run returns within the timeout
// plus 5 s.
class Sandbox {
 public:
  virtual ~Sandbox() = default;
  virtual Task<CommandResult> Run(const CommandRequest& request) = 0;
  virtual const Isolation& isolation() const = 0;
  // Ends every command under way at once; each returns lost (cancelled).
  virtual void CancelAll() = 0;
};

}  // namespace coppice

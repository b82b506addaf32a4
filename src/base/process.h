#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/task.h"

namespace coppice {

// A descriptor of ours and the number under which a child finds it.
struct InheritedFd {
  int ours = -1;
  int childs = -1;  // 3 or above
};

enum class BaseEnv { kCallers, kEmpty };

struct ProcessOptions {
  std::vector<std::string> argv;  // argv[0] with a '/', or looked up in PATH
  BaseEnv base_env = BaseEnv::kCallers;
  std::vector<std::pair<std::string, std::string>> env;  // on top of it
  std::filesystem::path cwd;                             // empty: ours
  std::string stdin_text;                                // empty: null device
  std::vector<InheritedFd> fds;  // no other descriptor of ours gets through
  // See every byte as it comes, on the conductor; empty: the null device.
  std::function<void(std::string_view)> on_stdout;
  std::function<void(std::string_view)> on_stderr;
};

// How a process ended.
struct ProcessExit {
  int status = 0;  // as of wait(2)
  double cpu_seconds = 0;
  std::int64_t max_rss_kb = 0;

  int exit_code() const;  // -1 if a signal ended it
  int signal() const;     // 0 if it exited
};

// A child process in a session of its own. Conductor thread only, and that
// thread must live as long as its children (PR_SET_PDEATHSIG looks at it).
// Nothing blocks. Destroying a Process that runs kills its group.
class Process {
 public:
  // posix_spawn. The error is kIo and names argv[0].
  static Result<std::unique_ptr<Process>> Start(
      const asio::any_io_executor& executor, ProcessOptions options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const;
  bool exited() const;
  const ProcessExit& exit() const;  // once exited()

  // True once the process has ended / nobody holds its output any more; false
  // if `limit` passes or Wake is called first. One waiter at a time.
  Task<bool> WaitExit(Duration limit);
  Task<bool> WaitOutput(Duration limit);
  void Wake();

  // No effect on a process that has ended, whoever has its number now.
  void Signal(int signal);
  void SignalGroup(int signal);
  // Reads no more; what is still written meets a closed pipe.
  void CloseOutput();

 private:
  struct State;
  explicit Process(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

struct ToolOptions {
  std::filesystem::path cwd;
  BaseEnv base_env = BaseEnv::kCallers;
  std::vector<std::pair<std::string, std::string>> env;
  std::string stdin_text;
  std::chrono::milliseconds timeout{60'000};
  std::size_t max_output = std::size_t{64} << 20;  // of each stream; rest lost
};

struct ProcessOutput {
  int exit_code = -1;  // -1 if a signal ended it
  int signal = 0;
  bool timed_out = false;  // it was killed with its group
  bool truncated = false;
  std::string out;
  std::string err;

  bool ok() const { return exit_code == 0 && !timed_out; }
};

// Runs a trusted program (git, hooks, notifiers) to its end with its output in
// memory. An error only if it cannot be started.
Task<Result<ProcessOutput>> RunTool(std::vector<std::string> argv,
                                    ToolOptions options = {});

// A sealed, anonymous file that holds `text`, read from its start.
Result<UniqueFd> MakeTextFile(std::string_view text);

}  // namespace coppice

#include "support/eval_sandbox.h"

#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <utility>

#include "base/process.h"
#include "support/temp_dir.h"

namespace coppice::testing {
namespace {

constexpr std::size_t kHead = std::size_t{64} << 10;
constexpr std::size_t kTail = std::size_t{256} << 10;

void Keep(Captured& captured, std::string_view chunk) {
  captured.bytes += chunk.size();
  const std::size_t room = kHead - captured.head.size();
  captured.head += chunk.substr(0, room);
  if (chunk.size() > room) captured.tail += chunk.substr(room);
  if (captured.tail.size() > 2 * kTail) {
    captured.tail.erase(0, captured.tail.size() - kTail);
  }
}

void Judge(const ProcessExit& exit, CommandResult& result) {
  result.exit_code = exit.exit_code();
  result.signal = exit.signal();
  result.cpu_seconds = exit.cpu_seconds;
  result.max_rss_kb = exit.max_rss_kb;
  if (exit.signal() != 0) {
    result.verdict = Verdict::kCrashed;
    result.reason = fmt::format("SIG{}", sigabbrev_np(exit.signal()));
  } else {
    result.verdict = exit.exit_code() == 0 ? Verdict::kOk : Verdict::kFailed;
    if (exit.exit_code() != 0) {
      result.reason = fmt::format("exit {}", exit.exit_code());
    }
  }
}

ProcessOptions OptionsOf(const CommandRequest& request) {
  ProcessOptions options;
  options.argv = {"/bin/sh", "-c", request.command};
  options.base_env = BaseEnv::kEmpty;
  options.env = request.env;
  options.env.emplace_back("PATH", "/usr/local/bin:/usr/bin:/bin");
  for (const Bind& bind : request.binds) {
    if (bind.variable.empty()) continue;
    options.env.emplace_back(bind.variable, bind.host.string() + bind.suffix);
  }
  options.cwd = request.tree.root / request.cwd;
  return options;
}

}  // namespace

Task<CommandResult> EvalSandbox::Run(const CommandRequest& request) {
  requests.push_back(request);
  CommandResult result;
  if (cancelled_) {
    result.reason = "cancelled";
    co_return result;
  }
  if (instead) {
    if (std::optional<CommandResult> answer = instead(request)) {
      if (request.on_output) {
        request.on_output(OutputStream::kStdout, answer->out.head);
      }
      co_return std::move(*answer);
    }
  }
  bool aborted = false;
  std::string log;
  Process* running = nullptr;
  auto see = [&](OutputStream stream, std::string_view chunk) {
    Keep(stream == OutputStream::kStdout ? result.out : result.err, chunk);
    log += chunk;
    if (!request.on_output || !request.on_output(stream, chunk)) return;
    aborted = true;
    if (running != nullptr) running->SignalGroup(SIGKILL);
  };
  ProcessOptions options = OptionsOf(request);
  options.on_stdout = [&](std::string_view c) {
    see(OutputStream::kStdout, c);
  };
  options.on_stderr = [&](std::string_view c) {
    see(OutputStream::kStderr, c);
  };
  const auto start = std::chrono::steady_clock::now();
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  Result<std::unique_ptr<Process>> process =
      Process::Start(executor, std::move(options));
  if (!process) {
    result.reason = process.error().Text();
    co_return result;
  }
  running = process->get();
  const bool in_time = co_await running->WaitExit(request.timeout);
  running->SignalGroup(SIGKILL);
  if (!in_time) co_await running->WaitExit(std::chrono::seconds(10));
  result.wall_seconds = std::chrono::duration<double>(
                            std::chrono::steady_clock::now() - start)
                            .count();
  const bool quiet = co_await running->WaitOutput(std::chrono::seconds(1));
  Judge(running->exit(), result);
  result.leaked = !quiet;
  if (!in_time) {
    result.verdict = Verdict::kTimeout;
    result.reason = "wall";
  } else if (aborted) {
    result.verdict = Verdict::kAborted;
  }
  if (!request.log.empty()) WriteFile(request.log, log);
  co_return result;
}

}  // namespace coppice::testing

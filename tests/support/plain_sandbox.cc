#include "support/plain_sandbox.h"

#include <fmt/format.h>

#include <utility>

#include "base/process.h"

namespace coppice::testing {
namespace {

constexpr std::size_t kHead = std::size_t{64} << 10;

Captured Capture(const std::string& text) {
  Captured captured;
  captured.bytes = text.size();
  captured.head = text.substr(0, kHead);
  if (text.size() > kHead) captured.tail = text.substr(kHead);
  return captured;
}

CommandResult Lost(std::string reason) {
  CommandResult result;
  result.verdict = Verdict::kLost;
  result.reason = std::move(reason);
  return result;
}

CommandResult Judge(ProcessOutput output) {
  CommandResult result;
  result.exit_code = output.exit_code;
  result.signal = output.signal;
  if (output.timed_out) {
    result.verdict = Verdict::kTimeout;
    result.reason = "wall";
  } else if (output.signal != 0) {
    result.verdict = Verdict::kCrashed;
    result.reason = fmt::format("signal {}", output.signal);
  } else {
    result.verdict = output.exit_code == 0 ? Verdict::kOk : Verdict::kFailed;
    result.reason = fmt::format("exit {}", output.exit_code);
  }
  result.out = Capture(std::move(output.out));
  result.err = Capture(std::move(output.err));
  return result;
}

}  // namespace

Task<CommandResult> PlainSandbox::Run(const CommandRequest& request) {
  requests.push_back(request);
  if (cancelled_) co_return Lost("cancelled");
  if (lose_next > 0) {
    --lose_next;
    co_return Lost("told to lose it");
  }
  ToolOptions options{.cwd = request.tree.root / request.cwd,
                      .base_env = BaseEnv::kEmpty,
                      .env = request.env,
                      .stdin_text = request.stdin_text,
                      .timeout = request.timeout};
  options.env.emplace_back("PATH", "/usr/local/bin:/usr/bin:/bin");
  std::vector<std::string> argv{"/bin/sh", "-c", request.command};
  Result<ProcessOutput> output =
      co_await RunTool(std::move(argv), std::move(options));
  if (!output) co_return Lost(output.error().Text());
  co_return Judge(std::move(*output));
}

}  // namespace coppice::testing

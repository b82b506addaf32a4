#include "eval/containment_command.h"

#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/log.h"

// A command ends in one of three ways. By itself: the supervisor ends what it
// left, answers and exits. By a limit: the supervisor sends SIGTERM for us,
// and after the grace kills everything. Or the supervisor does not answer: its
// pid namespace is killed from outside, then its control group. The waits add
// up to less than the 5 s that Sandbox::Run may take beyond a timeout.
//
// The time of a command begins with its exec, however long a busy machine
// takes to get there, and what ended in time has ended in time, however late
// we come to look.

namespace coppice::eval {
namespace {

using std::chrono::milliseconds;

// After kKill to the supervisor; after SIGKILL to it; after SIGKILL to all.
constexpr milliseconds kAnswerWait{1'200};
constexpr milliseconds kKillWait{500};
constexpr milliseconds kLastWait{500};
// For the supervisor to start the command. What takes longer hangs.
constexpr milliseconds kLaunchWait{30'000};
// For output that is still in the pipes when everything has ended.
constexpr milliseconds kDrain{500};
constexpr std::uint64_t kOutputStopFactor = 16;

constexpr milliseconds kCpuEvery{100};
// Looking at a tree of very many files must not disturb what is measured: it
// may take this part of one core.
constexpr int kDiskShare = 20;

Error Errno(std::string what) {
  return Error{.code = ErrorCode::kLost,
               .what = std::move(what),
               .cause = std::strerror(errno)};
}

// Below a process of ours, which is alive or unreaped, top down: whoever is
// killed cannot start more. In a pid namespace the first one takes all others
// with it.
void KillDescendants(pid_t parent) {
  std::ifstream list(fmt::format("/proc/{0}/task/{0}/children", parent));
  for (pid_t child = 0; list >> child;) {
    kill(child, SIGKILL);
    KillDescendants(child);
  }
}

std::uint64_t Bytes(std::int64_t mb) {
  return static_cast<std::uint64_t>(mb) << 20;
}

}  // namespace

RunningCommand::RunningCommand(const CommandRequest& request,
                               CommandWatch watch)
    : request_(request),
      watch_(std::move(watch)),
      output_limit_(Bytes(request.limits.output_mb) * kOutputStopFactor) {
  if (!request.log.empty()) {
    log_ = BoundedLog(request.log, Bytes(request.limits.output_mb));
    if (log_.failed()) LogWarning("cannot write " + request.log.string());
  }
}

Result<void> RunningCommand::Start(const LaunchBase& base,
                                   std::string_view plan,
                                   asio::any_io_executor executor) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return Errno("cannot make a socket");
  }
  control_ = UniqueFd(sockets[0]);
  const UniqueFd childs(sockets[1]);
  Result<UniqueFd> file = MakeTextFile(plan);
  if (!file) return file.error();
  ProcessOptions options{
      .argv = {base.helper.string(), protocol::kOuterRole},
      .base_env = BaseEnv::kEmpty,
      .cwd = "/",
      .stdin_text = request_.stdin_text,
      .fds = {{.ours = childs.get(), .childs = protocol::kControlFd},
              {.ours = file->get(), .childs = protocol::kPlanFd}}};
  options.on_stdout = [this](std::string_view bytes) {
    OnOutput(OutputStream::kStdout, bytes);
  };
  options.on_stderr = [this](std::string_view bytes) {
    OnOutput(OutputStream::kStderr, bytes);
  };
  Result<std::unique_ptr<Process>> started =
      Process::Start(std::move(executor), std::move(options));
  if (!started) return started.error();
  process_ = std::move(*started);
  return Ok();
}

void RunningCommand::OnOutput(OutputStream stream, std::string_view bytes) {
  // What a flood still brings until its end is not kept, however long that is
  // in coming on a busy machine.
  if (stop_ == Stop::kOutput) return;
  (stream == OutputStream::kStdout ? out_ : err_).Append(bytes);
  log_.Append(bytes);
  if (request_.on_output && request_.on_output(stream, bytes)) {
    End(Stop::kAborted);
  } else if (out_.bytes() + err_.bytes() > output_limit_) {
    End(Stop::kOutput);
  }
}

void RunningCommand::End(Stop stop) {
  if (stop == stop_) return;
  if (stop_ != Stop::kNone && stop != Stop::kCancelled) return;
  stop_ = stop;
  if (process_ && !deaf_) process_->Wake();
}

Task<Result<void>> RunningCommand::Run(const LaunchBase& base, std::string plan,
                                       ControlGroup* group) {
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  Result<void> started = Start(base, plan, std::move(executor));
  if (!started) co_return started.error();
  const bool ended = co_await WaitForEnd(group);
  if (!ended) co_await EndTree(group);
  deaf_ = true;
  ReadNews();
  const bool in_time =
      record_ && record_->stage == protocol::kRan &&
      std::chrono::nanoseconds(record_->wall_ns) < request_.timeout;
  if (stop_ == Stop::kTimeout && in_time) stop_ = Stop::kNone;
  co_await process_->WaitOutput(kDrain);
  process_->CloseOutput();
  log_.Close();
  co_return Ok();
}

// True if it ended by itself.
Task<bool> RunningCommand::WaitForEnd(ControlGroup* group) {
  const Instant launched = watch_.clock.Now();
  Instant deadline = launched + request_.timeout;
  Instant look = launched + watch_.disk_every;
  const bool counts = group != nullptr && group->CpuSeconds();
  while (stop_ == Stop::kNone) {
    const Instant now = watch_.clock.Now();
    if (now >= deadline) deadline = Deadline(launched);
    if (now >= deadline) {
      stop_ = Stop::kTimeout;
    } else if (counts && group->CpuSeconds().value_or(0) > watch_.cpu_seconds) {
      stop_ = Stop::kCpu;
    } else if (now >= look) {
      co_await LookAtDisk(look);
    } else {
      Duration wait = std::min(deadline, look) - now;
      if (counts) wait = std::min<Duration>(wait, kCpuEvery);
      const bool ended = co_await process_->WaitExit(wait);
      if (ended) co_return true;
    }
  }
  // Takes the wake-up that may still stand from the time of another wait.
  const bool ended = co_await process_->WaitExit(Duration(0));
  co_return ended;
}

Task<void> RunningCommand::LookAtDisk(Instant& next) {
  const Instant start = watch_.clock.Now();
  auto look = [this] { return MeasureDisk(watch_.roots, watch_.disk); };
  const DiskUse use = co_await Offload(watch_.compute, look);
  if (use.Over(watch_.disk) && stop_ == Stop::kNone) stop_ = Stop::kDisk;
  const Instant now = watch_.clock.Now();
  next =
      now + std::max<Duration>(watch_.disk_every, kDiskShare * (now - start));
}

Task<void> RunningCommand::EndTree(ControlGroup* group) {
  if (stop_ == Stop::kTimeout || stop_ == Stop::kCpu) {
    Tell(protocol::kTerminate);
    const bool obeyed = co_await process_->WaitExit(watch_.grace);
    if (obeyed) co_return;
  }
  deaf_ = true;
  Tell(protocol::kKill);
  const bool answered = co_await process_->WaitExit(kAnswerWait);
  if (answered) co_return;
  process_->Signal(SIGCONT);  // a candidate of our user may have stopped it
  KillDescendants(process_->pid());
  const bool killed = co_await process_->WaitExit(kKillWait);
  if (killed) co_return;
  process_->Signal(SIGKILL);
  if (group != nullptr) group->Kill();
  const bool gone = co_await process_->WaitExit(kLastWait);
  survivors_ = !gone || (group != nullptr && !group->Empty());
}

void RunningCommand::Tell(char order) {
  send(control_.get(), &order, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void RunningCommand::ReadNews() {
  const ssize_t n = recv(control_.get(), news_.data() + news_size_,
                         news_.size() - news_size_, MSG_DONTWAIT);
  if (n > 0) news_size_ += static_cast<std::size_t>(n);
  if (news_size_ >= sizeof(protocol::Begun)) {
    std::memcpy(&begun_.emplace(), news_.data(), sizeof(protocol::Begun));
  }
  if (news_size_ == news_.size()) {
    std::memcpy(&record_.emplace(), news_.data() + sizeof(protocol::Begun),
                sizeof(protocol::Record));
  }
}

Instant RunningCommand::Deadline(Instant launched) {
  constexpr milliseconds kLookAgain{100};
  ReadNews();
  const Instant now = watch_.clock.Now();
  if (!begun_) {
    return std::min(now + kLookAgain,
                    launched + request_.timeout + kLaunchWait);
  }
  if (begun_->at_ns == 0) return launched + request_.timeout;
  timespec here{};
  clock_gettime(CLOCK_MONOTONIC, &here);
  const std::chrono::nanoseconds ran = std::chrono::seconds(here.tv_sec) +
                                       std::chrono::nanoseconds(here.tv_nsec) -
                                       std::chrono::nanoseconds(begun_->at_ns);
  return now + std::chrono::duration_cast<Duration>(request_.timeout - ran);
}

double RunningCommand::WaitedCpuSeconds() const {
  return process_ && process_->exited() ? process_->exit().cpu_seconds : 0;
}

Evidence RunningCommand::Found() const {
  return Evidence{.stop = stop_,
                  .begun = begun_.has_value(),
                  .record = record_,
                  .survivors = survivors_};
}

CommandResult RunningCommand::TakeResult() {
  CommandResult result;
  if (record_ && record_->stage == protocol::kRan) {
    const ProcessExit end{.status = record_->status};
    result.exit_code = end.exit_code();
    result.signal = end.signal();
    result.wall_seconds = static_cast<double>(record_->wall_ns) * 1e-9;
    result.cpu_seconds = static_cast<double>(record_->cpu_us) * 1e-6;
    result.max_rss_kb = record_->max_rss_kb;
    result.leaked = record_->leaked != 0;
  }
  result.truncated =
      out_.bytes() + err_.bytes() > Bytes(request_.limits.output_mb);
  result.out = out_.Take();
  result.err = err_.Take();
  return result;
}

}  // namespace coppice::eval

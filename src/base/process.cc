#include "base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

// A child is a posix_spawn (a fork would copy page tables: 88 ms at 4 GB), a
// pidfd in an Asio descriptor, and two pipes. Three callbacks run until the
// pidfd and both pipes have had their say; a waiter sleeps on a timer that
// they cancel. Text for stdin is an anonymous file, so that nothing has to be
// fed while the child runs and no SIGPIPE can come back.

extern char** environ;

namespace coppice {
namespace {

// Descriptors on their way into a child stand above every number they may be
// given there.
constexpr int kAboveInherited = 64;
constexpr std::size_t kReadSize = std::size_t{64} << 10;
// Reads in a row before other coroutines get their turn.
constexpr int kReadsPerTurn = 16;

Error Failed(std::string what, int error) {
  return Error{.code = ErrorCode::kIo,
               .what = std::move(what),
               .cause = std::strerror(error)};
}

// <sys/pidfd.h> of glibc 2.36 forgets that C++ mangles names.
int OpenPidfd(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return Failed("cannot make a pipe", errno);
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<std::string> Environment(const ProcessOptions& options) {
  std::vector<std::string> all;
  if (options.base_env == BaseEnv::kCallers) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
      std::string_view name(*entry);
      name = name.substr(0, name.find('='));
      bool replaced = false;
      for (const auto& [key, value] : options.env) replaced |= key == name;
      if (!replaced) all.emplace_back(*entry);
    }
  }
  for (const auto& [key, value] : options.env) all.push_back(key + '=' + value);
  return all;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  void Dup(int from, int to) {
    posix_spawn_file_actions_adddup2(&actions_, from, to);
  }
  // Closes everything but the standard streams and the numbers in `kept`,
  // whatever whoever started us left open.
  void CloseOthers(const std::set<int>& kept) {
    int next = 3;
    for (int fd : kept) {
      for (; next < fd; ++next) {
        posix_spawn_file_actions_addclose(&actions_, next);
      }
      next = fd + 1;
    }
    posix_spawn_file_actions_addclosefrom_np(&actions_, next);
  }
  void OpenNull(int fd, int flags) {
    posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", flags, 0);
  }
  void ChangeDirectory(const std::filesystem::path& path) {
    posix_spawn_file_actions_addchdir_np(&actions_, path.c_str());
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// A new session, nothing blocked, everything at its default.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID |
                                               POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// The child's ends of its standard streams; -1 is the null device.
struct Streams {
  int in = -1;
  int out = -1;
  int err = -1;
};

Result<pid_t> Spawn(const ProcessOptions& options, Streams streams) {
  SpawnActions actions;
  std::array<int, 3> standard{streams.in, streams.out, streams.err};
  std::vector<UniqueFd> raised;
  auto give = [&](int ours, int childs) {
    UniqueFd copy(fcntl(ours, F_DUPFD_CLOEXEC, kAboveInherited));
    if (copy) actions.Dup(copy.get(), childs);
    raised.push_back(std::move(copy));
    return static_cast<bool>(raised.back());
  };
  for (int n = 0; n < 3; ++n) {
    const int ours = standard[static_cast<std::size_t>(n)];
    if (ours < 0) {
      actions.OpenNull(n, n == 0 ? O_RDONLY : O_WRONLY);
    } else if (!give(ours, n)) {
      return Failed("cannot copy a descriptor", errno);
    }
  }
  for (const InheritedFd& fd : options.fds) {
    if (!give(fd.ours, fd.childs)) {
      return Failed("cannot copy a descriptor", errno);
    }
  }
  std::set<int> kept;
  for (const InheritedFd& fd : options.fds) kept.insert(fd.childs);
  actions.CloseOthers(kept);
  if (!options.cwd.empty()) actions.ChangeDirectory(options.cwd);

  static const SpawnAttributes attributes;
  std::vector<std::string> argv = options.argv;
  std::vector<std::string> env = Environment(options);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, argv[0].c_str(), actions.get(), attributes.get(),
                   Pointers(argv).data(), Pointers(env).data());
  if (error != 0) return Failed("cannot start " + argv[0], error);
  return pid;
}

}  // namespace

int ProcessExit::exit_code() const {
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int ProcessExit::signal() const {
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

struct Process::State : std::enable_shared_from_this<Process::State> {
  struct Stream {
    explicit Stream(const asio::any_io_executor& e) : descriptor(e) {}
    asio::posix::stream_descriptor descriptor;
    std::function<void(std::string_view)> sink;
  };

  State(const asio::any_io_executor& e, pid_t p, int pidfd_number)
      : pid(p), pidfd(e, pidfd_number), out(e), err(e), news(e) {}
  // Left behind by an io_context that is gone: the child was killed, so this
  // does not wait for long.
  ~State() {
    if (exited) return;
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }

  void Watch() {
    auto ended = [self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->Reap();
    };
    pidfd.async_wait(asio::posix::descriptor_base::wait_read, std::move(ended));
  }

  void Reap() {
    rusage usage{};
    if (wait4(pid, &end.status, WNOHANG, &usage) == 0) return Watch();
    auto seconds = [](timeval t) {
      return static_cast<double>(t.tv_sec) +
             static_cast<double>(t.tv_usec) * 1e-6;
    };
    end.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    end.max_rss_kb = usage.ru_maxrss;
    exited = true;
    pidfd.close();
    news.cancel();
  }

  void Listen(Stream& stream) {
    auto ready = [self = shared_from_this(),
                  &stream](boost::system::error_code error) {
      if (!error) self->Read(stream);
    };
    stream.descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                                 std::move(ready));
  }

  void Read(Stream& stream) {
    std::array<char, kReadSize> buffer;
    for (int turn = 0; turn < kReadsPerTurn; ++turn) {
      if (!stream.descriptor.is_open()) return;  // the sink closed it
      const ssize_t n =
          read(stream.descriptor.native_handle(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) break;
      if (n <= 0) {
        stream.descriptor.close();
        news.cancel();
        return;
      }
      stream.sink({buffer.data(), static_cast<std::size_t>(n)});
      if (static_cast<std::size_t>(n) < buffer.size()) break;
    }
    if (stream.descriptor.is_open()) Listen(stream);
  }

  void Open(Stream& stream, UniqueFd fd,
            std::function<void(std::string_view)> sink) {
    if (!fd) return;
    stream.sink = std::move(sink);
    stream.descriptor.assign(fd.Release());
    stream.descriptor.non_blocking(true);
    Listen(stream);
  }

  template <class Condition>
  Task<bool> WaitUntil(Condition condition, Duration limit) {
    std::shared_ptr<State> self = shared_from_this();
    if (!condition() && !woken) {
      // Expiry is set once: every piece of news only cancels the wait.
      news.expires_after(limit);
      bool expired = false;
      while (!condition() && !woken && !expired) {
        boost::system::error_code error;
        co_await news.async_wait(
            asio::redirect_error(asio::use_awaitable, error));
        expired = !error;
      }
    }
    woken = false;
    co_return condition();
  }

  const pid_t pid;
  asio::posix::stream_descriptor pidfd;
  Stream out;
  Stream err;
  asio::steady_timer news;
  bool exited = false;
  bool woken = false;
  ProcessExit end;
};

Process::Process(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Process>> Process::Start(
    const asio::any_io_executor& executor, ProcessOptions options) {
  Pipe out;
  Pipe err;
  UniqueFd in;
  for (auto [sink, pipe] : {std::pair(&options.on_stdout, &out),
                            std::pair(&options.on_stderr, &err)}) {
    if (!*sink) continue;
    Result<Pipe> made = MakePipe();
    if (!made) return made.error();
    *pipe = std::move(*made);
  }
  if (!options.stdin_text.empty()) {
    Result<UniqueFd> file = MakeTextFile(options.stdin_text);
    if (!file) return file.error();
    in = std::move(*file);
  }
  Result<pid_t> pid =
      Spawn(options, Streams{in.get(), out.write.get(), err.write.get()});
  if (!pid) return pid.error();
  UniqueFd pidfd(OpenPidfd(*pid));
  if (!pidfd) {
    const int error = errno;
    kill(*pid, SIGKILL);
    waitpid(*pid, nullptr, 0);
    return Failed("cannot watch " + options.argv[0], error);
  }
  auto state = std::make_shared<State>(executor, *pid, pidfd.Release());
  state->Watch();
  state->Open(state->out, std::move(out.read), std::move(options.on_stdout));
  state->Open(state->err, std::move(err.read), std::move(options.on_stderr));
  return std::unique_ptr<Process>(new Process(std::move(state)));
}

Process::~Process() {
  SignalGroup(SIGKILL);
  CloseOutput();
}

pid_t Process::pid() const { return state_->pid; }
bool Process::exited() const { return state_->exited; }
const ProcessExit& Process::exit() const { return state_->end; }

Task<bool> Process::WaitExit(Duration limit) {
  auto ended = [state = state_.get()] { return state->exited; };
  return state_->WaitUntil(ended, limit);
}

Task<bool> Process::WaitOutput(Duration limit) {
  auto closed = [state = state_.get()] {
    return !state->out.descriptor.is_open() && !state->err.descriptor.is_open();
  };
  return state_->WaitUntil(closed, limit);
}

void Process::Wake() {
  state_->woken = true;
  state_->news.cancel();
}

void Process::Signal(int signal) {
  if (!state_->exited) {
    syscall(SYS_pidfd_send_signal, state_->pidfd.native_handle(), signal,
            nullptr, 0);
  }
}

// An unreaped leader keeps the number of its group from being given away.
void Process::SignalGroup(int signal) {
  if (!state_->exited) kill(-state_->pid, signal);
}

void Process::CloseOutput() {
  state_->out.descriptor.close();
  state_->err.descriptor.close();
}

namespace {

std::function<void(std::string_view)> AppendTo(std::string& text,
                                               std::size_t limit,
                                               bool& truncated) {
  return [&text, limit, &truncated](std::string_view bytes) {
    const std::size_t room = limit - text.size();
    if (bytes.size() > room) truncated = true;
    text.append(bytes.substr(0, room));
  };
}

}  // namespace

Task<Result<ProcessOutput>> RunTool(std::vector<std::string> argv,
                                    ToolOptions options) {
  ProcessOutput output;
  ProcessOptions start{.argv = std::move(argv),
                       .base_env = options.base_env,
                       .env = std::move(options.env),
                       .cwd = options.cwd,
                       .stdin_text = std::move(options.stdin_text)};
  start.on_stdout = AppendTo(output.out, options.max_output, output.truncated);
  start.on_stderr = AppendTo(output.err, options.max_output, output.truncated);
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  Result<std::unique_ptr<Process>> started =
      Process::Start(executor, std::move(start));
  if (!started) co_return started.error();
  Process& process = **started;

  const bool ended = co_await process.WaitExit(options.timeout);
  if (!ended) {
    output.timed_out = true;
    process.SignalGroup(SIGKILL);
    co_await process.WaitExit(std::chrono::seconds(5));
  }
  // A child of the tool may hold its pipes; its output is not the tool's.
  co_await process.WaitOutput(std::chrono::seconds(1));
  process.CloseOutput();
  if (process.exited()) {
    output.exit_code = process.exit().exit_code();
    output.signal = process.exit().signal();
  }
  co_return std::move(output);
}

Result<UniqueFd> MakeTextFile(std::string_view text) {
  UniqueFd file(memfd_create("coppice", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return Failed("cannot make an anonymous file", errno);
  while (!text.empty()) {
    const ssize_t n = write(file.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("cannot fill an anonymous file", errno);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  lseek(file.get(), 0, SEEK_SET);
  fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
  return file;
}

}  // namespace coppice

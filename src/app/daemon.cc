#include "app/daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/fd.h"
#include "base/json.h"

extern char** environ;

// posix_spawn of /proc/self/exe, never fork: threads and libraries start as in
// any process. The pipe on descriptor 3 carries the run's name and directory
// and then ends; that it ends without them means that the process has failed,
// having said why.

namespace coppice::app {
namespace {

constexpr const char* kMark = "COPPICE_DAEMON_FD";
constexpr int kReadyFd = 3;

int& ReadyFd() {
  static int fd = -1;
  return fd;
}

std::atomic<pid_t> background{0};

// Until the run exists the terminal's signals are meant for it.
void Forward(int signal) {
  if (const pid_t pid = background.load(); pid > 0) kill(pid, signal);
}

Error Failed(const char* what, int failure) {
  return Error{.code = ErrorCode::kIo,
               .what = fmt::format("{}: {}", what, strerror(failure))};
}

Result<pid_t> Spawn(std::vector<std::string> argv, int ready) {
  std::vector<char*> words;
  for (std::string& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  std::string mark = fmt::format("{}={}", kMark, kReadyFd);
  std::vector<char*> env;
  for (char** entry = environ; *entry != nullptr; ++entry)
    env.push_back(*entry);
  env.push_back(mark.data());
  env.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                   O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ready, kReadyFd);
  posix_spawn_file_actions_addclosefrom_np(&actions, kReadyFd + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = -1;
  const int failure = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes,
                                  words.data(), env.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) return Failed("cannot start in the background", failure);
  return pid;
}

std::string ReadToEnd(int fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

int ExitOf(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

bool BornDaemon() {
  const char* mark = getenv(kMark);
  if (mark == nullptr) return false;
  unsetenv(kMark);
  ReadyFd() = kReadyFd;
  fcntl(kReadyFd, F_SETFD, FD_CLOEXEC);
  // The terminal may be closed at any time from now on.
  signal(SIGHUP, SIG_IGN);
  return true;
}

int StartDaemon(const Global& global) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return Fail(global, Failed("cannot make a pipe", errno));
  }
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  // Never on the number that it will have there: dup2 onto itself would leave
  // it closed on exec.
  if (write_end.get() == kReadyFd) {
    write_end = UniqueFd(fcntl(kReadyFd, F_DUPFD_CLOEXEC, kReadyFd + 1));
  }
  std::fflush(nullptr);
  Result<pid_t> pid = Spawn(global.argv, write_end.get());
  if (!pid) return Fail(global, pid.error());
  write_end = UniqueFd();
  background = *pid;
  for (int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, Forward);
  const std::string ready = ReadToEnd(read_end.get());
  const std::size_t line = ready.find('\n');
  if (line == std::string::npos) return ExitOf(*pid);
  const std::string run = ready.substr(0, line);
  const std::string directory = ready.substr(line + 1);
  if (global.output == OutputMode::kJson) {
    Print(DumpCanonical(
        Json{{"run", run}, {"pid", *pid}, {"directory", directory}}));
    return kDone;
  }
  Print(
      fmt::format("run {} goes on in the background (pid {})\n"
                  "  look in:  coppice watch {}   (or: coppice status {})\n"
                  "  steer:    coppice tell {} TEXT\n"
                  "  stop:     coppice stop {}\n"
                  "  log:      {}/coppice.log",
                  run, *pid, run, run, run, run, directory));
  return kDone;
}

Result<void> AnnounceDaemon(const std::string& run,
                            const std::filesystem::path& directory) {
  if (ReadyFd() < 0) return Ok();
  UniqueFd ready(std::exchange(ReadyFd(), -1));
  const std::filesystem::path file = directory / "coppice.log";
  UniqueFd log(
      open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!log) return Failed("cannot write coppice.log", errno);
  std::fflush(nullptr);
  dup2(log.get(), STDOUT_FILENO);
  dup2(log.get(), STDERR_FILENO);
  const std::string name = run + "\n" + directory.string();
  // Nobody listens any more: then nobody has to be told.
  signal(SIGPIPE, SIG_IGN);
  (void)!write(ready.get(), name.data(), name.size());
  return Ok();
}

}  // namespace coppice::app

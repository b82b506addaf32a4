#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "eval/supervisor_plan.h"

// The supervisor. It is process 1 of the sandbox's pid namespace, where
// nobody inside can signal or trace it and kill(-1) reaches all the others at
// once; below that level it is a subreaper, to which every orphan comes home.
// Either way "has no child" means "nothing of the command is left".

namespace coppice::eval::supervisor {
namespace {

// Children that are just ending, such as the other side of a shell's pipe,
// are not yet called leaked. Short, because what does stay can still write.
constexpr int kSettleMs = 20;
// Of ending what is left; coppice has means of its own after that.
constexpr int kKillMs = 2'000;

// What the new process says on a pipe that its exec closes.
struct StartNews {
  protocol::Stage stage;  // kRan: on the point of the exec
  int error;
  long long at_ns;
};

long long ReadClockNs(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

long long NowNs() { return ReadClockNs(CLOCK_MONOTONIC); }

// Grows only while the machine sleeps.
long long AsleepNs() { return ReadClockNs(CLOCK_BOOTTIME) - NowNs(); }

bool ApplyLimits(const Plan& plan) {
  for (long at = 0;
       const char* item = plan.Next(protocol::kResourceLimit, &at);) {
    int resource = 0;
    unsigned long long soft = 0;
    unsigned long long hard = 0;
    sscanf(item, "%d:%llu:%llu", &resource, &soft, &hard);
    rlimit current;
    if (getrlimit(static_cast<__rlimit_resource_t>(resource), &current) != 0) {
      return false;
    }
    const rlim_t most = current.rlim_max;
    const rlimit limit{.rlim_cur = soft < most ? soft : most,
                       .rlim_max = hard < most ? hard : most};
    if (setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) {
      return false;
    }
  }
  return true;
}

bool JoinKillGroup(const Plan& plan) {
  const char* group = plan.Find(protocol::kKillGroup);
  if (group == nullptr) return true;
  char path[4096];
  snprintf(path, sizeof(path), "%s/cgroup.procs", group);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  return fd >= 0 && write(fd, "0", 1) == 1;
}

template <class T>
void Tell(const T& news) {
  [[maybe_unused]] const ssize_t ignored =
      write(protocol::kControlFd, &news, sizeof(news));
}

// Becomes the command; says when, or at which stage it failed. It is said on
// this side, because on a busy machine the supervisor wakes up late, and the
// command may have stopped it by then.
[[noreturn]] void BecomeCommand(const Plan& plan, int news) {
  auto say = [news](protocol::Stage stage, int error) {
    const StartNews message{stage, error, NowNs()};
    if (stage == protocol::kRan) {
      Tell(protocol::Begun{.at_ns = message.at_ns});
    }
    [[maybe_unused]] const ssize_t ignored =
        write(news, &message, sizeof(message));
  };
  auto fail = [&say](protocol::Stage stage) {
    say(stage, errno);
    _exit(127);
  };
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int n = 1; n < NSIG; ++n) signal(n, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  umask(022);
  char** argv = plan.All(protocol::kArgument);
  char** env = plan.All(protocol::kVariable);
  if (!JoinKillGroup(plan)) fail(protocol::kGroupFailed);
  if (!RestrictWrites(plan)) fail(protocol::kLimitFailed);
  if (chdir(plan.Find(protocol::kDirectory)) != 0) {
    fail(protocol::kDirectoryFailed);
  }
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (!ApplyLimits(plan)) fail(protocol::kLimitFailed);
  say(protocol::kRan, 0);
  execve(argv[0], argv, env);
  fail(protocol::kExecFailed);
  __builtin_unreachable();
}

class Supervisor {
 public:
  explicit Supervisor(const Plan& plan) : plan_(plan) {}

  [[noreturn]] void Run() {
    Prepare();
    Start();
    while (!ended_ && !killed_) Wait(-1);
    Finish();
    Tell(record_);
    _exit(0);
  }

 private:
  void Prepare() {
    // Nobody of the same user reads our descriptors, memory or environment.
    prctl(PR_SET_DUMPABLE, 0);
    if (getpid() != 1) prctl(PR_SET_CHILD_SUBREAPER, 1);
    fcntl(protocol::kControlFd, F_SETFD, FD_CLOEXEC);
    close(protocol::kPlanFd);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    children_ = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (children_ < 0) Die("watch its children");
  }

  void Start() {
    int news[2];
    if (pipe2(news, O_CLOEXEC) != 0) Die("make a pipe");
    main_ = fork();
    if (main_ == 0) BecomeCommand(plan_, news[1]);
    if (main_ < 0) {
      record_.stage = protocol::kForkFailed;
      record_.error = errno;
      ended_ = true;
      return Tell(protocol::Begun{});
    }
    // The command's output ends with the command, not with us.
    for (int n = 0; n < 3; ++n) close(n);
    close(news[1]);
    StartNews message;
    // The end of this pipe is the exec.
    while (read(news[0], &message, sizeof(message)) == sizeof(message)) {
      record_.stage = message.stage;
      record_.error = message.error;
      if (message.stage == protocol::kRan) started_ns_ = message.at_ns;
    }
    if (started_ns_ == 0) Tell(protocol::Begun{});
    asleep_ns_ = AsleepNs();
    close(news[0]);
  }

  // Until coppice says something, a child ends, or time is up.
  void Wait(int timeout_ms) {
    pollfd events[] = {{protocol::kControlFd, POLLIN, 0},
                       {children_, POLLIN, 0}};
    if (poll(events, 2, timeout_ms) <= 0) return;
    if (events[0].revents != 0) Obey();
    if (events[1].revents != 0) {
      signalfd_siginfo ignored;
      while (read(children_, &ignored, sizeof(ignored)) > 0) {
      }
      Reap();
    }
  }

  void Obey() {
    char order = protocol::kKill;
    const ssize_t n = read(protocol::kControlFd, &order, 1);
    if (n < 0 && errno == EINTR) return;
    if (n == 1 && order == protocol::kTerminate) {
      kill(-main_, SIGTERM);
    } else {
      killed_ = true;
    }
  }

  // True if no child is left.
  bool Reap() {
    while (true) {
      int status = 0;
      const pid_t pid = waitpid(-1, &status, WNOHANG);
      if (pid == 0) return false;
      if (pid < 0) return errno == ECHILD;
      if (pid == main_) {
        record_.wall_ns = NowNs() - started_ns_;
        record_.suspended_ms = (AsleepNs() - asleep_ns_) / 1'000'000;
        record_.status = status;
        ended_ = true;
      }
    }
  }

  void Finish() {
    bool empty = Reap();
    if (!empty && !killed_) {
      const long long until = NowNs() + kSettleMs * 1'000'000LL;
      while (!(empty = Reap()) && !killed_ && NowNs() < until) {
        Wait(kSettleMs);
      }
      record_.leaked = !empty && !killed_;
    }
    if (!empty) EndEverything();
    rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    auto us = [](timeval t) { return t.tv_sec * 1'000'000LL + t.tv_usec; };
    record_.cpu_us = us(usage.ru_utime) + us(usage.ru_stime);
    record_.max_rss_kb = usage.ru_maxrss;
  }

  void EndEverything() {
    const long long until = NowNs() + kKillMs * 1'000'000LL;
    do {
      KillAll();
      pollfd news{children_, POLLIN, 0};
      poll(&news, 1, 10);
      signalfd_siginfo ignored;
      while (read(children_, &ignored, sizeof(ignored)) > 0) {
      }
    } while (!Reap() && NowNs() < until);
  }

  void KillAll() {
    if (getpid() == 1) {
      kill(-1, SIGKILL);
      return;
    }
    if (const char* group = plan_.Find(protocol::kKillGroup)) {
      char path[4096];
      snprintf(path, sizeof(path), "%s/cgroup.kill", group);
      const int fd = open(path, O_WRONLY | O_CLOEXEC);
      if (fd >= 0) {
        [[maybe_unused]] const ssize_t ignored = write(fd, "1", 1);
        close(fd);
      }
    }
    if (main_ > 0 && !ended_) kill(-main_, SIGKILL);
    KillChildren();
  }

  // Whoever loses its parent by this becomes our child for the next round.
  void KillChildren() {
    FILE* list = fopen("/proc/thread-self/children", "re");
    if (list == nullptr) return;
    int pid = 0;
    while (fscanf(list, "%d", &pid) == 1) kill(pid, SIGKILL);
    fclose(list);
  }

  const Plan& plan_;
  pid_t main_ = 0;
  int children_ = -1;
  bool ended_ = false;
  bool killed_ = false;
  long long started_ns_ = 0;
  long long asleep_ns_ = 0;
  protocol::Record record_;
};

}  // namespace

void Supervise(const Plan& plan) { Supervisor(plan).Run(); }

}  // namespace coppice::eval::supervisor

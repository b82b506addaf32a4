#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval/supervisor_plan.h"

// coppice-sandbox: the small program between coppice and a candidate's
// command (supervisor_protocol.h). It is a program of its own, and static,
// because it is forked from, shown inside the sandbox, and must not bring
// coppice's memory, libraries or descriptors there.

namespace coppice::eval::supervisor {

void Die(const char* what) {
  dprintf(STDERR_FILENO, "coppice-sandbox: cannot %s: %m\n", what);
  _exit(125);
}

Plan Plan::Load(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) Die("read its plan");
  void* text = mmap(nullptr, static_cast<size_t>(info.st_size) + 1,
                    PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (text == MAP_FAILED) Die("map its plan");
  Plan plan;
  plan.text_ = static_cast<char*>(text);
  plan.size_ = info.st_size;
  return plan;
}

const char* Plan::Next(protocol::Item item, long* position) const {
  while (*position < size_) {
    const char* entry = text_ + *position;
    *position += static_cast<long>(strlen(entry)) + 1;
    if (entry[0] == item) return entry + 1;
  }
  return nullptr;
}

const char* Plan::Find(protocol::Item item) const {
  long position = 0;
  return Next(item, &position);
}

char** Plan::All(protocol::Item item) const {
  size_t count = 0;
  for (long at = 0; Next(item, &at) != nullptr;) ++count;
  auto** values = static_cast<char**>(calloc(count + 1, sizeof(char*)));
  if (values == nullptr) Die("read its plan");
  long at = 0;
  for (size_t n = 0; n < count; ++n) {
    values[n] = const_cast<char*>(Next(item, &at));
  }
  return values;
}

namespace {

void JoinGroups(const Plan& plan) {
  for (long at = 0; const char* procs = plan.Next(protocol::kJoinGroup, &at);) {
    const int fd = open(procs, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) Die("join its control group");
    close(fd);
  }
}

void Pin(const Plan& plan) {
  if (plan.Find(protocol::kCpu) == nullptr) return;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (long at = 0; const char* cpu = plan.Next(protocol::kCpu, &at);) {
    CPU_SET(static_cast<size_t>(atoi(cpu)), &cpus);
  }
  if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) Die("pin its cores");
}

// If memory runs out, the candidate goes first, not coppice.
void OfferToOomKiller() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t ignored = write(fd, "500", 3);
  close(fd);
}

[[noreturn]] void Outer(const Plan& plan) {
  JoinGroups(plan);
  Pin(plan);
  OfferToOomKiller();
  MountOverlay(plan);
  char** bwrap = plan.All(protocol::kBwrapArg);
  if (bwrap[0] == nullptr) Supervise(plan);
  char* nothing[] = {nullptr};
  execve(bwrap[0], bwrap, nothing);
  Die("run bwrap");
}

}  // namespace
}  // namespace coppice::eval::supervisor

int main(int argc, char** argv) {
  namespace protocol = coppice::eval::protocol;
  namespace supervisor = coppice::eval::supervisor;
  const char* role = argc == 2 ? argv[1] : "";
  const bool outer = strcmp(role, protocol::kOuterRole) == 0;
  if (!outer && strcmp(role, protocol::kInnerRole) != 0) {
    fputs("coppice-sandbox is started by coppice, not by hand\n", stderr);
    return 2;
  }
  const auto plan = supervisor::Plan::Load(protocol::kPlanFd);
  if (outer) supervisor::Outer(plan);
  supervisor::Supervise(plan);
}

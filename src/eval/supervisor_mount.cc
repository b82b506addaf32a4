#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "eval/supervisor_plan.h"

namespace coppice::eval::supervisor {
namespace {

void WriteTo(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) Die("map its user");
  const auto size = static_cast<ssize_t>(strlen(text));
  if (write(fd, text, strlen(text)) != size) Die("map its user");
  close(fd);
}

// A mount namespace of our own; a user namespace around it where we may not
// mount otherwise. The user keeps its number, so that an exec drops the
// capabilities again. True if a user namespace was needed.
bool LeaveMountNamespace() {
  if (unshare(CLONE_NEWNS) == 0) return false;
  const unsigned uid = geteuid();
  const unsigned gid = getegid();
  if (errno != EPERM || unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    Die("make a mount namespace");
  }
  char map[64];
  WriteTo("/proc/self/setgroups", "deny");
  snprintf(map, sizeof(map), "%u %u 1", uid, uid);
  WriteTo("/proc/self/uid_map", map);
  snprintf(map, sizeof(map), "%u %u 1", gid, gid);
  WriteTo("/proc/self/gid_map", map);
  return true;
}

// Appends ",KEY=PATH" with the characters escaped that separate options and
// layers. Ends the process if the buffer is too small.
void AppendPath(char* options, size_t size, const char* key, const char* path) {
  size_t used = strlen(options);
  auto put = [&](char c) {
    if (used + 1 >= size) {
      errno = ENAMETOOLONG;
      Die("mount the tree");
    }
    options[used++] = c;
  };
  put(',');
  for (const char* c = key; *c != '\0'; ++c) put(*c);
  put('=');
  for (const char* c = path; *c != '\0'; ++c) {
    if (*c == ',' || *c == ':' || *c == '\\') put('\\');
    put(*c);
  }
  options[used] = '\0';
}

}  // namespace

void MountOverlay(const Plan& plan) {
  const char* target = plan.Find(protocol::kOverlayTarget);
  if (target == nullptr) return;
  const bool unprivileged = LeaveMountNamespace();
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    Die("keep its mounts to itself");
  }
  char options[4096] = "index=off,xino=off,redirect_dir=off,metacopy=off";
  if (unprivileged) strcat(options, ",userxattr");
  AppendPath(options, sizeof(options), "lowerdir",
             plan.Find(protocol::kOverlayLower));
  AppendPath(options, sizeof(options), "upperdir",
             plan.Find(protocol::kOverlayUpper));
  AppendPath(options, sizeof(options), "workdir",
             plan.Find(protocol::kOverlayWork));
  if (mount("overlay", target, "overlay", MS_NODEV | MS_NOSUID, options) != 0) {
    Die("mount the tree");
  }
}

}  // namespace coppice::eval::supervisor

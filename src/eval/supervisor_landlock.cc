#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "eval/supervisor_plan.h"

namespace coppice::eval::supervisor {
namespace {

constexpr __u64 kFileWrites = LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr __u64 kDirectoryWrites =
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM;
// By number: the headers are older than the kernels that know them.
constexpr __u64 kRefer = 1ULL << 13;     // ABI 2
constexpr __u64 kTruncate = 1ULL << 14;  // ABI 3

bool Allow(int ruleset, const char* path, __u64 directory, __u64 file) {
  const int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT;
  landlock_path_beneath_attr rule{.allowed_access = directory | file,
                                  .parent_fd = fd};
  long done = syscall(SYS_landlock_add_rule, ruleset,
                      LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  if (done != 0 && errno == EINVAL) {  // not a directory
    rule.allowed_access = file;
    done = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                   &rule, 0);
  }
  close(fd);
  return done == 0;
}

}  // namespace

bool RestrictWrites(const Plan& plan) {
  if (plan.Find(protocol::kWritable) == nullptr) return true;
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return false;
  const __u64 directory = kDirectoryWrites | (abi >= 2 ? kRefer : 0);
  const __u64 file = kFileWrites | (abi >= 3 ? kTruncate : 0);
  landlock_ruleset_attr attributes{.handled_access_fs = directory | file};
  const int ruleset =
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes,
                               sizeof(attributes.handled_access_fs), 0));
  if (ruleset < 0) return false;
  for (long at = 0; const char* path = plan.Next(protocol::kWritable, &at);) {
    if (!Allow(ruleset, path, directory, file)) return false;
  }
  const bool done = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                    syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  close(ruleset);
  return done;
}

}  // namespace coppice::eval::supervisor

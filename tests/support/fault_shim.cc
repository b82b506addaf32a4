#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>

// Preloaded into coppice: a disk that fails. COPPICE_FAULTS="WORD:ERRNO:N,..."
// lets one call in N fail with that errno if it writes, syncs, makes or renames
// something whose path holds WORD; COPPICE_FAULT_SEED draws which. A write that
// fails with ENOSPC has written its first half, as on a disk that fills up.

namespace {

struct Fault {
  char word[64];
  int error;
  uint64_t one_in;
};

constexpr int kMost = 8;
Fault faults[kMost];
int fault_count = 0;
std::atomic<uint64_t> drawn{0};

__attribute__((constructor)) void ReadFaults() {
  const char* text = getenv("COPPICE_FAULTS");
  const char* seed = getenv("COPPICE_FAULT_SEED");
  if (seed != nullptr) drawn = strtoull(seed, nullptr, 10);
  while (text != nullptr && *text != '\0' && fault_count < kMost) {
    Fault& fault = faults[fault_count];
    unsigned long long one_in = 0;
    if (sscanf(text, "%63[^:]:%d:%llu", fault.word, &fault.error, &one_in) !=
        3) {
      return;
    }
    fault.one_in = one_in;
    ++fault_count;
    text = strchr(text, ',');
    if (text != nullptr) ++text;
  }
}

// splitmix64
uint64_t Draw() {
  uint64_t z = drawn.fetch_add(0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// 0: let it be.
int FaultOf(const char* path) {
  for (int i = 0; i < fault_count; ++i) {
    if (faults[i].one_in == 0 || strstr(path, faults[i].word) == nullptr) {
      continue;
    }
    if (Draw() % faults[i].one_in == 0) return faults[i].error;
  }
  return 0;
}

int FaultOf(int fd) {
  if (fault_count == 0) return 0;
  char name[64];
  char path[4096];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(name, path, sizeof path - 1);
  if (size <= 0 || path[0] != '/') return 0;
  path[size] = '\0';
  return FaultOf(path);
}

int Fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  const int error = FaultOf(fd);
  if (error != 0 && error != ENOSPC) return Fail(error);
  if (error == ENOSPC && size < 2) return Fail(error);
  return syscall(SYS_write, fd, data, error == ENOSPC ? size / 2 : size);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  if (const int error = FaultOf(fd)) {
    if (error == ENOSPC) {
      (void)!syscall(SYS_pwrite64, fd, data, size / 2, at);
    }
    return Fail(error);
  }
  return syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return pwrite64(fd, data, size, at);
}

int fsync(int fd) {
  if (const int error = FaultOf(fd)) return Fail(error);
  return static_cast<int>(syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
  if (const int error = FaultOf(fd)) return Fail(error);
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

int ftruncate(int fd, off_t size) noexcept {
  if (const int error = FaultOf(fd)) return Fail(error);
  return static_cast<int>(syscall(SYS_ftruncate, fd, size));
}

int rename(const char* from, const char* to) noexcept {
  if (const int error = FaultOf(to)) return Fail(error);
  return static_cast<int>(
      syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (const int error = FaultOf(path)) return Fail(error);
  return static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

int link(const char* from, const char* to) noexcept {
  if (const int error = FaultOf(to)) return Fail(error);
  return static_cast<int>(
      syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}
}

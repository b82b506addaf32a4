#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "app/cli.h"

namespace {

// A view of a long run is megabytes of text once in a while. By default malloc
// takes from the first such text that they are usual, and keeps what is freed:
// then a night's process only grows.
void KeepSmall() { mallopt(M_MMAP_THRESHOLD, 256 * 1024); }

// A slot with a running command holds a few descriptors, and many systems
// allow 1,024 unless asked for more. Commands get a limit of their own.
void AllowOpenFiles() {
  constexpr rlim_t kEnough = 65536;
  struct rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = std::max(files.rlim_cur, std::min(files.rlim_max, kEnough));
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
  KeepSmall();
  AllowOpenFiles();
  try {
    return coppice::app::Main(argc, argv);
  } catch (const std::exception& e) {
    // Not a failure anybody foresaw: the run cannot go on, but its journal is
    // whole up to the last record.
    std::fprintf(stderr,
                 "error: %s\n  next:  `coppice resume` goes on from the last "
                 "record\n",
                 e.what());
    return 1;
  }
}

#include <malloc.h>

#include <cstdio>
#include <exception>

#include "app/cli.h"

int main(int argc, char** argv) {
  // A view of a long run is megabytes of text once in a while. By default
  // malloc takes from the first such text that they are usual, and keeps what
  // is freed: then a night's process only grows.
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
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

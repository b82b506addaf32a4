#include <cstdio>
#include <exception>

#include "app/cli.h"

int main(int argc, char** argv) {
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

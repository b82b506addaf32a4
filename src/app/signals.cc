#include "app/signals.h"

#include <signal.h>

#include "app/console.h"

namespace coppice::app {

bool LetsItEnd(int signal, int before) {
  if (signal != SIGINT || before > 0) return false;
  Say("interrupted: what runs may end; once more ends it now");
  return true;
}

search::Ending EndedBy(int signal) {
  return {signal == SIGTERM ? "terminated" : "interrupted", "", 128 + signal};
}

}  // namespace coppice::app

#pragma once

#include "search/search.h"

namespace coppice::app {

// What a signal asks of searches (SPEC §7). A first SIGINT lets what runs come
// to its end, which is said here; any other ends it now.
bool LetsItEnd(int signal, int before);
// How the run, or the study, is recorded to have ended.
search::Ending EndedBy(int signal);

}  // namespace coppice::app

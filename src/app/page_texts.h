#pragma once

#include "report/views.h"
#include "search/sqlite_journal.h"
#include "search/state.h"

namespace coppice::app {

// The texts of attempts for whoever wants those of many: the journal is read
// once, at the first question, instead of twice for each. Each text as far as
// a static page shows it. Both must outlive the result, and `state` must not
// change. Blocking.
report::FindTexts AllTextsOf(search::SqliteJournal& journal,
                             const search::State& state);

}  // namespace coppice::app

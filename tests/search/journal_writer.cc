// A process that owns a run and appends to its journal until it is killed. It
// says on standard output which records it holds for durable.

#include <unistd.h>

#include <cstdio>
#include <string>

#include "search/lease.h"
#include "search/sqlite_journal.h"

int main(int argc, char** argv) {
  namespace search = coppice::search;
  if (argc != 2) return 2;
  const std::filesystem::path run(argv[1]);
  const auto lease = search::AcquireLease(run);
  if (!lease) return 6;
  auto journal = std::filesystem::exists(run / "journal.db")
                     ? search::OpenJournal(run / "journal.db")
                     : search::CreateJournal(run / "journal.db");
  if (!journal) return 1;
  for (std::int64_t n = 1;; ++n) {
    search::Committed committed;
    committed.attempt = coppice::AttemptId(n);
    committed.message = std::to_string(n);
    // Long enough to cross pages, so that a torn write would show.
    committed.patch = std::to_string(n) + std::string(20'000, 'x');
    const auto seq = (*journal)->Append(coppice::WallTime(), committed);
    if (!seq) return 1;
    std::printf("%lld\n", static_cast<long long>(*seq));
    std::fflush(stdout);
  }
}

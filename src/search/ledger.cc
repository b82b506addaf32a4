#include "search/ledger.h"

#include <cmath>

namespace coppice::search {

std::int64_t ToPicodollars(double usd) { return std::llround(usd * 1e12); }

void LedgerLine::Add(const llm::Answered& answered) {
  const llm::CallUsage& usage = answered.usage;
  ++calls;
  if (answered.stop.starts_with("failed")) ++failed;
  if (usage.usd_unknown) ++unpriced;
  if (usage.estimated) ++estimated;
  input += usage.input;
  output += usage.output;
  cached += usage.cached;
  picodollars += ToPicodollars(usage.usd);
  seconds += usage.seconds;
}

}  // namespace coppice::search

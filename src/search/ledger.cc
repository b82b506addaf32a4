#include "search/ledger.h"

#include "spec/models.h"

namespace coppice::search {

void LedgerLine::Add(const llm::Answered& answered) {
  const llm::CallUsage& usage = answered.usage;
  ++calls;
  if (answered.stop.starts_with("failed")) ++failed;
  if (usage.usd_unknown) ++unpriced;
  if (usage.estimated) ++estimated;
  input += usage.input;
  output += usage.output;
  cached += usage.cached;
  picodollars += spec::ToPicodollars(usage.usd);
  seconds += usage.seconds;
}

}  // namespace coppice::search

#include "search/attempt_info.h"

namespace coppice::search {

Choice::Choice(const Selected& e)
    : op(e.op),
      history_withheld(e.history_withheld),
      chain(e.chain),
      parents(e.parents.begin(), e.parents.end()),
      arm(e.arm),
      idea(e.idea) {}

PlanNote::PlanNote(const llm::Plan& plan)
    : idea(plan.idea),
      category(plan.category),
      bottleneck(plan.bottleneck),
      alternatives(plan.alternatives),
      expect(plan.expect),
      risk(plan.risk),
      lesson(plan.lesson),
      needs(plan.needs) {}

FileNote::FileNote(const FileStat& stat)
    : path(stat.path),
      added(stat.added),
      removed(stat.removed),
      created(stat.created),
      deleted(stat.deleted) {}

FileNote::operator FileStat() const {
  return {.path = path,
          .added = added,
          .removed = removed,
          .created = created,
          .deleted = deleted};
}

Finding::Finding(const Evaluated& e, std::int64_t record)
    : outcome(e.outcome),
      printed(!e.tail.empty()),
      sigma(e.sigma),
      value(e.value),
      seq(record),
      gain(e.gain),
      signature(e.signature),
      log(e.log),
      flags(e.flags),
      seconds(e.seconds) {}

Result<std::string> OutputOf(const AttemptInfo& info, Journal& journal) {
  if (!info.evaluated || !info.evaluated->printed) return std::string();
  Result<Record> record = journal.Read(info.evaluated->seq);
  if (!record) return record.error();
  return std::get<Evaluated>(std::move(record->event)).tail;
}

}  // namespace coppice::search

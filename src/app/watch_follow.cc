#include "app/watch_follow.h"

#include <algorithm>

#include "app/load_verdict.h"
#include "eval/baseline_lock.h"

namespace coppice::app {

Result<Follower> Follower::Open(const Global& global, const std::string& run) {
  std::string name = run;
  if (name.empty()) {
    Result<Opened> opened = OpenRepository(global);
    if (!opened) return opened.error();
    for (const RunPlace& place : ListRuns(opened->home)) {
      if (search::FindOwner(place.dir)) name = place.id;
    }
  }
  Result<ReadRun> read = OpenRun(global, name);
  if (!read) return read.error();
  Follower follower(std::move(*read));
  Result<eval::BaselineLock> lock = eval::ParseLock(
      follower.state().start().lock_json, "the run's baseline.lock");
  if (!lock) return lock.error();
  follower.slots_ = AtOnce(follower.state().spec(), lock->slots);
  return follower;
}

Result<void> Follower::LookBack(std::int64_t count, const See& see) {
  const std::int64_t last = state().last_seq();
  auto show = [&](const search::Record& record) -> Result<void> {
    if (record.seq <= last) see(state(), record);
    return Ok();
  };
  return run_.journal->ReplayFrom(std::max<std::int64_t>(1, last - count + 1),
                                  show);
}

Result<void> Follower::Advance(const See& see) {
  auto show = [&](const search::Record& record) -> Result<void> {
    Result<void> applied = run_.state->Apply(record);
    if (applied) see(state(), record);
    return applied;
  };
  return run_.journal->ReplayFrom(state().last_seq() + 1, show);
}

Result<report::AttemptTexts> Follower::Texts(AttemptId attempt) {
  return TextsOf(*run_.journal, *run_.state)(attempt);
}

report::StatusExtra Follower::Extra() const {
  report::StatusExtra extra;
  extra.alive = search::FindOwner(run_.place.dir).has_value();
  extra.slots_total = slots_;
  return extra;
}

bool Follower::AtRest() const {
  return state().stopped() || !search::FindOwner(run_.place.dir);
}

}  // namespace coppice::app

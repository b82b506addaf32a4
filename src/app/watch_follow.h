#pragma once

#include <functional>
#include <optional>

#include "app/run_reader.h"
#include "report/status.h"
#include "search/lease.h"

namespace coppice::app {

// A run followed while it goes on: its journal is read from where the last
// look ended, read-only, so that nobody waits. Blocking.
class Follower {
 public:
  // `run` as FindRun takes it; "" is the latest that is live, else the latest.
  static Result<Follower> Open(const Global& global, const std::string& run);

  using See = std::function<void(const search::State&, const search::Record&)>;
  // Shows records that the state has already seen: the last `count` ones; the
  // state is that of now.
  Result<void> LookBack(std::int64_t count, const See& see);
  // Applies and shows what was added since.
  Result<void> Advance(const See& see);

  // The long texts of an attempt.
  Result<report::AttemptTexts> Texts(AttemptId attempt);

  const search::State& state() const { return *run_.state; }
  const RunPlace& place() const { return run_.place; }
  // What only the machine knows: owner, slots.
  report::StatusExtra Extra() const;
  // Does nothing more happen until somebody resumes it?
  bool AtRest() const;

 private:
  explicit Follower(ReadRun run) : run_(std::move(run)) {}
  ReadRun run_;
  int slots_ = 0;
};

}  // namespace coppice::app

#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "app/places.h"
#include "base/clock.h"
#include "report/status.h"
#include "search/state.h"

namespace coppice::app {

// What only this machine knows of a run: is it alive, its slots, its locks.
Result<report::StatusExtra> StatusExtraOf(const search::State& state,
                                          bool alive);

// status.json beside the journal: what `status` says, as of one record. The
// owner of a run writes it about once a second, so that whoever looks in need
// not read a journal of 10^5 nodes. It is a view: nothing is decided by it,
// and it counts only where the journal's last record says that it is current.
// Conductor thread.
class StatusView {
 public:
  explicit StatusView(const std::filesystem::path& run_dir)
      : file_(run_dir / "status.json") {}

  // If it is due: writing takes one part in fifty of the time.
  void Refresh(const search::State& state, const Clock& clock);
  // At the end of a process.
  void Close(const search::State& state, const Clock& clock);

 private:
  void Write(const search::State& state, WallTime now, WallTime until,
             bool alive) const;

  const std::filesystem::path file_;
  std::optional<Instant> due_;
  Duration cost_{};  // of the last one
};

struct ShownStatus {
  std::string text;
  std::string json;
};
// What status.json says, if it is current: nothing was recorded since; or the
// journal is long, and its owner lives and is about to write it anew, or was
// killed a moment after.
std::optional<ShownStatus> CurrentStatus(const RunPlace& run, WallTime now);

}  // namespace coppice::app

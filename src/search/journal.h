#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "search/event.h"

namespace coppice::search {

// The append-only record of one run; the only truth. One writer; conductor
// thread. Readers of the same run open their own.
class Journal {
 public:
  virtual ~Journal() = default;
  // Durable (synced) when it returns; the sequence number of the new record.
  virtual Result<std::int64_t> Append(WallTime at, const Event& event) = 0;
  // All of them or none; the number of the first one.
  virtual Result<std::int64_t> AppendTogether(
      WallTime at, const std::vector<Event>& events) {
    Result<std::int64_t> first = Append(at, events.front());
    for (std::size_t i = 1; i < events.size() && first; ++i) {
      Result<std::int64_t> next = Append(at, events[i]);
      if (!next) return next;
    }
    return first;
  }
  // Every record in order; stops with the first error of `see`.
  virtual Result<void> Replay(
      const std::function<Result<void>(const Record&)>& see) = 0;
  // The same for a fold, which keeps no prompt, no patch and no answer of an
  // attempt that has ended: those texts may be left out of the records, and
  // reading them is most of the work.
  virtual Result<void> ReplayLean(
      const std::function<Result<void>(const Record&)>& see) {
    return Replay(see);
  }
  // One record with all its texts; kNotFound.
  virtual Result<Record> Read(std::int64_t seq) {
    std::optional<Record> found;
    Result<void> replayed = Replay([&](const Record& record) {
      if (record.seq == seq) found = record;
      return Ok();
    });
    if (!replayed) return replayed.error();
    if (found) return std::move(*found);
    return Error{.code = ErrorCode::kNotFound,
                 .what = "no record " + std::to_string(seq)};
  }
};

}  // namespace coppice::search

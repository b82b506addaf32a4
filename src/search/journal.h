#pragma once

#include <cstdint>
#include <functional>
#include <string>

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
  // Every record in order; stops with the first error of `see`.
  virtual Result<void> Replay(
      const std::function<Result<void>(const Record&)>& see) = 0;
};

}  // namespace coppice::search

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "search/journal.h"

namespace coppice::testing {

// A journal in memory. Records are kept encoded, so that a search that runs on
// it goes through the same codec as one on disk.
class MemoryJournal final : public search::Journal {
 public:
  Result<std::int64_t> Append(WallTime at, const search::Event& event) override;
  Result<void> Replay(
      const std::function<Result<void>(const search::Record&)>& see) override;

  std::size_t size() const { return rows_.size(); }
  // The journal as it was after `records` records.
  MemoryJournal Prefix(std::size_t records) const;

 private:
  struct Row {
    WallTime at;
    search::EncodedEvent event;  // texts are in texts_
  };
  std::vector<Row> rows_;
  std::map<std::string, std::string> texts_;
};

}  // namespace coppice::testing

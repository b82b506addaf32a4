#include "support/memory_journal.h"

#include <utility>

namespace coppice::testing {

Result<std::int64_t> MemoryJournal::Append(WallTime at,
                                           const search::Event& event) {
  Row row{.at = at, .event = search::Encode(event)};
  texts_.merge(row.event.texts);
  row.event.texts.clear();
  rows_.push_back(std::move(row));
  return static_cast<std::int64_t>(rows_.size());
}

Result<void> MemoryJournal::Replay(
    const std::function<Result<void>(const search::Record&)>& see) {
  const search::FindText text =
      [this](const std::string& digest) -> Result<std::string> {
    auto found = texts_.find(digest);
    if (found != texts_.end()) return found->second;
    return Error{.code = ErrorCode::kIo, .what = "no text " + digest};
  };
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Result<search::Event> event = search::Decode(rows_[i].event, text);
    if (!event) return event.error();
    const search::Record record{.seq = static_cast<std::int64_t>(i) + 1,
                                .at = rows_[i].at,
                                .event = std::move(*event)};
    if (Result<void> seen = see(record); !seen) return seen;
  }
  return Ok();
}

MemoryJournal MemoryJournal::Prefix(std::size_t records) const {
  MemoryJournal prefix = *this;
  prefix.rows_.resize(records);
  return prefix;
}

}  // namespace coppice::testing

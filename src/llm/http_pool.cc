#include "llm/http_pool.h"

#include <algorithm>
#include <utility>

namespace coppice::llm {

HttpPool::HttpPool(Clock& clock, Duration longest, int per_origin)
    : clock_(clock),
      longest_(longest),
      per_origin_(static_cast<std::size_t>(std::max(per_origin, 0))) {}

std::unique_ptr<Stream> HttpPool::Take(const std::string& origin) {
  DropOld();
  const auto found = parked_.find(origin);
  if (found == parked_.end()) return nullptr;
  std::vector<Parked>& here = found->second;
  while (!here.empty()) {
    std::unique_ptr<Stream> stream = std::move(here.back().stream);
    here.pop_back();
    if (stream->Quiet()) return stream;
  }
  return nullptr;
}

void HttpPool::Park(const std::string& origin, std::unique_ptr<Stream> stream) {
  DropOld();
  std::vector<Parked>& here = parked_[origin];
  if (here.size() >= per_origin_) return;
  here.push_back({std::move(stream), clock_.Now() + longest_});
}

// No timer: it would keep an otherwise finished program waiting.
void HttpPool::DropOld() {
  const Instant now = clock_.Now();
  for (auto& [origin, here] : parked_) {
    std::erase_if(here, [now](const Parked& p) { return p.until <= now; });
  }
}

}  // namespace coppice::llm

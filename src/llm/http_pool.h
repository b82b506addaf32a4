#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "llm/stream.h"

namespace coppice::llm {

// Connections that wait for their next exchange, by origin. One that is too
// old, or to which something happened meanwhile, is never handed out.
class HttpPool {
 public:
  HttpPool(Clock& clock, Duration longest, int per_origin);

  // The one used last; null if none is fit.
  std::unique_ptr<Stream> Take(const std::string& origin);
  void Park(const std::string& origin, std::unique_ptr<Stream> stream);
  void Clear() { parked_.clear(); }

 private:
  struct Parked {
    std::unique_ptr<Stream> stream;
    Instant until;
  };

  void DropOld();

  Clock& clock_;
  const Duration longest_;
  const std::size_t per_origin_;
  std::map<std::string, std::vector<Parked>> parked_;
};

}  // namespace coppice::llm

#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "llm/http_client.h"

// Exchanges on file, and an HttpClient that needs no network (PROVIDERS §11).

namespace coppice::llm {

enum class CassetteMode { kRecord, kReplay };

struct CassetteOptions {
  bool delays = false;  // a replay takes the time that the original took
  // Takes keys out of whatever is written; empty: as it is.
  std::function<std::string(std::string_view)> redact;
};

// Knows a request by what it asks, never by its host or its key; the nth time
// it is asked gives the nth answer. Conductor thread.
class Cassette : public HttpClient {
 public:
  // A replay only: what was asked in vain, one sentence each, and what was
  // recorded but never asked. A request in vain ends as kUnsupported with its
  // sentence as detail.
  virtual const std::vector<std::string>& misses() const = 0;
  virtual std::vector<std::string> unused() const = 0;
};

// A record goes on where an existing `file` ends, through `inner`; a replay
// wants no `inner`. Error: kNotFound, kIo, kBusy (somebody else records),
// kUsage (not a cassette, or of a version that is not known).
Result<std::unique_ptr<Cassette>> MakeCassette(HttpClient* inner, Clock& clock,
                                               std::filesystem::path file,
                                               CassetteMode mode,
                                               CassetteOptions options = {});

}  // namespace coppice::llm

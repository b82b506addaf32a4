#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/temp_dir.h"

namespace coppice::testing {

// True, with a line that says so, where the mock of tests/external is not
// installed; with COPPICE_REQUIRE_EXTERNAL=1 that fails the case.
bool SkippedWithoutAiMock();

// One HTTP/1.0 exchange with a server on loopback, without any code of
// coppice: bytes out, everything that comes back until the server closes.
struct PlainReply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};
using PlainHeaders = std::vector<std::pair<std::string, std::string>>;
PlainReply PlainHttp(int port, std::string_view method, std::string_view path,
                     std::string_view body = {},
                     const PlainHeaders& headers = {});

// aimock, the independent mock of model servers, as a process on a free port
// of loopback; ended with this object, or with the thread that made it. It
// answers with the first fixture that matches, else 404.
class AiMock {
 public:
  struct Options {
    std::string api_keys;  // comma-separated; others get 401. Empty: any
    int latency_ms = 0;    // between chunks of a stream
    int chunk_size = 0;    // characters; 0: its default, 20
  };
  // `fixtures` as of its files: {"fixtures":[{"match":{},"response":{...}}]}.
  explicit AiMock(std::string_view fixtures) : AiMock(fixtures, Options()) {}
  AiMock(std::string_view fixtures, const Options& options);
  ~AiMock();
  AiMock(const AiMock&) = delete;
  AiMock& operator=(const AiMock&) = delete;

  int port() const { return port_; }
  // "http://127.0.0.1:PORT", without a path.
  std::string url() const;

  // A model request it has seen. The body is aimock's own view: all dialects
  // in the form of chat completions, long ones cut.
  struct Seen {
    std::string method;
    std::string path;                            // with its query
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;                            // JSON
    int status = 0;                              // of the answer
    std::int64_t at_ms = 0;                      // since 1970
  };
  // In the order of arrival.
  std::vector<Seen> Journal() const;

  // JSON as of POST /__aimock/fixtures, /__aimock/chaos: more answers, behind
  // those there are; rates of faults, in place of those there are.
  void Add(std::string_view fixtures);
  void Chaos(std::string_view rates);
  // The next request gets this status. `error` is {"message","type","code"}.
  void FailNext(int status, std::string_view error = "{}");
  // Forgets fixtures, journal, counts and queued errors.
  void Reset();

 private:
  PlainReply Control(std::string_view method, std::string_view path,
                     std::string_view body = {}) const;

  TempDir directory_;
  std::string key_;  // for its own routes; empty: none is asked for
  pid_t pid_ = -1;
  int port_ = 0;
};

}  // namespace coppice::testing

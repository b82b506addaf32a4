#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "llm/http.h"
#include "llm/http_watchdog.h"

namespace coppice::llm {

// getaddrinfo.
HostLookup SystemLookup(const std::string& host);

// Names to addresses. One lookup a name at a time, whoever asks; answers are
// kept for a minute. Conductor thread, but for the lookups themselves.
class HttpResolver {
 public:
  HttpResolver(asio::any_io_executor executor, Clock& clock,
               const HttpSettings& settings);
  ~HttpResolver();
  HttpResolver(const HttpResolver&) = delete;
  HttpResolver& operator=(const HttpResolver&) = delete;

  struct Answer {
    std::vector<std::string> addresses;  // as text; none: see cause
    std::string cause;
  };
  // Breaks off when the watchdog fires; the answer is empty then.
  Task<Answer> Resolve(std::string host, Watchdog& watchdog);
  // Nobody answered at the addresses of this name: ask again next time.
  void Forget(const std::string& host);

 private:
  struct State;
  struct Waiting;

  std::shared_ptr<State> state_;
  Duration limit_;
};

}  // namespace coppice::llm

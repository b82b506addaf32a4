#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "llm/http_client.h"
#include "llm/http_proxy.h"

namespace coppice::llm {

// What a name lookup brought: addresses as text, or an EAI_ code.
struct HostLookup {
  int error = 0;
  std::vector<std::string> addresses;
};

struct HttpSettings {
  // The variables that name proxies, as they were when the program started.
  std::map<std::string, std::string> env;
  Duration dns{std::chrono::seconds(5)};
  Duration connect{std::chrono::seconds(10)};  // all addresses together
  Duration handshake{std::chrono::seconds(10)};
  Duration write_stall{std::chrono::seconds(60)};
  Duration park{std::chrono::seconds(30)};
  Duration stagger{std::chrono::milliseconds(250)};  // between connects
  int parked_per_origin = 8;
  // Blocks, on threads of the client's own; empty: getaddrinfo.
  std::function<HostLookup(const std::string& host)> lookup;
};

// `executor` is the conductor's; `clock` must run in real time. Both must
// outlive the client, and the client the tasks it gave out.
std::unique_ptr<HttpClient> MakeHttpClient(asio::any_io_executor executor,
                                           Clock& clock, HttpSettings settings);

}  // namespace coppice::llm

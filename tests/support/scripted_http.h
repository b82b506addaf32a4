#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "llm/http_client.h"

namespace coppice::testing {

// A model server in memory, in virtual time: answers requests in order from
// recorded bytes, and keeps what it was sent.
class ScriptedHttp final : public llm::HttpClient {
 public:
  struct Response {
    int status = 200;
    std::string body;
    llm::HttpHeaders headers{{"content-type", "application/json"}};
    double seconds = 1;
    llm::HttpFault fault = llm::HttpFault::kNone;
    bool sent = true;
  };
  explicit ScriptedHttp(Clock& clock) : clock_(clock) {}

  void Then(Response response) { script_.push_back(std::move(response)); }
  // What comes when the script is over.
  std::function<Response(const llm::HttpRequest&)> otherwise;

  Task<llm::HttpEnd> Send(const llm::HttpRequest& request,
                          llm::HttpSink& sink) override;
  void CancelAll() override {}

  struct Seen {
    llm::HttpRequest request;
    Instant at;
  };
  std::vector<Seen> seen;
  int running = 0;
  int most_running = 0;

 private:
  Clock& clock_;
  std::deque<Response> script_;
};

// A whole reply of an OpenAI-compatible server.
ScriptedHttp::Response ChatReply(const std::string& text,
                                 const std::string& finish = "stop");

}  // namespace coppice::testing

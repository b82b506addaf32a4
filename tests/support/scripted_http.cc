#include "support/scripted_http.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace coppice::testing {

Task<llm::HttpEnd> ScriptedHttp::Send(const llm::HttpRequest& request,
                                      llm::HttpSink& sink) {
  seen.push_back({request, clock_.Now()});
  Response response;
  if (!script_.empty()) {
    response = std::move(script_.front());
    script_.pop_front();
  } else if (otherwise) {
    response = otherwise(request);
  } else {
    throw std::logic_error("the script is over");
  }
  most_running = std::max(most_running, ++running);
  const auto takes = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(response.seconds));
  const bool late = takes > request.total;
  co_await clock_.SleepFor(late ? request.total : takes);
  --running;
  llm::HttpEnd end;
  end.sent = response.sent;
  end.fault = late ? llm::HttpFault::kTotal : response.fault;
  if (end.fault != llm::HttpFault::kNone) co_return end;
  sink.OnHead({response.status, response.headers});
  sink.OnBody(response.body);
  co_return end;
}

ScriptedHttp::Response ChatReply(const std::string& text,
                                 const std::string& finish) {
  ScriptedHttp::Response response;
  response.body =
      nlohmann::json{
          {"choices",
           {{{"message", {{"role", "assistant"}, {"content", text}}},
             {"finish_reason", finish}}}},
          {"usage", {{"prompt_tokens", 1000}, {"completion_tokens", 100}}}}
          .dump();
  return response;
}

}  // namespace coppice::testing

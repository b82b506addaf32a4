#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "llm/http_client.h"
#include "llm/http_dial.h"
#include "llm/http_pool.h"
#include "llm/http_response.h"
#include "llm/http_watchdog.h"

namespace coppice::llm {

// Request line and headers. Error (kUsage): one of them holds a line break or
// is no header at all.
Result<std::string> HttpRequestHead(const HttpRequest& request,
                                    const HttpOrigin& origin);

// One request and its response, on a parked connection or a fresh one. Lives
// as long as its Run; all it refers to must live longer.
class HttpExchange {
 public:
  struct Parts {
    const HttpSettings& settings;
    HttpPool& pool;
    HttpDialer& dialer;
    Watchdog& watchdog;
  };

  HttpExchange(Parts parts, const HttpRequest& request, HttpSink& sink,
               HttpOrigin origin, std::string head);

  Task<HttpEnd> Run();

 private:
  struct Talked;

  Task<Talked> Talk(std::unique_ptr<Stream> stream);
  // All of it went out.
  Task<bool> WriteAll(Stream& stream);
  // Returns when the reader wants no more, or the watchdog has fired.
  Task<void> ReadAnswer(Stream& stream, HttpResponseReader& reader);
  Task<void> FindEnd(Stream& stream, HttpResponseReader& reader);

  const Parts parts_;
  const HttpRequest& request_;
  HttpSink& sink_;
  const HttpOrigin origin_;
  const std::string origin_key_;
  std::string head_;
};

}  // namespace coppice::llm

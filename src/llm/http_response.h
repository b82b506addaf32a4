#pragma once

#include <memory>
#include <string_view>

#include "llm/http_client.h"
#include "llm/stream.h"

namespace coppice::llm {

// The bytes of one response, in any pieces, told to a sink as head and decoded
// body. Pure: no socket, no clock; nothing throws, whatever the bytes.
class HttpResponseReader {
 public:
  struct Options {
    bool no_body = false;        // the answer to CONNECT or HEAD
    bool through_proxy = false;  // a 407 is the proxy's
  };
  enum class State {
    kMore,     // the response goes on
    kDone,     // all of it was received
    kStopped,  // the sink has had enough; feeding on finds the end
    kFailed,   // see end()
  };

  HttpResponseReader(HttpSink& sink, Options options);
  ~HttpResponseReader();

  State Feed(std::string_view bytes);
  // The connection ended.
  State Finish(StreamEnd how);

  State state() const;
  // The fault of kFailed; kNone otherwise.
  const HttpEnd& end() const;
  // Some byte has come.
  bool heard() const;
  // Something of the final response has come: 1xx do not count.
  bool answering() const;
  // Its end was found, and nothing came after it.
  bool exhausted() const;
  // ... and the connection may carry another exchange.
  bool reusable() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace coppice::llm

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/task.h"

namespace coppice::llm {

// How a connection ended, seen from a read or a write.
enum class StreamEnd {
  kNone,    // it goes on
  kClosed,  // by the peer, properly; under TLS with close_notify
  kCut,     // under TLS, closed without close_notify
  kLost,    // reset, closed by us, or any other failure
};

struct StreamStep {
  std::size_t bytes = 0;  // at least one, unless it ended
  StreamEnd end = StreamEnd::kNone;
  std::string cause;  // kLost
};

// A connection as two streams of bytes, TLS inside: all that the protocol
// above knows of sockets. Conductor thread; one read and one write at a time.
class Stream {
 public:
  virtual ~Stream() = default;
  // Both wait until some bytes have moved. What they point to must outlive
  // the task.
  virtual Task<StreamStep> Read(std::span<char> into) = 0;
  virtual Task<StreamStep> Write(std::string_view bytes) = 0;
  // Neither bytes nor an end have arrived unasked.
  virtual bool Quiet() = 0;
  // Breaks off what waits, as kLost.
  virtual void Close() = 0;
};

}  // namespace coppice::llm

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace coppice::llm {

// Unpacks gzip (RFC 1952) that comes in any pieces; what was unpacked is
// handed on as it arises. Pure, and never holds more than a window.
class Gunzip {
 public:
  enum class State {
    kMore,
    kStopped,  // by `out`
    kCorrupt,
    kTooLarge,  // more than `limit` unpacked
  };

  explicit Gunzip(std::size_t limit);
  ~Gunzip();

  // `out` answers false to stop.
  State Feed(std::string_view bytes,
             const std::function<bool(std::string_view)>& out);
  // Nothing is missing where the bytes fed so far end.
  bool complete() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace coppice::llm

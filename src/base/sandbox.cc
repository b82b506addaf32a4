#include "base/sandbox.h"

#include <fmt/format.h>

#include "base/text.h"

namespace coppice {

std::string Captured::Text() const {
  if (!truncated()) return Sanitize(head + tail);
  return fmt::format("{}\n[... {} bytes left out ...]\n{}", Sanitize(head),
                     bytes - head.size() - tail.size(), Sanitize(tail));
}

}  // namespace coppice

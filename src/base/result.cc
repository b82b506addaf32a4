#include "base/result.h"

#include <stdexcept>

namespace coppice {

std::string Error::Text() const {
  std::string text = what;
  if (!where.empty()) text = where + ": " + text;
  if (!cause.empty()) text += " (" + cause + ")";
  if (!next.empty()) text += "; " + next;
  return text;
}

void throw_exception_from_error(const Error& error,
                                const boost::source_location&) {
  throw std::runtime_error(error.Text());
}

}  // namespace coppice

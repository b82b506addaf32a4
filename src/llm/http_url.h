#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace coppice::llm {

// An absolute http or https URL, taken apart.
struct HttpUrl {
  bool tls = false;
  std::string host;  // lower case, an IPv6 address without its brackets
  std::uint16_t port = 0;
  std::string target;  // path and query, never empty

  std::string HostAndPort() const;  // always with the port
  std::string HostHeader() const;   // without a port that goes without saying
};

// Error (kUsage) where the URL cannot be used; it never repeats what could be
// a password.
Result<HttpUrl> ParseHttpUrl(std::string_view url);

// 1 to 65535, in digits.
std::optional<std::uint16_t> ParsePort(std::string_view digits);
std::string LowerCase(std::string_view text);

// This machine by its name, or by an address that never leaves it?
bool IsLoopback(std::string_view host);

}  // namespace coppice::llm

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace coppice::llm {

// The way to a server: straight, through an HTTP proxy, or not at all.
struct ProxyChoice {
  enum class Kind { kDirect, kProxy, kRefused };

  Kind kind = Kind::kDirect;
  std::string source;  // who named it: "https_proxy", "the profile"
  std::string host;
  std::uint16_t port = 0;
  std::string authorization;  // value of Proxy-Authorization; may be empty
  std::string why;            // kRefused
};

// Pure. `profile_proxy` wins over the variables; for https these are
// https_proxy and HTTPS_PROXY, for http only http_proxy (a CGI request could
// set the other one), then all_proxy and ALL_PROXY. Empty is unset. NO_PROXY
// takes hosts from the variables; loopback never goes through a proxy.
ProxyChoice ProxyFor(std::string_view url,
                     const std::map<std::string, std::string>& env,
                     std::string_view profile_proxy);

}  // namespace coppice::llm

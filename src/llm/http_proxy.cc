#include "llm/http_proxy.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <initializer_list>
#include <optional>

#include "llm/http_base64.h"
#include "llm/http_url.h"

namespace coppice::llm {
namespace ip = boost::asio::ip;
namespace urls = boost::urls;

namespace {

using Env = std::map<std::string, std::string>;

struct Found {
  std::string name;
  std::string value;
};

std::optional<Found> FirstSet(const Env& env,
                              std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = env.find(name);
    if (found != env.end() && !found->second.empty()) {
      return Found{.name = name, .value = found->second};
    }
  }
  return std::nullopt;
}

std::optional<ip::address> AddressOf(std::string_view host) {
  boost::system::error_code error;
  ip::address address = ip::make_address(std::string(host), error);
  if (error) return std::nullopt;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return ip::address(ip::make_address_v4(ip::v4_mapped, address.to_v6()));
  }
  return address;
}

// "10.0.0.0/8", "fd00::/8".
bool InNetwork(const ip::address& address, std::string_view network) {
  boost::system::error_code error;
  if (address.is_v4()) {
    const auto v4 = ip::make_network_v4(std::string(network), error);
    return !error &&
           v4.canonical() ==
               ip::network_v4(address.to_v4(), v4.prefix_length()).canonical();
  }
  const auto v6 = ip::make_network_v6(std::string(network), error);
  return !error &&
         v6.canonical() ==
             ip::network_v6(address.to_v6(), v6.prefix_length()).canonical();
}

struct Entry {
  std::string_view host;
  std::optional<std::uint16_t> port;
};

// "host", "host:port", "[v6]", "[v6]:port", "v6".
Entry TakeApart(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    const bool with_port = colon != text.npos && colon == close + 1;
    return {
        .host = text.substr(1, close - 1),
        .port = with_port ? ParsePort(text.substr(colon + 1)) : std::nullopt};
  }
  if (colon == text.npos || text.find(':') != colon) return {.host = text};
  return {.host = text.substr(0, colon),
          .port = ParsePort(text.substr(colon + 1))};
}

bool Matches(const HttpUrl& url, std::string_view text) {
  if (text == "*") return true;
  const std::optional<ip::address> address = AddressOf(url.host);
  if (text.find('/') != std::string_view::npos) {
    return address && InNetwork(*address, text);
  }
  const Entry entry = TakeApart(text);
  if (entry.port && *entry.port != url.port) return false;
  if (address) return AddressOf(entry.host) == address;
  std::string suffix = LowerCase(entry.host);
  if (suffix.starts_with('*')) suffix.erase(0, 1);
  if (suffix.starts_with('.')) suffix.erase(0, 1);
  return !suffix.empty() &&
         (url.host == suffix || url.host.ends_with('.' + suffix));
}

bool Bypassed(const HttpUrl& url, std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(", \t"), list.size());
    const std::string_view entry = list.substr(0, end);
    if (!entry.empty() && Matches(url, entry)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

ProxyChoice Refused(std::string source, std::string why) {
  return ProxyChoice{.kind = ProxyChoice::Kind::kRefused,
                     .source = std::move(source),
                     .why = std::move(why)};
}

// The text may hold a password: it is never repeated.
ProxyChoice Read(Found found) {
  std::string text = std::move(found.value);
  if (text.find("://") == std::string::npos) text.insert(0, "http://");
  const auto parsed = urls::parse_uri(text);
  if (!parsed) {
    return Refused(found.name,
                   fmt::format("the proxy of {} is not a URL", found.name));
  }
  const urls::url_view& url = *parsed;
  if (url.scheme_id() != urls::scheme::http) {
    return Refused(
        found.name,
        fmt::format("{} names a proxy of kind {}://; only http:// proxies "
                    "are spoken to",
                    found.name, std::string(url.scheme())));
  }
  ProxyChoice choice{.kind = ProxyChoice::Kind::kProxy,
                     .source = found.name,
                     .host = LowerCase(url.host_address())};
  if (choice.host.empty()) {
    return Refused(found.name,
                   fmt::format("the proxy of {} has no host", found.name));
  }
  const std::string_view digits = url.port();
  const std::optional<std::uint16_t> port = ParsePort(digits);
  if (!port && !digits.empty()) {
    return Refused(found.name,
                   fmt::format("the proxy of {} has no such port", found.name));
  }
  choice.port = port.value_or(80);
  if (url.has_userinfo()) {
    choice.authorization =
        "Basic " + EncodeBase64(url.user() + ':' + url.password());
  }
  return choice;
}

}  // namespace

ProxyChoice ProxyFor(std::string_view url, const Env& env,
                     std::string_view profile_proxy) {
  const Result<HttpUrl> target = ParseHttpUrl(url);
  if (!target || IsLoopback(target->host)) return {};
  if (!profile_proxy.empty()) {
    return Read({.name = "the profile", .value = std::string(profile_proxy)});
  }
  std::optional<Found> found =
      target->tls ? FirstSet(env, {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                   "ALL_PROXY"})
                  : FirstSet(env, {"http_proxy", "all_proxy", "ALL_PROXY"});
  if (!found) return {};
  const std::optional<Found> spared = FirstSet(env, {"no_proxy", "NO_PROXY"});
  if (spared && Bypassed(*target, spared->value)) return {};
  return Read(std::move(*found));
}

}  // namespace coppice::llm

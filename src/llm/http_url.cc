#include "llm/http_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

namespace coppice::llm {
namespace asio = boost::asio;
namespace urls = boost::urls;

namespace {

Error Refused(std::string cause) {
  return Error{.code = ErrorCode::kUsage,
               .what = "the URL cannot be used",
               .cause = std::move(cause)};
}

std::string Bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : '[' + host + ']';
}

}  // namespace

std::string HttpUrl::HostAndPort() const {
  return fmt::format("{}:{}", Bracketed(host), port);
}

std::string HttpUrl::HostHeader() const {
  return port == (tls ? 443 : 80) ? Bracketed(host) : HostAndPort();
}

Result<HttpUrl> ParseHttpUrl(std::string_view url) {
  const auto parsed = urls::parse_uri(urls::string_view(url));
  if (!parsed) return Refused("it is not an absolute URL");
  const urls::url_view& parts = *parsed;
  HttpUrl result;
  if (parts.scheme_id() == urls::scheme::https) {
    result.tls = true;
  } else if (parts.scheme_id() != urls::scheme::http) {
    return Refused("only http and https are spoken");
  }
  if (parts.has_userinfo()) {
    return Refused("it carries a user name or a password");
  }
  if (parts.has_fragment()) return Refused("it has a fragment");
  if (parts.host_type() == urls::host_type::ipvfuture) {
    return Refused("its address is of an unknown kind");
  }
  result.host = LowerCase(parts.host_address());
  const bool plain = std::all_of(
      result.host.begin(), result.host.end(),
      [](unsigned char c) { return c > ' ' && c < 0x7f && c != '%'; });
  if (result.host.empty() || !plain) return Refused("it names no host");
  const std::string_view digits = parts.port();
  const std::optional<std::uint16_t> port = ParsePort(digits);
  if (!port && !digits.empty()) return Refused("its port is out of range");
  result.port = port.value_or(result.tls ? 443 : 80);
  result.target = std::string(parts.encoded_target());
  if (!result.target.starts_with('/')) result.target.insert(0, 1, '/');
  return result;
}

std::optional<std::uint16_t> ParsePort(std::string_view digits) {
  std::uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, port);
  if (read.ec != std::errc{} || read.ptr != end || port == 0) {
    return std::nullopt;
  }
  return port;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool IsLoopback(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (error) return false;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6())
        .is_loopback();
  }
  return address.is_loopback();
}

}  // namespace coppice::llm

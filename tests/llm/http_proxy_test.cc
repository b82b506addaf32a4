#include "llm/http_proxy.h"

#include <doctest/doctest.h>

#include "llm/http_url.h"

namespace coppice::llm {
namespace {

using Env = std::map<std::string, std::string>;

std::string Way(std::string_view url, const Env& env,
                std::string_view profile = "") {
  const ProxyChoice choice = ProxyFor(url, env, profile);
  switch (choice.kind) {
    case ProxyChoice::Kind::kDirect:
      return "direct";
    case ProxyChoice::Kind::kRefused:
      return "refused: " + choice.why;
    case ProxyChoice::Kind::kProxy:
      return choice.host + ":" + std::to_string(choice.port);
  }
  return "";
}

bool Spared(std::string_view url, std::string list) {
  const Env env{{"all_proxy", "http://p:1"}, {"no_proxy", std::move(list)}};
  return Way(url, env) == "direct";
}

}  // namespace

TEST_CASE("a URL is taken apart") {
  const HttpUrl plain = ParseHttpUrl("http://Api.Example.COM/v1/x?y=1").value();
  CHECK_FALSE(plain.tls);
  CHECK(plain.host == "api.example.com");
  CHECK(plain.port == 80);
  CHECK(plain.target == "/v1/x?y=1");
  CHECK(plain.HostHeader() == "api.example.com");
  CHECK(plain.HostAndPort() == "api.example.com:80");

  const HttpUrl v6 = ParseHttpUrl("https://[::1]:8443?a").value();
  CHECK(v6.tls);
  CHECK(v6.host == "::1");
  CHECK(v6.port == 8443);
  CHECK(v6.target == "/?a");
  CHECK(v6.HostHeader() == "[::1]:8443");
}

TEST_CASE("a URL that could mean two things is refused") {
  for (const std::string url :
       {"", "/v1", "example.com", "ws://a/", "http://", "http:///x",
        "http://u@h/", "http://u:p@h/", "http://h:0/", "http://h:65536/",
        "http://h:99999999999/", "http://h/#f", "http://h/a b", "http://h\r\n/",
        "http://a%20b/", "http://[::1/", "http://[v9.x]/",
        "https://h/\xc3\xa9"}) {
    CAPTURE(url);
    CHECK_FALSE(ParseHttpUrl(url).has_value());
  }
}

TEST_CASE("loopback has names and several kinds of address") {
  for (const char* host : {"localhost", "api.localhost", "127.0.0.1",
                           "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    CHECK(IsLoopback(host));
  }
  for (const char* host : {"localhost.example.com", "128.0.0.1", "::2",
                           "127.0.0.1.nip.io", "mylocalhost"}) {
    CHECK_FALSE(IsLoopback(host));
  }
}

TEST_CASE("without variables the way is direct") {
  CHECK(Way("https://api.test/", {}) == "direct");
  CHECK(Way("https://api.test/", {{"https_proxy", ""}}) == "direct");
}

TEST_CASE("each scheme has its variables, lower case first") {
  const Env both{{"https_proxy", "http://low:1"},
                 {"HTTPS_PROXY", "http://up:2"}};
  CHECK(Way("https://api.test/", both) == "low:1");
  CHECK(Way("http://api.test/", both) == "direct");
  CHECK(Way("https://api.test/", {{"HTTPS_PROXY", "http://up:2"}}) == "up:2");
  CHECK(Way("http://api.test/", {{"http_proxy", "http://low:1"}}) == "low:1");
  CHECK(Way("https://api.test/", {{"http_proxy", "http://low:1"}}) == "direct");
}

TEST_CASE("HTTP_PROXY in capitals is not believed") {
  CHECK(Way("http://api.test/", {{"HTTP_PROXY", "http://up:2"}}) == "direct");
}

TEST_CASE("all_proxy is the last of the variables") {
  Env env{{"all_proxy", "http://all:3"}, {"ALL_PROXY", "http://ALL:4"}};
  CHECK(Way("http://api.test/", env) == "all:3");
  CHECK(Way("https://api.test/", env) == "all:3");
  env["HTTPS_PROXY"] = "http://up:2";
  CHECK(Way("https://api.test/", env) == "up:2");
}

TEST_CASE("the profile's proxy wins over every variable") {
  const Env env{{"https_proxy", "http://low:1"}, {"no_proxy", "*"}};
  CHECK(Way("https://api.test/", env, "http://mine:9") == "mine:9");
}

TEST_CASE("loopback never goes through a proxy") {
  const Env env{{"all_proxy", "http://p:1"}, {"https_proxy", "http://p:1"}};
  CHECK(Way("http://localhost:11434/", env) == "direct");
  CHECK(Way("https://127.0.0.1/", env) == "direct");
  CHECK(Way("http://[::1]:8000/", env, "http://mine:9") == "direct");
}

TEST_CASE("NO_PROXY takes hosts out") {
  CHECK(Spared("https://api.test/", "*"));
  CHECK(Spared("https://api.test/", "api.test"));
  CHECK(Spared("https://API.test/", "Api.Test"));
  CHECK(Spared("https://a.api.test/", "api.test"));
  CHECK(Spared("https://a.api.test/", ".api.test"));
  CHECK(Spared("https://a.api.test/", "*.api.test"));
  CHECK(Spared("https://api.test/", ".api.test"));
  CHECK_FALSE(Spared("https://myapi.test/", "api.test"));
  CHECK_FALSE(Spared("https://api.test.evil/", "api.test"));
  CHECK(Spared("https://api.test:8443/", "api.test:8443"));
  CHECK_FALSE(Spared("https://api.test/", "api.test:8443"));
  CHECK(Spared("https://api.test/", "api.test:443"));
  CHECK_FALSE(Spared("https://api.test/", ""));
  CHECK_FALSE(Spared("https://api.test/", ", ,"));
}

TEST_CASE("NO_PROXY is a list with commas or blanks") {
  CHECK(Spared("https://api.test/", "a.test,api.test"));
  CHECK(Spared("https://api.test/", "a.test  api.test b.test"));
  CHECK(Spared("https://api.test/", "a.test, api.test"));
}

TEST_CASE("NO_PROXY knows addresses and networks") {
  CHECK(Spared("http://10.1.2.3/", "10.1.2.3"));
  CHECK(Spared("http://10.1.2.3/", "10.0.0.0/8"));
  CHECK_FALSE(Spared("http://11.1.2.3/", "10.0.0.0/8"));
  CHECK(Spared("http://10.1.2.3:81/", "10.1.2.3:81"));
  CHECK(Spared("http://[fd00::5]/", "fd00::/8"));
  CHECK(Spared("http://[fd00::5]/", "[fd00:0::5]"));
  CHECK(Spared("http://[fd00::5]/", "fd00::5"));
  CHECK_FALSE(Spared("http://[fd00::5]:81/", "[fd00::5]:82"));
  CHECK_FALSE(Spared("http://[fe00::5]/", "fd00::/8"));
  CHECK_FALSE(Spared("http://10.1.2.3/", "10.0.0.0/99"));
  CHECK_FALSE(Spared("http://10.api.test/", "10.0.0.0/8"));
}

TEST_CASE("NO_PROXY in lower case wins, as do the others") {
  const Env env{{"all_proxy", "http://p:1"},
                {"no_proxy", "other.test"},
                {"NO_PROXY", "*"}};
  CHECK(Way("https://api.test/", env) == "p:1");
}

TEST_CASE("credentials of a proxy go into its own header, decoded") {
  const ProxyChoice choice = ProxyFor(
      "https://api.test/", {{"https_proxy", "http://me:p%40ss@p:3128"}}, "");
  CHECK(choice.host == "p");
  CHECK(choice.port == 3128);
  CHECK(choice.authorization == "Basic bWU6cEBzcw==");  // me:p@ss
  CHECK(choice.source == "https_proxy");
}

TEST_CASE("a proxy may be named without a scheme") {
  CHECK(Way("https://api.test/", {{"https_proxy", "p.test:3128"}}) ==
        "p.test:3128");
  CHECK(Way("https://api.test/", {{"https_proxy", "p.test"}}) == "p.test:80");
}

TEST_CASE("a proxy of another kind is refused, and its password not shown") {
  for (const std::string proxy :
       {"socks5://u:secret@p:1", "socks://p:1", "https://u:secret@p:1",
        "http://u:secret@p:99999", "http://u:secret@", "http://u:sec ret@p"}) {
    CAPTURE(proxy);
    const std::string way = Way("https://api.test/", {{"https_proxy", proxy}});
    CHECK(way.starts_with("refused: "));
    CHECK(way.find("https_proxy") != std::string::npos);
    CHECK(way.find("secret") == std::string::npos);
  }
}

}  // namespace coppice::llm

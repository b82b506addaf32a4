#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "llm/codec.h"
#include "llm/codec_json.h"
#include "llm/http_url.h"

// Variables disagree on where a base URL ends (PROVIDERS §1): OpenAI's has
// "/v1" in it, Anthropic's has not, Ollama's may be a bare host. Users write
// whole endpoints too.

namespace coppice::llm {
namespace {

constexpr std::string_view kOllamaPort = "11434";

// What endpoints of a codec end with, and what a base must not.
struct Ends {
  std::span<const std::string_view> endpoints;
  std::string_view version;  // cut where the path brings it itself
};

Ends EndsOf(spec::Codec codec) {
  static constexpr std::array<std::string_view, 3> kOpenAi = {
      "/chat/completions", "/responses", "/completions"};
  static constexpr std::array<std::string_view, 1> kMessages = {"/messages"};
  static constexpr std::array<std::string_view, 1> kModels = {"/models"};
  static constexpr std::array<std::string_view, 3> kApi = {
      "/api/chat", "/api/generate", "/api"};
  switch (codec) {
    case spec::Codec::kOpenAiChat:
    case spec::Codec::kOpenAiResponses:
      return {.endpoints = kOpenAi};
    case spec::Codec::kAnthropic:
      return {.endpoints = kMessages, .version = "/v1"};
    case spec::Codec::kGemini:
      return {.endpoints = kModels, .version = "/v1beta"};
    case spec::Codec::kOllama:
      return {.endpoints = kApi, .version = "/v1"};
  }
  return {};
}

bool CutEnd(std::string& text, std::string_view end) {
  if (end.empty() || !text.ends_with(end)) return false;
  text.resize(text.size() - end.size());
  return true;
}

void CutSlashes(std::string& text) {
  while (text.ends_with('/')) text.pop_back();
}

Error Unusable(std::string_view written, std::string cause) {
  // A password could stand before an '@'.
  const bool may_show = written.find('@') == std::string_view::npos;
  return Error{.code = ErrorCode::kUsage,
               .what = may_show ? fmt::format("base URL \"{}\" cannot be used",
                                              OneLine(written, 200))
                                : "the base URL cannot be used",
               .cause = std::move(cause),
               .next = "write it as https://HOST[:PORT][/PATH]"};
}

// "host", "host:port": OLLAMA_HOST. Any other text is left as it is.
std::string WithScheme(std::string_view written, spec::Codec codec) {
  const bool may_be_bare =
      codec == spec::Codec::kOllama || codec == spec::Codec::kOpenAiChat;
  if (!may_be_bare || written.find('/') != std::string_view::npos) {
    return std::string(written);
  }
  const std::size_t bracket = written.rfind(']');
  const std::size_t from = bracket == std::string_view::npos ? 0 : bracket;
  const bool has_port = written.find(':', from) != std::string_view::npos;
  return has_port ? fmt::format("http://{}", written)
                  : fmt::format("http://{}:{}", written, kOllamaPort);
}

// An address to listen on, as servers are told it, is no address to call.
void UseLoopback(std::string& url) {
  constexpr std::string_view kAny = "://0.0.0.0";
  constexpr std::string_view kAnyV6 = "://[::]";
  const auto replace = [&url](std::string_view any, std::string_view with) {
    const std::size_t at = url.find(any);
    if (at == std::string::npos) return;
    const std::size_t end = at + any.size();
    if (end == url.size() || url[end] == ':' || url[end] == '/') {
      url.replace(at, any.size(), with);
    }
  };
  replace(kAny, "://127.0.0.1");
  replace(kAnyV6, "://[::1]");
}

// ParseHttpUrl, and what it takes for the host is all of it: Boost.URL 1.81
// reads "127.0.0.1.evil.test" as an address and a path.
Result<HttpUrl> Parse(std::string_view url) {
  Result<HttpUrl> parsed = ParseHttpUrl(url);
  if (!parsed) return parsed;
  const std::size_t scheme = url.find("://") + 3;
  const std::string authority = wire::Lower(
      url.substr(scheme, url.find_first_of("/?#", scheme) - scheme));
  const bool v6 = authority.starts_with('[');
  const std::size_t end = v6 ? authority.find(']') + 1 : parsed->host.size();
  const bool names_host = v6 || authority.starts_with(parsed->host);
  if (names_host && (end == authority.size() || authority[end] == ':')) {
    return parsed;
  }
  return Error{.code = ErrorCode::kUsage,
               .what = "the URL cannot be used",
               .cause = "its host is neither a name nor an address"};
}

}  // namespace

Result<BaseUrl> NormaliseBaseUrl(std::string_view written, spec::Codec codec,
                                 bool exact) {
  written = Trim(written);
  std::string url = exact ? std::string(written) : WithScheme(written, codec);
  const Result<HttpUrl> parsed = Parse(url);
  if (!parsed) return Unusable(written, parsed.error().cause);
  if (url.find('?') != std::string::npos) {
    return Unusable(written, "it has a query");
  }
  if (exact) return BaseUrl{.url = std::move(url), .warning = ""};

  UseLoopback(url);
  CutSlashes(url);
  BaseUrl base;
  const Ends ends = EndsOf(codec);
  if (codec == spec::Codec::kGemini) {
    const std::size_t models = url.find("/models/");
    if (models != std::string::npos) url.resize(models + 7);
  }
  const bool cut = std::ranges::any_of(
      ends.endpoints,
      [&url](std::string_view end) { return CutEnd(url, end); });
  CutSlashes(url);
  CutEnd(url, ends.version);
  const bool openai = codec == spec::Codec::kOpenAiChat ||
                      codec == spec::Codec::kOpenAiResponses;
  const std::size_t host = url.find("://") + 3;
  if (openai && url.find('/', host) == std::string::npos) url += "/v1";
  if (cut) {
    base.warning = fmt::format("base URL \"{}\" names an endpoint; using {}",
                               OneLine(written, 200), url);
  }
  base.url = std::move(url);
  return base;
}

Result<void> CheckPlainHttp(std::string_view base_url, bool has_key,
                            bool allowed) {
  const Result<HttpUrl> url = Parse(base_url);
  if (!url) return url.error();
  if (url->tls || !has_key || allowed || IsLoopback(url->host)) return Ok();
  return Error{
      .code = ErrorCode::kUsage,
      .what = fmt::format("a key would go to {} in the clear",
                          OneLine(base_url, 200)),
      .cause = "http is not encrypted, and the server is another machine",
      .next = "use https, or a server that needs no key"};
}

}  // namespace coppice::llm

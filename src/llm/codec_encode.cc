#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "llm/codec.h"
#include "llm/codec_dialect.h"
#include "llm/codec_json.h"

namespace coppice::llm {
namespace {

void Set(HttpHeaders& headers, const std::string& name, std::string value) {
  for (auto& [key, old] : headers) {
    if (wire::Lower(key) != wire::Lower(name)) continue;
    old = std::move(value);
    return;
  }
  headers.emplace_back(name, std::move(value));
}

// No key, no header of it at all.
void AddKey(const Credentials& credentials, const spec::ModelProfile& profile,
            HttpHeaders& headers) {
  if (credentials.key.empty()) return;
  const bool bearer = credentials.bearer || profile.bearer_key;
  switch (profile.codec) {
    case spec::Codec::kAnthropic:
      if (bearer) break;
      headers.emplace_back("x-api-key", credentials.key);
      return;
    case spec::Codec::kGemini:
      if (bearer) break;
      headers.emplace_back("x-goog-api-key", credentials.key);
      return;
    case spec::Codec::kOpenAiChat:
    case spec::Codec::kOpenAiResponses:
    case spec::Codec::kOllama:
      break;
  }
  headers.emplace_back("Authorization", "Bearer " + credentials.key);
}

bool IsKeyHeader(const std::string& name) {
  const std::string low = wire::Lower(name);
  return low == "authorization" || low == "x-api-key" ||
         low == "x-goog-api-key";
}

HttpHeaders HeadersFor(const spec::ModelProfile& profile,
                       const Credentials& credentials) {
  HttpHeaders headers{
      {"User-Agent", "coppice/" COPPICE_VERSION},
      {"Content-Type", "application/json"},
      {"Accept", profile.stream && profile.codec != spec::Codec::kOllama
                     ? "text/event-stream"
                     : "application/json"},
      {"Accept-Encoding", "identity"}};
  AddKey(credentials, profile, headers);
  if (profile.codec == spec::Codec::kAnthropic) {
    headers.emplace_back("anthropic-version", "2023-06-01");
  }
  if (!credentials.organization.empty()) {
    headers.emplace_back("OpenAI-Organization", credentials.organization);
  }
  if (!credentials.project.empty()) {
    headers.emplace_back("OpenAI-Project", credentials.project);
  }
  for (const auto& [name, value] : profile.extra_headers) {
    if (!IsKeyHeader(name)) Set(headers, name, value);
  }
  return headers;
}

// Over the body, map by map (RFC 7396); null takes a key away.
void MergeExtra(const std::string& extra_body, Json& body) {
  const std::optional<Json> extra = wire::ParseWire(extra_body);
  if (!extra || !extra->is_object()) return;
  for (const auto& [key, value] : extra->items()) {
    if (key == "model" || key == "stream") continue;
    body.merge_patch({{key, value}});
  }
}

}  // namespace

HttpRequest Encode(const Call& call, const spec::ModelProfile& profile,
                   std::string_view base_url, const Credentials& credentials,
                   const Dropped& dropped) {
  const wire::Dialect& dialect = wire::DialectOf(profile.codec);
  Json body =
      dialect.body({.call = call, .profile = profile, .dropped = dropped});
  MergeExtra(profile.extra_body, body);
  if (base_url.ends_with('/')) base_url.remove_suffix(1);
  HttpRequest request;
  request.url = std::string(base_url) + dialect.path(profile);
  request.headers = HeadersFor(profile, credentials);
  request.body = DumpCanonical(body);
  request.proxy = profile.proxy;
  request.ca_file = profile.ca_file;
  request.codec = spec::Name(profile.codec);
  request.model = profile.model;
  return request;
}

}  // namespace coppice::llm

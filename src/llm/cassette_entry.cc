#include "llm/cassette_entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/digest.h"
#include "base/utf8.h"
#include "llm/http_base64.h"
#include "llm/http_url.h"

namespace coppice::llm {
namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53

// Faults by the words of the file; `end` has four coarse ones, `fault` all.
struct FaultWord {
  HttpFault fault;
  const char* word;
  const char* end;
};
constexpr std::array<FaultWord, 16> kFaults{{
    {HttpFault::kNone, "none", "eof"},
    {HttpFault::kResolve, "resolve", "reset"},
    {HttpFault::kConnect, "connect", "reset"},
    {HttpFault::kTls, "tls", "reset"},
    {HttpFault::kHandshake, "handshake", "reset"},
    {HttpFault::kProxy, "proxy", "reset"},
    {HttpFault::kReset, "reset", "reset"},
    {HttpFault::kIdle, "idle", "timeout"},
    {HttpFault::kTotal, "total", "timeout"},
    {HttpFault::kTruncated, "truncated", "reset"},
    {HttpFault::kTooLarge, "too_large", "reset"},
    {HttpFault::kMalformed, "malformed", "reset"},
    {HttpFault::kEncoding, "encoding", "reset"},
    {HttpFault::kCorrupt, "corrupt", "reset"},
    {HttpFault::kCancelled, "cancelled", "cancelled"},
    {HttpFault::kUnsupported, "unsupported", "reset"},
}};

const FaultWord& WordOf(HttpFault fault) {
  return *std::find_if(kFaults.begin(), kFaults.end(),
                       [fault](const auto& f) { return f.fault == fault; });
}

// Of a file that says only how the connection ended.
HttpFault FaultOfEnd(std::string_view end) {
  if (end == "timeout") return HttpFault::kTotal;
  if (end == "cancelled") return HttpFault::kCancelled;
  return end == "reset" ? HttpFault::kReset : HttpFault::kNone;
}

// Headers that decide what becomes of a reply; no other is stored.
bool IsStored(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kNames{
      "content-type", "date", "retry-after", "retry-after-ms",
      "x-should-retry"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         name.ends_with("request-id") || name.starts_with("x-ratelimit-") ||
         name.starts_with("anthropic-ratelimit-");
}

// 1.0 and 1 are one number.
void MakeCanonical(Json& value) {
  if (value.is_structured()) {
    for (Json& child : value) MakeCanonical(child);
  } else if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::trunc(number) == number && std::abs(number) < kExactIntegers) {
      value = static_cast<std::int64_t>(number);
    }
  }
}

Json ParseBody(const std::string& body) {
  if (body.empty()) return nullptr;
  Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) return body;
  if (json.is_object()) {
    for (const char* name : {"prompt_cache_key", "user", "metadata"}) {
      json.erase(name);
    }
  }
  MakeCanonical(json);
  return json;
}

std::string Redacted(const Redact& redact, std::string_view text) {
  return redact ? redact(text) : std::string(text);
}

bool IsUtf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (!DecodeUtf8(text, at)) return false;
  }
  return true;
}

// Chunks whose borders fall between characters.
Json AtCharacters(const CassetteEntry& entry) {
  Json chunks = Json::array();
  std::string held;
  std::int64_t waited = 0;
  for (const auto& [ms, bytes] : entry.chunks) {
    held += bytes;
    waited += ms;
    if (!IsUtf8(held)) continue;
    chunks.push_back({waited, std::exchange(held, {})});
    waited = 0;
  }
  return chunks;
}

// As text where it is text, and in the pieces in which it came unless a piece
// might hide a part of a key.
void PutBody(const CassetteEntry& entry, const Redact& redact, Json& line) {
  std::string all;
  for (const auto& [ms, bytes] : entry.chunks) all += bytes;
  const std::string clean = Redacted(redact, all);
  if (!IsUtf8(clean)) {
    line["body_b64"] = EncodeBase64(clean);
  } else if (clean != all) {
    line["chunks"] = Json::array({Json::array({0, clean})});
  } else {
    line["chunks"] = AtCharacters(entry);
  }
}

Error Malformed(std::string where, std::string cause) {
  return Error{.code = ErrorCode::kUsage,
               .what = "the cassette cannot be read",
               .where = std::move(where),
               .cause = std::move(cause)};
}

void TakeBody(const Json& line, CassetteEntry& entry) {
  if (line.contains("body_b64")) {
    const auto bytes =
        DecodeBase64(line.at("body_b64").get_ref<const std::string&>());
    if (!bytes) throw std::invalid_argument("body_b64 is not base64");
    entry.chunks.emplace_back(0, *bytes);
    return;
  }
  for (const Json& chunk : line.at("chunks")) {
    entry.chunks.emplace_back(chunk.at(0).get<std::int64_t>(),
                              chunk.at(1).get<std::string>());
  }
}

void TakeEnd(const Json& line, CassetteEntry& entry) {
  entry.end.fault = FaultOfEnd(line.at("end").get_ref<const std::string&>());
  const std::string word = line.value("fault", "");
  for (const FaultWord& fault : kFaults) {
    if (word == fault.word) entry.end.fault = fault.fault;
  }
  entry.end.detail = line.value("detail", "");
  entry.end.sent = line.value("sent", true);
  entry.end.status = line.value("proxy_status", 0);
}

CassetteEntry FromJson(const Json& line) {
  CassetteEntry entry{.key = line.at("key").get<std::string>(),
                      .n = line.at("n").get<int>(),
                      .request = DumpCanonical(line.at("request")),
                      .codec = line.value("codec", ""),
                      .path = line.value("path", ""),
                      .model = line.value("model", "")};
  entry.head.status = line.at("status").get<int>();
  for (const auto& [name, value] : line.at("headers").items()) {
    entry.head.headers.emplace_back(name, value.get<std::string>());
  }
  TakeBody(line, entry);
  TakeEnd(line, entry);
  return entry;
}

}  // namespace

std::string CassettePath(const HttpRequest& request) {
  const Result<HttpUrl> url = ParseHttpUrl(request.url);
  const std::string target = url ? url->target : "";
  return target.substr(0, target.find('?'));
}

std::string CassetteRequestText(const HttpRequest& request,
                                const Redact& redact) {
  Json json{{"codec", request.codec},
            {"path", CassettePath(request)},
            {"body", ParseBody(request.body)}};
  for (const char* name : {"anthropic-version", "anthropic-beta"}) {
    if (const auto value = FindHeader(request.headers, name)) {
      json[name] = *value;
    }
  }
  return Redacted(redact, DumpCanonical(json));
}

std::string CassetteLine(const CassetteEntry& entry, const Redact& redact) {
  const FaultWord& fault = WordOf(entry.end.fault);
  Json request = Json::parse(entry.request, nullptr, false);
  if (request.is_discarded()) request = entry.request;
  Json line{{"key", entry.key},
            {"n", entry.n},
            {"codec", entry.codec},
            {"path", entry.path},
            {"model", entry.model},
            {"request", std::move(request)},
            {"status", entry.head.status},
            {"headers", Json::object()},
            {"end", fault.end},
            {"fault", fault.word},
            {"sent", entry.end.sent}};
  for (const auto& [name, value] : entry.head.headers) {
    const std::string lower = LowerCase(name);
    if (IsStored(lower)) line["headers"].emplace(lower, value);
  }
  const std::string type = line["headers"].value("content-type", "");
  line["stream"] = type.find("event-stream") != std::string::npos ||
                   type.find("ndjson") != std::string::npos;
  if (!entry.end.detail.empty()) line["detail"] = entry.end.detail;
  if (entry.end.status != 0) line["proxy_status"] = entry.end.status;
  PutBody(entry, redact, line);
  return Redacted(redact, DumpCanonical(line)) + '\n';
}

Result<CassetteEntry> ParseCassetteLine(std::string_view line,
                                        std::string where) {
  try {
    return FromJson(Json::parse(line));
  } catch (const std::exception& e) {
    return Malformed(std::move(where), e.what());
  }
}

Result<CassetteFile> ParseCassette(std::string_view text,
                                   const std::string& name) {
  CassetteFile file;
  for (int number = 1;; ++number) {
    const std::size_t end = text.find('\n', file.whole);
    if (end == std::string_view::npos) break;
    const std::string_view line = text.substr(file.whole, end - file.whole);
    const std::string where = fmt::format("{}:{}", name, number);
    file.whole = end + 1;
    if (number == 1) {
      const Json header = Json::parse(line, nullptr, false);
      if (!header.is_object() || !header.contains("coppice_cassette")) {
        return Malformed(where, "its first line is not that of a cassette");
      }
      if (header != Json::parse(kCassetteHeader)) {
        return Malformed(where, "it is of a version that is not known here");
      }
      continue;
    }
    Result<CassetteEntry> entry = ParseCassetteLine(line, where);
    if (!entry) return entry.error();
    file.entries.push_back(std::move(*entry));
  }
  return file;
}

CassetteDifference CompareRequests(const std::string& a, const std::string& b) {
  const Json left = Json::parse(a, nullptr, false);
  const Json right = Json::parse(b, nullptr, false);
  if (left.is_discarded() || right.is_discarded()) return {"", a != b};
  const Json changes = Json::diff(left, right);
  if (changes.empty()) return {};
  return {changes.at(0).at("path").get<std::string>(), changes.size()};
}

}  // namespace coppice::llm

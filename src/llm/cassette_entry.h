#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "llm/http_client.h"

// The lines of a cassette as pure functions.

namespace coppice::llm {

using Redact = std::function<std::string(std::string_view)>;

inline constexpr std::string_view kCassetteHeader = "{\"coppice_cassette\":1}";

// What a request asks: codec, path, the headers that change a reply's meaning,
// and the body, as canonical JSON text without keys, host or query.
std::string CassetteRequestText(const HttpRequest& request,
                                const Redact& redact);

// Of its URL, without host and query.
std::string CassettePath(const HttpRequest& request);

// One exchange as it went.
struct CassetteEntry {
  std::string key;      // SHA-256 of `request`
  int n = 0;            // how often this key had been dispatched before
  std::string request;  // as CassetteRequestText
  std::string codec, path, model;
  HttpHead head;  // status 0: none came
  // Since the one before (the first: since the dispatch), and the bytes.
  std::vector<std::pair<std::int64_t, std::string>> chunks;  // ms
  HttpEnd end;
};

// One line with its '\n'; no key of ours in it.
std::string CassetteLine(const CassetteEntry& entry, const Redact& redact);
// `where` is file:line.
Result<CassetteEntry> ParseCassetteLine(std::string_view line,
                                        std::string where);

// The whole file; a last line without its '\n' is ignored.
struct CassetteFile {
  std::vector<CassetteEntry> entries;
  std::size_t whole = 0;  // bytes that are whole lines
};
Result<CassetteFile> ParseCassette(std::string_view text,
                                   const std::string& name);

// The JSON pointer of the first difference, and how many there are.
struct CassetteDifference {
  std::string pointer;
  std::size_t count = 0;
};
CassetteDifference CompareRequests(const std::string& a, const std::string& b);

}  // namespace coppice::llm

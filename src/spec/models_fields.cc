#include "spec/models_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "spec/models_reader.h"

namespace coppice::spec {
namespace {

constexpr double kMostUsdPerMillion = 1e6;

std::string Quoted(const std::string& text) {
  return fmt::format("\"{}\"", OneLine(text, 60));
}

// Headers that a profile may not touch: framing, and the key's own.
bool IsOurHeader(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A'))
                                : static_cast<char>(c);
  });
  for (const std::string_view ours :
       {"authorization", "proxy-authorization", "x-api-key", "x-goog-api-key",
        "host", "content-length", "connection", "transfer-encoding"}) {
    if (name == ours) return true;
  }
  return false;
}

bool IsPrintable(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return c >= ' ' && c < 0x7f;
  });
}

bool IsHeaderName(const std::string& text) {
  return IsPrintable(text) &&
         text.find_first_of(" \"(),/:;<=>?@[\\]{}") == std::string::npos;
}

void ReadHeaders(const Written& at, ModelProfile& profile) {
  if (!at.IsMap()) return;
  profile.extra_headers.clear();
  for (const auto& [name, value] : at.value.items()) {
    const Written header = at.At(name);
    const std::optional<std::string> text = header.Text();
    if (!text) continue;
    if (!IsHeaderName(name) || !IsPrintable(*text) || IsOurHeader(name)) {
      header.Wrong("a header that coppice does not set itself, in one line");
      continue;
    }
    profile.extra_headers.emplace_back(name, *text);
  }
}

void ReadBody(const Written& at, ModelProfile& profile) {
  if (!at.IsMap()) return;
  for (const char* kept : {"model", "stream"}) {
    if (at.value.contains(kept)) {
      at.At(kept).Wrong("left to coppice");
      return;
    }
  }
  profile.extra_body = DumpCanonical(at.value);
}

void ReadRejects(const Written& at, ModelProfile& profile) {
  profile.rejects.clear();
  if (!at.value.is_array()) return at.Wrong("a list");
  for (std::size_t i = 0; i < at.value.size(); ++i) {
    const Written item{at.value[i], Child(at.pointer, i), at.source,
                       at.findings};
    const auto name =
        item.OneOf({"temperature", "effort", "schema", "stream_options",
                    "prompt_cache_key", "cache_control"});
    if (name) profile.rejects.push_back(*name);
  }
}

template <class T>
void Take(std::optional<T> read, T& into) {
  if (read) into = std::move(*read);
}

struct ProfileKey {
  const char* name;
  void (*set)(const Written& at, ModelProfile& profile);
};

constexpr ProfileKey kProfileKeys[] = {
    {"codec",
     [](const Written& at, ModelProfile& p) {
       std::vector<std::string> names;
       for (int i = 0; i <= static_cast<int>(Codec::kOllama); ++i) {
         names.emplace_back(Name(static_cast<Codec>(i)));
       }
       if (const auto name = at.OneOf(names)) p.codec = *ParseCodec(*name);
     }},
    {"base_url",
     [](const Written& at, ModelProfile& p) { Take(at.Text(), p.base_url); }},
    {"base_url_exact",
     [](const Written& at, ModelProfile& p) {
       Take(at.Flag(), p.base_url_exact);
     }},
    {"base_url_env",
     [](const Written& at, ModelProfile& p) {
       p.base_url_variables = at.Texts();
     }},
    {"api_key_env",
     [](const Written& at, ModelProfile& p) { p.key_variables = at.Texts(); }},
    {"bearer_key",
     [](const Written& at, ModelProfile& p) { Take(at.Flag(), p.bearer_key); }},
    {"max_tokens_field",
     [](const Written& at, ModelProfile& p) {
       Take(at.OneOf({"max_tokens", "max_completion_tokens"}),
            p.max_tokens_field);
     }},
    {"system_role",
     [](const Written& at, ModelProfile& p) {
       Take(at.OneOf({"developer", "system"}), p.system_role);
     }},
    {"effort",
     [](const Written& at, ModelProfile& p) {
       if (at.value.is_number_integer()) {
         p.effort = at.value.dump();  // Gemini's thinkingBudget
       } else if (auto text = at.Text()) {
         p.effort = std::move(text);
       }
     }},
    {"stream",
     [](const Written& at, ModelProfile& p) { Take(at.Flag(), p.stream); }},
    {"extra_headers", ReadHeaders},
    {"extra_body", ReadBody},
    {"ca_file",
     [](const Written& at, ModelProfile& p) { Take(at.Text(), p.ca_file); }},
    {"proxy",
     [](const Written& at, ModelProfile& p) { Take(at.Text(), p.proxy); }},
    {"allow_plain_http",
     [](const Written& at, ModelProfile& p) {
       Take(at.Flag(), p.allow_plain_http);
     }},
    {"context",
     [](const Written& at, ModelProfile& p) { p.context = at.Count(); }},
    {"max_output",
     [](const Written& at, ModelProfile& p) { p.max_output = at.Count(); }},
    {"rejects", ReadRejects},
};

// The price keys that a tier has too; false for any other key.
template <class T>
bool SetCost(const std::string& key, const Written& at, T& price) {
  if (key == "input" || key == "output") {
    Take(at.Cost(), key == "input" ? price.input : price.output);
  } else if (key == "cached") {
    price.cached_read = at.Cost();
  } else if (key == "cache_write_5m") {
    price.cache_write_5m = at.Cost();
  } else if (key == "cache_write_1h") {
    price.cache_write_1h = at.Cost();
  } else {
    return false;
  }
  return true;
}

const std::vector<std::string> kCostKeys = {"input", "output", "cached",
                                            "cache_write_5m", "cache_write_1h"};

void NeedInAndOut(const Written& at) {
  if (!at.value.contains("input") || !at.value.contains("output")) {
    at.Wrong("a map with input and output");
  }
}

std::optional<TokenPrice::Tier> ReadTier(const Written& at) {
  if (!at.IsMap()) return std::nullopt;
  NeedInAndOut(at);
  TokenPrice::Tier tier;
  for (const auto& [key, value] : at.value.items()) {
    if (SetCost(key, at.At(key), tier)) continue;
    if (key == "above_tokens") {
      Take(at.At(key).Count(), tier.above_tokens);
      continue;
    }
    std::vector<std::string> known = kCostKeys;
    known.emplace_back("above_tokens");
    UnknownKey(at, key, std::move(known));
  }
  if (tier.above_tokens == 0) at.Wrong("a map with above_tokens");
  return tier;
}

void ReadTiers(const Written& at, TokenPrice& price) {
  if (!at.value.is_array()) return at.Wrong("a list");
  for (std::size_t i = 0; i < at.value.size(); ++i) {
    const Written item{at.value[i], Child(at.pointer, i), at.source,
                       at.findings};
    const std::optional<TokenPrice::Tier> tier = ReadTier(item);
    if (!tier) continue;
    if (!price.tiers.empty() &&
        tier->above_tokens <= price.tiers.back().above_tokens) {
      item.Wrong("above more tokens than the one before");
    }
    price.tiers.push_back(*tier);
  }
}

}  // namespace

void Written::Wrong(const std::string& must_be) const {
  const std::string shown =
      value.is_structured() ? (value.is_array() ? "a list" : "a map")
      : value.is_string()   ? Quoted(value.get<std::string>())
      : value.is_null()     ? "empty"
                            : value.dump();
  findings.Add(
      source.Where(pointer),
      fmt::format("{} is {}; it must be {}", Spoken(pointer), shown, must_be));
}

Written Written::At(const std::string& key) const {
  return {value.at(key), Child(pointer, key), source, findings};
}

bool Written::IsMap() const {
  if (!value.is_object()) Wrong("a map");
  return value.is_object();
}

std::optional<std::string> Written::Text() const {
  if (value.is_string() && !value.get_ref<const std::string&>().empty()) {
    return value.get<std::string>();
  }
  Wrong("text");
  return std::nullopt;
}

std::optional<std::string> Written::OneOf(
    const std::vector<std::string>& words) const {
  if (value.is_string()) {
    const auto found = std::ranges::find(words, value.get<std::string>());
    if (found != words.end()) return *found;
  }
  Wrong(fmt::format("one of {}", fmt::join(words, ", ")));
  return std::nullopt;
}

std::optional<bool> Written::Flag() const {
  if (value.is_boolean()) return value.get<bool>();
  Wrong("true or false");
  return std::nullopt;
}

std::optional<std::int64_t> Written::Count() const {
  if (value.is_number_integer()) {
    const auto count = value.get<std::int64_t>();
    if (count >= 1 && count <= 1'000'000'000) return count;
  }
  Wrong("a whole number from 1 to 1000000000");
  return std::nullopt;
}

std::optional<Picodollars> Written::Cost() const {
  if (value.is_number()) {
    const auto usd = value.get<double>();
    if (usd >= 0 && usd <= kMostUsdPerMillion) return PerToken(usd);
  }
  Wrong("a price in USD per million tokens");
  return std::nullopt;
}

std::vector<std::string> Written::Texts() const {
  std::vector<std::string> texts;
  if (!value.is_array()) {
    Wrong("a list");
    return texts;
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    const Written item{value[i], Child(pointer, i), source, findings};
    if (auto text = item.Text()) texts.push_back(std::move(*text));
  }
  return texts;
}

std::optional<std::string> Written::Date() const {
  constexpr std::string_view kShape = "dddd-dd-dd";
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const bool fits =
        text.size() == kShape.size() &&
        std::equal(text.begin(), text.end(), kShape.begin(),
                   [](char c, char s) {
                     return s == 'd' ? c >= '0' && c <= '9' : c == s;
                   });
    if (fits) return text;
  }
  Wrong("a date such as 2026-11-01");
  return std::nullopt;
}

bool SetProfileKey(const std::string& name, const Written& written,
                   ModelProfile& profile) {
  for (const ProfileKey& key : kProfileKeys) {
    if (name != key.name) continue;
    key.set(written, profile);
    return true;
  }
  return false;
}

std::vector<std::string> ProfileKeys() {
  std::vector<std::string> names;
  for (const ProfileKey& key : kProfileKeys) names.emplace_back(key.name);
  return names;
}

std::optional<TokenPrice> ReadPrice(const Written& written) {
  if (!written.IsMap()) return std::nullopt;
  NeedInAndOut(written);
  TokenPrice price;
  for (const auto& [key, value] : written.value.items()) {
    const Written at = written.At(key);
    if (SetCost(key, at, price)) continue;
    if (key == "reasoning") {
      price.reasoning = at.Cost();
    } else if (key == "tiers") {
      ReadTiers(at, price);
    } else {
      std::vector<std::string> known = kCostKeys;
      known.insert(known.end(), {"reasoning", "tiers"});
      UnknownKey(written, key, std::move(known));
    }
  }
  return price;
}

void UnknownKey(const Written& map, const std::string& key,
                std::vector<std::string> known) {
  std::ranges::sort(known);
  const std::optional<std::string> near = Nearest(key, known);
  const std::string hint =
      near ? fmt::format("did you mean \"{}\"?", *near)
           : fmt::format("known are {}", fmt::join(known, ", "));
  map.findings.Add(map.source.Where(Child(map.pointer, key)),
                   fmt::format("unknown key {} in {}; {}", Quoted(key),
                               Spoken(map.pointer), hint));
}

}  // namespace coppice::spec

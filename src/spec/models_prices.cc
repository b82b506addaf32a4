#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "spec/models.h"

// LiteLLM's price file: an object of models, each an object of keys such as
// input_cost_per_token (USD), some with "_above_200k_tokens" behind. A model
// without usable prices for input and output is not priced at all.

namespace coppice::spec {
namespace {

constexpr std::string_view kTierMark = "_above_";
constexpr std::string_view kTierEnd = "k_tokens";

std::optional<double> NumberOf(const Json& value) {
  std::optional<double> number;
  if (value.is_number()) number = value.get<double>();
  if (value.is_string())
    number = ParseNumber(value.get_ref<const Json::string_t&>());
  if (!number || !(*number >= 0)) return std::nullopt;
  return number;
}

std::optional<Picodollars> CostIn(const Json& entry, const std::string& key) {
  const auto found = entry.find(key);
  if (found == entry.end()) return std::nullopt;
  const std::optional<double> usd = NumberOf(*found);
  if (!usd) return std::nullopt;
  return ToPicodollars(*usd);
}

std::optional<std::int64_t> CountIn(const Json& entry, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end()) return std::nullopt;
  const std::optional<double> count = NumberOf(*found);
  if (!count || *count < 1 || *count > 1e12) return std::nullopt;
  return static_cast<std::int64_t>(*count);
}

// 200 of "input_cost_per_token_above_200k_tokens"; 0 for any other key.
std::int64_t TierOf(std::string_view key) {
  if (!key.ends_with(kTierEnd)) return 0;
  key.remove_suffix(kTierEnd.size());
  const std::size_t mark = key.rfind(kTierMark);
  if (mark == std::string_view::npos) return 0;
  key.remove_prefix(mark + kTierMark.size());
  std::int64_t thousands = 0;
  const auto [end, error] =
      std::from_chars(key.data(), key.data() + key.size(), thousands);
  const bool whole = error == std::errc() && end == key.data() + key.size();
  return whole && thousands > 0 && thousands < 1'000'000 ? thousands : 0;
}

std::vector<TokenPrice::Tier> TiersOf(const Json& entry,
                                      const TokenPrice& base) {
  std::vector<std::int64_t> steps;
  for (const auto& [key, value] : entry.items()) {
    if (const std::int64_t step = TierOf(key)) steps.push_back(step);
  }
  std::ranges::sort(steps);
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  std::vector<TokenPrice::Tier> tiers;
  for (const std::int64_t step : steps) {
    const std::string suffix = "_above_" + std::to_string(step) + "k_tokens";
    const auto cost = [&entry, &suffix](const char* key) {
      return CostIn(entry, key + suffix);
    };
    tiers.push_back(
        {.above_tokens = step * 1000,
         .input = cost("input_cost_per_token").value_or(base.input),
         .output = cost("output_cost_per_token").value_or(base.output),
         .cached_read = cost("cache_read_input_token_cost"),
         .cache_write_5m = cost("cache_creation_input_token_cost"),
         .cache_write_1h = cost("cache_creation_input_token_cost_above_1hr")});
  }
  return tiers;
}

std::optional<TokenPrice> PriceIn(const Json& entry) {
  const auto input = CostIn(entry, "input_cost_per_token");
  const auto output = CostIn(entry, "output_cost_per_token");
  if (!input || !output) return std::nullopt;
  TokenPrice price{
      .input = *input,
      .output = *output,
      .cached_read = CostIn(entry, "cache_read_input_token_cost"),
      .cache_write_5m = CostIn(entry, "cache_creation_input_token_cost"),
      .cache_write_1h =
          CostIn(entry, "cache_creation_input_token_cost_above_1hr"),
      .reasoning = CostIn(entry, "output_cost_per_reasoning_token")};
  price.tiers = TiersOf(entry, price);
  return price;
}

// ParseJson, for numbers too that no double holds.
Result<Json> ParseAny(std::string_view json, const std::string& source) {
  try {
    return ParseJson(json, source);
  } catch (const Json::exception& e) {
    return Error{.code = ErrorCode::kUsage, .what = e.what(), .where = source};
  }
}

}  // namespace

Result<PriceFile> PriceFile::Parse(std::string_view json, std::string source) {
  const Result<Json> root = ParseAny(json, source);
  if (!root) return root.error();
  if (!root->is_object()) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "not a file of prices",
                 .where = source,
                 .cause = "it is no JSON object of models",
                 .next = "give LiteLLM's model_prices_and_context_window.json"};
  }
  PriceFile file;
  for (const auto& [model, entry] : root->items()) {
    if (model == "sample_spec" || !entry.is_object()) continue;
    std::optional<TokenPrice> price = PriceIn(entry);
    if (!price) continue;
    price->source = source;
    file.entries_[model] = {
        .price = std::move(*price),
        .limits = {.context = CountIn(entry, "max_input_tokens"),
                   .max_output = CountIn(entry, "max_output_tokens")}};
  }
  if (file.entries_.empty()) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "the file prices no model",
                 .where = source,
                 .cause =
                     "no entry has input_cost_per_token and "
                     "output_cost_per_token"};
  }
  return Result<PriceFile>(boost::system::in_place_value, std::move(file));
}

const PriceFile::Entry* PriceFile::Lookup(std::string_view provider,
                                          std::string_view model) const {
  auto found = entries_.find(std::string(provider) + '/' + std::string(model));
  if (found == entries_.end()) found = entries_.find(model);
  return found == entries_.end() ? nullptr : &found->second;
}

std::optional<TokenPrice> PriceFile::Find(std::string_view provider,
                                          std::string_view model) const {
  const Entry* entry = Lookup(provider, model);
  if (entry == nullptr) return std::nullopt;
  return entry->price;
}

PriceFile::Limits PriceFile::FindLimits(std::string_view provider,
                                        std::string_view model) const {
  const Entry* entry = Lookup(provider, model);
  return entry == nullptr ? Limits{} : entry->limits;
}

}  // namespace coppice::spec

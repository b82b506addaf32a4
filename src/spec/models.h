#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "spec/spec_propose.h"

// configs/models.yaml: what is known of providers and models (PROVIDERS §1,
// §6). Model names and prices live there only, never in code. The file is
// compiled in; a `models.yaml` beside the spec is not read.

namespace coppice::spec {

enum class Codec {
  kOpenAiChat,
  kOpenAiResponses,
  kAnthropic,
  kGemini,
  kOllama
};
std::string_view Name(Codec codec);  // "openai_chat", ...

// 1e-12 USD: money is exact, no float decides over a budget.
using Picodollars = std::int64_t;
Picodollars ToPicodollars(double usd);  // rounded; nan is 0
double ToUsd(Picodollars amount);

// Per token. What is missing follows from the others (PROVIDERS §6).
struct TokenPrice {
  Picodollars input = 0;
  Picodollars output = 0;
  std::optional<Picodollars> cached_read, cache_write_5m, cache_write_1h,
      reasoning;
  // Above so many input tokens the whole request costs `above` instead.
  struct Tier {
    std::int64_t above_tokens = 0;
    Picodollars input = 0, output = 0;
    std::optional<Picodollars> cached_read, cache_write_5m, cache_write_1h;

    friend bool operator==(const Tier&, const Tier&) = default;
  };
  std::vector<Tier> tiers;  // ascending
  std::string source;       // "spec", "--prices FILE", "models.yaml 2026-11-01"

  friend bool operator==(const TokenPrice&, const TokenPrice&) = default;
};

// One provider/model with everything settled: the file's provider section,
// the model's own, and the spec's overrides, later ones winning.
struct ModelProfile {
  std::string provider;  // anthropic openai gemini openrouter local ...
  std::string model;     // as the server knows it
  Codec codec = Codec::kOpenAiChat;
  std::string base_url;  // before normalisation
  bool base_url_exact = false;
  std::vector<std::string> key_variables;  // first one set wins; [] = no key
  std::vector<std::string> base_url_variables;
  bool bearer_key = false;       // set where the key's variable says so
  std::string max_tokens_field;  // openai_chat
  std::string system_role;       // openai_chat: developer | system
  std::optional<std::string> effort;
  bool stream = true;
  std::vector<std::pair<std::string, std::string>> extra_headers;
  std::string extra_body;  // JSON object merged last; may be empty
  std::string ca_file, proxy;
  bool allow_plain_http = false;
  std::optional<std::int64_t> context, max_output;
  // Parameters this model does not take: temperature, effort, schema,
  // stream_options, prompt_cache_key, cache_control.
  std::vector<std::string> rejects;
  std::optional<TokenPrice> price;
};

// A server that only speaks like OpenAI's, by its address, takes the common
// part of openai_chat; no change to other codecs, nor at OpenAI itself.
void FitToServer(ModelProfile& profile, std::string_view base_url);

// LiteLLM's model_prices_and_context_window.json, read as it is.
class PriceFile {
 public:
  static Result<PriceFile> Parse(std::string_view json, std::string source);
  // `provider/model`, then `model`.
  std::optional<TokenPrice> Find(std::string_view provider,
                                 std::string_view model) const;
  // What the file says of the model's size.
  struct Limits {
    std::optional<std::int64_t> context, max_output;
  };
  Limits FindLimits(std::string_view provider, std::string_view model) const;

 private:
  struct Entry {
    TokenPrice price;
    Limits limits;
  };
  const Entry* Lookup(std::string_view provider, std::string_view model) const;

  std::map<std::string, Entry, std::less<>> entries_;
};

class ModelTable {
 public:
  // The compiled-in file, or `yaml` with the name errors give.
  static const ModelTable& BuiltIn();
  static Result<ModelTable> Parse(std::string_view yaml, std::string name);

  // Error (kUsage): no such provider, with the nearest names. A model that the
  // table does not list is fine: the provider's section applies, no price.
  // First hit of spec price, `prices` (may be null), table wins.
  Result<ModelProfile> Resolve(const ModelArm& arm,
                               const PriceFile* prices) const;

  // Providers in the order in which a default is looked for, each with the
  // variables of its key and the model marked `default` ("anthropic/...").
  struct Default {
    std::string provider;
    std::vector<std::string> key_variables;
    std::string model;
  };
  const std::vector<Default>& defaults() const { return defaults_; }

 private:
  friend class ModelTableReader;
  std::map<std::string, ModelProfile, std::less<>> providers_;
  // "provider/model" -> profile with the provider's section merged in
  std::map<std::string, ModelProfile, std::less<>> models_;
  std::vector<Default> defaults_;
};

}  // namespace coppice::spec

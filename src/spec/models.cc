#include "spec/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "spec/models_reader.h"

namespace coppice::spec {
namespace {

constexpr double kPicoPerUsd = 1e12;
constexpr double kMostPico = 9.2e18;  // below the largest Picodollars

constexpr std::array<std::string_view, 5> kCodecNames = {
    "openai_chat", "openai_responses", "anthropic", "gemini", "ollama"};

// The host of an absolute URL, without port; empty for anything else.
std::string_view HostOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of(":/?#"));
}

bool IsOpenAi(std::string_view host) {
  return host == "openai.com" || host.ends_with(".openai.com");
}

Error UnknownProvider(std::string_view provider, std::string_view model,
                      const std::vector<std::string>& known) {
  Error error{.code = ErrorCode::kUsage,
              .what = fmt::format("unknown provider \"{}\" in model \"{}\"",
                                  OneLine(provider, 60), OneLine(model, 120))};
  const std::optional<std::string> near = Nearest(provider, known);
  error.next = near ? fmt::format("did you mean \"{}\"? ", *near) : "";
  error.next += fmt::format("known are {}", fmt::join(known, ", "));
  return error;
}

TokenPrice PriceOf(const Price& written) {
  TokenPrice price{.input = PerToken(written.input),
                   .output = PerToken(written.output)};
  if (written.cached) price.cached_read = PerToken(*written.cached);
  price.source = "spec";
  return price;
}

void ApplyOverrides(const ModelArm& arm, ModelProfile& profile) {
  if (arm.base_url) {
    profile.base_url = *arm.base_url;
    profile.base_url_variables.clear();
    FitToServer(profile, profile.base_url);
  }
  if (arm.api_key_env) profile.key_variables = {*arm.api_key_env};
}

}  // namespace

std::string_view Name(Codec codec) {
  return kCodecNames[static_cast<std::size_t>(codec)];
}

std::optional<Codec> ParseCodec(std::string_view name) {
  const auto found = std::ranges::find(kCodecNames, name);
  if (found == kCodecNames.end()) return std::nullopt;
  return static_cast<Codec>(found - kCodecNames.begin());
}

Picodollars ToPicodollars(double usd) {
  if (std::isnan(usd)) return 0;
  return std::llround(std::clamp(usd * kPicoPerUsd, -kMostPico, kMostPico));
}

double ToUsd(Picodollars amount) {
  return static_cast<double>(amount) / kPicoPerUsd;
}

// Not by way of USD per token: 0.1 * 1e6 is exact where 0.1 / 1e6 is not.
Picodollars PerToken(double usd_per_million) {
  return std::llround(std::clamp(usd_per_million * 1e6, 0.0, kMostPico));
}

void FitToServer(ModelProfile& profile, std::string_view base_url) {
  const bool speaks_openai = profile.codec == Codec::kOpenAiChat ||
                             profile.codec == Codec::kOpenAiResponses;
  if (!speaks_openai || IsOpenAi(HostOf(base_url))) return;
  profile.codec = Codec::kOpenAiChat;
  profile.max_tokens_field = "max_tokens";
  profile.system_role = "system";
  if (std::ranges::find(profile.rejects, "prompt_cache_key") ==
      profile.rejects.end()) {
    profile.rejects.emplace_back("prompt_cache_key");
  }
}

const ModelTable& ModelTable::BuiltIn() {
  static const ModelTable table = Parse(ModelsText(), "models.yaml").value();
  return table;
}

Result<ModelTable> ModelTable::Parse(std::string_view yaml, std::string name) {
  return ModelTableReader(yaml, std::move(name)).Read();
}

Result<ModelProfile> ModelTable::Resolve(const ModelArm& arm,
                                         const PriceFile* prices) const {
  const std::size_t slash = arm.model.find('/');
  const std::string provider = arm.model.substr(0, slash);
  const std::string model =
      slash == std::string::npos ? "" : arm.model.substr(slash + 1);
  const auto section = providers_.find(provider);
  if (section == providers_.end()) {
    std::vector<std::string> known;
    for (const auto& [name, profile] : providers_) known.push_back(name);
    return UnknownProvider(provider, arm.model, known);
  }
  if (model.empty()) {
    return Error{
        .code = ErrorCode::kUsage,
        .what = fmt::format("\"{}\" names no model", OneLine(arm.model, 120)),
        .next = fmt::format("write {}/MODEL", provider)};
  }
  const auto listed = models_.find(arm.model);
  ModelProfile profile =
      listed == models_.end() ? section->second : listed->second;
  profile.model = model;
  ApplyOverrides(arm, profile);
  if (prices != nullptr) {
    if (auto price = prices->Find(provider, model)) {
      profile.price = std::move(*price);
    }
    const PriceFile::Limits limits = prices->FindLimits(provider, model);
    if (!profile.context) profile.context = limits.context;
    if (!profile.max_output) profile.max_output = limits.max_output;
  }
  if (arm.price) profile.price = PriceOf(*arm.price);
  return profile;
}

}  // namespace coppice::spec

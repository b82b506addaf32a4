#include "llm/model_arm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "llm/model_proposer.h"

namespace coppice::llm {
namespace {

Result<Credentials> FindKey(const spec::ModelArm& arm,
                            const spec::ModelProfile& profile, const Keys& keys,
                            bool offline) {
  Credentials credentials;
  if (offline) return credentials;
  std::vector<std::string> variables = profile.key_variables;
  if (arm.api_key_env) variables = {*arm.api_key_env};
  for (const std::string& variable : variables) {
    const std::optional<std::string> value = keys.Find(variable);
    if (!value) continue;
    credentials.key = *value;
    credentials.variable = variable;
    break;
  }
  // A server of the user's own may do without one.
  const bool needed =
      !variables.empty() && (arm.api_key_env || !arm.base_url.has_value());
  if (credentials.key.empty() && needed) {
    return Error{
        .code = ErrorCode::kCheck,
        .what = fmt::format("model {} needs a key", arm.model),
        .cause = fmt::format("{} is not set", fmt::join(variables, " or ")),
        .next = fmt::format("export {}=...", variables.front())};
  }
  const bool broken = std::ranges::any_of(credentials.key, [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
  });
  if (broken) {
    return Error{.code = ErrorCode::kCheck,
                 .what = fmt::format("the key in {} has blanks or control "
                                     "characters in it",
                                     credentials.variable),
                 .next = "set it again without them"};
  }
  credentials.bearer = credentials.variable == "ANTHROPIC_AUTH_TOKEN";
  if (profile.provider == "openai") {
    credentials.organization = keys.Find("OPENAI_ORG_ID").value_or("");
    credentials.project = keys.Find("OPENAI_PROJECT_ID").value_or("");
  }
  return credentials;
}

Result<BaseUrl> FindUrl(const spec::ModelArm& arm,
                        const spec::ModelProfile& profile, const Keys& keys) {
  std::string written = profile.base_url;
  for (const std::string& variable : profile.base_url_variables) {
    if (auto value = keys.Find(variable)) {
      written = *value;
      break;
    }
  }
  if (arm.base_url) written = *arm.base_url;
  return NormaliseBaseUrl(written, profile.codec, profile.base_url_exact);
}

std::string Describe(const spec::ModelArm& arm,
                     const spec::ModelProfile& profile,
                     const std::string& url) {
  std::string text = fmt::format("{} at {}", arm.model, url);
  if (!profile.price) return text + ", price unknown: tokens only";
  auto per_million = [](spec::Picodollars per_token) {
    return FormatShort(static_cast<double>(per_token) / 1e6, 4);
  };
  return text + fmt::format(", {} in / {} out USD per million tokens ({})",
                            per_million(profile.price->input),
                            per_million(profile.price->output),
                            profile.price->source);
}

}  // namespace

Result<MadeEndpoint> MakeEndpoint(const spec::ModelArm& arm,
                                  const std::string& name,
                                  const ProposerParts& parts) {
  Result<spec::ModelProfile> profile =
      spec::ModelTable::BuiltIn().Resolve(arm, parts.prices);
  if (!profile) return profile.error();
  Result<Credentials> credentials =
      FindKey(arm, *profile, parts.keys, parts.offline || parts.keyless);
  if (!credentials) return credentials.error();
  Result<BaseUrl> url = FindUrl(arm, *profile, parts.keys);
  if (!url) return url.error();
  if (!url->warning.empty()) LogWarning(url->warning);
  spec::FitToServer(*profile, url->url);
  Result<void> plain = CheckPlainHttp(url->url, !credentials->key.empty(),
                                      profile->allow_plain_http);
  if (!plain) return plain.error();
  if (!credentials->key.empty()) parts.redact.Hold(credentials->key);

  MadeEndpoint made;
  made.description = Describe(arm, *profile, url->url);
  if (!credentials->variable.empty()) {
    made.shared = profile->provider + " " + credentials->variable;
  }
  std::unique_ptr<RateGate>& gate =
      parts.gates[made.shared.empty() ? name : made.shared];
  if (gate == nullptr) {
    gate = std::make_unique<RateGate>(arm.requests_per_minute);
  }
  made.endpoint = std::make_unique<Endpoint>(
      std::move(*profile), url->url, std::move(*credentials),
      Endpoint::Parts{parts.http, parts.clock, parts.redact, *gate});
  return made;
}

Result<NamedProposer> MakeModelArm(const spec::Spec& spec,
                                   const spec::Proposer& entry,
                                   const ProposerParts& parts) {
  const auto& arm = std::get<spec::ModelArm>(entry.arm);
  Result<MadeEndpoint> server = MakeEndpoint(arm, entry.name, parts);
  if (!server) return server.error();
  NamedProposer made;
  made.name = entry.name;
  made.weight = entry.weight;
  made.operators = entry.operators;
  made.proposal = entry.proposal;
  made.description = std::move(server->description);
  made.shared = std::move(server->shared);
  made.endpoint = server->endpoint.get();
  const ModelParts model{.clock = parts.clock,
                         .compute = parts.compute,
                         .requests = parts.requests,
                         .allow_create = spec.scope.allow_create,
                         .mutable_patterns = spec.scope.mutable_paths,
                         .immutable_patterns = spec.scope.immutable,
                         .tracked_files = parts.tracked_files};
  made.proposer = MakeModelProposer(arm, entry.proposal,
                                    std::move(server->endpoint), model);
  return made;
}

Result<void> CheckPrices(const spec::Spec& spec,
                         const std::vector<NamedProposer>& proposers) {
  if (!spec.budget.max_cost_usd) return Ok();
  std::vector<std::string> unpriced;
  for (const NamedProposer& proposer : proposers) {
    if (proposer.endpoint != nullptr && !proposer.endpoint->profile().price) {
      unpriced.push_back(proposer.name);
    }
  }
  if (unpriced.empty()) return Ok();
  return Error{
      .code = ErrorCode::kCheck,
      .what = fmt::format("budget.max_cost_usd cannot be kept: the price of {} "
                          "is not known",
                          fmt::join(unpriced, ", ")),
      .cause =
          "it is neither in the spec, nor in --prices, nor in the table "
          "of models",
      .next =
          "write price: {input: 0, output: 0} (USD per million tokens) "
          "into the proposer, give --prices FILE, or set "
          "budget.max_cost_usd: null and budget.max_tokens"};
}

}  // namespace coppice::llm

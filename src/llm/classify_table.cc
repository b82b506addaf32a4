#include "llm/classify_table.h"

namespace coppice::llm::wire {
namespace {

using enum ErrorClass;

constexpr ErrorWord kWords[] = {
    // the prompt
    {"context_length_exceeded", kContextTooLong},
    {"exceed_context_size_error", kContextTooLong},
    {"request_too_large", kTooLarge},
    // money; before rate limits, which some of them come as
    {"insufficient_quota", kBilling},
    {"quota_exceeded", kBilling},
    {"billing_error", kBilling},
    {"billing_not_active", kBilling},
    {"billing_hard_limit_reached", kBilling},
    {"credit_balance_exhausted", kBilling},
    {"organization_spend_limit_exceeded", kBilling},
    {"project_spend_limit_exceeded", kBilling},
    {"organization_usage_limit_exceeded", kBilling},
    {"enforced_spend_limit_reached", kBilling},
    {"failed_precondition", kBilling, 400},
    // the key
    {"api_key_invalid", kAuth},
    {"api_key_expired", kAuth},
    {"invalid_api_key", kAuth},
    {"authentication_error", kAuth},
    {"permission_error", kAuth},
    {"permission_denied", kAuth},
    {"unauthenticated", kAuth},
    {"unsupported_country_region_territory", kAuth},
    // the model
    {"model_not_found", kNotFound},
    {"not_found_error", kNotFound},
    {"not_found", kNotFound},
    // load
    {"rate_limit_exceeded", kRateLimited},
    {"rate_limit_error", kRateLimited},
    {"slow_down", kRateLimited},
    {"resource_exhausted", kRateLimited},
    {"overloaded_error", kOverloaded},
    {"server_is_overloaded", kOverloaded},
    {"engine_overloaded", kOverloaded},
    {"unavailable", kOverloaded},
    {"unavailable_error", kOverloaded},
    // the server
    {"timeout_error", kTransient},
    {"deadline_exceeded", kTransient},
    {"api_error", kServer},
    {"server_error", kServer},
    {"internal_error", kServer},
    {"internal", kServer},
};

constexpr ErrorPhrase kPhrases[] = {
    {"prompt is too long", kContextTooLong, Applies::kToRefusals},
    {"maximum context length is", kContextTooLong, Applies::kToRefusals},
    {"exceeds the maximum number of tokens", kContextTooLong,
     Applies::kToRefusals},
    {"exceeds the available context size", kContextTooLong,
     Applies::kToRefusals},
    {"exceeds the context window", kContextTooLong, Applies::kToRefusals},
    {"exceed context limit", kContextTooLong, Applies::kToRefusals},
    {"context length exceeded", kContextTooLong, Applies::kToRefusals},
    {"credit balance is too low", kBilling, Applies::kToAny},
    {"api key not valid", kAuth, Applies::kToRefusals},
    {"invalid api key", kAuth, Applies::kToRefusals},
    {"incorrect api key", kAuth, Applies::kToRefusals},
    {"loading model", kOverloaded, Applies::kToFailures},
    {"overloaded", kOverloaded, Applies::kToFailures},
};

constexpr StatusRow kStatuses[] = {
    {300, 399, kRedirect},    {401, 401, kAuth},       {402, 402, kBilling},
    {403, 403, kAuth},        {404, 404, kNotFound},   {407, 407, kAuth},
    {408, 409, kTransient},   {413, 413, kTooLarge},   {425, 425, kTransient},
    {429, 429, kRateLimited}, {400, 499, kBadRequest}, {529, 529, kOverloaded},
};

constexpr TypeStatus kTypeStatuses[] = {
    {"invalid_request_error", 400}, {"invalid_argument", 400},
    {"invalid_prompt", 400},        {"bad_request", 400},
    {"out_of_range", 400},
};

constexpr std::string_view kLimitPhrases[] = {
    "tokens > ",
    "maximum context length is ",
    "maximum number of tokens allowed (",
    "available context size (",
    "exceed context limit: ",
};

constexpr ParamName kParams[] = {
    {"temperature", Rung::kTemperature},
    {"reasoning_effort", Rung::kEffort},
    {"reasoning.effort", Rung::kEffort},
    {"reasoning", Rung::kEffort, false},
    {"output_config.effort", Rung::kEffort},
    {"output_config", Rung::kEffort},
    {"thinking_config", Rung::kEffort},
    {"thinkingconfig", Rung::kEffort},
    {"thinking_level", Rung::kEffort},
    {"thinkinglevel", Rung::kEffort},
    {"thinking_budget", Rung::kEffort},
    {"thinkingbudget", Rung::kEffort},
    {"thinking", Rung::kEffort},
    {"response_format", Rung::kSchema},
    {"json_schema", Rung::kSchema},
    {"text.format", Rung::kSchema},
    {"output_config.format", Rung::kSchema},
    {"responsejsonschema", Rung::kSchema},
    {"response_json_schema", Rung::kSchema},
    {"responsemimetype", Rung::kSchema},
    {"response_mime_type", Rung::kSchema},
    {"stream_options", Rung::kStreamOptions},
    {"include_usage", Rung::kStreamOptions},
    {"max_tokens", Rung::kMaxTokens},
    {"max_completion_tokens", Rung::kMaxTokens},
    {"messages[0].role", Rung::kSystemRole},
    {"messages.0.role", Rung::kSystemRole},
    {"developer", Rung::kSystemRole},
};

constexpr std::string_view kValuePhrases[] = {
    "too large", "at most", "exceed", "maximum", "greater than", "less than",
};

}  // namespace

std::span<const ErrorWord> ErrorWords() { return kWords; }
std::span<const ErrorPhrase> ErrorPhrases() { return kPhrases; }
std::span<const StatusRow> StatusRows() { return kStatuses; }
std::span<const TypeStatus> TypeStatuses() { return kTypeStatuses; }
std::span<const std::string_view> LimitPhrases() { return kLimitPhrases; }
std::span<const ParamName> ParamNames() { return kParams; }
std::span<const std::string_view> ValuePhrases() { return kValuePhrases; }

}  // namespace coppice::llm::wire

#include "app/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "app/places.h"
#include "base/text.h"
#include "llm/http.h"
#include "spec/agents.h"

extern char** environ;

namespace coppice::app {

std::map<std::string, std::string> Environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const char* equals = std::strchr(*entry, '=');
    if (equals == nullptr) continue;
    variables.emplace(std::string(*entry, equals - *entry), equals + 1);
  }
  return variables;
}

void TakeKeys(const spec::Spec* spec) {
  std::vector<std::string> variables;
  auto add = [&](const std::vector<std::string>& more) {
    variables.insert(variables.end(), more.begin(), more.end());
  };
  for (const auto& provider : spec::ModelTable::BuiltIn().defaults()) {
    add(provider.key_variables);
  }
  for (const spec::AgentProfile& agent : spec::AgentTable::BuiltIn().all()) {
    add(agent.keys);
  }
  if (spec != nullptr) {
    for (const spec::Proposer& proposer : spec->proposers) {
      const auto* model = std::get_if<spec::ModelArm>(&proposer.arm);
      if (model != nullptr && model->api_key_env) add({*model->api_key_env});
    }
  }
  llm::ProcessKeys().Take(variables);
}

std::optional<DefaultModel> FindDefaultModel() {
  for (const auto& provider : spec::ModelTable::BuiltIn().defaults()) {
    for (const std::string& variable : provider.key_variables) {
      if (llm::ProcessKeys().Find(variable)) {
        return DefaultModel{provider.model, variable};
      }
    }
  }
  return std::nullopt;
}

Error NoProposer() {
  std::vector<std::string> variables;
  for (const auto& provider : spec::ModelTable::BuiltIn().defaults()) {
    variables.insert(variables.end(), provider.key_variables.begin(),
                     provider.key_variables.end());
  }
  return Error{
      .code = ErrorCode::kUsage,
      .what = "the spec names no proposer, and no key is set",
      .cause = fmt::format("none of {} is set", fmt::join(variables, ", ")),
      .next =
          "set one, or write `proposers: [{edits: {}}]` for the built-in "
          "edits, which need no model"};
}

Result<std::unique_ptr<ModelService>> ModelService::Make(
    const ModelFlags& flags, const asio::any_io_executor& executor,
    Clock& clock, int requests) {
  std::unique_ptr<ModelService> service(new ModelService);
  if (!flags.prices.empty()) {
    Result<std::string> text = ReadTextFile(flags.prices);
    if (!text) return text.error();
    Result<spec::PriceFile> prices =
        spec::PriceFile::Parse(*text, fmt::format("--prices {}", flags.prices));
    if (!prices) return prices.error();
    service->prices_ = std::move(*prices);
  }
  llm::HttpSettings settings;
  settings.env = Environment();
  settings.parked_per_origin = requests;
  service->network_ = llm::MakeHttpClient(executor, clock, std::move(settings));
  service->client_ = service->network_.get();
  if (!flags.cassette.empty() && flags.cassette_mode != "off") {
    llm::CassetteOptions options;
    options.delays = flags.cassette_delays;
    options.redact = [&redact = service->redact_](std::string_view text) {
      return redact(text);
    };
    const bool replay = flags.cassette_mode == "replay";
    service->replays_ = replay;
    auto cassette = llm::MakeCassette(
        replay ? nullptr : service->network_.get(), clock, flags.cassette,
        replay ? llm::CassetteMode::kReplay : llm::CassetteMode::kRecord,
        std::move(options));
    if (!cassette) return cassette.error();
    service->cassette_ = std::move(*cassette);
    service->client_ = service->cassette_.get();
  }
  service->requests_ = std::make_unique<Semaphore>(executor, requests);
  return service;
}

const std::vector<std::string>& ModelService::misses() const {
  static const std::vector<std::string> kNone;
  return cassette_ && replays_ ? cassette_->misses() : kNone;
}

std::vector<std::string> ModelService::unused() const {
  return cassette_ && replays_ ? cassette_->unused()
                               : std::vector<std::string>();
}

Task<Result<void>> ProbeModels(const std::vector<llm::NamedProposer>& arms) {
  constexpr int kFewTokens = 16;  // the least that every server takes
  for (const llm::NamedProposer& arm : arms) {
    if (arm.endpoint == nullptr) continue;
    llm::Call call;
    call.messages = {{llm::Role::kUser, "Say OK."}};
    call.max_output_tokens = kFewTokens;
    llm::Endpoint::Exchange exchange;
    for (int rung = 0; rung < 4; ++rung) {
      exchange = co_await arm.endpoint->Send(call, std::chrono::seconds(60));
      const bool again =
          !exchange.reply &&
          exchange.error.error == llm::ErrorClass::kUnsupportedParam &&
          arm.endpoint->Drop(exchange.error, call);
      if (!again) break;
    }
    if (exchange.reply) continue;
    const llm::ApiError& error = exchange.error;
    const std::string& variable = arm.endpoint->credentials().variable;
    const bool key = error.error == llm::ErrorClass::kAuth ||
                     error.error == llm::ErrorClass::kBilling;
    co_return Error{
        .code = ErrorCode::kCheck,
        .what = fmt::format("model {} cannot be asked: {}", arm.name,
                            Name(error.error)),
        .where = arm.endpoint->base_url(),
        .cause = OneLine(error.message, 300),
        .next =
            key && !variable.empty()
                ? fmt::format("the key came from {}; set another one", variable)
                : "look at the model's name and the URL; `coppice check "
                  "--no-model` makes no call"};
  }
  co_return Ok();
}

}  // namespace coppice::app

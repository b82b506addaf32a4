#include "spec/models.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace coppice::spec {
namespace {

constexpr std::string_view kSmall = R"(as_of: 2026-11-01
providers:
  zeta:
    codec: anthropic
    base_url: https://zeta.test
    api_key_env: [ZETA_KEY, ZETA_TOKEN]
    effort: high
    models:
      big: {default: true, context: 1000, price: {input: 3, output: 15}}
      small/one:
        as_of: 2026-10-02
        stream: false
        effort: low
        rejects: [temperature]
        price:
          {input: 0.1, output: 0.5, cached: 0.01, cache_write_5m: 0.125,
           cache_write_1h: 0.2, reasoning: 0.7,
           tiers: [{above_tokens: 100, input: 1, output: 2, cached: 0.3}]}
  alpha:
    codec: openai_chat
    base_url: https://alpha.test/v1
    api_key_env: [ALPHA_KEY]
    max_tokens_field: max_completion_tokens
    system_role: developer
    extra_headers: {X-Title: coppice}
    extra_body: {top_p: 0.5}
    models:
      m: {default: true}
)";

ModelTable Small() { return ModelTable::Parse(kSmall, "m.yaml").value(); }

ModelProfile Resolved(const ModelTable& table, const ModelArm& arm,
                      const PriceFile* prices = nullptr) {
  return table.Resolve(arm, prices).value();
}

std::string ErrorOf(std::string_view yaml) {
  const Result<ModelTable> table = ModelTable::Parse(yaml, "m.yaml");
  return table ? "(none)" : table.error().Text();
}

TEST_CASE("money is whole picodollars, rounded and never beyond its range") {
  CHECK(ToPicodollars(1) == 1'000'000'000'000);
  CHECK(ToPicodollars(3e-6) == 3'000'000);
  CHECK(ToPicodollars(0.1 + 0.2) == 300'000'000'000);
  CHECK(ToPicodollars(1.25e-7) == 125'000);
  CHECK(ToPicodollars(-0.5) == -500'000'000'000);
  CHECK(ToPicodollars(std::nan("")) == 0);
  CHECK(ToPicodollars(1e300) > ToPicodollars(9e6));
  CHECK(ToPicodollars(-1e300) < ToPicodollars(-9e6));
  CHECK(ToUsd(ToPicodollars(12.345678)) == 12.345678);
}

TEST_CASE("a model's section is laid over its provider's") {
  const ModelProfile model = Resolved(Small(), {.model = "zeta/small/one"});
  CHECK(model.provider == "zeta");
  CHECK(model.model == "small/one");
  CHECK(model.codec == Codec::kAnthropic);
  CHECK(model.base_url == "https://zeta.test");
  CHECK(model.key_variables ==
        std::vector<std::string>{"ZETA_KEY", "ZETA_TOKEN"});
  CHECK(!model.stream);
  CHECK(model.effort == "low");
  CHECK(model.rejects == std::vector<std::string>{"temperature"});
  REQUIRE(model.price);
  CHECK(*model.price == TokenPrice{.input = 100'000,
                                   .output = 500'000,
                                   .cached_read = 10'000,
                                   .cache_write_5m = 125'000,
                                   .cache_write_1h = 200'000,
                                   .reasoning = 700'000,
                                   .tiers = {{.above_tokens = 100,
                                              .input = 1'000'000,
                                              .output = 2'000'000,
                                              .cached_read = 300'000}},
                                   .source = "m.yaml 2026-10-02"});
  const ModelProfile other = Resolved(Small(), {.model = "zeta/big"});
  CHECK(other.stream);
  CHECK(other.effort == "high");
  CHECK(other.context == 1000);
  CHECK(other.price->source == "m.yaml 2026-11-01");
}

TEST_CASE("a model that is not listed has its provider's section, no price") {
  const ModelProfile model = Resolved(Small(), {.model = "alpha/new/thing"});
  CHECK(model.model == "new/thing");
  CHECK(model.codec == Codec::kOpenAiChat);
  CHECK(model.max_tokens_field == "max_completion_tokens");
  CHECK(model.system_role == "developer");
  CHECK(model.extra_headers == std::vector<std::pair<std::string, std::string>>{
                                   {"X-Title", "coppice"}});
  CHECK(model.extra_body == R"({"top_p":0.5})");
  CHECK(!model.price);
}

TEST_CASE("defaults are looked for in the order in which providers stand") {
  const ModelTable table = Small();
  const std::vector<ModelTable::Default>& defaults = table.defaults();
  REQUIRE(defaults.size() == 2);
  CHECK(defaults[0].provider == "zeta");
  CHECK(defaults[0].model == "zeta/big");
  CHECK(defaults[0].key_variables ==
        std::vector<std::string>{"ZETA_KEY", "ZETA_TOKEN"});
  CHECK(defaults[1].model == "alpha/m");
}

TEST_CASE("an unknown provider names the nearest") {
  const auto error = [](const char* model) {
    return Small().Resolve({.model = model}, nullptr).error();
  };
  CHECK(error("alhpa/m").code == ErrorCode::kUsage);
  CHECK(error("alhpa/m").Text() ==
        "unknown provider \"alhpa\" in model \"alhpa/m\"; did you mean "
        "\"alpha\"? known are alpha, zeta");
  CHECK(error("mistral/m").next == "known are alpha, zeta");
  CHECK(error("alpha").Text() == "\"alpha\" names no model; write alpha/MODEL");
  CHECK(error("alpha/").code == ErrorCode::kUsage);
  CHECK(error("").code == ErrorCode::kUsage);
}

TEST_CASE("prices: the spec's, then the file's, then the table's") {
  const PriceFile prices = PriceFile::Parse(R"({
        "zeta/big": {"input_cost_per_token": 1e-6,
                     "output_cost_per_token": 2e-6, "max_input_tokens": 7},
        "m": {"input_cost_per_token": 3e-6, "output_cost_per_token": 4e-6,
              "max_input_tokens": 8, "max_output_tokens": 9}})",
                                            "--prices p.json")
                               .value();
  const ModelTable table = Small();
  ModelArm arm{.model = "zeta/big"};
  CHECK(Resolved(table, arm).price->input == 3'000'000);
  const ModelProfile from_file = Resolved(table, arm, &prices);
  CHECK(from_file.price->input == 1'000'000);
  CHECK(from_file.price->source == "--prices p.json");
  CHECK(from_file.context == 1000);  // the table knows better
  const ModelProfile unlisted = Resolved(table, {.model = "alpha/m"}, &prices);
  CHECK(unlisted.price->input == 3'000'000);
  CHECK(unlisted.context == 8);
  CHECK(unlisted.max_output == 9);
  arm.price = Price{.input = 0.3, .output = 1.1, .cached = 0.03};
  const ModelProfile from_spec = Resolved(table, arm, &prices);
  CHECK(*from_spec.price == TokenPrice{.input = 300'000,
                                       .output = 1'100'000,
                                       .cached_read = 30'000,
                                       .source = "spec"});
}

TEST_CASE("a spec's base URL and key variable replace the provider's") {
  const ModelTable& table = ModelTable::BuiltIn();
  ModelProfile model = Resolved(table, {.model = "openai/x",
                                        .base_url = "http://10.0.0.5:8000/v1",
                                        .api_key_env = "MY_KEY"});
  CHECK(model.base_url == "http://10.0.0.5:8000/v1");
  CHECK(model.base_url_variables.empty());
  CHECK(model.key_variables == std::vector<std::string>{"MY_KEY"});
  CHECK(model.codec == Codec::kOpenAiChat);
  CHECK(model.max_tokens_field == "max_tokens");
  CHECK(model.system_role == "system");
  CHECK(model.rejects == std::vector<std::string>{"prompt_cache_key"});
  // A model of the Responses API is a chat model anywhere else.
  model = Resolved(table, {.model = "openai/gpt-5.3-codex",
                           .base_url = "https://openai.com.evil.test/v1"});
  CHECK(model.codec == Codec::kOpenAiChat);
  // OpenAI stays OpenAI, by any of its names.
  for (const char* url :
       {"https://api.openai.com/v1", "https://eu.api.openai.com"}) {
    model = Resolved(table, {.model = "openai/gpt-5", .base_url = url});
    CHECK(model.max_tokens_field == "max_completion_tokens");
    CHECK(model.system_role == "developer");
  }
  model = Resolved(table, {.model = "anthropic/claude-sonnet-4-5",
                           .base_url = "https://gateway.test"});
  CHECK(model.codec == Codec::kAnthropic);
}

TEST_CASE("a local server needs no key, wherever it is") {
  const ModelTable& table = ModelTable::BuiltIn();
  const ModelProfile local = Resolved(table, {.model = "local/qwen3:8b"});
  CHECK(local.model == "qwen3:8b");
  CHECK(local.codec == Codec::kOpenAiChat);
  CHECK(local.base_url == "http://localhost:11434/v1");
  CHECK(local.base_url_variables == std::vector<std::string>{"OLLAMA_HOST"});
  CHECK(local.key_variables.empty());
  CHECK(!local.price);
  const ModelProfile other = Resolved(
      table, {.model = "local/m", .base_url = "http://127.0.0.1:8000/v1"});
  CHECK(other.key_variables.empty());
  CHECK(other.base_url == "http://127.0.0.1:8000/v1");
}

TEST_CASE("the table that is compiled in knows every provider of a spec") {
  const ModelTable& table = ModelTable::BuiltIn();
  std::vector<std::string> order;
  for (const ModelTable::Default& entry : table.defaults()) {
    order.push_back(entry.provider);
    CHECK(!entry.key_variables.empty());
    const ModelProfile model = Resolved(table, {.model = entry.model});
    CHECK(model.price.has_value());
    CHECK(model.context.has_value());
    CHECK(model.price->source.starts_with("models.yaml 2026-"));
  }
  CHECK(order == std::vector<std::string>{"anthropic", "openai", "gemini",
                                          "openrouter"});
  const auto codec = [&table](const char* model) {
    return Name(Resolved(table, {.model = model}).codec);
  };
  CHECK(codec("anthropic/x") == "anthropic");
  CHECK(codec("openai/x") == "openai_chat");
  CHECK(codec("openai/gpt-5.3-codex") == "openai_responses");
  CHECK(codec("gemini/x") == "gemini");
  CHECK(codec("openrouter/a/b") == "openai_chat");
  const ModelProfile google = Resolved(table, {.model = "gemini/x"});
  CHECK(google.key_variables ==
        std::vector<std::string>{"GOOGLE_API_KEY", "GEMINI_API_KEY"});
}

TEST_CASE("what is wrong in a models.yaml is told with its line") {
  const auto with = [](const char* lines) {
    return ErrorOf(
        fmt::format("as_of: 2026-11-01\nproviders:\n  p:\n    codec: gemini\n  "
                    "  base_url: https://p.test\n{}",
                    lines));
  };
  CHECK(with("    base_ulr: x\n") ==
        "m.yaml:6: unknown key \"base_ulr\" in providers.p; did you mean "
        "\"base_url\"?");
  CHECK(with("    models:\n      m: {prise: 3}\n") ==
        "m.yaml:7: unknown key \"prise\" in providers.p.models.m; did you mean "
        "\"price\"?");
  CHECK(with("    models:\n      m: {price: {input: 1}}\n") ==
        "m.yaml:7: providers.p.models.m.price is a map; it must be a map with "
        "input and output");
  CHECK(with("    models:\n      m: {price: {input: 1, output: -2}}\n") ==
        "m.yaml:7: providers.p.models.m.price.output is -2; it must be a price "
        "in USD per million tokens");
  CHECK(
      with("    models:\n      m: {price: {input: 1, output: 2, cache: 1}}\n")
          .starts_with("m.yaml:7: unknown key \"cache\" in "
                       "providers.p.models.m.price; did you mean \"cached\"?"));
  CHECK(with("    models:\n      a: {default: true}\n      b: {default: "
             "true}\n") == "m.yaml:8: p has a default already: p/a");
  CHECK(with("    system_role: boss\n") ==
        "m.yaml:6: providers.p.system_role is \"boss\"; it must be one of "
        "developer, system");
  CHECK(with("    stream: maybe\n") ==
        "m.yaml:6: providers.p.stream is \"maybe\"; it must be true or false");
  CHECK(with("    context: 0\n") ==
        "m.yaml:6: providers.p.context is 0; it must be a whole number from 1 "
        "to 1000000000");
  CHECK(with("    rejects: [top_p]\n")
            .starts_with("m.yaml:6: providers.p.rejects[0] is \"top_p\"; it "
                         "must be one of temperature, effort"));
  CHECK(with("    as_of: yesterday\n") ==
        "m.yaml:6: providers.p.as_of is \"yesterday\"; it must be a date such "
        "as 2026-11-01");
  CHECK(with("    api_key_env: KEY\n") ==
        "m.yaml:6: providers.p.api_key_env is \"KEY\"; it must be a list");
  CHECK(ErrorOf("as_of: 2026-11-01\nproviders:\n  p: {codec: telepathy, "
                "base_url: x}\n")
            .starts_with(
                "m.yaml:3: providers.p.codec is \"telepathy\"; it must be one "
                "of openai_chat, openai_responses, anthropic, gemini, ollama"));
  CHECK(ErrorOf("as_of: 2026-11-01\nproviders:\n  p: {}\n") ==
        "m.yaml:3: providers.p is a map; it must be a map with codec and "
        "base_url");
  CHECK(ErrorOf("providers: {}\n") ==
        "m.yaml:1: as_of and providers must be there");
  CHECK(ErrorOf("as_of: 2026-11-01\nproviders: {}\nmodels: {}\n") ==
        "m.yaml:3: unknown key \"models\"");
  CHECK(ErrorOf("a: [\n").find("not YAML") != std::string::npos);
}

TEST_CASE("a profile cannot take over keys, framing, model or stream") {
  for (const char* header :
       {"authorization", "X-API-Key", "x-goog-api-key", "Host",
        "Content-Length", "Proxy-Authorization", "bad name"}) {
    CAPTURE(header);
    CHECK(ErrorOf(fmt::format("as_of: 2026-11-01\nproviders:\n  p: {{codec: "
                              "gemini, base_url: x, extra_headers: {{\"{}\": "
                              "v}}}}\n",
                              header))
              .find("a header that coppice does not set itself") !=
          std::string::npos);
  }
  for (const char* key : {"model", "stream"}) {
    CHECK(ErrorOf(fmt::format("as_of: 2026-11-01\nproviders:\n  p: {{codec: "
                              "gemini, base_url: x, extra_body: {{{}: 1}}}}\n",
                              key))
              .find("left to coppice") != std::string::npos);
  }
}

TEST_CASE("LiteLLM's file is read as it is") {
  const PriceFile prices = PriceFile::Parse(R"({
    "sample_spec": {"input_cost_per_token": 9, "output_cost_per_token": 9},
    "claude-x": {
      "input_cost_per_token": 3e-06, "output_cost_per_token": "1.5e-05",
      "cache_read_input_token_cost": 3e-07,
      "cache_creation_input_token_cost": 3.75e-06,
      "cache_creation_input_token_cost_above_1hr": 6e-06,
      "output_cost_per_reasoning_token": 1.6e-05,
      "input_cost_per_token_above_200k_tokens": 6e-06,
      "output_cost_per_token_above_200k_tokens": 2.25e-05,
      "cache_read_input_token_cost_above_200k_tokens": 6e-07,
      "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06,
      "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
      "input_cost_per_token_above_128k_tokens": 4e-06,
      "input_cost_per_token_above_272k_tokens_flex": 1,
      "input_cost_per_token_batches": 1.5e-06,
      "litellm_provider": "anthropic", "supports_vision": true,
      "max_input_tokens": "200000", "max_output_tokens": 64000},
    "gemini/g": {"input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06},
    "g": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
    "openrouter/a/b": {"input_cost_per_token": 5e-06,
                       "output_cost_per_token": 6e-06},
    "free": {"input_cost_per_token": 0, "output_cost_per_token": 0.0},
    "image": {"output_cost_per_image": 1},
    "half": {"input_cost_per_token": 1e-06},
    "odd": {"input_cost_per_token": "cheap", "output_cost_per_token": -1},
    "odder": [1]})",
                                            "p.json")
                               .value();
  CHECK(*prices.Find("anthropic", "claude-x") ==
        TokenPrice{.input = 3'000'000,
                   .output = 15'000'000,
                   .cached_read = 300'000,
                   .cache_write_5m = 3'750'000,
                   .cache_write_1h = 6'000'000,
                   .reasoning = 16'000'000,
                   .tiers = {{.above_tokens = 128'000,
                              .input = 4'000'000,
                              .output = 15'000'000},
                             {.above_tokens = 200'000,
                              .input = 6'000'000,
                              .output = 22'500'000,
                              .cached_read = 600'000,
                              .cache_write_5m = 7'500'000,
                              .cache_write_1h = 12'000'000}},
                   .source = "p.json"});
  CHECK(prices.FindLimits("anthropic", "claude-x").context == 200'000);
  CHECK(prices.FindLimits("anthropic", "claude-x").max_output == 64'000);
  CHECK(prices.Find("gemini", "g")->input == 2'000'000);
  CHECK(prices.Find("other", "g")->input == 1'000'000);
  CHECK(prices.Find("openrouter", "a/b")->input == 5'000'000);
  CHECK(prices.Find("local", "free")->input == 0);
  for (const char* model : {"sample_spec", "image", "half", "odd", "odder"}) {
    CAPTURE(model);
    CHECK(!prices.Find("any", model));
  }
}

TEST_CASE("a file that prices nothing is refused") {
  for (const char* text :
       {"[]", "7", "{}", "{\"sample_spec\": {}}", "{", "", "{\"a\": 1e999}",
        "{\"m\": {\"input_cost_per_token\": 1}}"}) {
    CAPTURE(text);
    const Result<PriceFile> prices = PriceFile::Parse(text, "p.json");
    REQUIRE(!prices.has_value());
    CHECK(prices.error().code == ErrorCode::kUsage);
    CHECK(prices.error().where == "p.json");
  }
}

}  // namespace
}  // namespace coppice::spec

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "llm/codec_fixture.h"
#include "support/golden.h"

namespace coppice::llm::testing {
namespace {

using spec::Codec;
using spec::ModelProfile;

Call Plain() {
  return {.messages = {{Role::kSystem, "be brief"}, {Role::kUser, "hi"}},
          .max_output_tokens = 16000};
}

Call Full() {
  return {.messages = {{Role::kSystem, "be brief"},
                       {Role::kSystem, "answer in edits"},
                       {Role::kUser, "a \xff \"quoted\" 🙂"},
                       {Role::kAssistant, "b"},
                       {Role::kUser, "c"}},
          .max_output_tokens = 16000,
          .temperature = 0.25,
          .schema = JsonSchema{"score", R"({"type":"object"})"},
          .cache_key = "run-7",
          .estimated_input = 5000};
}

std::string UrlOf(Codec codec) {
  const bool openai =
      codec == Codec::kOpenAiChat || codec == Codec::kOpenAiResponses;
  return openai ? "https://h.test/v1" : "https://h.test";
}

std::string Render(std::string_view title, const Call& call,
                   const ModelProfile& profile, const Credentials& key,
                   const Dropped& dropped) {
  const HttpRequest request =
      Encode(call, profile, UrlOf(profile.codec), key, dropped);
  std::string out =
      fmt::format("== {}\n{} {}\n", title, request.method, request.url);
  for (const auto& [name, value] : request.headers) {
    out += fmt::format("{}: {}\n", name, value);
  }
  return out + Json::parse(request.body).dump(1) + "\n\n";
}

ModelProfile Rich(Codec codec) {
  ModelProfile profile = ProfileOf(codec);
  profile.effort = "high";
  profile.extra_headers = {{"X-Title", "coppice"},
                           {"user-agent", "mine"},
                           {"Authorization", "Bearer stolen"},
                           {"X-API-Key", "stolen"}};
  profile.extra_body =
      R"({"model":"other","stream":false,"top_p":0.5,"temperature":1,)"
      R"("options":{"num_gpu":1},"generationConfig":{"topK":3}})";
  return profile;
}

constexpr Dropped kAll{.temperature = true,
                       .effort = true,
                       .schema = true,
                       .stream_options = true,
                       .swapped_max_tokens = true,
                       .system_role = true};

TEST_CASE("requests are, byte for byte, those of the golden files") {
  for (const Codec codec : kCodecs) {
    const ModelProfile plain = ProfileOf(codec);
    const Credentials key{.key = "k-1", .variable = "K"};
    std::string all = Render("plain", Plain(), plain, key, {});
    all += Render("everything", Full(), Rich(codec), key, {});
    ModelProfile effort = plain;
    effort.effort = "high";
    all += Render("everything dropped", Full(), effort, {}, kAll);
    ModelProfile rejecting = effort;
    rejecting.rejects = {"temperature",    "effort",           "schema",
                         "stream_options", "prompt_cache_key", "cache_control"};
    all += Render("everything rejected", Full(), rejecting, {}, {});
    ModelProfile whole = plain;
    whole.stream = false;
    whole.max_output = 4096;
    all += Render("not streamed, capped", Plain(), whole, {}, {});
    coppice::testing::CheckGolden(
        fmt::format("llm/golden/{}/requests.txt", Name(codec)), all);
  }
}

Json BodyOf(const Call& call, const ModelProfile& profile) {
  return Json::parse(Encode(call, profile, UrlOf(profile.codec), {}, {}).body);
}

std::string HeaderOf(const HttpRequest& request, std::string_view name) {
  return std::string(FindHeader(request.headers, name).value_or("(none)"));
}

TEST_CASE("without a key there is no header of one") {
  for (const Codec codec : kCodecs) {
    CAPTURE(Name(codec));
    const HttpRequest request =
        Encode(Plain(), ProfileOf(codec), UrlOf(codec), {}, {});
    for (const char* name : {"authorization", "x-api-key", "x-goog-api-key"}) {
      CHECK(HeaderOf(request, name) == "(none)");
    }
  }
}

TEST_CASE("an Anthropic key is a bearer token when its variable says so") {
  const HttpRequest request =
      Encode(Plain(), ProfileOf(Codec::kAnthropic), "https://h.test",
             {.key = "k-1", .bearer = true}, {});
  CHECK(HeaderOf(request, "Authorization") == "Bearer k-1");
  CHECK(HeaderOf(request, "x-api-key") == "(none)");
}

TEST_CASE("organization and project of OpenAI go into headers") {
  const HttpRequest request =
      Encode(Plain(), ProfileOf(Codec::kOpenAiChat), "https://h.test/v1",
             {.key = "k", .organization = "org-1", .project = "p-1"}, {});
  CHECK(HeaderOf(request, "OpenAI-Organization") == "org-1");
  CHECK(HeaderOf(request, "OpenAI-Project") == "p-1");
}

TEST_CASE("extra headers replace what is fixed but never the key") {
  ModelProfile profile = ProfileOf(Codec::kAnthropic);
  profile.extra_headers = {{"Anthropic-Version", "2030-01-01"},
                           {"anthropic-beta", "new"},
                           {"X-API-KEY", "stolen"}};
  const HttpRequest request =
      Encode(Plain(), profile, "https://h.test", {.key = "k-1"}, {});
  CHECK(HeaderOf(request, "anthropic-version") == "2030-01-01");
  CHECK(HeaderOf(request, "anthropic-beta") == "new");
  CHECK(HeaderOf(request, "x-api-key") == "k-1");
}

TEST_CASE("what the transport needs of a profile is in the request") {
  ModelProfile profile = ProfileOf(Codec::kGemini);
  profile.proxy = "http://proxy.test:1";
  profile.ca_file = "/ca.pem";
  const HttpRequest request =
      Encode(Plain(), profile, "https://h.test/", {}, {});
  CHECK(request.proxy == "http://proxy.test:1");
  CHECK(request.ca_file == "/ca.pem");
  CHECK(request.codec == "gemini");
  CHECK(request.model == "m-1");
  CHECK(request.url ==
        "https://h.test/v1beta/models/m-1:streamGenerateContent?alt=sse");
}

TEST_CASE("a Gemini model's name is escaped in the path") {
  ModelProfile profile = ProfileOf(Codec::kGemini);
  profile.stream = false;
  const auto url = [&profile](std::string model) {
    profile.model = std::move(model);
    return Encode(Plain(), profile, "https://h.test", {}, {}).url;
  };
  CHECK(url("models/gemini-3") ==
        "https://h.test/v1beta/models/gemini-3:generateContent");
  CHECK(url("a b/../c?d#e") ==
        "https://h.test/v1beta/models/a%20b%2F..%2Fc%3Fd%23e:generateContent");
}

TEST_CASE("a numeric effort is Gemini's budget of thinking tokens") {
  ModelProfile profile = ProfileOf(Codec::kGemini);
  profile.effort = "2048";
  CHECK(BodyOf(Plain(), profile)["generationConfig"]["thinkingConfig"] ==
        Json{{"thinkingBudget", 2048}});
  profile.effort = "low";
  CHECK(BodyOf(Plain(), profile)["generationConfig"]["thinkingConfig"] ==
        Json{{"thinkingLevel", "low"}});
}

TEST_CASE("Ollama's context holds prompt and answer, in steps of 1024") {
  const ModelProfile profile = ProfileOf(Codec::kOllama);
  Call call = Plain();
  const auto context = [&](std::int64_t input, int output) {
    call.estimated_input = input;
    call.max_output_tokens = output;
    return BodyOf(call, profile)["options"]["num_ctx"].get<int>();
  };
  CHECK(context(1, 1) == 1024);
  CHECK(context(1000, 24) == 1024);
  CHECK(context(1000, 25) == 2048);
  CHECK(context(100'000, 16'000) == 116'736);
}

TEST_CASE("extra_body is merged map by map and takes keys away with null") {
  ModelProfile profile = ProfileOf(Codec::kOllama);
  profile.extra_body = R"({"options":{"num_gpu":1,"num_ctx":null},"raw":true})";
  const Json body = BodyOf(Plain(), profile);
  CHECK(body["options"] == Json{{"num_gpu", 1}, {"num_predict", 16000}});
  CHECK(body["raw"] == true);
}

TEST_CASE("a body that no JSON parser accepts leaves the request as it was") {
  ModelProfile profile = ProfileOf(Codec::kAnthropic);
  const Json before = BodyOf(Plain(), profile);
  for (const char* extra : {"{", "[1]", "7", "null", ""}) {
    profile.extra_body = extra;
    CHECK(BodyOf(Plain(), profile) == before);
  }
}

TEST_CASE("without a system text there is no empty one") {
  Call call = Plain();
  call.messages.erase(call.messages.begin());
  for (const Codec codec : kCodecs) {
    CAPTURE(Name(codec));
    const Json body = BodyOf(call, ProfileOf(codec));
    for (const char* key : {"system", "instructions", "systemInstruction"}) {
      CHECK(!body.contains(key));
    }
    if (body.contains("messages")) CHECK(body["messages"].size() == 1);
  }
}

}  // namespace
}  // namespace coppice::llm::testing

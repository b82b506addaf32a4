#include <doctest/doctest.h>

#include <string>

#include "llm/codec.h"

namespace coppice::llm {
namespace {

using spec::Codec;

std::string UrlOf(std::string_view written, Codec codec, bool exact = false) {
  const Result<BaseUrl> base = NormaliseBaseUrl(written, codec, exact);
  return base ? base->url : "refused: " + base.error().cause;
}

TEST_CASE("whatever of a base URL is written, each codec gets its own") {
  struct Row {
    Codec codec;
    const char* written;
    const char* url;
  };
  const Row rows[] = {
      {Codec::kOpenAiChat, "https://api.openai.com",
       "https://api.openai.com/v1"},
      {Codec::kOpenAiChat, "https://api.openai.com/",
       "https://api.openai.com/v1"},
      {Codec::kOpenAiChat, "https://api.openai.com/v1",
       "https://api.openai.com/v1"},
      {Codec::kOpenAiChat, " https://api.openai.com/v1// ",
       "https://api.openai.com/v1"},
      {Codec::kOpenAiChat, "https://openrouter.ai/api/v1",
       "https://openrouter.ai/api/v1"},
      {Codec::kOpenAiChat, "https://h.test/openai/deployments/x",
       "https://h.test/openai/deployments/x"},
      {Codec::kOpenAiResponses, "https://api.openai.com",
       "https://api.openai.com/v1"},
      {Codec::kAnthropic, "https://api.anthropic.com",
       "https://api.anthropic.com"},
      {Codec::kAnthropic, "https://api.anthropic.com/v1/",
       "https://api.anthropic.com"},
      {Codec::kAnthropic, "https://gateway.test/anthropic",
       "https://gateway.test/anthropic"},
      {Codec::kGemini, "https://g.test/v1beta", "https://g.test"},
      {Codec::kGemini, "https://g.test", "https://g.test"},
      {Codec::kOllama, "http://localhost:11434/v1", "http://localhost:11434"},
      {Codec::kOllama, "http://localhost:11434/", "http://localhost:11434"},
      {Codec::kOllama, "localhost", "http://localhost:11434"},
      {Codec::kOllama, "gpu.lan:8080", "http://gpu.lan:8080"},
      {Codec::kOllama, "0.0.0.0", "http://127.0.0.1:11434"},
      {Codec::kOllama, "http://0.0.0.0:9", "http://127.0.0.1:9"},
      {Codec::kOllama, "[::1]", "http://[::1]:11434"},
      {Codec::kOllama, "http://[::]:7", "http://[::1]:7"},
      {Codec::kOpenAiChat, "localhost:11434", "http://localhost:11434/v1"},
      {Codec::kOpenAiChat, "0.0.0.0", "http://127.0.0.1:11434/v1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.written);
    const Result<BaseUrl> base =
        NormaliseBaseUrl(row.written, row.codec, false);
    REQUIRE(base.has_value());
    CHECK(base->url == row.url);
    CHECK(base->warning == "");
    // What came out goes in unchanged.
    CHECK(UrlOf(base->url, row.codec) == row.url);
  }
}

TEST_CASE("a whole endpoint is cut back, with a warning") {
  struct Row {
    Codec codec;
    const char* written;
    const char* url;
  };
  const Row rows[] = {
      {Codec::kOpenAiChat, "https://h.test/v1/chat/completions",
       "https://h.test/v1"},
      {Codec::kOpenAiChat, "https://h.test/chat/completions/",
       "https://h.test/v1"},
      {Codec::kOpenAiResponses, "https://h.test/v1/responses",
       "https://h.test/v1"},
      {Codec::kAnthropic, "https://h.test/v1/messages", "https://h.test"},
      {Codec::kGemini, "https://h.test/v1beta/models/m:generateContent",
       "https://h.test"},
      {Codec::kOllama, "http://localhost:11434/api/chat",
       "http://localhost:11434"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.written);
    const Result<BaseUrl> base =
        NormaliseBaseUrl(row.written, row.codec, false);
    REQUIRE(base.has_value());
    CHECK(base->url == row.url);
    CHECK(base->warning.find(row.url) != std::string::npos);
  }
}

TEST_CASE("an exact base URL stays as it is") {
  CHECK(UrlOf("https://h.test/v1/messages", Codec::kAnthropic, true) ==
        "https://h.test/v1/messages");
  CHECK(UrlOf("https://h.test", Codec::kOpenAiChat, true) == "https://h.test");
}

TEST_CASE("a base URL that cannot be used is refused, passwords unsaid") {
  for (const bool exact : {false, true}) {
    for (const char* bad :
         {"", "ftp://h.test", "api.openai.com/v1", "https://",
          "https://u:p@h.test", "https://h.test/v1?x=1", "https://h.test/#a",
          "https://h.test/a b", "http://h.test:99999"}) {
      CAPTURE(bad);
      const Result<BaseUrl> base =
          NormaliseBaseUrl(bad, Codec::kOpenAiChat, exact);
      REQUIRE(!base.has_value());
      CHECK(base.error().code == ErrorCode::kUsage);
      CHECK(base.error().cause != "");
      CHECK(base.error().Text().find("u:p") == std::string::npos);
    }
  }
}

TEST_CASE("a key goes in the clear to this machine only, unless allowed") {
  const auto allowed = [](const char* url, bool has_key, bool allow) {
    return CheckPlainHttp(url, has_key, allow).has_value();
  };
  CHECK(!allowed("http://h.test/v1", true, false));
  CHECK(!allowed("http://127.0.0.1.evil.test/v1", true, false));
  CHECK(!allowed("http://10.0.0.5:8000/v1", true, false));
  CHECK(allowed("http://h.test/v1", true, true));
  CHECK(allowed("http://h.test/v1", false, false));
  CHECK(allowed("https://h.test/v1", true, false));
  CHECK(allowed("http://localhost:8000/v1", true, false));
  CHECK(allowed("http://127.0.0.9:8000", true, false));
  CHECK(allowed("http://[::1]:8000", true, false));
  const Result<void> refused = CheckPlainHttp("http://h.test", true, false);
  CHECK(refused.error().code == ErrorCode::kUsage);
}

}  // namespace
}  // namespace coppice::llm

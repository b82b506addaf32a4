#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/rng.h"
#include "llm/codec_fixture.h"
#include "support/golden.h"

namespace coppice::llm::testing {
namespace {

constexpr int kSplits = 1000;

TEST_CASE("every recorded response is read as its golden says") {
  for (const spec::Codec codec : kCodecs) {
    std::string all;
    for (const Response& response : LoadResponses(codec)) {
      all +=
          fmt::format("== {}\n{}\n", response.name, Render(Decode(response)));
    }
    coppice::testing::CheckGolden(
        fmt::format("llm/golden/{}/expected.txt", Name(codec)), all);
  }
}

TEST_CASE("a response reads the same byte by byte and at random splits") {
  Rng rng(42);
  for (const spec::Codec codec : kCodecs) {
    for (const Response& response : LoadResponses(codec)) {
      CAPTURE(response.name);
      const std::string whole = Render(Decode(response));
      CHECK(Render(DecodeBytewise(response)) == whole);
      if (response.body.size() < 2) continue;
      int different = 0;
      for (int i = 0; i < kSplits; ++i) {
        std::vector<std::size_t> cuts(1 + rng.Below(6));
        for (std::size_t& cut : cuts) cut = rng.Below(response.body.size());
        std::ranges::sort(cuts);
        different += Render(Decode(response, cuts)) != whole ? 1 : 0;
      }
      CHECK(different == 0);
    }
  }
}

std::string Replaced(std::string text, std::string_view from,
                     std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST_CASE("line ends, byte order marks and comments do not change a stream") {
  for (const spec::Codec codec : kCodecs) {
    if (codec == spec::Codec::kOllama) continue;
    const Response clean = LoadResponse(codec, "ok_stream");
    const std::string want = Render(Decode(clean));
    CHECK(want.starts_with("stop: complete"));
    const std::string variants[] = {
        Replaced(clean.body, "\n", "\r"),
        Replaced(clean.body, "\n", "\r\n"),
        "\xef\xbb\xbf" + clean.body,
        "\n\n  \n" + clean.body,
        Replaced(clean.body, "\n\n", "\n\n: comment\n\n:\n\n"),
        Replaced(clean.body, "data: ", "data:"),
        Replaced(clean.body, "data: ", "id: 7\nretry: 5\nodd\ndata: "),
        // One event on several data lines.
        Replaced(clean.body, ", \"", ",\ndata: \""),
    };
    for (const std::string& body : variants) {
      Response variant = clean;
      variant.body = body;
      CAPTURE(body);
      CHECK(body != clean.body);
      CHECK(Render(Decode(variant)) == want);
      CHECK(Render(DecodeBytewise(variant)) == want);
    }
  }
}

TEST_CASE("one call reads the same in all dialects, plain and streamed") {
  // Ollama says nothing of a cache: no details there.
  for (const spec::Codec codec : kCodecs) {
    for (const char* name : {"ok", "ok_stream"}) {
      CAPTURE(Name(codec));
      const ReplyDecoder::End end = Decode(LoadResponse(codec, name));
      REQUIRE(end.reply);
      CHECK(end.reply->text == "Fast h\u00e9llo \U0001F642\nsecond line");
      CHECK(end.reply->stop == StopReason::kComplete);
      TokenUsage usage = end.reply->usage;
      usage.raw.clear();
      CHECK(usage == TokenUsage{.input_total = 25, .output_total = 10});
    }
  }
}

TEST_CASE("one call with cache and reasoning costs the same in all dialects") {
  const spec::TokenPrice price{.input = 2'000'000,
                               .output = 10'000'000,
                               .cached_read = 200'000,
                               .reasoning = 12'000'000};
  const std::pair<spec::Codec, const char*> calls[] = {
      {spec::Codec::kOpenAiChat, "usage_details"},
      {spec::Codec::kOpenAiResponses, "usage_details"},
      {spec::Codec::kGemini, "usage_thoughts"}};
  for (const auto& [codec, name] : calls) {
    CAPTURE(Name(codec));
    const ReplyDecoder::End end = Decode(LoadResponse(codec, name));
    REQUIRE(end.reply);
    TokenUsage usage = end.reply->usage;
    usage.raw.clear();
    CHECK(usage == TokenUsage{.input_total = 2048,
                              .cached_read = 1024,
                              .output_total = 300,
                              .reasoning = 256});
    CHECK(CostOf(usage, price, codec) == 1024 * 2'000'000LL + 1024 * 200'000LL +
                                             44 * 10'000'000LL +
                                             256 * 12'000'000LL);
  }
  // Anthropic counts the cache beside the input, and writes to it.
  const ReplyDecoder::End end =
      Decode(LoadResponse(spec::Codec::kAnthropic, "usage_cache"));
  REQUIRE(end.reply);
  TokenUsage usage = end.reply->usage;
  usage.raw.clear();
  CHECK(usage == TokenUsage{.input_total = 724 + 300 + 1024,
                            .cached_read = 1024,
                            .cache_write_5m = 300,
                            .output_total = 300,
                            .reasoning = 256});
}

}  // namespace
}  // namespace coppice::llm::testing

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "llm/codec.h"
#include "llm/codec_fixture.h"

namespace coppice::llm {
namespace {

using spec::Codec;
using spec::Picodollars;
using spec::TokenPrice;

constexpr Picodollars kIn = 3'000'000;  // 3 USD per million tokens
constexpr Picodollars kOut = 15'000'000;

TEST_CASE("every kind of token has its price") {
  const TokenUsage usage{.input_total = 1000,
                         .cached_read = 400,
                         .cache_write_5m = 200,
                         .cache_write_1h = 100,
                         .output_total = 50,
                         .reasoning = 30};
  const TokenPrice price{.input = kIn,
                         .output = kOut,
                         .cached_read = 300'000,
                         .cache_write_5m = 3'750'000,
                         .cache_write_1h = 6'000'000,
                         .reasoning = 20'000'000};
  CHECK(CostOf(usage, price, Codec::kAnthropic) ==
        300 * kIn + 400 * 300'000 + 200 * 3'750'000 + 100 * 6'000'000 +
            20 * kOut + 30 * 20'000'000);
}

TEST_CASE("prices that are not told follow from those that are") {
  const TokenUsage usage{.input_total = 1000,
                         .cached_read = 400,
                         .cache_write_5m = 200,
                         .cache_write_1h = 100,
                         .output_total = 50,
                         .reasoning = 30};
  const TokenPrice price{.input = kIn, .output = kOut};
  const Picodollars rest = (300 + 400) * kIn + 100 * 2 * kIn + 50 * kOut;
  CHECK(CostOf(usage, price, Codec::kOpenAiChat) == rest + 200 * kIn);
  CHECK(CostOf(usage, price, Codec::kAnthropic) == rest + 200 * kIn * 5 / 4);
}

TEST_CASE("what the provider charged replaces the table") {
  const auto end = testing::Decode(
      testing::LoadResponse(Codec::kOpenAiChat, "openrouter_stream"));
  REQUIRE(end.reply);
  const TokenPrice price{.input = kIn, .output = kOut};
  CHECK(CostOf(end.reply->usage, price, Codec::kOpenAiChat) == 1'230'000'000);
  // Both are on record: the tokens stay what they were.
  CHECK(end.reply->usage.input_total == 1000);
  TokenUsage without = end.reply->usage;
  without.provider_cost.reset();
  CHECK(CostOf(without, price, Codec::kOpenAiChat) == 1000 * kIn + 50 * kOut);
}

TEST_CASE("above a tier the whole request costs the tier") {
  TokenPrice price{.input = kIn, .output = kOut, .cached_read = 300'000};
  price.tiers = {{.above_tokens = 1000,
                  .input = 2 * kIn,
                  .output = 2 * kOut,
                  .cached_read = 600'000},
                 {.above_tokens = 5000, .input = 4 * kIn, .output = 4 * kOut}};
  const auto cost = [&price](std::int64_t input, std::int64_t cached) {
    return CostOf(
        {.input_total = input, .cached_read = cached, .output_total = 10},
        price, Codec::kOpenAiChat);
  };
  CHECK(cost(1000, 0) == 1000 * kIn + 10 * kOut);
  CHECK(cost(1001, 1) == 1000 * 2 * kIn + 600'000 + 10 * 2 * kOut);
  // The upper tier does not say what cached tokens cost: as fresh ones.
  CHECK(cost(5001, 1) == 5001 * 4 * kIn + 10 * 4 * kOut);
}

TEST_CASE("the worst case is at least whatever the call can cost") {
  TokenPrice price{.input = kIn, .output = kOut, .reasoning = 2 * kOut};
  price.tiers = {{.above_tokens = 1000, .input = 2 * kIn, .output = 2 * kOut}};
  CHECK(WorstCostOf(1000, 50, price, Codec::kOpenAiChat) ==
        1000 * kIn + 50 * 2 * kOut);
  CHECK(WorstCostOf(1000, 50, price, Codec::kAnthropic) ==
        1000 * kIn * 5 / 4 + 50 * 2 * kOut);
  CHECK(WorstCostOf(2000, 50, price, Codec::kOpenAiChat) ==
        2000 * 2 * kIn + 50 * 2 * kOut);
}

TEST_CASE("a cost that would not fit is the largest there is") {
  const TokenPrice price{.input = kIn * 1'000'000, .output = kOut};
  CHECK(CostOf({.input_total = 1'000'000'000'000}, price, Codec::kGemini) ==
        std::numeric_limits<Picodollars>::max());
}

TEST_CASE("a model that is free costs nothing") {
  CHECK(CostOf({.input_total = 100, .output_total = 100}, {}, Codec::kOllama) ==
        0);
}

TEST_CASE("tokens are bytes / 2 until a model has been seen five times") {
  TokenEstimator estimator;
  CHECK(estimator.Tokens(3001) == 1501);
  for (int i = 0; i < 4; ++i) estimator.Observe(4000, 1000);
  CHECK(estimator.Tokens(3000) == 1500);
  estimator.Observe(4000, 1000);
  // 1.1 / 4 is less than a third: that is the floor.
  CHECK(estimator.Tokens(3000) == 1000);
  CHECK(estimator.Tokens(0) == 0);
  CHECK(estimator.Tokens(-7) == 0);
}

TEST_CASE("ten observations of two bytes a token bring it within a tenth") {
  TokenEstimator estimator;
  for (int i = 0; i < 10; ++i) estimator.Observe(2000, 1000);
  for (const std::int64_t bytes : {100, 2000, 123'456, 9'999'998}) {
    const auto tokens = static_cast<double>(estimator.Tokens(bytes));
    CHECK(std::abs(tokens / (static_cast<double>(bytes) / 2) - 1) <= 0.1001);
  }
}

TEST_CASE("an estimator follows a change and believes no nonsense") {
  TokenEstimator estimator;
  for (int i = 0; i < 10; ++i) estimator.Observe(2000, 1000);
  const std::int64_t before = estimator.Tokens(10'000);
  estimator.Observe(0, 5);
  estimator.Observe(5, 0);
  estimator.Observe(-5, -5);
  CHECK(estimator.Tokens(10'000) == before);
  for (int i = 0; i < 40; ++i) estimator.Observe(10, 1'000'000);
  CHECK(estimator.Tokens(15'000) == 11'000);  // 1.5 bytes a token, and a tenth
  for (int i = 0; i < 80; ++i) estimator.Observe(1'000'000, 1);
  CHECK(estimator.Tokens(15'000) == 5000);
}

}  // namespace
}  // namespace coppice::llm

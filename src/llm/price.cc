#include <algorithm>
#include <limits>

#include "llm/codec.h"

// PROVIDERS §6, in whole picodollars. A sum that would not fit stays at the
// largest amount: a budget refuses it either way.

namespace coppice::llm {
namespace {

using spec::Picodollars;

constexpr Picodollars kMost = std::numeric_limits<Picodollars>::max();

Picodollars Times(std::int64_t tokens, Picodollars price) {
  Picodollars product = 0;
  return __builtin_mul_overflow(tokens, price, &product) ? kMost : product;
}

Picodollars Plus(Picodollars a, Picodollars b) {
  Picodollars sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? kMost : sum;
}

// What a token costs in a request of that size: everything filled in.
struct Rates {
  Picodollars input, cached_read, write_5m, write_1h, output, reasoning;
};

Rates RatesFor(std::int64_t input_tokens, const spec::TokenPrice& price,
               spec::Codec codec) {
  spec::TokenPrice::Tier at{.input = price.input,
                            .output = price.output,
                            .cached_read = price.cached_read,
                            .cache_write_5m = price.cache_write_5m,
                            .cache_write_1h = price.cache_write_1h};
  Picodollars reasoning = price.reasoning.value_or(price.output);
  for (const spec::TokenPrice::Tier& tier : price.tiers) {
    if (input_tokens <= tier.above_tokens) break;
    at = tier;
    reasoning = std::max(price.reasoning.value_or(0), tier.output);
  }
  const bool writes_cost_more = codec == spec::Codec::kAnthropic;
  const Picodollars write =
      writes_cost_more ? Plus(at.input, (at.input + 3) / 4) : at.input;
  return {.input = at.input,
          .cached_read = at.cached_read.value_or(at.input),
          .write_5m = at.cache_write_5m.value_or(write),
          .write_1h = at.cache_write_1h.value_or(Times(2, at.input)),
          .output = at.output,
          .reasoning = reasoning};
}

}  // namespace

Picodollars CostOf(const TokenUsage& usage, const spec::TokenPrice& price,
                   spec::Codec codec) {
  if (usage.provider_cost) return *usage.provider_cost;
  const Rates rates = RatesFor(usage.input_total, price, codec);
  const std::int64_t fresh = usage.input_total - usage.cached_read -
                             usage.cache_write_5m - usage.cache_write_1h;
  Picodollars cost = Times(fresh, rates.input);
  cost = Plus(cost, Times(usage.cached_read, rates.cached_read));
  cost = Plus(cost, Times(usage.cache_write_5m, rates.write_5m));
  cost = Plus(cost, Times(usage.cache_write_1h, rates.write_1h));
  cost = Plus(cost, Times(usage.output_total - usage.reasoning, rates.output));
  return Plus(cost, Times(usage.reasoning, rates.reasoning));
}

Picodollars WorstCostOf(std::int64_t input_tokens, int max_output_tokens,
                        const spec::TokenPrice& price, spec::Codec codec) {
  const Rates rates = RatesFor(input_tokens, price, codec);
  return Plus(
      Times(input_tokens, std::max(rates.input, rates.write_5m)),
      Times(max_output_tokens, std::max(rates.output, rates.reasoning)));
}

}  // namespace coppice::llm

#include <doctest/doctest.h>

#include "llm/codec.h"

namespace coppice::llm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kDate[] = "Sat, 21 Nov 2026 12:00:00 GMT";
constexpr char kRetryInfo[] =
    R"({"error":{"code":429,"details":[{"retryDelay":"34s"}]}})";

std::optional<Duration> Wait(HttpHeaders headers, std::string_view body = "") {
  return StatedWait(headers, body);
}

TEST_CASE("the more exact statement of a wait wins") {
  HttpHeaders headers{{"Date", kDate},
                      {"x-ratelimit-remaining-requests", "0"},
                      {"x-ratelimit-reset-requests", "90s"}};
  CHECK(Wait(headers) == Duration(seconds(90)));
  CHECK(Wait(headers, kRetryInfo) == Duration(seconds(34)));
  headers.emplace_back("Retry-After", "7");
  CHECK(Wait(headers, kRetryInfo) == Duration(seconds(7)));
  headers.emplace_back("Retry-After-Ms", "250.5");
  CHECK(Wait(headers, kRetryInfo) == Duration(250'500));
}

TEST_CASE("retry-after is a number or a date, held against the server's own") {
  CHECK(Wait({{"retry-after", "2.5"}}) == Duration(milliseconds(2500)));
  CHECK(Wait({{"retry-after", "3600"}}) == Duration(seconds(3600)));
  CHECK(Wait({{"retry-after", "0"}}) == Duration(0));
  for (const char* date :
       {"Sat, 21 Nov 2026 12:02:00 GMT", "Saturday, 21-Nov-26 12:02:00 GMT",
        "Sat Nov 21 12:02:00 2026"}) {
    CAPTURE(date);
    CHECK(Wait({{"retry-after", date}, {"date", kDate}}) ==
          Duration(seconds(120)));
    CHECK(Wait({{"retry-after", date}}) == std::nullopt);
  }
  CHECK(Wait({{"retry-after", "Fri Nov  6 12:00:00 2026"},
              {"date", "Fri, 06 Nov 2026 11:59:00 GMT"}}) ==
        Duration(seconds(60)));
}

TEST_CASE("waits are never negative, and never beyond a year") {
  CHECK(Wait({{"retry-after", "-5"}}) == Duration(0));
  CHECK(Wait({{"retry-after-ms", "-5"}}) == Duration(0));
  CHECK(Wait({{"retry-after", "Sat, 21 Nov 2026 11:00:00 GMT"},
              {"date", kDate}}) == Duration(0));
  CHECK(Wait({{"retry-after", "1e300"}}) ==
        Duration(std::chrono::hours(24 * 366)));
}

TEST_CASE("garbage states nothing, and the next source counts") {
  for (const char* garbage :
       {"", "soon", "3,600", "nan", "inf", "Sat, 99 Nov 2026 12:00:00 GMT",
        "Sat, 21 Nov", "GMT", "Sat Nov"}) {
    CAPTURE(garbage);
    CHECK(Wait({{"retry-after", garbage}, {"date", kDate}}) == std::nullopt);
    CHECK(Wait({{"retry-after", garbage}, {"date", kDate}}, kRetryInfo) ==
          Duration(seconds(34)));
  }
}

TEST_CASE("a bucket that still holds something asks for no wait") {
  CHECK(Wait({{"x-ratelimit-remaining-tokens", "1"},
              {"x-ratelimit-reset-tokens", "9s"}}) == std::nullopt);
  CHECK(Wait({{"x-ratelimit-remaining-tokens", "0"}}) == std::nullopt);
  CHECK(Wait({{"x-ratelimit-remaining-tokens", "0"},
              {"x-ratelimit-reset-tokens", "9s"},
              {"x-ratelimit-remaining-requests", "0"},
              {"x-ratelimit-reset-requests", "11s"}}) == Duration(seconds(11)));
}

TEST_CASE("OpenAI's rate headers count down in Go durations") {
  const RateState state =
      ReadRateHeaders({{"x-ratelimit-limit-requests", "500"},
                       {"x-ratelimit-remaining-requests", "499"},
                       {"x-ratelimit-reset-requests", "120ms"},
                       {"x-ratelimit-remaining-tokens", "29900"},
                       {"x-ratelimit-reset-tokens", "6m0.5s"}});
  CHECK(state.requests == 499);
  CHECK(state.requests_reset == Duration(milliseconds(120)));
  CHECK(state.tokens == 29900);
  CHECK(state.tokens_reset == Duration(milliseconds(360'500)));
}

TEST_CASE("Anthropic's rate headers count down to dates") {
  HttpHeaders headers{
      {"date", kDate},
      {"anthropic-ratelimit-requests-remaining", "49"},
      {"anthropic-ratelimit-requests-reset", "2026-11-21T12:00:01Z"},
      {"anthropic-ratelimit-input-tokens-remaining", "40000"},
      {"anthropic-ratelimit-input-tokens-reset", "2026-11-21T12:00:20Z"},
      {"anthropic-ratelimit-output-tokens-remaining", "8000"},
      {"anthropic-ratelimit-output-tokens-reset", "2026-11-21T13:00:30+01:00"}};
  RateState state = ReadRateHeaders(headers);
  CHECK(state.requests == 49);
  CHECK(state.requests_reset == Duration(seconds(1)));
  CHECK(state.tokens == 8000);
  CHECK(state.tokens_reset == Duration(seconds(30)));
  headers.emplace_back("anthropic-ratelimit-tokens-remaining", "12000");
  headers.emplace_back("anthropic-ratelimit-tokens-reset",
                       "2026-11-21T12:00:40.5Z");
  state = ReadRateHeaders(headers);
  CHECK(state.tokens == 12000);
  CHECK(state.tokens_reset == Duration(seconds(40)));
}

TEST_CASE("absent and broken rate headers say nothing") {
  const RateState none = ReadRateHeaders({});
  CHECK(!none.requests);
  CHECK(!none.tokens_reset);
  const RateState broken =
      ReadRateHeaders({{"x-ratelimit-remaining-requests", "many"},
                       {"x-ratelimit-reset-requests", "6x"},
                       {"anthropic-ratelimit-tokens-remaining", "-4"},
                       {"anthropic-ratelimit-tokens-reset", "tomorrow"}});
  CHECK(!broken.requests);
  CHECK(!broken.requests_reset);
  CHECK(broken.tokens == 0);
  CHECK(!broken.tokens_reset);
}

TEST_CASE("the id of a request is read from either header") {
  CHECK(RequestId({{"X-Request-Id", "a"}, {"request-id", "b"}}) == "a");
  CHECK(RequestId({{"Request-ID", "b"}}) == "b");
  CHECK(RequestId({}) == "");
}

}  // namespace
}  // namespace coppice::llm

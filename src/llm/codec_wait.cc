#include "llm/codec_wait.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>

#include "base/text.h"
#include "llm/classify.h"
#include "llm/codec.h"

// Times that servers state: as numbers, as durations of Go, as dates. A date
// is held against the response's own Date, so that a wrong clock here cannot
// stretch a wait; without one it says nothing.

namespace coppice::llm {
namespace wire {
namespace {

constexpr double kMostSeconds = 366.0 * 86400;
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

Duration FromSeconds(double seconds) {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(std::clamp(seconds, 0.0, kMostSeconds)));
}

std::optional<double> Number(std::optional<std::string_view> text) {
  return text ? ParseNumber(Trim(*text)) : std::nullopt;
}

// Digits only, as many as asked for.
std::optional<int> Digits(std::string_view text, std::size_t at,
                          std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

struct CivilTime {
  std::optional<int> year, month, day, hour, minute, second;
};

std::optional<std::int64_t> ToSeconds(const CivilTime& t) {
  if (!t.year || !t.month || !t.day || !t.hour || !t.minute || !t.second) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{
      std::chrono::year(*t.year),
      std::chrono::month(static_cast<unsigned>(*t.month)),
      std::chrono::day(static_cast<unsigned>(*t.day))};
  if (!date.ok() || *t.hour > 23 || *t.minute > 59 || *t.second > 60) {
    return std::nullopt;
  }
  const std::int64_t days =
      std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *t.hour) * 60 + *t.minute) * 60 + *t.second;
}

std::optional<int> Month(std::string_view text, std::size_t at) {
  if (at + 3 > text.size()) return std::nullopt;
  const std::size_t found = kMonths.find(text.substr(at, 3));
  if (found == std::string_view::npos || found % 3 != 0) return std::nullopt;
  return static_cast<int>(found / 3) + 1;
}

void ClockAt(std::string_view text, std::size_t at, CivilTime& t) {
  t.hour = Digits(text, at, 2);
  t.minute = Digits(text, at + 3, 2);
  t.second = Digits(text, at + 6, 2);
}

// "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" and
// "Sun Nov  6 08:49:37 1994", in seconds since 1970.
std::optional<std::int64_t> ParseHttpDate(std::string_view text) {
  text = Trim(text);
  CivilTime t;
  const std::size_t comma = text.find(", ");
  if (comma == std::string_view::npos) {
    t.month = Month(text, 4);
    t.day = text.size() > 8 && text[8] == ' ' ? Digits(text, 9, 1)
                                              : Digits(text, 8, 2);
    ClockAt(text, 11, t);
    t.year = Digits(text, 20, 4);
    return ToSeconds(t);
  }
  text.remove_prefix(comma + 2);
  t.day = Digits(text, 0, 2);
  t.month = Month(text, 3);
  if (text.size() > 6 && text[6] == '-') {
    t.year = Digits(text, 7, 2);
    if (t.year) *t.year += *t.year < 70 ? 2000 : 1900;
    ClockAt(text, 10, t);
  } else {
    t.year = Digits(text, 7, 4);
    ClockAt(text, 12, t);
  }
  return ToSeconds(t);
}

// "2026-11-21T12:00:00Z", with fractions and an offset if need be.
std::optional<std::int64_t> ParseRfc3339(std::string_view text) {
  text = Trim(text);
  CivilTime t{.year = Digits(text, 0, 4),
              .month = Digits(text, 5, 2),
              .day = Digits(text, 8, 2)};
  ClockAt(text, 11, t);
  std::optional<std::int64_t> seconds = ToSeconds(t);
  if (!seconds) return std::nullopt;
  const std::size_t zone = text.find_first_of("Zz+-", 19);
  if (zone == std::string_view::npos) return std::nullopt;
  if (text[zone] == '+' || text[zone] == '-') {
    const auto hours = Digits(text, zone + 1, 2);
    const auto minutes = Digits(text, zone + 4, 2);
    if (!hours || !minutes) return std::nullopt;
    const std::int64_t offset = *hours * 3600 + *minutes * 60;
    *seconds += text[zone] == '-' ? offset : -offset;
  }
  return seconds;
}

std::optional<std::int64_t> DateOf(const HttpHeaders& headers) {
  const auto date = FindHeader(headers, "date");
  return date ? ParseHttpDate(*date) : std::nullopt;
}

std::optional<Duration> Until(std::optional<std::int64_t> when,
                              std::optional<std::int64_t> now) {
  if (!when || !now) return std::nullopt;
  return FromSeconds(static_cast<double>(*when - *now));
}

std::optional<Duration> RetryAfter(const HttpHeaders& headers) {
  const auto milliseconds = Number(FindHeader(headers, "retry-after-ms"));
  if (milliseconds) return FromSeconds(*milliseconds / 1000);
  const auto header = FindHeader(headers, "retry-after");
  if (!header) return std::nullopt;
  if (const auto seconds = Number(header)) return FromSeconds(*seconds);
  return Until(ParseHttpDate(*header), DateOf(headers));
}

struct Bucket {
  std::optional<std::int64_t> remaining;
  std::optional<Duration> reset;
};

std::optional<std::int64_t> Remaining(std::optional<std::string_view> text) {
  const std::optional<double> number = Number(text);
  if (!number) return std::nullopt;
  return static_cast<std::int64_t>(std::clamp(*number, 0.0, 1e15));
}

// OpenAI's: resets are durations.
Bucket GoBucket(const HttpHeaders& headers, std::string_view what) {
  const auto header = [&](const char* part) {
    return FindHeader(headers, fmt::format("x-ratelimit-{}-{}", part, what));
  };
  const auto reset = header("reset");
  return {.remaining = Remaining(header("remaining")),
          .reset = reset ? ParseGoDuration(*reset) : std::nullopt};
}

// Anthropic's: resets are dates.
Bucket DatedBucket(const HttpHeaders& headers, std::string_view what) {
  const auto header = [&](const char* part) {
    return FindHeader(headers,
                      fmt::format("anthropic-ratelimit-{}-{}", what, part));
  };
  const auto reset = header("reset");
  return {.remaining = Remaining(header("remaining")),
          .reset = reset ? Until(ParseRfc3339(*reset), DateOf(headers))
                         : std::nullopt};
}

Bucket Scarcer(const Bucket& a, const Bucket& b) {
  if (!a.remaining) return b;
  if (!b.remaining) return a;
  return *b.remaining < *a.remaining ? b : a;
}

struct Buckets {
  Bucket requests, tokens;
};

// `tokens` of Anthropic is its tightest limit already.
Buckets ReadBuckets(const HttpHeaders& headers) {
  Buckets read{.requests = GoBucket(headers, "requests"),
               .tokens = GoBucket(headers, "tokens")};
  read.requests = Scarcer(read.requests, DatedBucket(headers, "requests"));
  const Bucket combined = DatedBucket(headers, "tokens");
  read.tokens = Scarcer(read.tokens,
                        combined.remaining
                            ? combined
                            : Scarcer(DatedBucket(headers, "input-tokens"),
                                      DatedBucket(headers, "output-tokens")));
  return read;
}

}  // namespace

std::optional<Duration> ParseGoDuration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 7> kUnits{{
      {"ms", 1e-3},
      {"us", 1e-6},
      {"µs", 1e-6},
      {"ns", 1e-9},
      {"h", 3600},
      {"m", 60},
      {"s", 1},
  }};
  text = Trim(text);
  if (const auto seconds = ParseNumber(text)) return FromSeconds(*seconds);
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const std::size_t end = text.find_first_not_of("0123456789.");
    if (end == 0 || end == std::string_view::npos) return std::nullopt;
    const auto number = ParseNumber(text.substr(0, end));
    text.remove_prefix(end);
    const auto unit = std::ranges::find_if(kUnits, [text](const auto& row) {
      return text.starts_with(row.first);
    });
    if (!number || unit == kUnits.end()) return std::nullopt;
    total += *number * unit->second;
    text.remove_prefix(unit->first.size());
  }
  return FromSeconds(total);
}

std::optional<Duration> WaitOf(const HttpHeaders& headers,
                               std::optional<Duration> retry_delay) {
  if (const auto told = RetryAfter(headers)) return told;
  if (retry_delay) return retry_delay;
  const auto [requests, tokens] = ReadBuckets(headers);
  std::optional<Duration> wait;
  for (const Bucket* bucket : {&requests, &tokens}) {
    if (bucket->remaining != 0 || !bucket->reset) continue;
    wait = std::max(wait.value_or(Duration(0)), *bucket->reset);
  }
  return wait;
}

}  // namespace wire

std::optional<Duration> StatedWait(const HttpHeaders& headers,
                                   std::string_view body) {
  return wire::WaitOf(headers, wire::ReadErrorText(body).retry_delay);
}

RateState ReadRateHeaders(const HttpHeaders& headers) {
  const auto [requests, tokens] = wire::ReadBuckets(headers);
  return {.requests = requests.remaining,
          .tokens = tokens.remaining,
          .requests_reset = requests.reset,
          .tokens_reset = tokens.reset};
}

std::string RequestId(const HttpHeaders& headers) {
  for (const char* name : {"x-request-id", "request-id"}) {
    if (const auto id = FindHeader(headers, name)) return OneLine(*id, 100);
  }
  return {};
}

}  // namespace coppice::llm

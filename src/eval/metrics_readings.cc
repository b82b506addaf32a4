#include "eval/metrics_readings.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"

namespace coppice::eval {
namespace {

constexpr std::size_t kLongestText = 60;

struct Unit {
  std::string_view name;
  std::string_view kind;
  double factor;
};

constexpr std::array kUnits = {
    Unit{"ns", "time", 1e-9},      Unit{"us", "time", 1e-6},
    Unit{"\u00b5s", "time", 1e-6},  // micro sign
    Unit{"\u03bcs", "time", 1e-6},  // Greek mu
    Unit{"ms", "time", 1e-3},      Unit{"s", "time", 1},
    Unit{"min", "time", 60},       Unit{"B", "size", 1},
    Unit{"KB", "size", 1e3},       Unit{"KiB", "size", 1024},
    Unit{"MB", "size", 1e6},       Unit{"MiB", "size", 1024.0 * 1024},
    Unit{"GB", "size", 1e9},       Unit{"GiB", "size", 1024.0 * 1024 * 1024},
    Unit{"%", "percent", 1},
};

const Unit* FindUnit(std::string_view name) {
  const auto it = std::ranges::find(kUnits, name, &Unit::name);
  return it == kUnits.end() ? nullptr : &*it;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// [+-]?(d+[.d*] | .d+)([eE][+-]?d+)?
bool HasNumberShape(std::string_view s) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < s.size() && IsDigit(s[i])) ++i;
    return i - start;
  };
  const auto sign = [&] {
    if (i < s.size() && (s[i] == '+' || s[i] == '-')) ++i;
  };
  sign();
  std::size_t mantissa = digits();
  if (i < s.size() && s[i] == '.') {
    ++i;
    mantissa += digits();
  }
  if (mantissa == 0) return false;
  if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
    ++i;
    sign();
    if (digits() == 0) return false;
  }
  return i == s.size();
}

// A word that stands where a number that is none would stand.
bool IsNoNumberWord(std::string_view token) {
  std::string lower(token.substr(0, 10));
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (!lower.empty() && (lower[0] == '+' || lower[0] == '-')) lower.erase(0, 1);
  constexpr std::array<std::string_view, 6> kWords = {
      "nan", "inf", "infinity", "null", "none", "undefined"};
  return std::ranges::find(kWords, lower) != kWords.end() ||
         (!lower.empty() && (IsDigit(lower[0]) || lower[0] == '.'));
}

// Without the rounding error of a quotient that is a whole number.
double Integral(double ratio) {
  const double whole = std::round(ratio);
  return std::abs(ratio - whole) < 1e-9 * ratio ? whole : ratio;
}

// Equal as written, or equal once in one unit.
bool Agree(const Reading& a, const Reading& b) {
  if (a.kind != b.kind) return false;
  if (!a.IsNumber()) return true;
  const std::optional<double> converted = ConvertUnit(b.value, b.unit, a.unit);
  return converted && *converted == a.value;
}

}  // namespace

Reading NumberReading(double value) {
  const double plain = value == 0 ? 0 : value;  // -0 is 0
  return Reading{.kind = Reading::Kind::kNumber,
                 .value = plain,
                 .unit = {},
                 .text = FormatNumber(plain)};
}

Reading ReadToken(std::string_view token) {
  Reading reading;
  if (const std::optional<double> value = ParseNumber(token)) {
    reading.kind = Reading::Kind::kNumber;
    reading.value = *value == 0 ? 0 : *value;
    reading.text = token.substr(0, kLongestText);
    return reading;
  }
  reading.text = OneLine(token, kLongestText);
  if (HasNumberShape(token)) {
    reading.kind = Reading::Kind::kOutOfRange;
  } else if (IsNoNumberWord(token)) {
    reading.kind = Reading::Kind::kNotANumber;
  }
  return reading;
}

std::optional<double> ConvertUnit(double value, std::string_view from,
                                  std::string_view to) {
  if (from == to) return value;
  const Unit* source = FindUnit(from);
  const Unit* target = FindUnit(to);
  if (source == nullptr || target == nullptr || source->kind != target->kind) {
    return std::nullopt;
  }
  if (source->factor == target->factor) return value;
  // A division by 1000 is exact where multiplying by 1e-3 is not.
  const double ratio = source->factor / target->factor;
  return ratio >= 1 ? value * Integral(ratio)
                    : value / Integral(target->factor / source->factor);
}

void Readings::Add(std::string_view name, Reading reading) {
  const auto it = entries_.find(name);
  if (it == entries_.end()) {
    if (entries_.size() >= kMostUndeclared && !Declares(name)) return;
    entries_.emplace(std::string(name), Entry{reading, reading, std::nullopt});
    return;
  }
  Entry& entry = it->second;
  if (entry.last.text == reading.text && entry.last.unit == reading.unit) {
    return;  // said again, maybe a million times
  }
  if (reading.kind == Reading::Kind::kText && entry.first.IsNumber()) return;
  if (entry.first.kind == Reading::Kind::kText) {
    entry.first = reading;
  } else if (!entry.other && !Agree(entry.first, reading)) {
    entry.other = reading;
  }
  entry.last = std::move(reading);
}

void Readings::Merge(Readings weaker) { entries_.merge(weaker.entries_); }

void Readings::DropUndeclared() {
  std::erase_if(entries_,
                [this](const auto& item) { return !Declares(item.first); });
}

const Readings::Entry* Readings::Find(std::string_view name) const {
  const auto it = entries_.find(name);
  return it == entries_.end() ? nullptr : &it->second;
}

}  // namespace coppice::eval

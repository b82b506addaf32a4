#include "spec/findings.h"

#include <fmt/format.h>

#include <algorithm>

namespace coppice::spec {
namespace {

constexpr std::size_t kMostShown = 40;
constexpr std::size_t kMostKept = 1000;

std::string Unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escaped = token[i] == '~' && i + 1 < token.size();
    out += escaped ? (token[++i] == '1' ? '/' : '~') : token[i];
  }
  return out;
}

bool IsIndex(std::string_view token) {
  return !token.empty() &&
         token.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::string Child(std::string_view pointer, std::string_view key) {
  std::string out(pointer);
  out += '/';
  for (char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Child(std::string_view pointer, std::size_t index) {
  return fmt::format("{}/{}", pointer, index);
}

std::string Spoken(std::string_view pointer) {
  if (pointer.empty()) return "the spec";
  std::string out;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    const std::string_view token = pointer.substr(0, end);
    if (IsIndex(token)) {
      out += fmt::format("[{}]", token);
    } else {
      if (!out.empty()) out += '.';
      out += Unescaped(token);
    }
    pointer.remove_prefix(end);
  }
  return out;
}

void Source::Set(const std::string& pointer, Place place) {
  places_[pointer] = std::move(place);
}

void Source::Forget(const std::string& pointer) {
  const auto erase_below = [&pointer](auto& map) {
    map.erase(pointer);
    const std::string prefix = pointer + '/';
    auto end = map.lower_bound(prefix);
    const auto begin = end;
    while (end != map.end() && end->first.starts_with(prefix)) ++end;
    map.erase(begin, end);
  };
  erase_below(places_);
  erase_below(literals_);
}

Place Source::Where(std::string_view pointer) const {
  while (true) {
    const auto found = places_.find(pointer);
    if (found != places_.end()) return found->second;
    if (pointer.empty()) return {};
    pointer = pointer.substr(0, pointer.rfind('/'));
  }
}

void Source::SetLiteral(const std::string& pointer, std::string literal) {
  literals_[pointer] = std::move(literal);
}

std::optional<std::string> Source::Literal(const std::string& pointer) const {
  const auto found = literals_.find(pointer);
  if (found == literals_.end()) return std::nullopt;
  return found->second;
}

void Findings::Add(Place place, std::string what) {
  if (by_line_.size() == kMostKept) return;
  Finding finding{.where = std::move(place.text), .what = std::move(what)};
  const auto [begin, end] = by_line_.equal_range(place.line);
  const bool known = std::any_of(begin, end, [&finding](const auto& other) {
    return other.second == finding;
  });
  if (!known) by_line_.emplace(place.line, std::move(finding));
}

void Findings::AddAll(Findings others) {
  for (auto& [line, finding] : others.by_line_) {
    Add({.line = line, .text = std::move(finding.where)},
        std::move(finding.what));
  }
}

Error Findings::ToError() const {
  Error error{.code = ErrorCode::kUsage};
  std::size_t shown = 0;
  for (const auto& [line, finding] : by_line_) {
    if (shown == 0) {
      error.where = finding.where;
      error.what = finding.what;
    } else if (shown == kMostShown) {
      error.what += fmt::format("\n... and {} more", by_line_.size() - shown);
      break;
    } else {
      error.what += fmt::format("\n{}: {}", finding.where, finding.what);
    }
    ++shown;
  }
  return error;
}

}  // namespace coppice::spec

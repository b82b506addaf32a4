#include "eval/metrics_stream.h"

#include <algorithm>
#include <array>

#include "base/text.h"

// JsonStream is a push-down automaton over single characters. Where the
// grammar breaks, reading goes on at the breaking character rather than after
// the bracket that began it all, so the cost is linear in the output whatever
// it holds; an object nested in a broken one would not be top-level anyway.

namespace coppice::eval {
namespace {

constexpr std::size_t kDeepest = 200;
constexpr std::size_t kLongestToken = 400;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool MayBeInToken(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z') || c == '+' || c == '-' || c == '.';
}

bool IsScalar(std::string_view token) {
  constexpr std::array<std::string_view, 6> kWords = {
      "true", "false", "null", "NaN", "Infinity", "-Infinity"};
  if (std::ranges::find(kWords, token) != kWords.end()) return true;
  const bool digits =
      token.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
  return digits && token.find_first_of("0123456789") != std::string_view::npos;
}

}  // namespace

std::size_t FindEither(std::string_view text, char a, char b) {
  const std::size_t first = text.find(a);
  const std::size_t other = text.substr(0, first).find(b);
  return other == std::string_view::npos ? first : other;
}

void LineStream::Keep(std::string_view part) {
  if (overlong_) return;
  if (partial_.size() + part.size() > kLongest) {
    overlong_ = true;
    partial_.clear();
    return;
  }
  partial_ += part;
}

void JsonStream::Feed(std::string_view chunk) {
  while (!chunk.empty()) {
    if (expect_ == Expect::kStart) {
      const std::size_t start = FindEither(chunk, '{', '[');
      if (start == std::string_view::npos) return;
      chunk.remove_prefix(start);
    }
    if (expect_ == Expect::kInString) {
      chunk.remove_prefix(SkipString(chunk));
      if (chunk.empty()) return;
    }
    if (!Step(chunk.front())) {
      Reset();
      continue;
    }
    chunk.remove_prefix(1);
  }
}

std::size_t JsonStream::SkipString(std::string_view chunk) {
  std::size_t n = 0;
  while (n < chunk.size() && chunk[n] != '"' && chunk[n] != '\\' &&
         static_cast<unsigned char>(chunk[n]) >= 0x20) {
    ++n;
  }
  if (current_.size() <= kLargest) current_ += chunk.substr(0, n);
  return n;
}

bool JsonStream::Step(char c) {
  switch (expect_) {
    case Expect::kStart:
      if (c != '{' && c != '[') return true;
      return Open(c);
    case Expect::kInEscape:
      Append(c);
      expect_ = Expect::kInString;
      return true;
    case Expect::kInString:
      if (static_cast<unsigned char>(c) < 0x20) return false;
      Append(c);
      if (c == '\\') expect_ = Expect::kInEscape;
      if (c == '"') expect_ = key_ ? Expect::kColon : Expect::kCommaOrEnd;
      return true;
    case Expect::kInToken:
      if (MayBeInToken(c)) {
        Append(c);
        token_ += c;
        return token_.size() <= kLongestToken;
      }
      return EndToken() && Step(c);
    default:
      break;
  }
  if (IsBlank(c)) {
    Append(c);
    return true;
  }
  switch (expect_) {
    case Expect::kColon:
      if (c != ':') return false;
      Append(c);
      expect_ = Expect::kValue;
      return true;
    case Expect::kKeyOrEnd:
      if (c == '}') return Close(c);
      [[fallthrough]];
    case Expect::kKey:
      if (c != '"') return false;
      Append(c);
      key_ = true;
      member_ = true;
      expect_ = Expect::kInString;
      return true;
    case Expect::kValueOrEnd:
      if (c == ']') return Close(c);
      [[fallthrough]];
    case Expect::kValue:
      return StepValue(c);
    default:
      return StepCommaOrEnd(c);
  }
}

bool JsonStream::StepValue(char c) {
  if (c == '{' || c == '[') return Open(c);
  Append(c);
  if (c == '"') {
    key_ = false;
    expect_ = Expect::kInString;
    return true;
  }
  if (!MayBeInToken(c)) return false;
  token_ = c;
  expect_ = Expect::kInToken;
  return true;
}

bool JsonStream::StepCommaOrEnd(char c) {
  if (c != ',') return Close(c);
  Append(c);
  expect_ = nesting_.back() == '{' ? Expect::kKey : Expect::kValue;
  return true;
}

bool JsonStream::EndToken() {
  expect_ = Expect::kCommaOrEnd;
  return IsScalar(token_);
}

bool JsonStream::Open(char bracket) {
  if (nesting_.size() >= kDeepest) return false;
  Append(bracket);
  nesting_ += bracket;
  expect_ = bracket == '{' ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
  return true;
}

bool JsonStream::Close(char bracket) {
  const char opened = nesting_.back();
  if (bracket != (opened == '{' ? '}' : ']')) return false;
  Append(bracket);
  nesting_.pop_back();
  if (!nesting_.empty()) {
    expect_ = Expect::kCommaOrEnd;
    return true;
  }
  const bool fits = current_.size() <= kLargest;
  if (opened == '{' && member_ && fits) last_ = std::move(current_);
  Reset();
  return true;
}

// More than the limit marks an object that does not fit.
void JsonStream::Append(char c) {
  if (current_.size() <= kLargest) current_ += c;
}

void JsonStream::Reset() {
  expect_ = Expect::kStart;
  member_ = false;
  nesting_.clear();
  token_.clear();
  current_.clear();
}

}  // namespace coppice::eval

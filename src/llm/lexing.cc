#include "llm/lexing.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace coppice::llm {
namespace {

using Blocks = Language::Blocks;

constexpr Language kC{.blocks = Blocks::kBraces,
                      .slash_comments = true,
                      .directives = true,
                      .char_quotes = true};
constexpr Language kJava{.blocks = Blocks::kBraces,
                         .slash_comments = true,
                         .triple_quotes = true,
                         .char_quotes = true};
constexpr Language kScript{.blocks = Blocks::kBraces,
                           .slash_comments = true,
                           .backticks = true,
                           .script = true};
constexpr Language kPython{.blocks = Blocks::kIndent,
                           .hash_comments = true,
                           .triple_quotes = true,
                           .script = true};
constexpr Language kGo{.slash_comments = true,
                       .triple_quotes = true,
                       .backticks = true,
                       .char_quotes = true};
constexpr Language kHash{.hash_comments = true};

struct Known {
  std::string_view ending;
  Language language;
};

constexpr Known kKnown[] = {
    {".c", kC},        {".cc", kC},         {".cpp", kC},
    {".cxx", kC},      {".c++", kC},        {".h", kC},
    {".hh", kC},       {".hpp", kC},        {".hxx", kC},
    {".inl", kC},      {".ipp", kC},        {".tpp", kC},
    {".cu", kC},       {".cuh", kC},        {".cl", kC},
    {".m", kC},        {".mm", kC},         {".glsl", kC},
    {".hlsl", kC},     {".java", kJava},    {".cs", kJava},
    {".d", kJava},     {".rs", kJava},      {".zig", kJava},
    {".dart", kJava},  {".js", kScript},    {".mjs", kScript},
    {".cjs", kScript}, {".jsx", kScript},   {".ts", kScript},
    {".tsx", kScript}, {".php", kScript},   {".py", kPython},
    {".pyi", kPython}, {".pyx", kPython},   {".go", kGo},
    {".kt", kGo},      {".swift", kGo},     {".scala", kGo},
    {".sh", kHash},    {".bash", kHash},    {".rb", kHash},
    {".pl", kHash},    {".r", kHash},       {".R", kHash},
    {".jl", kHash},    {".awk", kHash},     {".yaml", kHash},
    {".yml", kHash},   {".toml", kHash},    {".cfg", kHash},
    {".ini", kHash},   {".conf", kHash},    {".mk", kHash},
    {".cmake", kHash}, {"Makefile", kHash}, {"CMakeLists.txt", kHash},
};

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_';
}

class Lexer {
 public:
  Lexer(std::string_view text, const Language& language)
      : text_(text), language_(language), cover_(text.size(), Cover::kCode) {}

  std::vector<Cover> Run() {
    while (at_ < text_.size()) Step();
    return std::move(cover_);
  }

 private:
  bool At(std::string_view word) const {
    return text_.substr(at_, word.size()) == word;
  }
  std::size_t LineEnd(std::size_t from) const {
    return std::min(text_.find('\n', from), text_.size());
  }
  // Up to and with the next `end`, or to the end of the text.
  std::size_t Behind(std::string_view end, std::size_t from) const {
    const std::size_t found = text_.find(end, from);
    return found == std::string_view::npos ? text_.size() : found + end.size();
  }
  void MarkUntil(std::size_t end, Cover cover) {
    std::fill(cover_.begin() + static_cast<std::ptrdiff_t>(at_),
              cover_.begin() + static_cast<std::ptrdiff_t>(end), cover);
    at_ = end;
  }

  void Step() {
    const char c = text_[at_];
    if (c == '\n') {
      line_is_blank_ = true;
      ++at_;
      return;
    }
    const bool first = line_is_blank_;
    if (c != ' ' && c != '\t' && c != '\r') line_is_blank_ = false;
    if (language_.slash_comments && At("//")) {
      MarkUntil(LineEnd(at_), Cover::kComment);
    } else if (language_.slash_comments && At("/*")) {
      MarkUntil(Behind("*/", at_ + 2), Cover::kComment);
    } else if (c == '#' && language_.hash_comments && StartsHashComment()) {
      MarkUntil(LineEnd(at_), Cover::kComment);
    } else if (c == '#' && language_.directives && first) {
      Directive();
    } else if (c == '"' || c == '\'' || c == '`') {
      Quote(c);
    } else {
      ++at_;
    }
  }

  // In shells a '#' inside of a word, as in $#, begins nothing.
  bool StartsHashComment() const {
    return language_.blocks == Blocks::kIndent || at_ == 0 ||
           text_[at_ - 1] == ' ' || text_[at_ - 1] == '\t' ||
           text_[at_ - 1] == '\n';
  }

  // A preprocessor line; one that goes on in the next line is left alone.
  void Directive() {
    std::size_t end = LineEnd(at_);
    bool one_line = true;
    while (end < text_.size() && text_[end - 1] == '\\') {
      one_line = false;
      end = LineEnd(end + 1);
    }
    std::size_t word = at_ + 1;
    while (word < end && (text_[word] == ' ' || text_[word] == '\t')) ++word;
    const bool defines = text_.substr(word, 7) == "define " ||
                         text_.substr(word, 7) == "pragma ";
    const std::size_t comment =
        std::min(text_.substr(0, end).find("//", at_), end);
    MarkUntil(comment,
              defines && one_line ? Cover::kDirective : Cover::kComment);
    MarkUntil(end, Cover::kComment);
  }

  void Quote(char quote) {
    if (quote == '`') {
      if (!language_.backticks) {
        ++at_;
      } else {
        MarkUntil(Behind("`", at_ + 1), Cover::kString);
      }
      return;
    }
    const std::string_view triple = quote == '"' ? "\"\"\"" : "'''";
    if (language_.triple_quotes && At(triple)) {
      MarkUntil(Behind(triple, at_ + 3), Cover::kString);
      return;
    }
    if (quote == '"' && language_.directives && IsRaw()) {
      Raw();
      return;
    }
    if (quote == '\'' && !StartsQuoted()) {
      ++at_;
      return;
    }
    MarkUntil(QuotedEnd(quote), Cover::kString);
  }

  // Digit separators (1'000) and lifetimes ('a) begin nothing.
  bool StartsQuoted() const {
    const bool in_number = language_.char_quotes && at_ > 0 &&
                           text_[at_ - 1] >= '0' && text_[at_ - 1] <= '9';
    if (in_number) return false;
    const std::size_t end = QuotedEnd('\'');
    if (end == LineEnd(at_) && text_[end - 1] != '\'') return false;
    return !language_.char_quotes || end - at_ <= 12;
  }

  // Behind the closing quote, or the end of the line where there is none.
  std::size_t QuotedEnd(char quote) const {
    for (std::size_t i = at_ + 1; i < text_.size() && text_[i] != '\n'; ++i) {
      if (text_[i] == quote) return i + 1;
      if (text_[i] == '\\' && i + 1 < text_.size()) ++i;
    }
    return LineEnd(at_);
  }

  bool IsRaw() const {
    if (at_ == 0 || text_[at_ - 1] != 'R') return false;
    if (at_ == 1 || !IsWord(text_[at_ - 2])) return true;
    const char prefix = text_[at_ - 2];
    return prefix == '8' || prefix == 'u' || prefix == 'U' || prefix == 'L';
  }
  void Raw() {
    const std::size_t open = text_.find('(', at_);
    if (open == std::string_view::npos || open - at_ > 17) {
      ++at_;
      return;
    }
    std::string end = ")";
    end += text_.substr(at_ + 1, open - at_ - 1);
    end += '"';
    MarkUntil(Behind(end, open), Cover::kString);
  }

  const std::string_view text_;
  const Language language_;
  std::vector<Cover> cover_;
  std::size_t at_ = 0;
  bool line_is_blank_ = true;
};

}  // namespace

Language LanguageOf(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (const Known& known : kKnown)
    if (name.ends_with(known.ending)) return known.language;
  return Language{};
}

std::vector<Cover> CoverText(std::string_view text, const Language& language) {
  return Lexer(text, language).Run();
}

}  // namespace coppice::llm

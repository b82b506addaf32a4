#include "llm/edit_show.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"

namespace coppice::llm {
namespace {

constexpr std::size_t kWidest = 160;  // code points of a line

// Its indentation stays, unlike with OneLine.
std::string Printable(std::string_view line) {
  std::string text = Sanitize(line.substr(0, 4 * kWidest + 4));
  if (CountCodePoints(text) > kWidest) {
    text.resize(OffsetOfCodePoint(text, kWidest - 3));
    text += "...";
  }
  return text;
}

}  // namespace

std::string Quoted(std::string_view line) {
  return "`" + Printable(line) + "`";
}

std::string Numbered(const LineTable& table, const LineRange& range,
                     std::optional<std::size_t> marked) {
  const std::size_t width = fmt::formatted_size("{}", range.end);
  std::string text;
  for (std::size_t i = range.begin; i < range.end; ++i) {
    text += fmt::format("  {} {:>{}} {}\n", i == marked ? '>' : ' ', i + 1,
                        width, Printable(table.Line(i)));
  }
  return text;
}

}  // namespace coppice::llm

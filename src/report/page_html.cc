#include <nlohmann/json.hpp>

#include "report/page.h"
#include "report/page_parts.h"

namespace coppice::report {
namespace {

constexpr std::string_view kDataMark = "COPPICE_PAGE_DATA";
constexpr std::string_view kNobody = "connect-src 'none'";
constexpr std::string_view kOwnServer = "connect-src 'self'";

// JSON in which no browser finds an end of the element around it, or a comment,
// or (inside of scripts of old) an end of line.
std::string Embedded(const OrderedJson& data) {
  const std::string json = DumpLine(data);
  std::string text;
  text.reserve(json.size() + json.size() / 32);
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '<') {
      text += "\\u003c";
    } else if (json.compare(i, 2, "\xe2\x80") == 0 && i + 2 < json.size() &&
               (json[i + 2] == '\xa8' || json[i + 2] == '\xa9')) {
      text += json[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      text += json[i];
    }
  }
  return text;
}

void ReplaceOnce(std::string& text, std::string_view what,
                 std::string_view with) {
  const std::size_t at = text.find(what);
  if (at != std::string::npos) text.replace(at, what.size(), with);
}

}  // namespace

std::string_view PageTemplate() {
  static const std::string whole = [] {
    std::string text;
    for (std::string_view part : PageParts()) text += part;
    return text;
  }();
  return whole;
}

std::string PageHtml(const OrderedJson& data, bool live) {
  std::string page(PageTemplate());
  if (live) ReplaceOnce(page, kNobody, kOwnServer);
  ReplaceOnce(page, kDataMark, Embedded(data));
  return page;
}

}  // namespace coppice::report

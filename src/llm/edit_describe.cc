#include "llm/edit_describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "llm/edit_show.h"
#include "llm/edit_similar.h"

namespace coppice::llm {
namespace {

constexpr std::size_t kAround = 5;          // lines before and behind
constexpr std::size_t kLongestShown = 24;   // of a region
constexpr std::size_t kMostInOthers = 400;  // wanted lines: looked for there
constexpr std::size_t kMostMissing = 20;

// The region with its surroundings; of a long one, what is around the line
// that differs.
LineRange Surroundings(const SimilarRegion& region, const LineTable& table) {
  LineRange lines = region.lines;
  if (lines.size() > kLongestShown) {
    lines.begin = std::max(lines.begin,
                           region.differs - std::min(region.differs, kAround));
    lines.end = std::min(lines.end, region.differs + kAround);
  }
  lines.begin -= std::min(lines.begin, kAround);
  lines.end = std::min(lines.end + kAround, table.size());
  return lines;
}

std::string InOwnFile(std::span<const std::string_view> wanted,
                      const LineTable& own) {
  if (const auto region = MostSimilar(wanted, own)) {
    return fmt::format(
               "  The closest text is {} (similarity {:.2f}); line {} is the "
               "first that differs:\n",
               ToString(region->lines), region->ratio, region->differs + 1) +
           Numbered(own, Surroundings(*region, own), region->differs);
  }
  if (const auto line = MostSimilarLine(wanted, own)) {
    const std::size_t begin = line->line - std::min(line->line, kAround);
    const std::size_t end = std::min(line->line + 1 + kAround, own.size());
    return fmt::format(
               "  No text is close; the most similar line is {} (similarity "
               "{:.2f}):\n",
               line->line + 1, line->ratio) +
           Numbered(own, {begin, end}, line->line);
  }
  return "  No text of the file is close.\n";
}

}  // namespace

std::string DescribeNearest(std::span<const std::string_view> wanted,
                            const LineTable& own,
                            std::span<const ShownTable> others) {
  std::string details = InOwnFile(wanted, own);
  if (wanted.size() > kMostInOthers) return details;
  std::optional<SimilarRegion> best;
  std::string_view best_path;
  for (const ShownTable& other : others) {
    const auto region = MostSimilar(wanted, *other.table);
    if (!region || (best && region->ratio <= best->ratio)) continue;
    best = region;
    best_path = other.path;
  }
  if (best) {
    details += fmt::format("  In other files: {}, {} (similarity {:.2f}).\n",
                           best_path, ToString(best->lines), best->ratio);
  }
  return details;
}

EditFault DescribeElision(const Elision& elision, const LineTable& table) {
  std::string details = fmt::format(
      "  {} of {} lines are gone where a new comment stands (from line {}). "
      "Send the file whole; if they are to go, without that comment.\n",
      elision.lost, table.size(), elision.gaps.front().begin + 1);
  if (!elision.missing.empty()) details += "  Missing:\n";
  const std::size_t shown = std::min(kMostMissing, elision.missing.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const std::size_t line = elision.missing[i];
    details += Numbered(table, {line, line + 1}, std::nullopt);
  }
  if (shown < elision.missing.size()) {
    details += fmt::format("    and {} more\n", elision.missing.size() - shown);
  }
  return {.cause = "elided", .details = std::move(details)};
}

}  // namespace coppice::llm

#include "llm/edit_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/line_diff.h"
#include "base/text.h"
#include "llm/edit_show.h"

// One step after the other, each by itself, asks where the old lines stand:
// exactly; but for '\r'; but for blanks at line ends; shifted by one common
// indent; less one blank line at either end. The first step that finds them
// decides, and only a single place will do.
//
// Lines that a block leaves as they are keep the parent's bytes, so that a
// step forgives the block and never changes the file. New lines end as the
// first line of their region does.

namespace coppice::llm {
namespace {

using Lines = std::span<const std::string_view>;
using Positions = std::span<const std::size_t>;

constexpr std::size_t kMostPositions = 12;

bool IsBlankLine(std::string_view line) {
  return Folded(line, Fold::kBlanks).empty();
}

std::string_view Indent(std::string_view line) {
  return line.substr(0, std::min(line.find_first_not_of(" \t"), line.size()));
}

// All lines by one indent to the right, or to the left.
struct Shift {
  std::string_view indent;
  bool left = false;
};

std::string Describe(const Shift& shift) {
  std::string text = shift.left ? "indent-" : "indent+";
  if (shift.indent.find('\t') == std::string_view::npos) {
    return text + std::to_string(shift.indent.size());
  }
  for (char c : shift.indent) text += c == '\t' ? "\\t" : " ";
  return text;
}

std::optional<std::string> Shifted(std::string_view line, const Shift& shift) {
  if (IsBlankLine(line)) return std::string(line);
  if (!shift.left) return std::string(shift.indent) + std::string(line);
  if (!line.starts_with(shift.indent)) return std::nullopt;
  return std::string(line.substr(shift.indent.size()));
}

std::optional<Shift> ShiftBetween(std::string_view from, std::string_view to) {
  const std::string_view before = Indent(from), after = Indent(to);
  if (after.size() > before.size() && after.ends_with(before)) {
    return Shift{.indent = after.substr(0, after.size() - before.size())};
  }
  if (before.size() > after.size() && before.ends_with(after)) {
    return Shift{.indent = before.substr(0, before.size() - after.size()),
                 .left = true};
  }
  return std::nullopt;
}

// The shift that makes `old` the lines of the table from `begin` on.
std::optional<Shift> ShiftTo(const LineTable& table, std::size_t begin,
                             Lines old) {
  std::optional<Shift> shift;
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (IsBlankLine(old[i])) continue;
    const std::string_view there =
        Folded(table.Line(begin + i), Fold::kReturns);
    if (!shift) shift = ShiftBetween(old[i], there);
    if (!shift || Shifted(old[i], *shift) != there) return std::nullopt;
  }
  return shift;
}

// That of the region's first line, or, where it has none, of the one before.
std::string_view LineEnd(const LineTable& table, const LineRange& lines) {
  if (lines.size() == 0) return "\n";
  std::string_view line = table.WithEnd(lines.begin);
  if (!line.ends_with('\n') && lines.begin > 0) {
    line = table.WithEnd(lines.begin - 1);
  }
  return line.ends_with("\r\n") ? "\r\n" : "\n";
}

// `lines` of the table with the changes from `old` to `fresh`; old[i] stands
// for the ith of them, written[j] is what a new fresh[j] becomes.
std::string Rewrite(const LineTable& table, const LineRange& lines, Lines old,
                    Lines fresh, Lines written) {
  const std::string_view end = LineEnd(table, lines);
  std::string text;
  auto keep = [&](std::size_t i) {
    const std::string_view line = table.WithEnd(lines.begin + i);
    text += line;
    if (!line.ends_with('\n')) text += end;
  };
  std::size_t kept = 0;
  for (const LineChange& change : DiffLines(old, fresh)) {
    for (; kept < change.old_begin; ++kept) keep(kept);
    kept = change.old_end;
    for (std::size_t j = change.new_begin; j < change.new_end; ++j) {
      text += written[j];
      text += end;
    }
  }
  for (; kept < old.size(); ++kept) keep(kept);
  return text;
}

// A last line without a newline counts as one with it: the end of the file
// stays as it is.
bool SameText(std::string_view before, std::string_view after) {
  if (before == after) return true;
  if (before.empty() || before.ends_with('\n')) return false;
  return after.starts_with(before) && (after.substr(before.size()) == "\n" ||
                                       after.substr(before.size()) == "\r\n");
}

EditFault NoChange(std::string_view why) {
  return {.cause = "no_change",
          .details = fmt::format("  {}. Leave the block out, or send the "
                                 "change that was meant.\n",
                                 why)};
}

// The block as one step sees it.
struct Step {
  std::string used;
  std::vector<std::size_t> found;
  Lines old_lines, new_lines;
};

class Placer {
 public:
  Placer(const EditBlock& block, const LineTable& table)
      : table_(table),
        old_(SplitLines(block.old_text)),
        new_(SplitLines(block.new_text)) {}

  std::variant<Placement, EditFault> Run() {
    if (old_ == new_) return NoChange("Its old and new lines are equal");
    for (auto next :
         {&Placer::Exactly, &Placer::ButForReturns, &Placer::ButForTrailing,
          &Placer::ButForIndent, &Placer::ButForBlankLine}) {
      const Step step = (this->*next)();
      if (step.found.size() == 1) return Fit(step);
      if (step.found.size() > 1) return Ambiguous(step);
    }
    return Missing();
  }

 private:
  Step With(Fold fold, std::string used) const {
    return {.used = std::move(used),
            .found = table_.Find(old_, fold),
            .old_lines = old_,
            .new_lines = new_};
  }
  Step Exactly() { return With(Fold::kExact, ""); }
  Step ButForReturns() { return With(Fold::kReturns, "crlf"); }
  Step ButForTrailing() { return With(Fold::kTrailing, "trailing blanks"); }

  Step ButForIndent() {
    Step step{.old_lines = old_, .new_lines = new_};
    for (std::size_t begin : table_.Find(old_, Fold::kBlanks)) {
      const std::optional<Shift> shift = ShiftTo(table_, begin, old_);
      if (!shift) continue;
      step.found.push_back(begin);
      step.used = Describe(*shift);
      shifted_.clear();
      for (std::string_view line : new_) {
        std::optional<std::string> shifted = Shifted(line, *shift);
        if (!shifted) {  // it stands further left than the shift
          shifted_.clear();
          return {};
        }
        shifted_.push_back(std::move(*shifted));
      }
    }
    return step;
  }

  Step ButForBlankLine() {
    Step step = Less(true, false, "blank first line");
    if (step.found.empty()) step = Less(false, true, "blank last line");
    if (step.found.empty()) step = Less(true, true, "blank lines around");
    return step;
  }

  Step Less(bool first, bool last, std::string used) const {
    auto trimmed = [&](Lines lines) {
      if (first && !lines.empty() && IsBlankLine(lines.front())) {
        lines = lines.subspan(1);
      }
      if (last && !lines.empty() && IsBlankLine(lines.back())) {
        lines = lines.first(lines.size() - 1);
      }
      return lines;
    };
    Step step{.used = std::move(used),
              .old_lines = trimmed(old_),
              .new_lines = trimmed(new_)};
    const std::size_t dropped = (first ? 1U : 0U) + (last ? 1U : 0U);
    if (step.old_lines.size() + dropped == old_.size()) {
      step.found = table_.Find(step.old_lines, Fold::kReturns);
    }
    return step;
  }

  std::variant<Placement, EditFault> Fit(const Step& step) const {
    const std::size_t begin = step.found.front();
    Placement placement{.lines = {begin, begin + step.old_lines.size()},
                        .used = step.used};
    std::vector<std::string_view> written(step.new_lines.begin(),
                                          step.new_lines.end());
    if (!shifted_.empty()) written.assign(shifted_.begin(), shifted_.end());
    placement.text = Rewrite(table_, placement.lines, step.old_lines,
                             step.new_lines, written);
    if (SameText(table_.Text(placement.lines), placement.text)) {
      return NoChange(fmt::format("{} stand there already as it wants them",
                                  ToString(placement.lines)));
    }
    return placement;
  }

  // Every position, each with one more line: the one before it, or, where
  // those are equal, the one behind it.
  EditFault Ambiguous(const Step& step) const {
    const std::size_t size = step.old_lines.size();
    std::set<std::string_view> before;
    for (std::size_t at : step.found) {
      before.insert(at == 0 ? std::string_view() : table_.Line(at - 1));
    }
    const bool behind = before.size() < step.found.size();
    std::string details = fmt::format(
        "  The text stands {} times{}; take in more lines, so that it stands "
        "once:\n",
        step.found.size(), step.used.empty() ? "" : ", with " + step.used);
    const std::size_t shown = std::min(kMostPositions, step.found.size());
    for (std::size_t at : Positions(step.found).first(shown)) {
      const LineRange lines{at, at + size};
      details += fmt::format("    {}, {}\n", ToString(lines),
                             behind ? Behind(lines) : Before(lines));
    }
    if (shown < step.found.size()) {
      details += fmt::format("    and {} more\n", step.found.size() - shown);
    }
    return {.cause = "ambiguous", .details = std::move(details)};
  }

  std::string Before(const LineRange& lines) const {
    if (lines.begin == 0) return "at the beginning of the file";
    return fmt::format("behind line {}: {}", lines.begin,
                       Quoted(table_.Line(lines.begin - 1)));
  }
  std::string Behind(const LineRange& lines) const {
    if (lines.end == table_.size()) return "at the end of the file";
    return fmt::format("before line {}: {}", lines.end + 1,
                       Quoted(table_.Line(lines.end)));
  }

  EditFault Missing() const {
    const std::vector<std::size_t> there =
        AddsSomething() ? table_.Find(new_, Fold::kTrailing)
                        : std::vector<std::size_t>();
    if (there.empty()) return {.cause = "not_found"};
    return {.cause = "already_present",
            .details = fmt::format(
                "  The old text is not there, and the new one stands already "
                "at {}. Leave the block out, or send another change.\n",
                ToString(LineRange{there[0], there[0] + new_.size()}))};
  }

  // A new line with a word in it: without one the new text may stand anywhere.
  bool AddsSomething() const {
    std::set<std::string_view> old;
    for (std::string_view line : old_) old.insert(Folded(line, Fold::kBlanks));
    return std::any_of(new_.begin(), new_.end(), [&](std::string_view line) {
      const std::string_view folded = Folded(line, Fold::kBlanks);
      return !old.contains(folded) &&
             std::any_of(folded.begin(), folded.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c >= '0' && c <= '9') || (c & 0x80) != 0;
             });
    });
  }

  const LineTable& table_;
  const std::vector<std::string_view> old_, new_;
  std::vector<std::string> shifted_;  // the new lines, by the indent
};

}  // namespace

std::variant<Placement, EditFault> Place(const EditBlock& block,
                                         const LineTable& table) {
  return Placer(block, table).Run();
}

std::variant<Placement, EditFault> PlaceWhole(const EditBlock& block,
                                              const LineTable& table) {
  Placement placement{.lines = {0, table.size()}};
  std::vector<std::string_view> before;
  before.reserve(table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    before.push_back(Folded(table.Line(i), Fold::kReturns));
    if (before.back().size() < table.Line(i).size()) placement.used = "crlf";
  }
  const std::vector<std::string_view> after = SplitLines(block.new_text);
  placement.text = Rewrite(table, placement.lines, before, after, after);
  if (SameText(table.text(), placement.text)) {
    return NoChange("The file is like this already");
  }
  return placement;
}

}  // namespace coppice::llm

#include "llm/draw_edits.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "llm/knobs.h"
#include "llm/numbers.h"

// Random edits in the manner of genetic improvement. An edit is a few splices
// of the parent's text; all edits of one draw refer to that text, so splices
// that touch the same bytes cannot stand together and are drawn again. What
// moves takes on the indentation and the newlines of its new place.

namespace coppice::llm {
namespace {

constexpr int kTries = 20;

// Text that takes the place of [begin, end) of a file.
struct Splice {
  std::size_t file = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;
};

struct Edit {
  std::vector<Splice> splices;
  std::string said;
  bool parameter = false;
};

struct Place {
  std::size_t file = 0;
  Unit unit;
};

bool Collide(const Splice& a, const Splice& b) {
  if (a.file != b.file) return false;
  const bool inserts = a.begin == a.end || b.begin == b.end;
  if (inserts) {
    // At the rim of the other is beside it.
    return a.begin == a.end ? b.begin < a.begin && a.begin < b.end
                            : a.begin < b.begin && b.begin < a.end;
  }
  return a.begin < b.end && b.begin < a.end;
}

class Drawing {
 public:
  Drawing(std::span<const EditableFile> files, const EditRules& rules,
          std::span<const spec::Knob> knobs, Rng& rng)
      : files_(files), rules_(rules), knobs_(knobs), rng_(rng) {}

  DrawnEdits Draw() {
    const int count = std::min(Count(), rules_.max_edits);
    DrawnEdits drawn{.parameters_only = true};
    for (int i = 0; i < count; ++i) {
      std::optional<Edit> edit = DrawFitting();
      if (!edit) break;
      drawn.parameters_only &= edit->parameter;
      drawn.said.push_back(std::move(edit->said));
      for (Splice& splice : edit->splices) Insert(std::move(splice));
    }
    Apply(drawn);
    return drawn;
  }

 private:
  // 1, 2, 3 with p = 1/2, 1/4, 1/4.
  int Count() {
    const std::uint64_t quarter = rng_.Below(4);
    return quarter < 2 ? 1 : static_cast<int>(quarter);
  }

  std::optional<Edit> DrawFitting() {
    for (int i = 0; i < kTries; ++i) {
      std::optional<Edit> edit =
          DrawOne(rules_.moves[rng_.Below(rules_.moves.size())]);
      if (edit && Fits(edit->splices)) return edit;
    }
    return std::nullopt;
  }
  bool Fits(const std::vector<Splice>& added) const {
    for (const Splice& a : added)
      for (const Splice& b : splices_)
        if (Collide(a, b)) return false;
    return true;
  }

  std::optional<Edit> DrawOne(EditMove move) {
    switch (move) {
      case EditMove::kDelete:
        return Delete();
      case EditMove::kCopy:
        return Copy();
      case EditMove::kSwap:
        return Swap();
      case EditMove::kReplace:
        return Replace();
      case EditMove::kNumber:
        return Number();
      case EditMove::kKnob:
        return Knob();
    }
    return std::nullopt;
  }

  std::string_view Text(std::size_t file) const {
    return files_[file].source->text;
  }
  std::string_view Code(const Place& place) const {
    return Text(place.file)
        .substr(place.unit.begin, place.unit.end - place.unit.begin);
  }
  std::string_view Newline(std::size_t file) const {
    return files_[file].parsed->crlf ? "\r\n" : "\n";
  }

  // A unit of all files, or of those in the language of `like`: code that
  // moves into another language only breaks.
  std::optional<Place> AnyUnit(const Place* like = nullptr) {
    auto counts = [&](std::size_t file) {
      return !like || files_[file].parsed->language ==
                          files_[like->file].parsed->language;
    };
    std::size_t total = 0;
    for (std::size_t i = 0; i < files_.size(); ++i)
      if (counts(i)) total += files_[i].parsed->units.size();
    if (total == 0) return std::nullopt;
    std::size_t pick = rng_.Below(total);
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (!counts(i)) continue;
      const std::vector<Unit>& units = files_[i].parsed->units;
      if (pick < units.size()) return Place{i, units[pick]};
      pick -= units.size();
    }
    return std::nullopt;
  }

  std::string_view Indent(const Place& place) const {
    const std::string_view line =
        Text(place.file).substr(place.unit.line_begin);
    return line.substr(0, std::min(line.find_first_not_of(" \t"), line.size()));
  }

  // The code of `from` as it would be written at `to`.
  std::string Moved(const Place& from, const Place& to) const {
    const std::string_view old_indent = Indent(from), indent = Indent(to);
    std::string text;
    std::string_view rest = Code(from);
    while (true) {
      const std::size_t end = rest.find('\n');
      std::string_view line = rest.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      const bool first = text.empty();
      if (!first && line.starts_with(old_indent)) {
        line.remove_prefix(old_indent.size());
        if (!line.empty()) text += indent;
      }
      text += line;
      if (end == std::string_view::npos) return text;
      text += Newline(to.file);
      rest.remove_prefix(end + 1);
    }
  }

  std::string Name(const Place& place) const {
    return fmt::format("{} {} of {}", rules_.unit_name, place.unit.line,
                       files_[place.file].source->path);
  }
  std::string Quote(const Place& place) const {
    const std::string_view code = Code(place);
    const std::string line = OneLine(code.substr(0, code.find('\n')), 48);
    return fmt::format("`{}{}`", line,
                       code.find('\n') == code.npos ? "" : " ...");
  }

  std::optional<Edit> Delete() {
    const std::optional<Place> gone = AnyUnit();
    if (!gone) return std::nullopt;
    const Unit& unit = gone->unit;
    Splice splice{.file = gone->file, .begin = unit.begin, .end = unit.end};
    if (unit.only_child) {
      if (Code(*gone) == "pass") return std::nullopt;
      splice.text = "pass";
    } else if (unit.whole_lines) {
      const std::string_view text = Text(gone->file);
      splice.begin = unit.line_begin;
      splice.end =
          std::min(text.find('\n', unit.line_end), text.size() - 1) + 1;
    }
    return Edit{{std::move(splice)},
                fmt::format("delete {}: {}", Name(*gone), Quote(*gone))};
  }

  std::optional<Edit> Copy() {
    const std::optional<Place> to = AnyUnit();
    const std::optional<Place> from = to ? AnyUnit(&*to) : std::nullopt;
    if (!from) return std::nullopt;
    const bool before = rng_.Chance(0.5);
    const Unit& unit = to->unit;
    Splice splice{.file = to->file, .text = Moved(*from, *to)};
    if (unit.whole_lines && before) {
      splice.begin = unit.line_begin;
      splice.text.insert(0, Indent(*to));
      splice.text += Newline(to->file);
    } else if (unit.whole_lines) {
      splice.begin = unit.line_end;
      splice.text.insert(0, Indent(*to));
      splice.text.insert(0, Newline(to->file));
    } else {
      splice.begin = before ? unit.begin : unit.end;
      splice.text.insert(before ? splice.text.size() : 0, " ");
    }
    splice.end = splice.begin;
    return Edit{
        {std::move(splice)},
        fmt::format("copy {} {} {}: {}", Name(*from),
                    before ? "before" : "behind", unit.line, Quote(*from))};
  }

  std::optional<Edit> Swap() {
    const std::optional<Place> a = AnyUnit();
    const std::optional<Place> b = a ? AnyUnit(&*a) : std::nullopt;
    if (!b || Code(*a) == Code(*b)) return std::nullopt;
    Splice first{a->file, a->unit.begin, a->unit.end, Moved(*b, *a)};
    Splice second{b->file, b->unit.begin, b->unit.end, Moved(*a, *b)};
    if (Collide(first, second)) return std::nullopt;
    return Edit{
        {std::move(first), std::move(second)},
        fmt::format("swap {} with {}: {}", Name(*a), b->unit.line, Quote(*a))};
  }

  std::optional<Edit> Replace() {
    const std::optional<Place> to = AnyUnit();
    const std::optional<Place> from = to ? AnyUnit(&*to) : std::nullopt;
    if (!from || Code(*from) == Code(*to)) return std::nullopt;
    Splice splice{to->file, to->unit.begin, to->unit.end, Moved(*from, *to)};
    return Edit{{std::move(splice)},
                fmt::format("replace {} by {}: {}", Name(*to), from->unit.line,
                            Quote(*from))};
  }

  std::optional<Edit> Number() {
    std::size_t total = 0;
    for (const EditableFile& file : files_)
      total += file.parsed->literals.size();
    if (total == 0) return std::nullopt;
    std::size_t pick = rng_.Below(total), file = 0;
    while (pick >= files_[file].parsed->literals.size())
      pick -= files_[file++].parsed->literals.size();
    const Literal literal = files_[file].parsed->literals[pick];
    const std::string_view text = Text(file);
    const std::string_view old =
        text.substr(literal.begin, literal.end - literal.begin);
    std::optional<std::string> changed =
        ChangedNumber(old, kNumberChanges[rng_.Below(kNumberChanges.size())]);
    if (!changed) return std::nullopt;
    std::string said =
        fmt::format("change {} to {} in line {} of {}", old, *changed,
                    literal.line, files_[file].source->path);
    // "a-1" to "a- -1", never "a--1".
    if (changed->starts_with('-') && literal.begin > 0 &&
        text[literal.begin - 1] == '-')
      changed->insert(0, " ");
    return Edit{{{file, literal.begin, literal.end, std::move(*changed)}},
                std::move(said),
                true};
  }

  // One knob anywhere (1/2), one a step away (1/4), or several anywhere (1/4).
  std::optional<Edit> Knob() {
    const std::vector<std::size_t> present = PresentKnobs();
    if (present.empty()) return std::nullopt;
    const std::uint64_t quarter = rng_.Below(4);
    Edit edit{.parameter = true};
    if (quarter < 3) {
      const std::size_t knob = present[rng_.Below(present.size())];
      if (!SetKnob(knob, quarter == 2, edit)) return std::nullopt;
      return edit;
    }
    for (std::size_t knob : present)
      if (rng_.Chance(0.5)) SetKnob(knob, false, edit);
    if (edit.splices.empty()) return std::nullopt;
    return edit;
  }

  std::vector<std::size_t> PresentKnobs() const {
    std::vector<std::size_t> present;
    for (std::size_t i = 0; i < knobs_.size(); ++i)
      if (FileOf(i)) present.push_back(i);
    return present;
  }
  std::optional<std::size_t> FileOf(std::size_t knob) const {
    for (std::size_t i = 0; i < files_.size(); ++i)
      if (files_[i].parsed->knobs[knob]) return i;
    return std::nullopt;
  }
  bool SetKnob(std::size_t number, bool neighbour, Edit& edit) {
    const std::size_t file = *FileOf(number);
    const spec::Span place = *files_[file].parsed->knobs[number];
    const std::string_view current =
        Text(file).substr(place.begin, place.end - place.begin);
    const spec::Knob& knob = knobs_[number];
    const std::optional<std::string> value =
        neighbour ? NeighbourValue(knob, current, rng_)
                  : OtherValue(knob, current, rng_);
    if (!value) return false;
    edit.splices.push_back({file, place.begin, place.end, *value});
    edit.said += fmt::format("{} {} = {}", edit.said.empty() ? "set" : ",",
                             knob.name, *value);
    return true;
  }

  // Behind those at the same place, so that copies stand as they were drawn.
  void Insert(Splice splice) {
    auto before = [](const Splice& a, const Splice& b) {
      return std::tie(a.file, a.begin, a.end) <
             std::tie(b.file, b.begin, b.end);
    };
    const auto at = std::ranges::upper_bound(splices_, splice, before);
    splices_.insert(at, std::move(splice));
  }

  void Apply(DrawnEdits& drawn) const {
    for (auto at = splices_.begin(); at != splices_.end();) {
      const std::size_t file = at->file;
      const std::string_view old_text = Text(file);
      std::string text;
      std::size_t done = 0;
      for (; at != splices_.end() && at->file == file; ++at) {
        text += old_text.substr(done, at->begin - done);
        text += at->text;
        done = at->end;
      }
      text += old_text.substr(done);
      if (text != old_text)
        drawn.changes.push_back({files_[file].source->path, std::move(text)});
    }
  }

  const std::span<const EditableFile> files_;
  const EditRules& rules_;
  const std::span<const spec::Knob> knobs_;
  Rng& rng_;
  std::vector<Splice> splices_;  // sorted, none over another
};

}  // namespace

std::optional<DrawnEdits> DrawEdits(std::span<const EditableFile> files,
                                    const EditRules& rules,
                                    std::span<const spec::Knob> knobs,
                                    Rng rng) {
  for (int i = 0; i < kTries && !rules.moves.empty(); ++i) {
    DrawnEdits drawn = Drawing(files, rules, knobs, rng).Draw();
    if (!drawn.changes.empty()) return drawn;
  }
  return std::nullopt;
}

}  // namespace coppice::llm

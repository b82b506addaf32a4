#include "llm/edit_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/text.h"
#include "llm/edit_describe.h"
#include "llm/edit_elision.h"
#include "llm/edit_merge.h"
#include "llm/edit_place.h"
#include "llm/edit_reader.h"
#include "llm/edit_reply.h"
#include "llm/edit_scope.h"
#include "llm/edit_show.h"
#include "llm/header.h"

// One answer: its blocks are read, matched with what was asked for, placed
// each by itself in the parent's text, and checked against each other. Only if
// all of them stand is anything made of them; else those that do keep their
// places, and the reply asks for the others.

namespace coppice::llm {
namespace {

constexpr std::size_t kSmallFile = 150;  // lines: always answered as a whole
constexpr std::size_t kMostDescribed = 16;
constexpr std::size_t kLongestIdea = 120;

std::string WithoutLastEnd(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

bool IsRemoval(const EditBlock& block) {
  return block.kind == EditBlock::Kind::kWhole && block.new_text.empty();
}

// What earlier blocks take of one file.
struct Taken {
  std::map<std::size_t, std::pair<std::size_t, const EditSlot*>> spans;
  const EditSlot* all = nullptr;  // the whole file
};

// The slot that `slot` gets in the way of, or null after noting it down.
const EditSlot* Take(const EditSlot& slot, bool whole, Taken& taken) {
  if (taken.all != nullptr) return taken.all;
  if (whole) {
    if (!taken.spans.empty()) return taken.spans.begin()->second.second;
    taken.all = &slot;
    return nullptr;
  }
  const LineRange& lines = slot.placed->lines;
  const auto next = taken.spans.lower_bound(lines.begin);
  if (next != taken.spans.end() && next->first < lines.end) {
    return next->second.second;
  }
  if (next != taken.spans.begin()) {
    const auto& [end, owner] = std::prev(next)->second;
    if (end > lines.begin) return owner;
  }
  taken.spans[lines.begin] = {lines.end, &slot};
  return nullptr;
}

}  // namespace

struct EditSession::Impl {
  Impl(Rules session_rules,
       std::vector<std::shared_ptr<const SourceFile>> session_files)
      : rules(std::move(session_rules)),
        files(std::move(session_files)),
        scope(rules, files),
        find([this](std::string_view path) { return scope.Find(path); }) {}

  EditVerdict Take(std::string_view answer) {
    AnswerParts parts =
        ReadAnswer(answer, rules.format, rules.marker_suffix, find);
    TakePlan(parts.header);
    EditVerdict verdict{.blocks = static_cast<int>(parts.blocks.size())};
    MergeAnswer(std::move(parts.blocks), slots);
    if (verdict.blocks == 0 && (slots.empty() || !Numbers(false).empty())) {
      verdict.cause = "malformed";
      verdict.reply = WriteReply(Numbers(true), Numbers(false), parts.nothing);
    } else {
      for (EditSlot& slot : slots) {
        if (!slot.placed) Resolve(slot);
      }
      FindOverlaps();
      Finish(verdict);
    }
    if (plan) verdict.plan = *plan;
    if (verdict.changes && verdict.plan.idea.empty()) MakeIdea(verdict);
    return verdict;
  }

 private:
  void TakePlan(const std::string& header) {
    std::optional<Plan> read = ParseHeader(header);
    if (!read) return;
    if (!plan || (plan->idea.empty() && !read->idea.empty())) {
      plan = std::move(read);
    }
  }

  const LineTable& TableOf(const SourceFile& file) {
    std::unique_ptr<LineTable>& table = tables[&file];
    if (!table) table = std::make_unique<LineTable>(file.text);
    return *table;
  }

  // ---- One block -----------------------------------------------------

  void Resolve(EditSlot& slot) {
    slot.fault.reset();
    std::variant<Placement, EditFault> found = PlacementOf(slot.block);
    if (auto* fault = std::get_if<EditFault>(&found)) {
      slot.fault = std::move(*fault);
    } else {
      slot.placed = std::move(std::get<Placement>(found));
    }
  }

  static EditFault Malformed(std::string_view expected) {
    return {.cause = "malformed", .details = fmt::format("  {}.\n", expected)};
  }

  std::variant<Placement, EditFault> PlacementOf(const EditBlock& block) {
    if (!block.malformed.empty()) return Malformed(block.malformed);
    std::optional<EditFault> refused = scope.Refuses(block);
    if (refused) return std::move(*refused);
    const SourceFile* file = scope.Find(block.path);
    if (IsRemoval(block)) return Placement{};
    if (file == nullptr) return Placement{.text = block.new_text};
    const LineTable& table = TableOf(*file);
    if (block.kind == EditBlock::Kind::kWhole) return WholeOf(block, table);
    if (!block.old_text.empty()) return Place(block, table);
    if (file->text.empty()) return Placement{.text = block.new_text};
    return Malformed(fmt::format(
        "expected the lines to replace: without them a file is created, and "
        "this one is there ({} lines)",
        table.size()));
  }

  std::variant<Placement, EditFault> WholeOf(const EditBlock& block,
                                             const LineTable& table) const {
    if (rules.format != EditFormat::kWhole && table.size() >= kSmallFile) {
      return Malformed(fmt::format(
          "expected single edits: the file has {} lines, and only those under "
          "{} are taken whole",
          table.size(), kSmallFile));
    }
    const Elision elision = FindElision(table, block.new_text);
    if (elision) return DescribeElision(elision, table);
    return PlaceWhole(block, table);
  }

  // ---- All of them ---------------------------------------------------

  // Those that were kept before go first: a block that is sent again has to
  // fit in with them.
  void FindOverlaps() {
    std::vector<EditSlot*> order;
    for (bool kept : {true, false}) {
      for (EditSlot& slot : slots) {
        if (slot.placed && slot.kept == kept) order.push_back(&slot);
      }
    }
    std::unordered_map<std::string_view, Taken> taken;
    for (EditSlot* slot : order) {
      const EditSlot* other =
          llm::Take(*slot, TakesAll(*slot), taken[slot->block.path]);
      if (other != nullptr) Overlap(*slot, *other);
    }
    for (EditSlot& slot : slots) slot.kept = slot.placed.has_value();
  }

  bool TakesAll(const EditSlot& slot) const {
    const SourceFile* file = scope.Find(slot.block.path);
    return slot.block.kind == EditBlock::Kind::kWhole || file == nullptr ||
           file->text.empty();
  }

  void Overlap(EditSlot& slot, const EditSlot& other) const {
    std::string details;
    if (TakesAll(slot) || TakesAll(other)) {
      details = fmt::format(
          "  This block and block {} both give the file; send one for it.\n",
          other.number);
    } else {
      details = fmt::format(
          "  This block replaces {}, block {} {}. Blocks may not share lines: "
          "narrow this one; block {} may be replaced by one with the same old "
          "text.\n",
          ToString(slot.placed->lines), other.number,
          ToString(other.placed->lines), other.number);
    }
    slot.fault = {.cause = fmt::format("overlaps_block_{}", other.number),
                  .details = std::move(details)};
    slot.placed.reset();
  }

  std::vector<int> Numbers(bool standing) const {
    std::vector<int> numbers;
    for (const EditSlot& slot : slots) {
      if (slot.placed.has_value() == standing) numbers.push_back(slot.number);
    }
    return numbers;
  }

  void Finish(EditVerdict& verdict) {
    if (Numbers(false).empty()) Assemble(verdict);
    if (verdict.changes) return;
    std::vector<FailedBlock> failed;
    for (const EditSlot& slot : slots) {
      if (!slot.fault) continue;
      EditFault fault = *slot.fault;
      if (fault.cause == "not_found" && failed.size() < kMostDescribed) {
        fault.details = DescribeNearest(slot.block);
      }
      failed.push_back({.number = slot.number,
                        .path = slot.block.path,
                        .fault = std::move(fault)});
    }
    verdict.cause = failed.front().fault.cause;
    verdict.reply = WriteReply(Numbers(true), failed);
  }

  std::string DescribeNearest(const EditBlock& block) {
    std::vector<ShownTable> others;
    const SourceFile* own = scope.Find(block.path);
    for (const auto& file : files) {
      if (file && file->mutable_file && file.get() != own) {
        others.push_back({file->path, &TableOf(*file)});
      }
    }
    return llm::DescribeNearest(SplitLines(block.old_text), TableOf(*own),
                                others);
  }

  // ---- New texts -----------------------------------------------------

  void Assemble(EditVerdict& verdict) {
    std::vector<std::string_view> paths;
    std::unordered_map<std::string_view, std::vector<EditSlot*>> by_path;
    for (EditSlot& slot : slots) {
      std::vector<EditSlot*>& own = by_path[slot.block.path];
      if (own.empty()) paths.push_back(slot.block.path);
      own.push_back(&slot);
    }
    std::vector<FileChange> changes;
    std::vector<std::string> matched;
    bool idle = false;
    for (std::string_view path : paths) {
      std::vector<EditSlot*>& own = by_path[path];
      FileChange change{.path = std::string(path)};
      if (!IsRemoval(own.front()->block)) change.content = TextOf(path, own);
      if (LeavesAsItIs(change, own)) {
        idle = true;
        continue;
      }
      changes.push_back(std::move(change));
      NoteUsed(path, own, matched);
    }
    if (idle) return;
    verdict.changes = std::move(changes);
    verdict.matched = fmt::format("{}", fmt::join(matched, "; "));
  }

  // The parent's text with the spans replaced, from the last to the first; a
  // missing newline at its end stays missing.
  std::string TextOf(std::string_view path, std::vector<EditSlot*>& own) {
    const SourceFile* file = scope.Find(path);
    if (file == nullptr || file->text.empty()) return own.front()->placed->text;
    const LineTable& table = TableOf(*file);
    std::sort(own.begin(), own.end(), [](const EditSlot* a, const EditSlot* b) {
      return a->placed->lines.begin > b->placed->lines.begin;
    });
    std::string text = file->text;
    for (const EditSlot* slot : own) {
      const LineRange& lines = slot->placed->lines;
      const std::size_t begin = table.Offset(lines.begin);
      text.replace(begin, table.Offset(lines.end) - begin, slot->placed->text);
    }
    const bool open_end = !file->text.ends_with('\n');
    return open_end && text.ends_with('\n') ? WithoutLastEnd(std::move(text))
                                            : text;
  }

  // Blocks that undo each other.
  bool LeavesAsItIs(const FileChange& change,
                    const std::vector<EditSlot*>& own) {
    const SourceFile* file = scope.Find(change.path);
    if (file == nullptr || change.content != file->text) return false;
    for (EditSlot* slot : own) {
      slot->fault = {.cause = "no_change",
                     .details =
                         "  The blocks of this file, together, leave it "
                         "as it is.\n"};
      slot->placed.reset();
      slot->kept = false;
    }
    return true;
  }

  static void NoteUsed(std::string_view path, const std::vector<EditSlot*>& own,
                       std::vector<std::string>& matched) {
    std::vector<std::string> used;
    for (const EditSlot* slot : own) {
      const std::string& step = slot->placed->used;
      const bool noted = std::ranges::find(used, step) != used.end();
      if (!step.empty() && !noted) used.push_back(step);
    }
    if (used.empty()) return;
    std::sort(used.begin(), used.end());
    matched.push_back(fmt::format("{}: {}", path, fmt::join(used, ", ")));
  }

  static void MakeIdea(EditVerdict& verdict) {
    std::vector<std::string_view> paths;
    for (const FileChange& change : *verdict.changes)
      paths.push_back(change.path);
    verdict.plan.idea =
        OneLine(fmt::format("change {}", fmt::join(paths, ", ")), kLongestIdea);
    if (!verdict.matched.empty()) verdict.matched += "; ";
    verdict.matched += "idea from paths";
  }

  const Rules rules;
  const std::vector<std::shared_ptr<const SourceFile>> files;
  const EditScope scope;
  const FindShown find;
  std::unordered_map<const SourceFile*, std::unique_ptr<LineTable>> tables;
  std::vector<EditSlot> slots;  // by number
  std::optional<Plan> plan;
};

EditSession::EditSession(Rules rules,
                         std::vector<std::shared_ptr<const SourceFile>> files)
    : impl_(std::make_unique<Impl>(std::move(rules), std::move(files))) {}

EditSession::~EditSession() = default;

EditVerdict EditSession::Take(std::string_view answer) {
  return impl_->Take(answer);
}

std::string EditSession::ReplyTo(std::string_view fact) {
  std::string_view advice;
  if (fact == "truncated") {
    advice = "It was cut off at its longest; answer in fewer words and lines";
  } else if (fact == "refused") {
    advice = "The task is to make a measured program better; answer with edits";
  } else {
    advice = "Answer with a header and edits";
  }
  return fmt::format(
      "Nothing was applied: the answer was {}. {}, in the format that was "
      "described, the whole answer again.\n",
      OneLine(fact, 100), advice);
}

}  // namespace coppice::llm

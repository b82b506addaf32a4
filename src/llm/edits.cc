#include "llm/edits.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "llm/draw_edits.h"
#include "llm/parsed_file.h"

namespace coppice::llm {
namespace {

constexpr std::size_t kIdeaCap = 120;

EditMove MoveOf(spec::EditKind kind) {
  switch (kind) {
    case spec::EditKind::kDelete:
      return EditMove::kDelete;
    case spec::EditKind::kCopy:
      return EditMove::kCopy;
    case spec::EditKind::kSwap:
      return EditMove::kSwap;
    case spec::EditKind::kReplace:
      return EditMove::kReplace;
    case spec::EditKind::kNumber:
      return EditMove::kNumber;
  }
  return EditMove::kNumber;
}

class EditsProposer final : public Proposer {
 public:
  EditsProposer(const spec::EditsArm& arm, Compute& compute)
      : unit_(arm.unit), knobs_(arm.knobs), compute_(compute) {
    all_.max_edits = arm.max_edits;
    all_.unit_name =
        arm.unit == spec::EditUnit::kLine ? "line" : "statement at line";
    parameters_ = all_;
    for (spec::EditKind kind : arm.kinds) {
      all_.moves.push_back(MoveOf(kind));
      if (kind == spec::EditKind::kNumber)
        parameters_.moves.push_back(EditMove::kNumber);
    }
    if (!knobs_.empty()) {
      all_.moves.push_back(EditMove::kKnob);
      parameters_.moves.push_back(EditMove::kKnob);
    }
  }

  // Costs nothing and draws the same again: nothing to record.
  Task<Proposed> Propose(const Request& request, CallLog&) override {
    const bool tunes = request.numbers_only || request.op == Operator::kTune;
    const EditRules& rules = tunes ? parameters_ : all_;
    const Rng rng = Rng::Stream(request.seed, request.attempt.value(),
                                fmt::format("edits:{}", request.draw));
    std::vector<EditableFile> files = Editable(request);
    std::vector<EditableFile*> fresh;
    for (EditableFile& file : files)
      if (!file.parsed) fresh.push_back(&file);
    auto draw = [&] {
      for (EditableFile* file : fresh)
        file->parsed = std::make_shared<const ParsedFile>(
            Parse(*file->source, unit_, knobs_));
      return DrawEdits(files, rules, knobs_, rng);
    };
    std::optional<DrawnEdits> drawn = co_await Offload(compute_, draw);
    for (const EditableFile* file : fresh)
      parsed_.Keep(*file->source, file->parsed);
    co_return Answer(std::move(drawn), files);
  }

  bool Can(Operator op) const override {
    if (op == Operator::kMerge) return false;
    return !(op == Operator::kTune ? parameters_ : all_).moves.empty();
  }
  PromptStyle style() const override { return PromptStyle::kNone; }
  bool redraws() const override { return true; }

 private:
  // Sorted by path, so that a draw does not depend on the order given.
  std::vector<EditableFile> Editable(const Request& request) const {
    std::vector<EditableFile> files;
    for (const auto& file : request.files)
      if (file->mutable_file) files.push_back({file, parsed_.Find(*file)});
    std::ranges::sort(files, {}, [](const EditableFile& file) {
      return std::string_view(file.source->path);
    });
    return files;
  }

  static Proposed Answer(std::optional<DrawnEdits> drawn,
                         const std::vector<EditableFile>& files) {
    Proposed proposed;
    if (!drawn) {
      proposed.refusal.reason =
          fmt::format("no edit possible in {} mutable {}", files.size(),
                      files.size() == 1 ? "file" : "files");
      return proposed;
    }
    Proposal proposal;
    proposal.plan.idea =
        OneLine(fmt::format("{}", fmt::join(drawn->said, "; ")), kIdeaCap);
    proposal.plan.category = drawn->parameters_only ? "parameters" : "other";
    proposal.said = fmt::format("{}\n", fmt::join(drawn->said, "\n"));
    proposal.changes = std::move(drawn->changes);
    proposed.proposal = std::move(proposal);
    return proposed;
  }

  // Constant.
  const spec::EditUnit unit_;
  const std::vector<spec::Knob> knobs_;
  EditRules all_, parameters_;
  Compute& compute_;
  // Conductor thread.
  ParsedFiles parsed_;
};

}  // namespace

std::unique_ptr<Proposer> MakeEditsProposer(const spec::EditsArm& arm,
                                            Compute& compute) {
  return std::make_unique<EditsProposer>(arm, compute);
}

}  // namespace coppice::llm

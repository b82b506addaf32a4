#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/patch.h"
#include "base/rng.h"
#include "llm/parsed_file.h"
#include "llm/proposer.h"
#include "spec/spec.h"

namespace coppice::llm {

// A mutable file with what is known of it.
struct EditableFile {
  std::shared_ptr<const SourceFile> source;
  std::shared_ptr<const ParsedFile> parsed;
};

enum class EditMove { kDelete, kCopy, kSwap, kReplace, kNumber, kKnob };

struct EditRules {
  std::vector<EditMove> moves;  // each as likely
  int max_edits = 3;
  std::string unit_name;  // "line" or "statement", for what is said
};

struct DrawnEdits {
  std::vector<FileChange> changes;
  std::vector<std::string> said;  // one an edit, for people
  bool parameters_only = false;   // numbers and knobs
};

// 1, 2 or 3 edits that change something, none over another. Nothing if no such
// draw was found in 20. Pure: the same numbers from `rng`, the same edits.
std::optional<DrawnEdits> DrawEdits(std::span<const EditableFile> files,
                                    const EditRules& rules,
                                    std::span<const spec::Knob> knobs, Rng rng);

}  // namespace coppice::llm

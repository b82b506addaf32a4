#pragma once

#include <string>

namespace coppice::llm {

// One block of an answer, as it was read: nothing is known yet of the file.
struct EditBlock {
  enum class Kind {
    kReplace,  // old lines give way to new ones; without old: a new file
    kWhole     // the whole new file; empty: it is removed
  };
  Kind kind = Kind::kReplace;
  std::string path;
  std::string old_text;  // whole lines, each with its '\n'
  std::string new_text;
  // Where it breaks the format and what was expected there; the rest then
  // counts for nothing.
  std::string malformed;
  bool stray = false;  // malformed, and perhaps never meant as a block

  friend bool operator==(const EditBlock&, const EditBlock&) = default;
};

// Why a block cannot be applied, in SPEC §9's word, and what the model needs
// to know to repair it: lines, each indented by two blanks.
struct EditFault {
  std::string cause;
  std::string details;
};

}  // namespace coppice::llm

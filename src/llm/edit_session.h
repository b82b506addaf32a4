#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/patch.h"
#include "llm/proposer.h"

namespace coppice::llm {

// What became of one answer.
struct EditVerdict {
  // Whole new texts against the parent; set when every block stands.
  std::optional<std::vector<FileChange>> changes;
  // Of the first answer that had one. An answer whose blocks stand needs no
  // IDEA: it is then made from the changed paths, and `matched` says so.
  Plan plan;
  std::string matched;  // normalisations used: "src/a.cc: indent+4"
  // Otherwise: the first cause (SPEC §9: not_found, ambiguous,
  // overlaps_block_2, out_of_scope, file_missing, already_present, no_change,
  // elided, malformed) and the reply to send, at most 8 KB.
  std::string cause;
  std::string reply;
  int blocks = 0;  // read from this answer
};

// One attempt's answers, from reply text to edits (SPEC §9): every block is
// resolved against the parent's text, exactly or by a loss-free normalisation
// that is unique; any failing block fails the whole answer. Blocks that stand
// are kept for the next answer, which need hold only those that failed. Pure
// CPU work; one thread at a time; nothing throws, whatever the text.
class EditSession {
 public:
  struct Rules {
    EditFormat format = EditFormat::kSearchReplace;
    std::string marker_suffix;  // 4 letters after each marker, or empty
    bool allow_create = false;
    std::vector<std::string> mutable_patterns;  // as the spec writes them
    // No new files there, nor at or below tracked paths that were not shown:
    // immutable files and symbolic links.
    std::vector<std::string> immutable_patterns;
    std::vector<std::string> hidden_files;
  };
  EditSession(Rules rules,
              std::vector<std::shared_ptr<const SourceFile>> files);
  ~EditSession();

  EditVerdict Take(std::string_view answer);

  // Replies to answers of which nothing was read: empty, refused, truncated.
  static std::string ReplyTo(std::string_view fact);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace coppice::llm

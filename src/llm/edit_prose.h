#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "llm/edit_path.h"

namespace coppice::llm {

// The lines of an answer that belong to no block: the header, and between
// blocks the paths and what else is said. The answer outlives this.
class Prose {
 public:
  explicit Prose(const FindShown& find) : find_(find) {}

  // True of the first IDEA.
  bool Take(std::string_view line);
  // A block opens at the line after the last one, or in it.
  void BlockBegins();
  // `path` is the block's, and that of the next one that names none.
  void BlockEnds(std::string path);
  // Something that is no block was passed over.
  void Interrupt();
  // What was said before is no part of the answer.
  void Forget();

  // The last path alone in a line since the block before, else that block's.
  const std::string& path() const { return path_.empty() ? previous_ : path_; }
  // Does nothing stand behind it?
  bool path_is_last() const { return path_is_last_; }
  std::string_view last_line() const { return last_; }
  bool last_line_names_other(std::string_view path) const {
    return NamesOtherPath(last_, path, find_);
  }

  std::string TakeHeader();

 private:
  void AddToHeader(std::string_view line, bool field);
  void EndHeader(bool drop_last);
  void FlushHeader();

  const FindShown& find_;
  std::string_view last_;
  std::string path_;
  std::string previous_;
  bool path_is_last_ = false;
  bool idea_seen_ = false;

  bool header_begun_ = false, header_done_ = false;
  std::optional<std::string_view> header_last_;  // it may be a path
  std::string header_blanks_;
  std::string header_;
};

}  // namespace coppice::llm

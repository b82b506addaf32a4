#include "llm/edit_udiff.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/text.h"
#include "llm/edit_marks.h"

// Context and removed lines are the old text of a block, context and added
// ones the new. A line without its leading mark cannot be told from the end of
// a hunk, so it is refused; only an empty line counts as empty context, and
// not at the end of a hunk, where it separates.

namespace coppice::llm {
namespace {

constexpr std::string_view kNoFile = "/dev/null";

// "--- a/src/x.cc\t2026-01-01" is src/x.cc.
std::string_view NameIn(std::string_view line, std::string_view prefix,
                        const FindShown& find) {
  std::string_view name = line.substr(4);
  name = Trim(name.substr(0, name.find('\t')));
  if (name.size() > 2 && name.starts_with('"') && name.ends_with('"')) {
    name = name.substr(1, name.size() - 2);
  }
  if (name.starts_with(prefix) && find(name) == nullptr) {
    name.remove_prefix(prefix.size());
  }
  return name;
}

bool IsMetadata(std::string_view line) {
  static constexpr std::array<std::string_view, 8> kWords = {
      "diff ",    "index ",    "new file mode", "deleted file mode",
      "old mode", "new mode ", "similarity ",   "dissimilarity "};
  for (std::string_view word : kWords) {
    if (line.starts_with(word)) return true;
  }
  return Trim(line).empty();
}

class DiffReader {
 public:
  DiffReader(std::string_view diff, int first_line, std::string path,
             const FindShown& find)
      : lines_(diff),
        first_line_(first_line),
        find_(find),
        path_(std::move(path)) {}

  std::vector<EditBlock> Read() {
    while (lines_.Next()) {
      if (BeginsFile()) {
        BeginFile();
      } else if (lines_.line().starts_with("@@")) {
        BeginHunk();
      } else if (in_hunk_) {
        TakeLine(lines_.line());
      } else if (!skipping_) {
        TakeOutside(lines_.line());
      }
    }
    EndFile();
    return std::move(blocks_);
  }

 private:
  // "---" and "+++" name a file, unless they are a removed and an added line
  // that begin with "--" and "++": then no hunk follows, or the two name
  // nothing known in common.
  bool BeginsFile() const {
    if (!lines_.line().starts_with("--- ")) return false;
    AnswerLines ahead = lines_;
    if (!ahead.Next() || !ahead.line().starts_with("+++ ")) return false;
    if (!in_hunk_) return true;
    const std::string_view from = NameIn(lines_.line(), "a/", find_);
    const std::string_view to = NameIn(ahead.line(), "b/", find_);
    if (ahead.Next() && !ahead.line().starts_with("@@")) return false;
    return from == to || from == kNoFile || to == kNoFile ||
           find_(from) != nullptr || find_(to) != nullptr;
  }

  void BeginFile() {
    EndFile();
    const std::string_view from = NameIn(lines_.line(), "a/", find_);
    lines_.Next();
    const std::string_view to = NameIn(lines_.line(), "b/", find_);
    creates_ = from == kNoFile;
    const bool deletes = to == kNoFile;
    path_ = deletes ? from : to;
    if (deletes && !creates_) {
      blocks_.push_back({.kind = EditBlock::Kind::kWhole, .path = path_});
      skipping_ = true;
    } else if (!creates_ && from != to) {
      Refuse("one file in both lines: files cannot be renamed here");
    }
  }

  void EndFile() {
    EndHunk();
    if (std::exchange(creates_, false)) blocks_.push_back({.path = path_});
    skipping_ = broken_hunk_ = false;
  }

  void BeginHunk() {
    EndHunk();
    if (skipping_ && !broken_hunk_) return;  // of a removed file
    skipping_ = broken_hunk_ = false;
    if (path_.empty()) {
      Refuse("the lines \"--- a/PATH\" and \"+++ b/PATH\" before a hunk");
      return;
    }
    in_hunk_ = true;
    hunk_ = {.path = path_};
    hunk_line_ = lines_.number();
  }

  void EndHunk() {
    if (!std::exchange(in_hunk_, false)) return;
    blank_lines_ = 0;
    if (hunk_.old_text.empty() && hunk_.new_text.empty()) {
      hunk_.malformed = At(hunk_line_) + "expected lines after \"@@\"";
    }
    creates_ = false;
    blocks_.push_back(std::move(hunk_));
  }

  void TakeLine(std::string_view line) {
    if (line.empty()) {
      ++blank_lines_;
      return;
    }
    const char mark = line.front();
    if (mark == '\\') return;  // "\ No newline at end of file"
    if (line.starts_with("diff --git ")) {
      EndFile();
      return;
    }
    if (mark != ' ' && mark != '-' && mark != '+') {
      in_hunk_ = creates_ = false;
      blank_lines_ = 0;
      Refuse("' ', '-' or '+' as the first character of a line in a hunk");
      broken_hunk_ = true;
      return;
    }
    for (; blank_lines_ > 0; --blank_lines_) {
      hunk_.old_text += '\n';
      hunk_.new_text += '\n';
    }
    line.remove_prefix(1);
    if (mark != '+') Append(line, hunk_.old_text);
    if (mark != '-') Append(line, hunk_.new_text);
  }

  void TakeOutside(std::string_view line) {
    if (IsMetadata(line)) return;
    if (line.starts_with("rename ") || line.starts_with("copy ")) {
      Refuse("no renames or copies: remove one file and create the other");
    } else if (line.starts_with("Binary ") ||
               line.starts_with("GIT binary patch")) {
      Refuse("text: binary content is not taken");
    } else {
      Refuse("\"@@\" before the lines of a hunk");
    }
  }

  static void Append(std::string_view line, std::string& text) {
    text += line;
    text += '\n';
  }

  std::string At(int line) const {
    return fmt::format("line {} of the answer: ", first_line_ + line - 1);
  }

  // Goes on at the next hunk or file.
  void Refuse(std::string_view expected) {
    blocks_.push_back({.path = path_,
                       .malformed = At(lines_.number()) + "expected " +
                                    std::string(expected)});
    skipping_ = true;
  }

  AnswerLines lines_;
  const int first_line_;
  const FindShown& find_;
  std::string path_;
  bool creates_ = false;      // and nothing was read of the new file yet
  bool skipping_ = false;     // to the next file
  bool broken_hunk_ = false;  // skipping ends at the next hunk
  bool in_hunk_ = false;
  EditBlock hunk_;
  int hunk_line_ = 0;
  int blank_lines_ = 0;  // empty lines that may end the hunk
  std::vector<EditBlock> blocks_;
};

}  // namespace

std::vector<EditBlock> ReadDiff(std::string_view diff, int first_line,
                                const std::string& path,
                                const FindShown& find) {
  return DiffReader(diff, first_line, path, find).Read();
}

}  // namespace coppice::llm

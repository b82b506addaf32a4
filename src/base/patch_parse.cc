#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "base/line_diff.h"
#include "base/patch.h"
#include "base/text.h"

// The reader of unified diffs: prose before the first file is skipped, as in
// a mail; from there on every line must be understood.

namespace coppice {
namespace {

constexpr std::string_view kNoNewline = "\\ ";

Error Bad(std::size_t line, std::string what, std::string next = {}) {
  return Error{.code = ErrorCode::kUsage,
               .what = std::move(what),
               .where = fmt::format("patch:{}", line + 1),
               .next = std::move(next)};
}

// The inverse of git's C quoting; nothing if it is broken. `rest` begins
// behind the opening quote and ends up behind the closing one.
std::optional<std::string> Unquote(std::string_view& rest) {
  static constexpr std::string_view kLetters = "abtnvfr";
  static constexpr std::string_view kBytes = "\a\b\t\n\v\f\r";
  std::string name;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return name;
    }
    if (rest[i] != '\\') {
      name += rest[i];
      continue;
    }
    if (++i == rest.size()) return std::nullopt;
    const std::size_t letter = kLetters.find(rest[i]);
    if (letter != std::string_view::npos) {
      name += kBytes[letter];
    } else if (rest[i] >= '0' && rest[i] <= '3') {
      unsigned byte = 0;
      const char* end = rest.data() + std::min(i + 3, rest.size());
      if (std::from_chars(rest.data() + i, end, byte, 8).ptr !=
          rest.data() + i + 3)
        return std::nullopt;
      name += static_cast<char>(byte);
      i += 2;
    } else {
      name += rest[i];
    }
  }
  return std::nullopt;
}

// Without the "a/" or "b/" of git, or of its mnemonic prefixes.
std::optional<std::string> WithoutPrefix(std::string_view name) {
  static constexpr std::string_view kPrefixes = "abciow";
  if (name.size() < 3 || name[1] != '/' ||
      kPrefixes.find(name[0]) == std::string_view::npos)
    return std::nullopt;
  name.remove_prefix(2);
  if (!IsSafeRelativePath(name)) return std::nullopt;
  return std::string(name);
}

// The path of "--- a/x" or "+++ b/x" behind the mark; "" for /dev/null.
std::optional<std::string> PathOf(std::string_view field) {
  if (field.starts_with('"')) {
    field.remove_prefix(1);
    std::optional<std::string> name = Unquote(field);
    return name ? WithoutPrefix(*name) : std::nullopt;
  }
  field = field.substr(0, field.find('\t'));
  if (field == "/dev/null") return std::string();
  return WithoutPrefix(field);
}

// The one path of "diff --git a/x b/x"; two different ones are a rename.
std::optional<std::string> PathOfGitLine(std::string_view names) {
  if (names.starts_with('"')) {
    names.remove_prefix(1);
    std::optional<std::string> name = Unquote(names);
    return name ? WithoutPrefix(*name) : std::nullopt;
  }
  if (names.size() % 2 == 0) return std::nullopt;
  const std::size_t half = names.size() / 2;
  std::optional<std::string> a = WithoutPrefix(names.substr(0, half));
  if (names[half] != ' ' || !a || a != WithoutPrefix(names.substr(half + 1)))
    return std::nullopt;
  return a;
}

bool TakeNumber(std::string_view& text, int& number) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool Take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

bool TakeRange(std::string_view& text, int& start, int& count) {
  count = 1;
  if (!TakeNumber(text, start)) return false;
  return !Take(text, ",") || TakeNumber(text, count);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : lines_(LinesWithEnds(text)) {
    for (std::string_view& line : lines_)
      if (line.ends_with('\n')) line.remove_suffix(1);
  }

  Result<Patch> Read() {
    SkipProse();
    while (at_ < lines_.size()) {
      const std::size_t begin = at_;
      Result<FilePatch> file = ReadFile();
      if (!file) return file.error();
      const std::string& path =
          file->new_path.empty() ? file->old_path : file->new_path;
      if (!seen_.insert(path).second)
        return Bad(begin, fmt::format("{} is patched twice", path));
      patch_.push_back(std::move(*file));
      if (Result<void> end = EndOfFile(); !end) return end.error();
    }
    if (patch_.empty())
      return Bad(0, "no patch found", "give a unified diff, as git writes it");
    return std::move(patch_);
  }

 private:
  std::string_view Line() const { return lines_[at_]; }
  bool At(std::string_view mark) const {
    return at_ < lines_.size() && Line().starts_with(mark);
  }
  bool AtFile() const {
    return At("diff --git ") || (At("--- ") && at_ + 1 < lines_.size() &&
                                 lines_[at_ + 1].starts_with("+++ "));
  }
  void SkipProse() {
    while (at_ < lines_.size() && !AtFile()) ++at_;
  }

  // Blank lines and the signature of a mail may follow a file's hunks, prose
  // that could be a lost piece of one may not.
  Result<void> EndOfFile() {
    while (at_ < lines_.size() && !AtFile()) {
      if (Line() == "-- ") {
        SkipProse();
      } else if (!Line().empty()) {
        return Bad(at_, "this line belongs to no hunk",
                   "check the line counts of the hunk before it");
      } else {
        ++at_;
      }
    }
    return Ok();
  }

  Result<FilePatch> ReadFile() {
    const std::size_t begin = at_;
    FilePatch file;
    bool created = false, deleted = false;
    if (At("diff --git ")) {
      const std::optional<std::string> path =
          PathOfGitLine(Line().substr(sizeof("diff --git ") - 1));
      ++at_;
      if (Result<void> read = ReadExtended(created, deleted); !read)
        return read.error();
      if (!At("--- ")) {  // an empty file comes or goes
        if (!path)
          return Bad(begin, "cannot read the one path of this file",
                     "use git's a/ and b/ prefixes; renames are not supported");
        if (created == deleted)
          return Bad(begin,
                     fmt::format("the patch of {} changes nothing", *path));
        (created ? file.new_path : file.old_path) = *path;
        return file;
      }
    }
    if (Result<void> read = ReadNames(file); !read) return read.error();
    if ((created && !file.old_path.empty()) ||
        (deleted && !file.new_path.empty()))
      return Bad(begin, "the mode line and the names contradict each other");
    while (At("@@")) {
      Result<Hunk> hunk = ReadHunk();
      if (!hunk) return hunk.error();
      file.hunks.push_back(std::move(*hunk));
    }
    if (file.hunks.empty()) return Bad(begin, "a file without a hunk");
    return file;
  }

  // What stands between "diff --git" and "---".
  Result<void> ReadExtended(bool& created, bool& deleted) {
    for (; at_ < lines_.size() && !At("--- ") && !At("diff --git "); ++at_) {
      if (At("new file mode ")) {
        if (Line().substr(14, 6) != "100644")
          return Bad(at_, fmt::format("\"{}\" is not supported", Line()),
                     "only ordinary files (100644) can be created");
        created = true;
      } else if (At("deleted file mode ")) {
        deleted = true;
      } else if (At("old mode ") || At("new mode ")) {
        return Bad(at_, "mode changes are not supported");
      } else if (At("rename ") || At("copy ") || At("similarity ")) {
        return Bad(at_, "renames and copies are not supported",
                   "write the patch with git diff --no-renames");
      } else if (At("GIT binary patch") || At("Binary files ")) {
        return Bad(at_, "binary patches are not supported");
      } else if (!At("index ")) {
        return Ok();
      }
    }
    return Ok();
  }

  Result<void> ReadNames(FilePatch& file) {
    for (auto [mark, path] : {std::pair{"--- ", &file.old_path},
                              std::pair{"+++ ", &file.new_path}}) {
      if (!At(mark)) return Bad(at_, fmt::format("expected \"{}\"", mark));
      const std::optional<std::string> name = PathOf(Line().substr(4));
      if (!name)
        return Bad(at_,
                   fmt::format("not a path inside the repository: \"{}\"",
                               Line().substr(4)),
                   "use git's a/ and b/ prefixes");
      *path = *name;
      ++at_;
    }
    if (file.old_path.empty() && file.new_path.empty())
      return Bad(at_ - 1, "both sides are /dev/null");
    if (!file.old_path.empty() && !file.new_path.empty() &&
        file.old_path != file.new_path)
      return Bad(at_ - 1, "renames and copies are not supported",
                 "write the patch with git diff --no-renames");
    return Ok();
  }

  Result<Hunk> ReadHunk() {
    const std::size_t begin = at_;
    Hunk hunk;
    std::string_view head = Line();
    if (!Take(head, "@@ -") ||
        !TakeRange(head, hunk.old_start, hunk.old_count) || !Take(head, " +") ||
        !TakeRange(head, hunk.new_start, hunk.new_count) || !Take(head, " @@"))
      return Bad(at_, "not a hunk header: expected \"@@ -1,2 +1,3 @@\"");
    ++at_;
    int old_left = hunk.old_count, new_left = hunk.new_count;
    while (old_left > 0 || new_left > 0) {
      if (at_ == lines_.size())
        return Bad(at_ - 1, "the patch ends inside of a hunk");
      // Mail programs eat the blank of an empty context line.
      const char mark = Line().empty() ? ' ' : Line()[0];
      const bool is_old = mark == ' ' || mark == '-';
      const bool is_new = mark == ' ' || mark == '+';
      if ((!is_old && !is_new) || (is_old && old_left == 0) ||
          (is_new && new_left == 0))
        return Bad(at_,
                   "the hunk does not have the lines that its header says");
      if ((is_old && hunk.old_ends_without_newline) ||
          (is_new && hunk.new_ends_without_newline))
        return Bad(at_, "a line behind the end of the file");
      hunk.lines.emplace_back(Line().empty() ? " " : Line());
      ++at_;
      old_left -= is_old;
      new_left -= is_new;
      if (At(kNoNewline)) {
        if (is_old) hunk.old_ends_without_newline = true;
        if (is_new) hunk.new_ends_without_newline = true;
        ++at_;
      }
    }
    if (ChangesNothing(hunk)) return Bad(begin, "this hunk changes nothing");
    return hunk;
  }

  static bool ChangesNothing(const Hunk& hunk) {
    std::vector<std::string_view> before, after;
    for (std::string_view line : hunk.lines) {
      if (line[0] != '+') before.push_back(line.substr(1));
      if (line[0] != '-') after.push_back(line.substr(1));
    }
    return before == after &&
           hunk.old_ends_without_newline == hunk.new_ends_without_newline;
  }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
  Patch patch_;
  std::set<std::string> seen_;
};

}  // namespace

Result<Patch> ParsePatch(std::string_view text) { return Reader(text).Read(); }

}  // namespace coppice

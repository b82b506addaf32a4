#include "base/patch.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/line_diff.h"

namespace coppice {
namespace {

constexpr std::size_t kContext = 3;

// The name as git writes it: in quotes, with escapes, when it holds anything
// but plain printable characters.
std::string Quoted(std::string_view path) {
  const bool plain = std::all_of(path.begin(), path.end(), [](char c) {
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
  });
  if (plain) return std::string(path);
  std::string text = "\"";
  for (char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte < ' ' || byte >= 0x7f) {
      text += fmt::format("\\{:03o}", byte);
    } else {
      text += c;
    }
  }
  return text + '"';
}

std::string NameLine(std::string_view mark, std::string_view path) {
  // A blank in the name could end it; git marks the end with a tab.
  const bool blank = path.find(' ') != std::string_view::npos;
  return fmt::format("{} {}{}\n", mark, Quoted(path), blank ? "\t" : "");
}

std::string Range(std::size_t begin, std::size_t count) {
  // An empty range names the line before it.
  const std::size_t start = count == 0 ? begin : begin + 1;
  return count == 1 ? fmt::format("{}", start)
                    : fmt::format("{},{}", start, count);
}

void AppendLine(char mark, std::string_view line, std::string& out) {
  out += mark;
  out += line;
  if (!line.ends_with('\n')) out += "\n\\ No newline at end of file\n";
}

using Lines = std::span<const std::string_view>;

// One hunk: the changes of `group` with their context.
void AppendHunk(Lines before, Lines after, std::span<const LineChange> group,
                std::string& out) {
  const LineChange& first = group.front();
  const LineChange& last = group.back();
  const std::size_t lead = std::min(first.old_begin, kContext);
  const std::size_t trail = std::min(before.size() - last.old_end, kContext);
  const std::size_t old_begin = first.old_begin - lead;
  const std::size_t new_begin = first.new_begin - lead;
  out += fmt::format("@@ -{} +{} @@\n",
                     Range(old_begin, last.old_end + trail - old_begin),
                     Range(new_begin, last.new_end + trail - new_begin));
  std::size_t at = old_begin;
  for (const LineChange& change : group) {
    for (; at < change.old_begin; ++at) AppendLine(' ', before[at], out);
    for (; at < change.old_end; ++at) AppendLine('-', before[at], out);
    for (std::size_t i = change.new_begin; i < change.new_end; ++i)
      AppendLine('+', after[i], out);
  }
  for (; at < last.old_end + trail; ++at) AppendLine(' ', before[at], out);
}

Error DoesNotApply(const FilePatch& patch, std::size_t line,
                   std::string_view cause) {
  const std::string& path =
      patch.old_path.empty() ? patch.new_path : patch.old_path;
  return Error{.code = ErrorCode::kConflict,
               .what = "the patch does not apply",
               .where = fmt::format("{}:{}", path, line + 1),
               .cause = std::string(cause)};
}

// One file's lines while hunks take from them in order.
struct Applying {
  const FilePatch& patch;
  std::vector<std::string_view> before;
  std::size_t at = 0;
  std::string text;

  void CopyUntil(std::size_t line) {
    for (; at < line; ++at) text += before[at];
  }

  // Takes the line `expected` (of the old text, '\n' and all).
  Result<std::string_view> Take(std::string_view expected, bool newline) {
    if (at == before.size())
      return DoesNotApply(patch, at, "the file ends before the hunk does");
    std::string_view line = before[at];
    const bool has_newline = line.ends_with('\n');
    if (line.substr(0, line.size() - (has_newline ? 1 : 0)) != expected)
      return DoesNotApply(
          patch, at, fmt::format("the hunk expects \"{}\" here", expected));
    if (has_newline != newline)
      return DoesNotApply(patch, at,
                          newline ? "the file ends without a newline"
                                  : "the hunk expects no newline here");
    ++at;
    return line;
  }
};

Result<void> ApplyHunk(const Hunk& hunk, Applying& state) {
  const auto start = static_cast<std::size_t>(
      std::max(0, hunk.old_start - (hunk.old_count == 0 ? 0 : 1)));
  if (start < state.at || start > state.before.size())
    return DoesNotApply(state.patch, start,
                        "the hunk stands outside of the file, or out of order");
  state.CopyUntil(start);
  int old_left = hunk.old_count, new_left = hunk.new_count;
  for (const std::string& line : hunk.lines) {
    const std::string_view body = std::string_view(line).substr(1);
    if (line[0] != '+') {
      const bool newline = --old_left > 0 || !hunk.old_ends_without_newline;
      Result<std::string_view> taken = state.Take(body, newline);
      if (!taken) return taken.error();
    }
    if (line[0] != '-') {
      if (!state.text.empty() && !state.text.ends_with('\n'))
        return DoesNotApply(state.patch, state.at,
                            "a line would follow one without a newline");
      state.text += body;
      if (--new_left > 0 || !hunk.new_ends_without_newline) state.text += '\n';
    }
  }
  if (hunk.new_ends_without_newline && state.at != state.before.size())
    return DoesNotApply(state.patch, state.at,
                        "the hunk expects the end of the file here");
  return Ok();
}

}  // namespace

Result<std::string> ApplyPatch(const FilePatch& patch,
                               std::string_view old_text) {
  Applying state{.patch = patch, .before = LinesWithEnds(old_text)};
  if (patch.old_path.empty() && !old_text.empty())
    return DoesNotApply(patch, 0, "the file that it creates exists");
  for (const Hunk& hunk : patch.hunks) {
    Result<void> applied = ApplyHunk(hunk, state);
    if (!applied) return applied.error();
  }
  state.CopyUntil(state.before.size());
  if (patch.new_path.empty() && !state.text.empty())
    return DoesNotApply(patch, 0, "the file that it removes has more lines");
  return std::move(state.text);
}

std::string MakePatch(std::string_view path,
                      const std::optional<std::string>& old_text,
                      const std::optional<std::string>& new_text) {
  if (old_text == new_text) return {};
  const std::string a = fmt::format("a/{}", path);
  const std::string b = fmt::format("b/{}", path);
  std::string out = fmt::format("diff --git {} {}\n", Quoted(a), Quoted(b));
  if (!old_text) out += "new file mode 100644\n";
  if (!new_text) out += "deleted file mode 100644\n";

  const std::vector<std::string_view> before =
      LinesWithEnds(old_text ? *old_text : std::string_view());
  const std::vector<std::string_view> after =
      LinesWithEnds(new_text ? *new_text : std::string_view());
  const std::vector<LineChange> changes = DiffLines(before, after);
  if (changes.empty()) return out;  // an empty file, created or removed
  out += NameLine("---", old_text ? a : "/dev/null");
  out += NameLine("+++", new_text ? b : "/dev/null");
  for (std::size_t begin = 0; begin < changes.size();) {
    std::size_t end = begin + 1;
    while (end < changes.size() &&
           changes[end].old_begin - changes[end - 1].old_end <= 2 * kContext)
      ++end;
    AppendHunk(before, after, std::span(changes).subspan(begin, end - begin),
               out);
    begin = end;
  }
  return out;
}

std::vector<FileStat> Stats(const Patch& patch) {
  std::vector<FileStat> stats;
  for (const FilePatch& file : patch) {
    FileStat stat{.path = file.new_path.empty() ? file.old_path : file.new_path,
                  .created = file.old_path.empty(),
                  .deleted = file.new_path.empty()};
    for (const Hunk& hunk : file.hunks) {
      for (const std::string& line : hunk.lines) {
        stat.added += line[0] == '+';
        stat.removed += line[0] == '-';
      }
    }
    stats.push_back(std::move(stat));
  }
  return stats;
}

std::string Summary(const std::vector<FileStat>& stats) {
  std::string text;
  for (const FileStat& stat : stats) {
    fmt::format_to(std::back_inserter(text), "{}{} +{} -{}",
                   text.empty() ? "" : ", ", stat.path, stat.added,
                   stat.removed);
  }
  return text;
}

}  // namespace coppice

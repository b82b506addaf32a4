#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "base/line_diff.h"
#include "base/patch.h"
#include "base/rng.h"
#include "base/text.h"
#include "edit_fixture.h"

// Random edits of random files, rendered as an answer in each format, give
// the edited files back; with one block broken they give nothing; mutated
// answers give a verdict, whatever it is.

namespace coppice::llm {
namespace {

using testing::Fenced;
using testing::Files;
using testing::Session;
using testing::Shown;

using Lines = std::vector<std::string>;

constexpr std::string_view kWords[] = {
    "if (a) {", "}",    "  x = 1;", "",        "# src/x", "--- a", "+++ b",
    "@@",       "```",  "// todo",  "\tgo();", "=====",   "<b>",   ">>>",
    "-- x",     "++ y", "IDEA x",   "  ",      "return;", "end"};

std::string Word(Rng& rng) {
  std::string line(kWords[rng.Below(std::size(kWords))]);
  if (rng.Chance(0.7)) line += " " + std::to_string(rng.Below(1000));
  return line;
}

std::string Text(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// A file, its edited version, and the spans between: the old lines of each
// stand only once.
struct Edit {
  std::string path;
  Lines before, after;
  struct Change {
    Lines old_lines, new_lines;
  };
  std::vector<Change> changes;
};

Edit RandomEdit(Rng& rng, const std::string& path) {
  Edit edit{.path = path};
  const std::size_t size = 5 + rng.Below(60);
  for (std::size_t i = 0; i < size; ++i) {
    edit.before.push_back(rng.Chance(0.3) ? "line " + std::to_string(i)
                                          : Word(rng));
  }
  const std::string whole = "\n" + Text(edit.before);
  for (std::size_t at = 0; at < size;) {
    std::size_t length = 1 + rng.Below(4);
    if (!rng.Chance(0.25)) length = 0;
    Edit::Change change;
    for (; length > 0 && at + change.old_lines.size() < size; --length) {
      change.old_lines.push_back(edit.before[at + change.old_lines.size()]);
    }
    const std::string old_text = "\n" + Text(change.old_lines);
    const std::size_t first = whole.find(old_text);
    const bool once = !change.old_lines.empty() &&
                      whole.find(old_text, first + 1) == std::string::npos;
    if (!once) {
      edit.after.push_back(edit.before[at++]);
      continue;
    }
    change.new_lines = change.old_lines;
    while (change.new_lines == change.old_lines) {
      change.new_lines.clear();
      const std::uint64_t count = rng.Below(5);
      for (std::uint64_t i = 0; i < count; ++i) {
        change.new_lines.push_back(Word(rng));
      }
    }
    at += change.old_lines.size();
    edit.after.insert(edit.after.end(), change.new_lines.begin(),
                      change.new_lines.end());
    edit.changes.push_back(std::move(change));
  }
  return edit;
}

bool Changes(const Edit& edit) { return edit.before != edit.after; }

std::string Prefixed(char mark, const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += mark + line + "\n";
  return text;
}

std::string Rendered(const Edit& edit, EditFormat format, Rng& rng) {
  switch (format) {
    case EditFormat::kSearchReplace: {
      std::string text = edit.path + "\n";
      const bool fenced = rng.Chance(0.3);
      if (fenced) text += "```cpp\n";
      for (const Edit::Change& change : edit.changes) {
        text += testing::Block(rng.Chance(0.5) ? edit.path : "",
                               Text(change.old_lines), Text(change.new_lines));
        if (rng.Chance(0.3)) text += "\nand\n\n";
      }
      return fenced ? text + "```\n" : text;
    }
    case EditFormat::kWhole:
      return Fenced(edit.path, Text(edit.after), "````");
    case EditFormat::kUdiff: {
      std::string text =
          "```diff\n--- a/" + edit.path + "\n+++ b/" + edit.path + "\n";
      for (const Edit::Change& change : edit.changes) {
        text += "@@ -" + std::to_string(rng.Below(99)) + " @@\n" +
                Prefixed('-', change.old_lines) +
                Prefixed('+', change.new_lines);
      }
      return text + "```\n";
    }
  }
  return {};
}

std::optional<std::string> ContentOf(const EditVerdict& verdict,
                                     std::string_view path) {
  if (!verdict.changes) return std::nullopt;
  for (const FileChange& change : *verdict.changes) {
    if (change.path == path) return change.content;
  }
  return std::nullopt;
}

constexpr EditFormat kFormats[] = {EditFormat::kSearchReplace,
                                   EditFormat::kWhole, EditFormat::kUdiff};

TEST_CASE("random edits come back from their answer in every format") {
  Rng rng(1);
  int applied = 0;
  for (int round = 0; round < 600; ++round) {
    CAPTURE(round);
    const Edit one = RandomEdit(rng, "src/one.txt");
    const Edit two = RandomEdit(rng, "src/two.txt");
    if (!Changes(one) || !Changes(two)) continue;
    const Files files = {Shown(one.path, Text(one.before)),
                         Shown(two.path, Text(two.before))};
    for (EditFormat format : kFormats) {
      if (format == EditFormat::kWhole &&
          (one.after.empty() || two.after.empty()))
        continue;
      CAPTURE(Name(format));
      const std::string answer = "IDEA: x\n\n" + Rendered(one, format, rng) +
                                 "\n" + Rendered(two, format, rng);
      CAPTURE(answer);
      EditSession session = Session(files, format);
      const EditVerdict verdict = session.Take(answer);
      CAPTURE(verdict.reply);
      // A comment may stand where a third of the file went: then it says so.
      if (verdict.cause == "elided") continue;
      REQUIRE(verdict.changes);
      CHECK(ContentOf(verdict, one.path) == Text(one.after));
      CHECK(ContentOf(verdict, two.path) == Text(two.after));
      ++applied;
    }
  }
  CHECK(applied > 1200);
}

TEST_CASE("CRLF and a missing newline at the end survive any edit") {
  Rng rng(2);
  auto crlf = [](const std::string& text) {
    std::string out;
    for (char c : text) out.append(c == '\n' ? "\r\n" : std::string(1, c));
    return out;
  };
  for (int round = 0; round < 400; ++round) {
    const Edit edit = RandomEdit(rng, "src/a.txt");
    if (!Changes(edit) || edit.after.empty()) continue;
    const bool returns = rng.Chance(0.5), open = rng.Chance(0.5);
    auto dress = [&](std::string text) {
      if (returns) text = crlf(text);
      if (open) text.resize(text.size() - (returns ? 2 : 1));
      return text;
    };
    // A last line that is empty cannot go without its newline.
    if (open && (edit.before.back().empty() || edit.after.back().empty()))
      continue;
    EditSession session = Session({Shown(edit.path, dress(Text(edit.before)))});
    const std::string answer = Rendered(edit, EditFormat::kSearchReplace, rng);
    const EditVerdict verdict = session.Take(answer);
    CAPTURE(answer);
    CAPTURE(verdict.reply);
    REQUIRE(verdict.changes);
    CHECK(ContentOf(verdict, edit.path) == dress(Text(edit.after)));
  }
}

TEST_CASE("one broken block fails all, and its repair alone heals all") {
  Rng rng(3);
  int healed = 0;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    const Edit edit = RandomEdit(rng, "src/a.txt");
    if (edit.changes.size() < 2) continue;
    const std::size_t broken = rng.Below(edit.changes.size());
    std::string answer, repair;
    for (std::size_t i = 0; i < edit.changes.size(); ++i) {
      const Edit::Change& change = edit.changes[i];
      const std::string good = testing::Block(edit.path, Text(change.old_lines),
                                              Text(change.new_lines));
      if (i != broken) {
        answer += good;
        continue;
      }
      repair = good;
      answer += testing::Block(edit.path, "nowhere in it\n",
                               Text(change.new_lines) + "never\n");
    }
    EditSession session = Session({Shown(edit.path, Text(edit.before))});
    const EditVerdict first = session.Take(answer);
    CHECK_FALSE(first.changes);
    CHECK(first.cause == "not_found");
    CHECK(first.reply.find("\nBlock " + std::to_string(broken + 1) + ", ") !=
          std::string::npos);
    const EditVerdict second = session.Take(repair);
    CAPTURE(second.reply);
    if (second.cause == "no_change") continue;  // two that undo each other
    REQUIRE(second.changes);
    CHECK(ContentOf(second, edit.path) == Text(edit.after));
    ++healed;
  }
  CHECK(healed > 200);
}

std::string Mutated(std::string text, Rng& rng) {
  for (std::uint64_t i = rng.Below(6) + 1; i > 0 && !text.empty(); --i) {
    const std::size_t at = rng.Below(text.size());
    const std::size_t length =
        rng.Below(std::min<std::size_t>(80, text.size()));
    switch (rng.Below(5)) {
      case 0:
        text[at] = static_cast<char>(rng.Below(256));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(rng.Below(text.size()), length));
        break;
      case 3:
        text.resize(at);
        break;
      default:
        text.insert(at, rng.Chance(0.5) ? "\n" : "```\n");
    }
  }
  return text;
}

TEST_CASE("mutated answers end in a verdict, and only changed files change") {
  Rng rng(4);
  for (int round = 0; round < 3000; ++round) {
    const Edit edit = RandomEdit(rng, "src/a.txt");
    const EditFormat format = kFormats[rng.Below(3)];
    const std::string before = Text(edit.before);
    EditSession session =
        Session({Shown(edit.path, before)}, format, rng.Chance(0.5));
    const std::string answer =
        "IDEA: x\n\n" + Rendered(edit, format, rng) +
        Rendered(RandomEdit(rng, "src/b.txt"), format, rng);
    for (int turn = 0; turn < 3; ++turn) {
      const EditVerdict verdict = session.Take(Mutated(answer, rng));
      CHECK(verdict.reply.size() <= 8192);
      CHECK(verdict.changes.has_value() == verdict.cause.empty());
      if (!verdict.changes) continue;
      CHECK_FALSE(verdict.changes->empty());
      for (const FileChange& change : *verdict.changes) {
        CHECK(IsSafeRelativePath(change.path));
        const bool shown = change.path == edit.path;
        CHECK((shown || change.path.starts_with("src/")));
        if (shown) CHECK(change.content != before);
      }
      break;
    }
  }
}

}  // namespace
}  // namespace coppice::llm

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/text.h"
#include "edit_fixture.h"
#include "support/golden.h"
#include "support/temp_dir.h"

// Every file edit_cases/NAME.case is one session: lines beginning with "%%"
// open its parts (rules, the files that are shown, the model's answers in
// turn), and NAME.out says what became of each answer. PC-59, PC-60, PC-61.

namespace coppice::llm {
namespace {

namespace fs = std::filesystem;
using testing::Files;
using testing::Shown;

struct Case {
  EditSession::Rules rules;
  Files files;
  std::vector<std::string> answers;
};

// "%% rules whole create suffix=wxyz hidden=src/link" and the like.
void TakeRule(std::string_view word, EditSession::Rules& rules) {
  const std::size_t equals = word.find('=');
  const std::string value(equals == std::string_view::npos
                              ? std::string_view()
                              : word.substr(equals + 1));
  if (word == "create") {
    rules.allow_create = true;
  } else if (word.starts_with("suffix=")) {
    rules.marker_suffix = value;
  } else if (word.starts_with("mutable=")) {
    rules.mutable_patterns.push_back(value);
  } else if (word.starts_with("immutable=")) {
    rules.immutable_patterns.push_back(value);
  } else if (word.starts_with("hidden=")) {
    rules.hidden_files.push_back(value);
  } else {
    rules.format = ParseEditFormat(word);
    REQUIRE(Name(rules.format) == word);
  }
}

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  while (!(line = Trim(line)).empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

Case ReadCase(const std::string& text) {
  Case read;
  std::vector<std::string> title;
  std::string part;
  auto close = [&] {
    if (title.empty()) return;
    if (title[0] == "rules") {
      for (std::size_t i = 1; i < title.size(); ++i) {
        TakeRule(title[i], read.rules);
      }
    } else if (title[0] == "answer") {
      read.answers.push_back(part);
    } else {
      REQUIRE(title.size() == 2);
      read.files.push_back(Shown(title[1], part, title[0] == "file"));
    }
  };
  for (std::string_view line : SplitLines(text)) {
    if (line.starts_with("%%")) {
      close();
      title = Words(line.substr(2));
      part.clear();
    } else {
      part.append(line).append("\n");
    }
  }
  close();
  if (read.rules.mutable_patterns.empty()) {
    read.rules.mutable_patterns = {"src/"};
  }
  return read;
}

std::string Told(const EditVerdict& verdict, std::size_t number) {
  std::string text =
      fmt::format("%% answer {}: blocks {}\n", number, verdict.blocks);
  if (!verdict.plan.idea.empty()) {
    text += fmt::format("idea: {}\n", verdict.plan.idea);
  }
  if (!verdict.changes) {
    return text + fmt::format("cause: {}\n{}", verdict.cause, verdict.reply);
  }
  if (!verdict.matched.empty()) {
    text += fmt::format("matched: {}\n", verdict.matched);
  }
  for (const FileChange& change : *verdict.changes) {
    text += fmt::format("%% {}{}\n{}", change.path,
                        change.content ? "" : " removed",
                        change.content.value_or(""));
  }
  return text;
}

TEST_CASE("every case of the folder ends as its golden file says") {
  const fs::path folder =
      fs::path(COPPICE_SOURCE_DIR) / "tests" / "llm" / "edit_cases";
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".case") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  std::set<std::string> causes;
  for (const std::string& name : names) {
    CAPTURE(name);
    const Case read =
        ReadCase(coppice::testing::ReadFile(folder / (name + ".case")));
    REQUIRE_FALSE(read.answers.empty());
    EditSession session(read.rules, read.files);
    std::string told;
    for (std::size_t i = 0; i < read.answers.size(); ++i) {
      const EditVerdict verdict = session.Take(read.answers[i]);
      CHECK(verdict.reply.size() <= 8192);
      CHECK(verdict.changes.has_value() == verdict.cause.empty());
      CHECK(verdict.changes.has_value() == verdict.reply.empty());
      causes.insert(verdict.cause);
      told += Told(verdict, i + 1);
    }
    coppice::testing::CheckGolden("llm/edit_cases/" + name + ".out", told);
  }
  for (std::string_view cause :
       {"not_found", "ambiguous", "overlaps_block_1", "out_of_scope",
        "file_missing", "already_present", "no_change", "elided",
        "malformed"}) {
    CAPTURE(cause);
    CHECK(causes.contains(std::string(cause)));
  }
}

}  // namespace
}  // namespace coppice::llm

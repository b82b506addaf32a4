#include <doctest/doctest.h>

#include <string>

#include "search/prompt_world.h"
#include "support/golden.h"
#include "support/sample_run.h"

// Whole prompts on the sample run, to be read by people: one an operator.

namespace coppice {
namespace {

using search::Record;
using search::Selected;
using testing::CheckGolden;

// The records up to where an attempt is selected.
std::size_t UntilSelected(const std::vector<Record>& records, int attempt) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto* selected = std::get_if<Selected>(&records[i].event);
    if (selected != nullptr && selected->attempt == AttemptId(attempt)) {
      return i + 1;
    }
  }
  return 0;
}

search::PromptFiles SampleFiles() {
  auto parser = std::make_shared<llm::SourceFile>();
  parser->path = "src/parser.cpp";
  parser->text =
      "#include \"parser.h\"\n\nint parse(const char* p) {\n"
      "  int n = 0;\n  while (*p) n += *p++ == ',';\n"
      "  return n;\n}\n";
  parser->mutable_file = true;
  auto header = std::make_shared<llm::SourceFile>();
  header->path = "include/parser.h";
  header->text = "int parse(const char* p);\n";
  return {parser, header};
}

std::string PromptOf(const std::vector<Record>& records,
                     const search::State& state, int attempt,
                     llm::PromptStyle style = llm::PromptStyle::kAnswer,
                     llm::EditFormat format = llm::EditFormat::kSearchReplace) {
  const search::PromptFiles files = SampleFiles();
  spec::ResolvedScope scope;
  scope.mutable_files = {"src/parser.cpp", "src/lex.cpp"};
  scope.readable_files = {"include/parser.h"};
  std::map<AttemptId, std::string> patches;
  for (AttemptId wanted : WantedPatches(state, AttemptId(attempt))) {
    patches[wanted] =
        "diff --git a/src/parser.cpp b/src/parser.cpp\n"
        "--- a/src/parser.cpp\n+++ b/src/parser.cpp\n"
        "@@ -4 +4 @@\n-  int n = 0;\n+  int n = " +
        std::to_string(wanted.value()) + ";\n";
  }
  const AttemptId parent =
      state.Info(AttemptId(attempt))->selected.parents.front();
  const std::string output = testing::OutputOf(records, parent);
  return testing::WholeText(
      BuildPrompt(state, {.attempt = AttemptId(attempt),
                          .style = style,
                          .format = format,
                          .marker_suffix = "",
                          .files = files,
                          .patches = patches,
                          .parent_output = output,
                          .scope = scope,
                          .max_prompt_kb = 240,
                          .templates = search::Templates::BuiltIn()}));
}

}  // namespace

TEST_CASE("prompts of the sample run are these texts") {
  const std::vector<Record> records = testing::FruitfulRun();
  auto prompt = [&](int attempt) {
    const auto state = testing::Fold(records, UntilSelected(records, attempt));
    return PromptOf(records, *state, attempt);
  };
  CheckGolden("search/golden/prompt_first_draft.md", prompt(1));
  CheckGolden("search/golden/prompt_draft.md", prompt(12));
  CheckGolden("search/golden/prompt_improve.md", prompt(19));
  CheckGolden("search/golden/prompt_debug.md", prompt(4));
}

TEST_CASE("so are those of a tune, a restart, an idea and an agent") {
  const std::vector<Record> records = testing::FruitfulRun();
  const std::size_t count = testing::BeforeTheFinal(records);
  auto prompt = [&](Selected selected, const std::string& idea,
                    llm::PromptStyle style, llm::EditFormat format) {
    const auto state = testing::Fold(records, count);
    Record record = records[count - 1];
    if (!idea.empty()) {
      ++record.seq;
      record.event = search::Told{idea};
      REQUIRE(state->Apply(record).has_value());
    }
    ++record.seq;
    selected.attempt = AttemptId(20);
    selected.arm = "anthropic/claude-sonnet-4-5";
    record.event = selected;
    REQUIRE(state->Apply(record).has_value());
    return PromptOf(records, *state, 20, style, format);
  };
  using enum llm::EditFormat;
  constexpr auto kAnswer = llm::PromptStyle::kAnswer;
  CheckGolden("search/golden/prompt_tune.md",
              prompt({.op = Operator::kTune, .parents = {AttemptId(11)}}, "",
                     kAnswer, kWhole));
  CheckGolden("search/golden/prompt_restart.md",
              prompt({.parents = {AttemptId(0)}, .history_withheld = true}, "",
                     kAnswer, kUdiff));
  CheckGolden(
      "search/golden/prompt_idea.md",
      prompt({.op = Operator::kImprove,
              .parents = {AttemptId(4)},
              .idea = "skip blanks with memchr"},
             R"({"idea":"skip blanks with memchr","source":"ideas.md"})",
             llm::PromptStyle::kInPlace, kSearchReplace));
}

}  // namespace coppice

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llm/codec.h"
#include "llm/judge_batches.h"

// What a judge is told and how its answer is read. Pure functions.

namespace coppice::llm {

// configs/judge.md and configs/judge_pairs.md, as compiled into the program.
std::string_view JudgeTemplate();
std::string_view PairsTemplate();

struct JudgeTask {
  std::string rubric;
  spec::JudgeScale scale;
  std::vector<std::string> fields = {};  // asked for beside the score
  bool pairs = false;  // compared with another text instead of scored
};

// The rubric and the rules, then the entries, each between two lines that hold
// a marker. The marker is a digest of all the texts, so no text holds it: an
// item cannot end its fence. Entries are numbered 1, 2, ... and nothing else is
// said of them; the texts of a pair are A and B, and A is the one that stands
// first.
std::vector<Utterance> JudgePrompt(const JudgeTask& task,
                                   std::span<const BatchEntry> entries);
std::string MarkerOf(const JudgeTask& task,
                     std::span<const BatchEntry> entries);

JsonSchema AnswerSchema(const JudgeTask& task);

// The scores in the order of the entries, or what is wrong with the answer. Of
// pairs: 100 where the entry's text is preferred, 50 for a tie.
std::variant<std::vector<ItemScore>, std::string> ReadScores(
    std::string_view answer, const JudgeTask& task,
    std::span<const BatchEntry> entries);

}  // namespace coppice::llm

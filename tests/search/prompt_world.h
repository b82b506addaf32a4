#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "search/prompt.h"
#include "search/state.h"

namespace coppice::testing {

// A State grown record by record, without a search, and the prompts that it
// gives. Attempts are numbered 1, 2, 3, ...
class PromptWorld {
 public:
  static constexpr const char* kModel = "local/m";

  // `more_yaml` on top of a small spec with one model. The baseline is 10.
  explicit PromptWorld(const std::string& more_yaml = "");

  void Apply(search::Event event);

  // The next attempt. `how` changes the record.
  AttemptId Select(Operator op, int parent, const std::string& idea = "",
                   bool withheld = false, int chain = 0);
  // A call that was answered: the proposer can read.
  void Ask(AttemptId attempt);
  void Commit(AttemptId attempt, llm::Plan plan);
  void Reject(AttemptId attempt, Outcome outcome, const std::string& reason);
  // A screen sample of `seconds` and what was made of it.
  void Measure(AttemptId attempt, double seconds,
               Outcome outcome = Outcome::kValid,
               const std::string& reason = "");
  void Fail(AttemptId attempt, Outcome outcome, const std::string& reason,
            const std::string& signature, const std::string& tail = "");
  // Select, Ask, Commit and Measure.
  AttemptId Grow(Operator op, int parent, llm::Plan plan, double seconds,
                 Outcome outcome = Outcome::kValid);

  void AddFile(const std::string& path, const std::string& text,
               bool may_change = true);

  llm::Prompt Build(AttemptId attempt) const;

  const search::State& state() const { return state_; }
  const std::vector<search::Record>& records() const { return records_; }

  // Of prompts built from now on.
  llm::PromptStyle style = llm::PromptStyle::kAnswer;
  llm::EditFormat format = llm::EditFormat::kSearchReplace;
  std::string marker_suffix;
  int max_prompt_kb = 240;
  std::map<AttemptId, std::string> patches;
  search::PromptFiles files;
  spec::ResolvedScope scope;
  search::Templates templates = search::Templates::BuiltIn();

 private:
  search::State state_;
  std::map<AttemptId, std::string> outputs_;  // what failed nodes printed
  std::vector<search::Record> records_;
  std::int64_t seq_ = 0;
};

// The text of a section; "" if there is none.
std::string Section(const llm::Prompt& prompt, std::string_view name);
// "rules goal files ...".
std::string Names(const llm::Prompt& prompt);
// All of it, one section after the other.
std::string WholeText(const llm::Prompt& prompt);
// What stands outside of every fence, as Markdown reads them; a fence that is
// never closed makes "UNCLOSED" of it.
std::string OutsideFences(std::string_view text);

}  // namespace coppice::testing

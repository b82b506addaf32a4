#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/project.h"
#include "report/views.h"
#include "search/sqlite_journal.h"
#include "search/state.h"

namespace coppice::app {

// One call to a proposer, as it is on record.
struct RecordedCall {
  search::Asked asked;
  std::optional<search::Answered> answered;
};

// What was said, for people: every call once, repeated requests left out.
std::string PromptText(const std::vector<RecordedCall>& calls);
std::string AnswerText(const std::vector<RecordedCall>& calls);

// A run as its journal tells it, live or not; nothing is written.
struct ReadRun {
  Home home;
  std::unique_ptr<vcs::Store> store;
  RunPlace place;
  std::unique_ptr<search::SqliteJournal> journal;
  std::unique_ptr<search::State> state;

  // The whole `committed` record of an attempt; nothing for a rejected one.
  Result<std::optional<search::Committed>> CommittedOf(AttemptId attempt);
  // The calls of an attempt, in order.
  Result<std::vector<RecordedCall>> CallsOf(AttemptId attempt);
  // The commit that a row makes by itself.
  Result<ObjectId> RebuildCommit(const search::Committed& committed);
  // The attempt that NODE names, which must have been selected.
  Result<AttemptId> Node(const std::string& node) const;
};

// `until`: only records up to that number.
Result<ReadRun> OpenRun(const Global& global, const std::string& run,
                        std::optional<std::int64_t> until = std::nullopt);

// The texts of an attempt, made of its calls.
report::AttemptTexts TextsFrom(std::string patch,
                               std::vector<RecordedCall> calls);
// Patches and answers, for views.
report::FindTexts TextsOf(search::SqliteJournal& journal,
                          const search::State& state);

}  // namespace coppice::app

#include "app/run_reader.h"

#include <fmt/format.h>

#include "search/expander.h"

namespace coppice::app {
namespace {

// Ends a replay early; never seen by a user.
Error Enough() { return Error{.code = ErrorCode::kInternal, .what = "enough"}; }

Result<std::optional<search::Committed>> FindCommitted(
    search::SqliteJournal& journal, const search::State& state,
    AttemptId attempt) {
  const search::InfoView info = state.Info(attempt);
  std::optional<search::Committed> found;
  if (info == nullptr || info->committed_seq == 0) return found;
  auto see = [&](const search::Record& record) -> Result<void> {
    if (const auto* c = std::get_if<search::Committed>(&record.event)) {
      found = *c;
    }
    return Enough();
  };
  Result<void> replayed = journal.ReplayFrom(info->committed_seq, see);
  if (!replayed && replayed.error().what != "enough") return replayed.error();
  return found;
}

Result<std::vector<RecordedCall>> FindCalls(search::SqliteJournal& journal,
                                            const search::State& state,
                                            AttemptId attempt) {
  std::vector<RecordedCall> calls;
  const search::InfoView info = state.Info(attempt);
  if (info == nullptr || info->asked_seq == 0) return calls;
  auto see = [&](const search::Record& record) -> Result<void> {
    if (record.seq > info->calls_seq) return Enough();
    const auto* asked = std::get_if<search::Asked>(&record.event);
    if (asked != nullptr && asked->attempt == attempt) {
      calls.push_back({*asked, std::nullopt});
    }
    const auto* answered = std::get_if<search::Answered>(&record.event);
    if (answered != nullptr && answered->attempt == attempt && !calls.empty()) {
      calls.back().answered = *answered;
    }
    return Ok();
  };
  Result<void> replayed = journal.ReplayFrom(info->asked_seq, see);
  if (!replayed && replayed.error().what != "enough") return replayed.error();
  return calls;
}

}  // namespace

Result<std::optional<search::Committed>> ReadRun::CommittedOf(
    AttemptId attempt) {
  return FindCommitted(*journal, *state, attempt);
}

Result<std::vector<RecordedCall>> ReadRun::CallsOf(AttemptId attempt) {
  return FindCalls(*journal, *state, attempt);
}

// A repair goes on from what was said before: only what is new is shown.
std::string PromptText(const std::vector<RecordedCall>& calls) {
  std::string text;
  std::size_t shown = 0;
  for (const RecordedCall& call : calls) {
    const std::vector<llm::Utterance>& parts = call.asked.prompt;
    if (parts.size() <= shown) continue;
    if (!text.empty()) {
      text += fmt::format("\n\n== turn {} ({}) ==\n", call.asked.turn,
                          call.asked.role);
    }
    for (std::size_t i = shown; i < parts.size(); ++i) {
      if (shown > 0 && parts[i].speaker == llm::Speaker::kAssistant) continue;
      text += parts[i].text + "\n";
    }
    shown = parts.size();
  }
  return text;
}

std::string AnswerText(const std::vector<RecordedCall>& calls) {
  std::string text;
  for (const RecordedCall& call : calls) {
    if (!call.answered) continue;
    const bool plain = calls.size() == 1 && call.answered->stop == "complete";
    if (!plain) {
      text +=
          fmt::format("{}== turn {} ({}): {} ==\n", text.empty() ? "" : "\n",
                      call.asked.turn, call.asked.role, call.answered->stop);
    }
    text += call.answered->text;
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  return text;
}

Result<ObjectId> ReadRun::RebuildCommit(const search::Committed& committed) {
  std::vector<ObjectId> parents;
  const search::InfoView info = state->Info(committed.attempt);
  for (AttemptId parent : info->selected.parents) {
    parents.push_back(state->tree()[*state->tree().Find(parent)].commit);
  }
  return search::RemakeCommit(committed, parents, *store);
}

Result<AttemptId> ReadRun::Node(const std::string& node) const {
  const std::int64_t best = state->tree()[state->best()].attempt.value();
  Result<std::int64_t> number = ParseNode(node, best);
  if (!number) return number.error();
  const AttemptId attempt(*number);
  if (state->Info(attempt) != nullptr) return attempt;
  return Error{
      .code = ErrorCode::kNotFound,
      .what = fmt::format("run {} has no node {}", state->run(), *number),
      .next = fmt::format("it has 0 to {}; see `coppice tree`",
                          state->next_attempt().value() - 1)};
}

Result<ReadRun> OpenRun(const Global& global, const std::string& run,
                        std::optional<std::int64_t> until) {
  Result<Opened> repository = OpenRepository(global);
  if (!repository) return repository.error();
  Result<RunPlace> place = FindRun(repository->home, run);
  if (!place) return place.error();
  ReadRun read;
  read.home = repository->home;
  read.store = std::move(repository->store);
  read.place = *place;
  auto journal = search::OpenJournalForReading(place->journal());
  if (!journal) return journal.error();
  read.journal = std::move(*journal);
  read.state = std::make_unique<search::State>();
  auto see = [&](const search::Record& record) -> Result<void> {
    if (until && record.seq > *until) return Enough();
    return read.state->Apply(record);
  };
  Result<void> replayed = read.journal->ReplayLean(see);
  if (!replayed && replayed.error().what != "enough") return replayed.error();
  if (!read.state->started() || read.state->tree().empty()) {
    return Error{.code = ErrorCode::kNotFound,
                 .what = fmt::format("run {} has only begun: its journal holds "
                                     "no baseline yet",
                                     place->id),
                 .where = place->journal().string()};
  }
  return read;
}

report::AttemptTexts TextsFrom(std::string patch,
                               std::vector<RecordedCall> calls) {
  report::AttemptTexts texts{.patch = std::move(patch)};
  for (const RecordedCall& call : calls) {
    if (call.asked.role != search::kJudgeRole) continue;
    texts.judged +=
        fmt::format("== {} ({}) ==\n", call.asked.turn, call.asked.model);
    for (const llm::Utterance& part : call.asked.prompt) {
      texts.judged += part.text + '\n';
    }
    if (call.answered) {
      texts.judged += fmt::format("-- {} --\n{}\n\n", call.answered->stop,
                                  call.answered->text);
    }
  }
  std::erase_if(calls, [](const RecordedCall& call) {
    return call.asked.role == search::kJudgeRole;
  });
  texts.prompt = PromptText(calls);
  texts.answer = AnswerText(calls);
  return texts;
}

report::FindTexts TextsOf(search::SqliteJournal& journal,
                          const search::State& state) {
  return [&journal, &state](AttemptId attempt) -> Result<report::AttemptTexts> {
    auto committed = FindCommitted(journal, state, attempt);
    if (!committed) return committed.error();
    auto calls = FindCalls(journal, state, attempt);
    if (!calls) return calls.error();
    report::AttemptTexts texts =
        TextsFrom(*committed ? (*committed)->patch : "", std::move(*calls));
    if (const search::InfoView info = state.Info(attempt)) {
      Result<std::string> output = search::OutputOf(*info, journal);
      if (!output) return output.error();
      texts.output = std::move(*output);
    }
    return texts;
  };
}

}  // namespace coppice::app

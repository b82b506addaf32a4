#include "app/page_texts.h"

#include <unordered_map>
#include <utility>

#include "app/run_reader.h"
#include "base/text.h"
#include "report/page.h"

namespace coppice::app {
namespace {

// What is kept of a long run; the rest is looked up one by one.
constexpr std::size_t kMemory = std::size_t{256} << 20;

class Library {
 public:
  Library(search::SqliteJournal& journal, const search::State& state)
      : journal_(journal), state_(state), one_(TextsOf(journal, state)) {}

  Result<report::AttemptTexts> Find(AttemptId attempt) {
    if (!std::exchange(read_, true)) {
      auto see = [this](const search::Record& record) {
        See(record);
        return Ok();
      };
      Result<void> replayed = journal_.Replay(see);
      if (!replayed) return replayed.error();
      open_.clear();
    }
    auto found = kept_.find(attempt);
    if (found != kept_.end()) return found->second;
    return one_(attempt);
  }

 private:
  struct Open {
    std::string patch;
    std::vector<RecordedCall> calls;
    std::string output;
  };

  // An attempt is whole with the last of its records that the state names;
  // records after those of the state are not looked at.
  void See(const search::Record& record) {
    const std::optional<AttemptId> attempt = search::AttemptOf(record.event);
    if (!attempt || record.seq > state_.last_seq()) return;
    const search::InfoView info = state_.Info(*attempt);
    if (info == nullptr) return;
    if (const auto* c = std::get_if<search::Committed>(&record.event)) {
      if (record.seq != info->committed_seq) return;
      open_[*attempt].patch = c->patch;
    } else if (const auto* a = std::get_if<search::Asked>(&record.event)) {
      open_[*attempt].calls.push_back({*a, std::nullopt});
    } else if (const auto* b = std::get_if<search::Answered>(&record.event)) {
      Open& open = open_[*attempt];
      if (!open.calls.empty()) open.calls.back().answered = *b;
    }
    const bool has_output = info->evaluated && info->evaluated->printed;
    const std::int64_t printed = has_output ? info->evaluated->seq : 0;
    if (const auto* e = std::get_if<search::Evaluated>(&record.event)) {
      if (record.seq == printed) open_[*attempt].output = e->tail;
    }
    if (record.seq >=
        std::max({info->committed_seq, info->calls_seq, printed})) {
      Keep(*attempt);
    }
  }

  void Keep(AttemptId attempt) {
    auto open = open_.extract(attempt);
    if (open.empty()) {
      kept_.try_emplace(attempt);
      return;
    }
    if (bytes_ > kMemory) return;
    report::AttemptTexts texts = TextsFrom(std::move(open.mapped().patch),
                                           std::move(open.mapped().calls));
    texts.output = std::move(open.mapped().output);
    for (std::string* text : {&texts.patch, &texts.prompt, &texts.answer,
                              &texts.judged, &texts.output}) {
      *text = HeadAndTail(*text, report::kPageTextBytes);
      bytes_ += text->size();
    }
    kept_[attempt] = std::move(texts);
  }

  search::SqliteJournal& journal_;
  const search::State& state_;
  const report::FindTexts one_;
  bool read_ = false;
  std::size_t bytes_ = 0;
  std::unordered_map<AttemptId, Open> open_;
  std::unordered_map<AttemptId, report::AttemptTexts> kept_;
};

}  // namespace

report::FindTexts AllTextsOf(search::SqliteJournal& journal,
                             const search::State& state) {
  auto library = std::make_shared<Library>(journal, state);
  return [library](AttemptId attempt) { return library->Find(attempt); };
}

}  // namespace coppice::app

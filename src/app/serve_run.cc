#include "app/serve_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "report/facts.h"

namespace coppice::app {
namespace {

constexpr std::size_t kLogBytes = std::size_t{256} << 10;
constexpr std::size_t kTextBytes = std::size_t{1} << 20;
// What browsers saw last differs by a few records; a client that asks from
// every record there ever was gets each answer made anew.
constexpr std::size_t kMostNews = 8;

}  // namespace

ServeRun::ServeRun(Follower run, Clock& clock)
    : run_(std::move(run)),
      clock_(clock),
      at_rest_(run_.AtRest()),
      known_from_(run_.state().last_seq()) {}

Result<void> ServeRun::Look() {
  const std::int64_t before = seq();
  auto see = [this](const search::State& state, const search::Record& record) {
    if (auto attempt = search::AttemptOf(record.event)) {
      touched_[*attempt] = record.seq;
      // A child changes what is said of its parents.
      for (AttemptId parent : report::ParentsOf(state, *attempt)) {
        touched_[parent] = record.seq;
      }
    }
  };
  Result<void> read = run_.Advance(see);
  const bool rest = run_.AtRest();
  if (seq() != before || rest != at_rest_) ++version_;
  at_rest_ = rest;
  return read;
}

report::PageInput ServeRun::Input() const {
  return {.now = clock_.Wall(), .extra = run_.Extra(), .live = true};
}

void ServeRun::ForgetOldTexts() {
  if (told_ == version_) return;
  told_ = version_;
  page_.reset();
  data_.reset();
  news_.clear();
}

ServeRun::Shared ServeRun::Page() {
  ForgetOldTexts();
  if (!page_) {
    page_ = std::make_shared<std::string>(
        report::PageHtml(report::LivePageData(state(), Input()), true));
  }
  return page_;
}

ServeRun::Shared ServeRun::Data() {
  ForgetOldTexts();
  if (!data_) {
    data_ = std::make_shared<std::string>(
        report::DumpLine(report::LivePageData(state(), Input())));
  }
  return data_;
}

ServeRun::Shared ServeRun::NewsSince(std::int64_t since) {
  ForgetOldTexts();
  // What was seen before this process began to look is not known by record.
  if (since < known_from_) return Data();
  since = std::min(since, seq());
  if (auto known = news_.find(since); known != news_.end())
    return known->second;
  report::OrderedJson data = report::PageSummary(state(), Input());
  data["nodes"] = report::OrderedJson::array();
  for (const auto& [attempt, at] : touched_) {
    if (at > since) data["nodes"].push_back(report::PageNode(state(), attempt));
  }
  if (news_.size() >= kMostNews) news_.clear();
  return news_[since] = std::make_shared<std::string>(report::DumpLine(data));
}

Result<std::string> ServeRun::Node(AttemptId attempt) {
  if (state().Info(attempt) == nullptr) {
    return Error{.code = ErrorCode::kNotFound,
                 .what = fmt::format("no node {}", attempt.value())};
  }
  Result<report::AttemptTexts> found = run_.Texts(attempt);
  if (!found) return found.error();
  const report::FindLog log = report::LogsIn(run_.place().dir, kLogBytes);
  report::PageTexts texts =
      report::TextsForPage(state(), attempt, std::move(*found), log(attempt));
  for (std::string* text :
       {&texts.diff, &texts.prompt, &texts.answer, &texts.judged}) {
    *text = HeadAndTail(*text, kTextBytes);
  }
  return report::DumpLine(report::PageTextsJson(texts));
}

}  // namespace coppice::app

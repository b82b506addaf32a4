#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/text.h"
#include "report/facts.h"
#include "report/page.h"
#include "report/text_shelf.h"

// What fits into a page. Rows of nodes come first; the long texts share what
// they leave. A kind is taken only while a part of that room is still free, so
// that prompts, which are the longest, leave room for the diffs of all.

namespace coppice::report {
namespace {

struct Kind {
  const char* key;
  std::string PageTexts::* text;
  std::size_t limit;  // of one text
  double spare;       // share of the room that must be free after it
};
constexpr std::array<Kind, 6> kKinds{
    {{"why", &PageTexts::why, 4'000, 0},
     {"diff", &PageTexts::diff, kPageTextBytes, 0},
     {"log", &PageTexts::log, kPageLogBytes, .1},
     {"answer", &PageTexts::answer, 16'000, .3},
     {"judged", &PageTexts::judged, 16'000, .4},
     {"prompt", &PageTexts::prompt, 32'000, .5}}};
constexpr std::size_t kFull = 2'000;  // less room than this is none
constexpr std::size_t kMostNodes = 4'000;

// Whose story is told first: the winner's lineage, the ranking, then the
// newest.
std::vector<AttemptId> InOrderOfInterest(const search::State& state) {
  std::vector<AttemptId> order;
  std::unordered_set<AttemptId> seen;
  auto add = [&](AttemptId attempt) {
    if (seen.insert(attempt).second) order.push_back(attempt);
  };
  std::vector<AttemptId> lineage = Lineage(state, BestAttempt(state));
  std::ranges::reverse(lineage);
  for (AttemptId attempt : lineage) add(attempt);
  std::vector<AttemptId> attempts = Attempts(state);
  for (AttemptId attempt : attempts) {
    if (OutcomeOf(state, attempt) == Outcome::kImproved) add(attempt);
  }
  for (AttemptId attempt : Ranking(state)) add(attempt);
  std::ranges::reverse(attempts);
  for (AttemptId attempt : attempts) add(attempt);
  return order;
}

// The first of them with all their ancestors, so that none hangs in the air.
std::vector<AttemptId> Shown(const search::State& state,
                             const std::vector<AttemptId>& order) {
  std::unordered_set<AttemptId> shown;
  std::vector<AttemptId> open;
  for (AttemptId attempt : order) {
    if (shown.size() >= kMostNodes) break;
    open.push_back(attempt);
    while (!open.empty()) {
      const AttemptId next = open.back();
      open.pop_back();
      if (!shown.insert(next).second) continue;
      for (AttemptId parent : ParentsOf(state, next)) open.push_back(parent);
    }
  }
  std::vector<AttemptId> sorted(shown.begin(), shown.end());
  std::ranges::sort(sorted);
  return sorted;
}

// The texts of one node; what found no room is named under "left".
OrderedJson Shelve(const PageTexts& texts, std::size_t room, TextShelf& shelf) {
  OrderedJson entry = OrderedJson::object();
  for (const Kind& kind : kKinds) {
    const std::string& text = texts.*kind.text;
    if (text.empty()) continue;
    const auto spare =
        static_cast<std::size_t>(kind.spare * static_cast<double>(room));
    OrderedJson pieces =
        shelf.Add(Sanitize(HeadAndTail(text, kind.limit)), spare);
    if (pieces.is_null()) {
      entry["left"].push_back(kind.key);
    } else {
      entry[kind.key] = std::move(pieces);
    }
  }
  return entry;
}

// As Embedded writes it.
std::size_t Weight(const OrderedJson& data) {
  const std::string json = DumpLine(data);
  return json.size() +
         5 * static_cast<std::size_t>(std::ranges::count(json, '<'));
}

}  // namespace

OrderedJson LivePageData(const search::State& state, const PageInput& input) {
  OrderedJson data = PageSummary(state, input);
  data["nodes"] = OrderedJson::array();
  const std::vector<AttemptId> shown = Shown(state, InOrderOfInterest(state));
  for (AttemptId attempt : shown)
    data["nodes"].push_back(PageNode(state, attempt));
  data["nodes_left_out"] = 1 + state.tree().attempts() - std::ssize(shown);
  return data;
}

Result<OrderedJson> PageData(const search::State& state, const PageInput& input,
                             const FindTexts& texts, const FindLog& log,
                             std::size_t bytes) {
  OrderedJson data = LivePageData(state, input);
  const std::size_t used = Weight(data);
  const std::size_t room = bytes > used ? bytes - used : 0;
  TextShelf shelf(room);
  OrderedJson of = OrderedJson::object();
  for (AttemptId attempt : InOrderOfInterest(state)) {
    if (shelf.left() < kFull) break;
    Result<AttemptTexts> found = texts(attempt);
    if (!found) return found.error();
    of[std::to_string(attempt.value())] =
        Shelve(TextsForPage(state, attempt, std::move(*found), log(attempt)),
               room, shelf);
  }
  data["texts"] = {{"pieces", shelf.Pieces()}, {"of", std::move(of)}};
  return Result<OrderedJson>(boost::system::in_place_value, std::move(data));
}

Result<std::string> StaticPage(const search::State& state,
                               const PageInput& input, const FindTexts& texts,
                               const FindLog& log) {
  Result<OrderedJson> data =
      PageData(state, input, texts, log, kPageBytes - PageTemplate().size());
  if (!data) return data.error();
  return PageHtml(*data, false);
}

}  // namespace coppice::report

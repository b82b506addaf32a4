#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "report/node_record.h"
#include "report/status.h"
#include "report/views.h"
#include "search/state.h"

// report.html and what `coppice serve` sends (RES-04): the page is one template
// (web/), and all it tells is one JSON value made here. Texts in it are
// sanitized, never escaped: the page shows them as text alone.

namespace coppice::report {

struct PageInput {
  WallTime now;
  StatusExtra extra;
  bool live = false;  // served: it is told of news and fetches long texts
};

// All but the nodes: the verdict, the curve, the winner's lineage, where the
// effort went, what limited the search, what to try next, where it was
// measured.
OrderedJson PageSummary(const search::State& state, const PageInput& input);

// One attempt, the baseline too, without its long texts.
OrderedJson PageNode(const search::State& state, AttemptId attempt);

// Long texts of an attempt, for its panel.
struct PageTexts {
  std::string why, diff, prompt, answer, judged, log;
};
// `log` is the evaluation's own, from a file; else the tail on record is taken.
PageTexts TextsForPage(const search::State& state, AttemptId attempt,
                       AttemptTexts texts, std::string log);
// {"why": "...", ...}, whole.
OrderedJson PageTextsJson(const PageTexts& texts);

// The log of an attempt's evaluation; empty where there is none.
using FindLog = std::function<std::string(AttemptId)>;
// Those in the directory of a run. Of a long one the head and the tail, in
// `limit` bytes at most. Blocking.
FindLog LogsIn(std::filesystem::path run_dir, std::size_t limit);
// As much of any text, and of a log, as a static page shows.
inline constexpr std::size_t kPageTextBytes = 48'000;
inline constexpr std::size_t kPageLogBytes = 8'000;

// The summary, the nodes, and as many long texts as fit into `bytes` in all:
// those of the winner and its ancestors first, then by rank, then the newest.
// What does not fit is left out and named ("left": [...]) with its node.
Result<OrderedJson> PageData(const search::State& state, const PageInput& input,
                             const FindTexts& texts, const FindLog& log,
                             std::size_t bytes);
// The same with the nodes alone; the page fetches texts when it shows them.
OrderedJson LivePageData(const search::State& state, const PageInput& input);

// The template with `data` in it; nothing in `data` can end the element that
// holds it. A live page may speak to the server it came from, any other to
// nobody.
std::string PageHtml(const OrderedJson& data, bool live);

// What a static page may weigh, so that it opens at once and can be mailed.
inline constexpr std::size_t kPageBytes = 7'500'000;

// The whole page of a run, without a server.
Result<std::string> StaticPage(const search::State& state,
                               const PageInput& input, const FindTexts& texts,
                               const FindLog& log);

// The built template, web/dist/report.html.
std::string_view PageTemplate();

}  // namespace coppice::report

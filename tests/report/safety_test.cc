#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "report/baseline.h"
#include "report/digest.h"
#include "report/experiment_log.h"
#include "report/facts.h"
#include "report/graph_export.h"
#include "report/leaderboard.h"
#include "report/page.h"
#include "report/past_runs.h"
#include "report/plot.h"
#include "report/progress.h"
#include "report/report_md.h"
#include "report/show.h"
#include "report/status.h"
#include "report/top.h"
#include "report/tree_text.h"
#include "report/tsv.h"
#include "report/views.h"
#include "support/sample_run.h"

// SEC-06: whatever a model, a candidate or a user wrote, no view passes on
// what a terminal would act on, and no page what a browser would.

namespace coppice::report {
namespace {

// Escape sequences of both kinds, a bell, overwriting, a lone C1 control,
// broken UTF-8, HTML, Markdown, and the separators of every table.
constexpr const char* kHostile =
    "\x1b[31mred\x1b[0m\x1b]0;title\x07 x\ry \xc2\x9b"
    "31m \xff\xfe\t"
    "<img src=x onerror=alert(1)> | a \"b\" 'c' \n# heading [l](javascript:0)";

std::vector<search::Record> HostileRun() {
  std::vector<search::Record> records = testing::FruitfulRun();
  for (search::Record& record : records) {
    if (auto* e = std::get_if<search::Selected>(&record.event)) {
      e->arm = kHostile;
      e->idea = kHostile;
    } else if (auto* c = std::get_if<search::Committed>(&record.event)) {
      c->plan = {.idea = kHostile,
                 .category = kHostile,
                 .bottleneck = kHostile,
                 .alternatives = kHostile,
                 .expect = kHostile,
                 .risk = kHostile,
                 .needs = {kHostile},
                 .lesson = kHostile};
      c->needs = {kHostile};
      c->matched = kHostile;
      c->flags = {kHostile};
      for (FileStat& file : c->files) file.path = kHostile;
    } else if (auto* r = std::get_if<search::Rejected>(&record.event)) {
      r->reason = kHostile;
    } else if (auto* v = std::get_if<search::Evaluated>(&record.event)) {
      v->reason = kHostile;
      v->tail = kHostile;
      v->log = kHostile;
      v->flags = {kHostile};
    } else if (auto* s = std::get_if<search::Sampled>(&record.event)) {
      s->sample.metrics[kHostile] = 1;
    } else if (auto* f = std::get_if<search::Final>(&record.event)) {
      f->word = kHostile;
    } else if (auto* d = std::get_if<search::Stopped>(&record.event)) {
      d->reason = kHostile;
    } else if (auto* b = std::get_if<search::Exported>(&record.event)) {
      b->branch = kHostile;
    } else if (auto* n = std::get_if<search::Noted>(&record.event)) {
      if (n->kind != "race") n->text = kHostile;
    }
  }
  search::Paused paused;
  paused.cause = kHostile;
  paused.detail = kHostile;
  records.push_back({.seq = records.back().seq + 1,
                     .at = records.back().at,
                     .event = std::move(paused)});
  return records;
}

void CheckTerminalSafe(const std::string& text) {
  bool safe = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool carriage = byte == '\r' && i + 1 < text.size() &&
                          text[i + 1] == '\n';  // the line end of CSV
    if (byte < 0x20 && byte != '\n' && byte != '\t' && !carriage) safe = false;
    if (byte == 0x7f || byte == 0xff || byte == 0xfe) safe = false;
    // U+0080 to U+009F, which some terminals take for escape sequences.
    if (byte == 0xc2 && i + 1 < text.size() &&
        static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      safe = false;
    }
  }
  CHECK(safe);
}

// A page outside of its fences, which show text as it is.
std::string WithoutFences(const std::string& page) {
  std::string rest;
  std::string fence;
  std::size_t begin = 0;
  while (begin < page.size()) {
    const std::size_t end = std::min(page.find('\n', begin), page.size());
    const std::string line = page.substr(begin, end - begin);
    begin = end + 1;
    if (fence.empty() && line.starts_with("```")) {
      fence = line.substr(0, line.find_first_not_of('`'));
    } else if (!fence.empty()) {
      if (line == fence) fence.clear();
    } else {
      rest += line + "\n";
    }
  }
  CHECK(fence.empty());
  return rest;
}

void CheckPageSafe(const std::string& page) {
  const std::string text = WithoutFences(page);
  CHECK(text.find("<img") == std::string::npos);
  for (std::size_t at = text.find("](javascript"); at != std::string::npos;
       at = text.find("](javascript", at + 1)) {
    CHECK(text[at - 1] == '\\');
  }
  CHECK(text.find("\n# heading") == std::string::npos);
}

}  // namespace

TEST_CASE("no view passes on an escape sequence or broken text") {
  const auto records = HostileRun();
  const auto state = testing::Fold(records);
  const WallTime now = state->last_at();
  std::map<std::string, std::string> views{
      {"digest", DigestMarkdown(*state)},
      {"experiment log", ExperimentLog(*state)},
      {"dot", TreeDot(*state)},
      {"graphml", TreeGraphMl(*state)},
      {"leaderboard", Leaderboard(*state)},
      {"jsonl", ResultsJsonl(*state)},
      {"page", DumpPretty(LivePageData(*state, {.now = now}))},
      {"past runs", PastRunsMarkdown({Summarise(*state, false)})},
      {"plot", PlotText(*state)},
      {"report", ReportMarkdown(*state, {.now = now, .diff = kHostile})},
      {"status", StatusText(*state, now, {})},
      {"status json", DumpPretty(StatusJson(*state, now, {}))},
      {"top", TopTable(*state, {.all = true})},
      {"csv", TopCsv(*state, {.all = true})},
      {"tree", TreeText(*state, {.collapse = 0})},
      {"tree json", DumpPretty(TreeJson(*state))},
      {"tsv", ResultsTsv(*state)}};
  for (AttemptId attempt : state->order_of_completion()) {
    views["show"] += ShowText(*state, attempt);
    views["why"] += WhyText(*state, attempt, kHostile);
    views["show json"] += DumpPretty(ShowJson(*state, attempt, kHostile));
    views["plan"] += PlanMarkdown(*state, attempt);
  }
  search::State live;
  for (const search::Record& record : records) {
    REQUIRE(live.Apply(record).has_value());
    views["progress"] += ProgressLine(live, record).value_or("") + "\n";
    if (auto json = ProgressJson(live, record)) {
      views["progress json"] += DumpLine(*json) + "\n";
    }
  }
  for (const auto& [name, text] : views) {
    CAPTURE(name);
    CHECK(text.size() > 20);
    CheckTerminalSafe(text);
  }
}

TEST_CASE("no page passes on HTML, links or headings of others") {
  const auto state = testing::Fold(HostileRun());
  CheckPageSafe(DigestMarkdown(*state));
  CheckPageSafe(Leaderboard(*state));
  CheckPageSafe(
      ReportMarkdown(*state, {.now = state->last_at(), .diff = kHostile}));
  CheckPageSafe(PlanMarkdown(*state, AttemptId(1)));
}

TEST_CASE("hostile text does not add rows or cells to a table") {
  const auto state = testing::Fold(HostileRun());
  const std::string board = Leaderboard(*state);
  for (std::size_t at = board.find("\n| "); at != std::string::npos;
       at = board.find("\n| ", at + 1)) {
    const std::string line =
        board.substr(at + 1, board.find('\n', at + 1) - at - 1);
    std::size_t bars = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '|' && (i == 0 || line[i - 1] != '\\')) ++bars;
    }
    CHECK(bars == 7);
  }
}

}  // namespace coppice::report

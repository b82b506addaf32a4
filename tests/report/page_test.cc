#include "report/page.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "report/facts.h"
#include "report/plot.h"
#include "report/progress.h"
#include "report/report_md.h"
#include "support/sample_run.h"

namespace coppice::report {
namespace {

constexpr const char* kHostile =
    "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)>"
    "\x1b[31mred\x1b[0m [l](javascript:alert(3)) \xe2\x80\xa8 \xff";

FindTexts Same(std::string text) {
  return [text](AttemptId) -> Result<AttemptTexts> {
    return AttemptTexts{.patch = text,
                        .prompt = text,
                        .answer = text,
                        .judged = "",
                        .output = text};
  };
}
FindLog Nothing() {
  return [](AttemptId) { return std::string(); };
}

PageInput At(const search::State& state) { return {.now = state.last_at()}; }

Json DataOf(const std::string& page) {
  const std::string begin =
      R"(<script type="application/json" id="page-data">)";
  const std::size_t from = page.find(begin);
  REQUIRE(from != std::string::npos);
  const std::size_t to = page.find("</script>", from);
  Result<Json> data = ParseJson(
      page.substr(from + begin.size(), to - from - begin.size()), "page");
  REQUIRE(data.has_value());
  return *data;
}

std::string Joined(const Json& texts, const Json& numbers) {
  std::string text;
  for (const Json& number : numbers) {
    text += texts.at("pieces").at(number.get<std::size_t>()).get<std::string>();
  }
  return text;
}

}  // namespace

TEST_CASE("a page tells what status, ranking and curve tell") {
  const auto state = testing::Fold(testing::FruitfulRun());
  Result<std::string> page =
      StaticPage(*state, At(*state), Same("x"), Nothing());
  REQUIRE(page.has_value());
  const Json data = DataOf(*page);
  CHECK(data["format"] == 1);
  CHECK(data["verdict"]["best"] == BestAttempt(*state).value());
  CHECK(data["verdict"]["headline"] == "20.5% better, confirmed");
  CHECK(data["verdict"]["kind"] == "confirmed");
  CHECK(data["verdict"]["confidence"]["word"] == "high");
  CHECK(data["nodes"].size() == Attempts(*state).size() + 1);
  const std::vector<double> best = BestSoFar(*state);
  REQUIRE(data["curve"].size() == best.size());
  CHECK(data["curve"].back()[3].get<double>() == doctest::Approx(best.back()));
  std::vector<std::int64_t> lineage;
  for (const Json& step : data["lineage"]) lineage.push_back(step["n"]);
  CHECK(lineage == std::vector<std::int64_t>{0, 1, 3, 4, 11});
  int failed = 0;
  for (const Json& failure : data["failures"]) {
    failed += failure["count"].get<int>();
  }
  CHECK(failed == 10);
}

TEST_CASE("a page of a fruitless run says so and what to try next") {
  const auto state = testing::Fold(testing::FruitlessRun());
  const OrderedJson data = PageSummary(*state, At(*state));
  CHECK(data["verdict"]["headline"] == "No improvement was confirmed");
  CHECK(data["verdict"]["kind"] == "none");
  CHECK(data["verdict"]["to"].is_null());
  CHECK(data["next"].size() >= 4);
  CHECK(data["limits"].size() >= 2);
}

TEST_CASE("where the final decides otherwise the page and the report say so") {
  const auto agreed = testing::Fold(testing::FruitfulRun());
  CHECK(OverruledText(*agreed).empty());
  CHECK(PageSummary(*agreed, At(*agreed))["verdict"]["overruled"] == "");
  struct Row {
    bool confirmed;
    const char* says;
  };
  for (const Row& row :
       {Row{true,
            "the search's own best was #11 at 9.88 (-20.4%); the final chose "
            "#4: 10.91 on fresh samples against 9.885, too near to tell apart, "
            "where the smaller change wins"},
        Row{false,
            "the search's own best was #11 at 9.88 (-20.4%), which fresh "
            "samples did not confirm"}}) {
    const auto state = testing::Fold(testing::OverruledRun(row.confirmed));
    const OrderedJson data = PageSummary(*state, At(*state));
    CHECK(data["verdict"]["overruled"] == row.says);
    CHECK(data["verdict"]["best"] == (row.confirmed ? 4 : 0));
    const std::string report =
        ReportMarkdown(*state, {.now = state->last_at(), .diff = ""});
    CHECK(report.find("- But the search's own best was \\#11") !=
          std::string::npos);
  }
}

TEST_CASE("a page of a running search claims nothing that was not measured") {
  const auto records = testing::FruitfulRun();
  for (std::size_t count = 1; count <= records.size(); ++count) {
    const auto state = testing::Fold(records, count);
    if (!state->started() || state->tree().empty()) continue;
    const OrderedJson data = LivePageData(*state, At(*state));
    const bool confirmed = state->final() && state->final()->confirmed;
    CAPTURE(count);
    CHECK((data["verdict"]["kind"] == "confirmed") == confirmed);
    CHECK(data["verdict"]["best"] == BestAttempt(*state).value());
    CHECK(data["nodes"].size() == Attempts(*state).size() + 1);
  }
}

TEST_CASE("nothing that anybody wrote can end the element that holds it") {
  std::vector<search::Record> records = testing::FruitfulRun();
  for (search::Record& record : records) {
    if (auto* s = std::get_if<search::Selected>(&record.event)) {
      s->idea = kHostile;
      s->arm = kHostile;
    } else if (auto* c = std::get_if<search::Committed>(&record.event)) {
      c->plan.idea = kHostile;
      c->plan.bottleneck = kHostile;
      for (FileStat& file : c->files) file.path = kHostile;
    } else if (auto* e = std::get_if<search::Evaluated>(&record.event)) {
      e->reason = kHostile;
      e->tail = kHostile;
    }
  }
  const auto state = testing::Fold(records);
  Result<std::string> page =
      StaticPage(*state, At(*state), Same(kHostile), Nothing());
  REQUIRE(page.has_value());
  const std::size_t from = page->find(R"(id="page-data">)") + 15;
  const std::string data =
      page->substr(from, page->find("</script>", from) - from);
  // It reads as JSON to its end, and there is no tag and no escape in it.
  const Json json = DataOf(*page);
  CHECK(json["nodes"][1]["idea"].get<std::string>().find("</script>") !=
        std::string::npos);
  CHECK(data.find('<') == std::string::npos);
  CHECK(data.find('\x1b') == std::string::npos);
  CHECK(data.find("\\u001b") == std::string::npos);
  CHECK(data.find("\xe2\x80\xa8") == std::string::npos);
  const std::string diff =
      Joined(json["texts"], json["texts"]["of"]["4"]["diff"]);
  CHECK(diff.starts_with("</script><script>"));
}

TEST_CASE("only a live page may speak, and only to where it came from") {
  const OrderedJson data = OrderedJson::object();
  const std::string still = PageHtml(data, false);
  const std::string live = PageHtml(data, true);
  CHECK(still.find("connect-src 'none'") != std::string::npos);
  CHECK(live.find("connect-src 'none'") == std::string::npos);
  CHECK(live.find("connect-src 'self'") != std::string::npos);
  for (const std::string& page : {still, live}) {
    CHECK(page.find("default-src 'none'") != std::string::npos);
    CHECK(page.find("unsafe-") == std::string::npos);
    CHECK(page.find("COPPICE_PAGE_DATA") == std::string::npos);
    CHECK(page.find(" src=\"") == std::string::npos);
  }
}

TEST_CASE("texts that share their lines are kept once") {
  const auto state = testing::Fold(testing::FruitfulRun());
  std::string common;
  for (int line = 0; line < 400; ++line) {
    common += "line " + std::to_string(line) + " of what every prompt says\n";
  }
  const FindTexts texts = [&](AttemptId attempt) -> Result<AttemptTexts> {
    return AttemptTexts{.patch = "",
                        .prompt = "attempt " + std::to_string(attempt.value()) +
                                  "\n" + common + "and no more\n",
                        .answer = "",
                        .judged = ""};
  };
  Result<OrderedJson> data =
      PageData(*state, At(*state), texts, Nothing(), 4'000'000);
  REQUIRE(data.has_value());
  const std::string twenty = DumpLine((*data)["texts"]);
  CHECK(twenty.size() < 3 * common.size());
  const Json json = Json::parse(twenty);
  CHECK(Joined(json, json["of"]["4"]["prompt"]) ==
        "attempt 4\n" + common + "and no more\n");
}

TEST_CASE("a page keeps to its size and names what it leaves out") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const FindTexts texts = [](AttemptId attempt) -> Result<AttemptTexts> {
    std::string own;
    for (int line = 0; line < 900; ++line) {
      own += "n" + std::to_string(attempt.value()) + "<" +
             std::to_string(line * 7919) + "\n";
    }
    return AttemptTexts{
        .patch = own, .prompt = "p" + own, .answer = "a" + own, .judged = ""};
  };
  for (std::size_t bytes : {60'000U, 150'000U, 600'000U}) {
    Result<OrderedJson> data =
        PageData(*state, At(*state), texts, Nothing(), bytes);
    REQUIRE(data.has_value());
    const std::string page = PageHtml(*data, false);
    CHECK(page.size() - PageTemplate().size() <= bytes);
    const OrderedJson& of = (*data)["texts"]["of"];
    // The winner's come first; of the others there is a word.
    CHECK(of["11"].contains("diff"));
    bool left = of.size() < state->order_of_completion().size();
    for (const auto& [node, entry] : of.items()) left |= entry.contains("left");
    CHECK(left);
  }
}

}  // namespace coppice::report

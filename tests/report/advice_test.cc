#include "report/advice.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/sample_run.h"

namespace coppice::report {
namespace {

bool Says(const std::vector<std::string>& lines, std::string_view text) {
  return std::ranges::any_of(lines, [&](const std::string& line) {
    return line.find(text) != std::string::npos;
  });
}

bool Hints(const search::State& state, std::string_view text) {
  return std::ranges::any_of(NextSteps(state), [&](const Hint& hint) {
    return (hint.text + "|" + hint.command).find(text) != std::string::npos;
  });
}

// The run again, with every attempt from `first` on ended as `outcome`.
std::unique_ptr<search::State> AllEndAs(Outcome outcome, int first) {
  std::vector<search::Record> records = testing::FruitfulRun();
  for (search::Record& record : records) {
    if (auto* e = std::get_if<search::Evaluated>(&record.event)) {
      if (e->node.value() >= first && e->node.value() != 11) {
        e->outcome = outcome;
        e->value.reset();
      }
    } else if (auto* r = std::get_if<search::Rejected>(&record.event)) {
      if (IsRejection(outcome)) r->outcome = outcome;
    }
  }
  return testing::Fold(records);
}

}  // namespace

TEST_CASE("what ended a search and what it waited for is said with figures") {
  const auto state = testing::Fold(testing::FruitfulRun());
  const std::vector<std::string> lines = Limits(*state, state->last_at());
  CHECK(Says(lines, "plateau: 30 attempts without a new best"));
  CHECK(Says(lines, "87% was measuring"));
  CHECK(Says(lines, "13% proposing"));
  CHECK_FALSE(Says(lines, "did not build or run"));
}

TEST_CASE("a class of failures is named only where it is much of the search") {
  const auto broken = AllEndAs(Outcome::kBuggy, 6);
  CHECK(Says(Limits(*broken, broken->last_at()), "did not build or run"));
  CHECK(Hints(*broken, "broke the program"));
  const auto repeated = AllEndAs(Outcome::kDuplicate, 100);
  CHECK(Says(Limits(*repeated, repeated->last_at()), "repeated a known tree"));
  CHECK(Hints(*repeated, "coppice tell 20260901-223015-kqa --idea"));
  const auto fine = testing::Fold(testing::FruitfulRun());
  CHECK_FALSE(Hints(*fine, "broke the program"));
  CHECK_FALSE(Hints(*fine, "repeated each other"));
}

TEST_CASE("what to try next follows from what came out") {
  const auto good = testing::Fold(testing::FruitfulRun());
  CHECK(Hints(*good, "coppice export 20260901-223015-kqa"));
  CHECK(Hints(*good, "coppice approve simdjson"));
  CHECK_FALSE(Hints(*good, "Measure more finely"));
  const auto poor = testing::Fold(testing::FruitlessRun());
  CHECK_FALSE(Hints(*poor, "coppice export"));
  CHECK(Hints(*poor, "Measure more finely"));
  CHECK(Hints(*poor, "--max-nodes N"));
  const auto records = testing::FruitfulRun();
  const auto live = testing::Fold(records, testing::BeforeTheFinal(records));
  CHECK(Hints(*live, "coppice stop 20260901-223015-kqa"));
  CHECK_FALSE(Hints(*live, "coppice resume"));
}

TEST_CASE("a name that a model invented is quoted in a command") {
  std::vector<search::Record> records = testing::FruitfulRun();
  for (search::Record& record : records) {
    if (auto* c = std::get_if<search::Committed>(&record.event)) {
      if (!c->needs.empty()) c->needs = {"lib; rm -rf $HOME\x1b[31m"};
    }
  }
  CHECK(Hints(*testing::Fold(records), "coppice approve 'lib; rm -rf $HOME' "));
}

}  // namespace coppice::report

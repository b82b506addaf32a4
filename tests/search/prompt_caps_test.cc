#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <string>

#include "base/rng.h"
#include "search/prompt_world.h"

// AC-51: what a prompt may hold does not grow with the run.

namespace coppice {
namespace {

using testing::PromptWorld;
using testing::Section;

std::string Words(Rng& rng, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    const std::uint64_t length = 1 + rng.Below(9);
    for (std::uint64_t i = 0; i < length; ++i) {
      text += static_cast<char>('a' + rng.Below(26));
    }
    text += rng.Chance(0.1) ? '\n' : ' ';
  }
  return text;
}

llm::Plan LongPlan(Rng& rng) {
  static constexpr const char* kCategories[] = {"algorithm", "memory", "io",
                                                "caching", "other"};
  return {.idea = Words(rng, 300),
          .category = kCategories[rng.Below(5)],
          .bottleneck = Words(rng, 800),
          .alternatives = Words(rng, 3000),
          .expect = Words(rng, 200),
          .risk = Words(rng, 800),
          .lesson = Words(rng, 900)};
}

// A thousand attempts of long-winded models: a deep path, broad siblings,
// every kind of end.
void GrowThousand(PromptWorld& world) {
  Rng rng(1);
  int deepest = 0;
  for (int i = 1; i <= 1000; ++i) {
    const bool deepen = rng.Chance(0.5);
    const AttemptId attempt = deepen ? world.Select(Operator::kImprove, deepest)
                                     : world.Select(Operator::kDraft, 0);
    world.Ask(attempt);
    const double kind = rng.Uniform();
    if (kind < 0.2) {
      world.Reject(attempt, Outcome::kScopeViolation, Words(rng, 4000));
      continue;
    }
    world.Commit(attempt, LongPlan(rng));
    if (kind < 0.5) {
      world.Fail(
          attempt, Outcome::kBuggy, Words(rng, 2000),
          fmt::format("build|failed|{}",
                      std::string(300, 'a' + static_cast<char>(rng.Below(20)))),
          Words(rng, 60'000));
    } else {
      world.Measure(attempt, 5 + 5 * rng.Uniform(), Outcome::kValid,
                    Words(rng, 1000));
      if (deepen) deepest = i;
    }
  }
}

const std::map<std::string, std::size_t> kCaps = {
    {"rules", search::kRulesCap},
    {"goal", search::kGoalCap},
    {"files", 240 * 1024},
    {"standing", search::kStandingCap},
    {"parent", search::kParentCap},
    {"path", search::kPathCap},
    {"siblings", search::kSiblingsCap},
    {"digest", search::kDigestCap},
    {"idea", search::kIdeaCap},
    {"task", search::kTaskCap}};

void CheckCaps(const llm::Prompt& prompt) {
  for (const llm::PromptSection& section : prompt) {
    CHECK_MESSAGE(section.text.size() <= kCaps.at(section.name), section.name);
    CHECK_MESSAGE(testing::OutsideFences(section.text) != "UNCLOSED",
                  section.name);
  }
}

}  // namespace

TEST_CASE("AC-51 no section exceeds its cap at attempt 1,000") {
  PromptWorld world("search: {history: 200}\n");
  for (int i = 0; i < 300; ++i) {
    world.Apply(search::Told{
        fmt::format(R"({{"text":"rule {} {}"}})", i, std::string(200, 'r'))});
  }
  GrowThousand(world);
  AttemptId broken, deep;
  for (std::int64_t i = 1; i <= 1000; ++i) {
    const auto node = world.state().tree().Find(AttemptId(i));
    if (!node) continue;
    const auto outcome = world.state().tree()[*node].outcome;
    if (outcome == Outcome::kBuggy) broken = AttemptId(i);
    if (outcome == Outcome::kValid) deep = AttemptId(i);
  }
  Rng rng(2);
  for (std::int64_t i = 1; i <= 1000; ++i) {
    world.patches[AttemptId(i)] = Words(rng, 9000);
  }
  world.AddFile("src/a.cc", Words(rng, 200'000));
  const int parent = static_cast<int>(deep.value());
  const int failed = static_cast<int>(broken.value());
  const AttemptId attempts[] = {
      world.Select(Operator::kDraft, 0),
      world.Select(Operator::kImprove, parent),
      world.Select(Operator::kDebug, failed),
      world.Select(Operator::kTune, parent),
      world.Select(Operator::kImprove, parent, Words(rng, 9000))};
  for (AttemptId attempt : attempts) {
    for (llm::EditFormat format :
         {llm::EditFormat::kSearchReplace, llm::EditFormat::kWhole,
          llm::EditFormat::kUdiff}) {
      world.format = format;
      const llm::Prompt prompt = world.Build(attempt);
      CHECK(prompt.size() >= 6);
      CheckCaps(prompt);
    }
    world.style = llm::PromptStyle::kInPlace;
    CheckCaps(world.Build(attempt));
    world.style = llm::PromptStyle::kAnswer;
  }
  // The room is used, not wasted.
  const llm::Prompt prompt = world.Build(attempts[1]);
  CHECK(Section(prompt, "digest").size() > search::kDigestCap * 3 / 4);
  CHECK(Section(prompt, "path").size() > search::kPathCap * 3 / 4);
  CHECK(Section(prompt, "digest").find("Do not: ") != std::string::npos);
}

TEST_CASE("the rules keep their end under a long spec") {
  std::string yaml = "checks:\n";
  for (int i = 0; i < 60; ++i) {
    yaml += fmt::format("- make test-{}-{}\n", i, std::string(150, 'x'));
  }
  PromptWorld world(yaml);
  const AttemptId attempt = world.Select(Operator::kDraft, 0);
  world.scope.readable_files.assign(500, std::string(200, 'p'));
  world.marker_suffix = "QXKV";
  const std::string rules = Section(world.Build(attempt), "rules");
  CHECK(rules.size() <= search::kRulesCap);
  CHECK(rules.ends_with("  block.\n"));
  CHECK(rules.find("\n<<<<<<< SEARCH QXKV\n") != std::string::npos);
  CHECK(rules.find("- Yours to change: src/.\n") != std::string::npos);
}

TEST_CASE("files that do not fit are cut, those to be read first") {
  PromptWorld world;
  Rng rng(3);
  world.AddFile("src/big.cc", Words(rng, 40'000));
  world.AddFile("src/small.cc", Words(rng, 2000));
  world.AddFile("include/big.h", Words(rng, 30'000), false);
  world.AddFile("include/small.h", Words(rng, 1000), false);
  const AttemptId attempt = world.Select(Operator::kDraft, 0);
  auto files = [&](int kb) {
    world.max_prompt_kb = kb;
    std::string text = Section(world.Build(attempt), "files");
    CHECK(text.size() <= static_cast<std::size_t>(kb) * 1024);
    CHECK(testing::OutsideFences(text) != "UNCLOSED");
    return text;
  };
  auto whole = [&](const std::string& text, std::size_t file) {
    return text.find(world.files[file]->text) != std::string::npos;
  };
  const std::string all = files(100);
  for (std::size_t i = 0; i < 4; ++i) CHECK(whole(all, i));
  const std::string some = files(60);
  CHECK(whole(some, 0));
  CHECK(whole(some, 1));
  CHECK_FALSE(whole(some, 2));
  CHECK(whole(some, 3));
  CHECK(some.size() > 55 * 1024);
  const std::string few = files(20);
  CHECK_FALSE(whole(few, 0));
  CHECK(whole(few, 1));
}

TEST_CASE("a file of nothing but backticks does not burst the section") {
  PromptWorld world;
  world.max_prompt_kb = 30;
  world.AddFile("src/a.md", std::string(200'000, '`'));
  world.AddFile("src/b.md", std::string(5000, '`') + "\n");
  const AttemptId attempt = world.Select(Operator::kDraft, 0);
  const std::string text = Section(world.Build(attempt), "files");
  CHECK(text.size() <= 30 * 1024);
  CHECK(testing::OutsideFences(text) != "UNCLOSED");
}

}  // namespace coppice

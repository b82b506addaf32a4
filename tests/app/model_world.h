#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "support/aimock.h"
#include "support/cli.h"

namespace coppice {

// A TinyRepo whose proposers are model servers. No key and no URL of the
// caller's is seen by the program: a test sets in env() what it wants.
class ModelRepo : public testing::TinyRepo {
 public:
  ModelRepo();

  // Commits coppice.yaml: TinySpec with `proposers` (one line of YAML), an
  // evaluation that sleeps not, and a search of `nodes` drafts from the root.
  void Spec(const std::string& proposers, int nodes,
            const std::string& extra = {});
  // The number that a query gives.
  int Count(const std::string& query);
  // `coppice status` as JSON.
  nlohmann::json Status();
  // All files below .git/coppice, names and contents, that hold `text`.
  std::vector<std::string> FilesWith(const std::string& text) const;
};

// "{model: MODEL, base_url: "URL", EXTRA}" as a list of proposers.
std::string ModelArm(const std::string& model, const std::string& url,
                     const std::string& extra = {});

// An answer that makes app.txt say "cost N": the file whole, so that it
// applies to any parent.
std::string WholeAnswer(int cost);
// The same as a search/replace block on "cost FROM".
std::string BlockAnswer(int from, int cost);

// Fixtures of aimock that give `answers` in turn, then the last one for ever.
// Each tells 400 tokens in, 50 out, in every dialect.
std::string Fixtures(const std::vector<std::string>& answers);
// WholeAnswer(first), first - 1, ...
std::string Falling(int first, int count);

// An answer as the events of a chat completion's stream, with its usage.
std::vector<std::string> ChatEvents(const std::string& answer,
                                    std::int64_t input = 400,
                                    std::int64_t output = 50);

// The texts that a judge's prompt asks to score: what stands between fences.
std::vector<std::string> JudgedTexts(const std::string& prompt);

bool Says(const testing::Ran& ran, const std::string& text);

void SleepMs(int ms);
// False if it does not come true within half a minute.
bool Eventually(const std::function<bool()>& condition);

}  // namespace coppice

#include "spec/study_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/text.h"

namespace coppice::spec {
namespace {

// Fewer attempts seldom find anything in any arm, so that every arm looks the
// same.
constexpr int kFewestNodes = 10;

Thing ThingOf(const std::string& key) {
  if (key == "proposers") return Thing::kProposers;
  if (key.starts_with("parallel.")) return Thing::kParallel;
  const bool prompt = key.starts_with("proposal.") || key == "search.history" ||
                      key == "search.hypotheses";
  return prompt ? Thing::kPrompt : Thing::kSplit;
}

std::string Words(const std::set<Thing>& things) {
  std::vector<std::string_view> words;
  for (Thing thing : things) words.push_back(Name(thing));
  return fmt::format("{}", fmt::join(words, ", "));
}

// The keys in which two arms differ, those that only one sets included.
std::set<std::string> DifferentKeys(const StudyArm& a, const StudyArm& b) {
  std::set<std::string> keys;
  auto look = [&](const StudyArm& one, const StudyArm& other) {
    for (const auto& [key, value] : one.keys) {
      auto found = other.keys.find(key);
      if (found == other.keys.end() || found->second != value) {
        keys.insert(key);
      }
    }
  };
  look(a, b);
  look(b, a);
  return keys;
}

Place PlaceOfArm(const Source& source, std::size_t arm) {
  return source.Where(Child("/arms", arm));
}

void CheckNames(const Study& study, const Source& source, Findings& findings) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < study.arms.size(); ++i) {
    if (names.insert(study.arms[i].name).second) continue;
    findings.Add(PlaceOfArm(source, i), fmt::format("two arms are called "
                                                    "\"{}\"",
                                                    study.arms[i].name));
  }
}

// Every arm against the first: what differs must be what the study varies.
void CheckVary(const Study& study, const Source& source, Findings& findings) {
  for (std::size_t i = 1; i < study.arms.size(); ++i) {
    const StudyArm& arm = study.arms[i];
    for (std::size_t j = 0; j < i; ++j) {
      if (!DifferentKeys(study.arms[j], arm).empty()) continue;
      findings.Add(PlaceOfArm(source, i),
                   fmt::format("the arms \"{}\" and \"{}\" are the same",
                               study.arms[j].name, arm.name));
    }
    std::set<Thing> extra;
    std::vector<std::string> keys;
    for (const std::string& key : DifferentKeys(study.arms.front(), arm)) {
      if (study.vary.contains(ThingOf(key))) continue;
      extra.insert(ThingOf(key));
      keys.push_back(key);
    }
    if (extra.empty()) continue;
    std::set<Thing> all = study.vary;
    all.insert(extra.begin(), extra.end());
    findings.Add(
        PlaceOfArm(source, i),
        fmt::format("the arms \"{}\" and \"{}\" differ in {} as well, and the "
                    "study varies {}: no difference could be put down to "
                    "either; make them equal, or say `vary: [{}]`",
                    study.arms.front().name, arm.name, fmt::join(keys, ", "),
                    Words(study.vary), Words(all)));
  }
}

int ChainsOf(const StudyArm& arm) {
  auto chains = arm.keys.find("search.chains");
  return chains == arm.keys.end() ? 1 : std::stoi(chains->second);
}

void CheckBudget(const Study& study, const Source& source, Findings& findings) {
  const Place total = source.Where("/total");
  if (study.equalize == Equalize::kNodes ||
      study.equalize == Equalize::kTokens) {
    if (study.total != std::floor(study.total) || study.total > 1e9) {
      findings.Add(total, fmt::format("total is {}; {} are counted in whole "
                                      "numbers",
                                      FormatShort(study.total, 12),
                                      Name(study.equalize)));
      return;
    }
  }
  if (study.equalize == Equalize::kNodes && study.total < kFewestNodes) {
    findings.Add(total,
                 fmt::format("a total of {} attempts is too small to tell "
                             "anything: fewer than {} seldom find a gain in "
                             "any arm, so that all look alike; raise it",
                             study.total, kFewestNodes));
  }
  for (std::size_t i = 0; i < study.arms.size(); ++i) {
    const int chains = ChainsOf(study.arms[i]);
    if (study.equalize != Equalize::kNodes || chains <= study.total) continue;
    findings.Add(PlaceOfArm(source, i),
                 fmt::format("{} chains cannot share {} attempts: each needs "
                             "one at least",
                             chains, study.total));
  }
}

}  // namespace

void CheckStudy(const Study& study, const Source& source, Findings& findings) {
  CheckNames(study, source, findings);
  CheckVary(study, source, findings);
  CheckBudget(study, source, findings);
  if (study.seeds < 2) {
    findings.Add(source.Where("/seeds"),
                 "one seed tells nothing: the same arm differs from seed to "
                 "seed as well; at least 2, and 20 to tell arms apart on one "
                 "task (16 find a difference of one standard deviation, 63 "
                 "half of one)");
  }
  if (study.equalize != Equalize::kCost && !study.max_cost_usd) {
    findings.Add(source.Where(""),
                 fmt::format("max_cost_usd is missing: {} are equal here, so "
                             "that nothing else limits what the whole study "
                             "may cost; 0 where nothing costs anything",
                             Name(study.equalize)));
  }
}

}  // namespace coppice::spec

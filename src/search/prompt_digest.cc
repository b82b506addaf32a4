#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>

#include "base/text.h"
#include "search/prompt_sections.h"
#include "search/prompt_story.h"
#include "search/prompt_words.h"

// What the chain has learned, on one page: one pass over its attempts, and only
// what is shown is put into words. The constraints come first, the latest
// attempts get what room is left.

namespace coppice::search {
namespace {

constexpr std::size_t kTopShown = 5;
constexpr std::size_t kDoNotsShown = 8;
constexpr std::size_t kDoNotWidth = 180;
constexpr int kSeenOften = 3;
constexpr std::size_t kFrameRoom = 150;

struct Tally {
  int attempts = 0;
  int improved = 0;
};

struct Repeated {
  int times = 0;
  AttemptId last;
};

struct Counts {
  std::map<Outcome, int> outcomes;
  std::map<std::string_view, Tally> categories;
  std::map<std::string, Repeated, std::less<>> failures;
};

// "12.5" and "a/7f" become "N" and "a/Nf": what repeats with other numbers.
std::string WithoutNumbers(std::string_view text) {
  std::string out;
  bool digits = false;
  for (char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && !digits) out += 'N';
    if (!digit && !(digits && c == '.')) out += c;
    digits = digit || (digits && c == '.');
  }
  return out;
}

// "build|failed|p.cc:N: error" as "build failed: p.cc:N: error".
std::string SignatureText(std::string_view signature) {
  const std::size_t verdict = signature.find('|');
  const std::size_t line = signature.find('|', verdict + 1);
  if (verdict == std::string_view::npos || line == std::string_view::npos) {
    return std::string(signature);
  }
  return fmt::format("{} {}: {}", signature.substr(0, verdict),
                     signature.substr(verdict + 1, line - verdict - 1),
                     signature.substr(line + 1));
}

// By a model or a command, which can learn; what a judge said is no proposal.
bool WasProposed(const AttemptInfo& info) {
  return std::ranges::any_of(
      info.turns, [](const Turn& turn) { return turn.role != kJudgeRole; });
}

// What failed, in words that come again when it fails again; "" for what a
// proposer cannot learn from: it was measured, was known, was no fault of the
// change, or was drawn at random.
std::string FailureOf(const AttemptInfo& info, Outcome outcome) {
  if (MayBeImproved(outcome) || outcome == Outcome::kDuplicate ||
      outcome == Outcome::kCancelled || !WasProposed(info) ||
      TellsOfHoldout(info)) {
    return "";
  }
  const std::string_view signature =
      info.evaluated ? info.evaluated->signature.view() : "";
  if (signature.starts_with("environment:")) return "";
  const std::string what = signature.empty() ? WithoutNumbers(info.reason)
                                             : SignatureText(signature);
  return fmt::format("{}, {}", Name(outcome), what);
}

Counts Count(const State& state, const std::vector<AttemptId>& finished) {
  Counts counts;
  for (AttemptId done : finished) {
    const InfoView info = state.Info(done);
    const Attempt& attempt = *state.tree().FindAttempt(done);
    if (!attempt.outcome) continue;
    ++counts.outcomes[*attempt.outcome];
    if (!info->plan.category.empty()) {
      Tally& tally = counts.categories[info->plan.category.str()];
      ++tally.attempts;
      if (*attempt.outcome == Outcome::kImproved) ++tally.improved;
    }
    std::string failure = FailureOf(*info, *attempt.outcome);
    if (failure.empty()) continue;
    Repeated& repeated = counts.failures[std::move(failure)];
    ++repeated.times;
    repeated.last = done;
  }
  return counts;
}

std::string DoNots(const Counts& counts) {
  std::vector<std::pair<int, std::string_view>> often;  // -times
  for (const auto& [failure, repeated] : counts.failures) {
    if (repeated.times >= kSeenOften) {
      often.emplace_back(-repeated.times, failure);
    }
  }
  std::ranges::sort(often);
  std::string text;
  for (std::size_t i = 0; i < std::min(often.size(), kDoNotsShown); ++i) {
    const std::string_view failure = often[i].second;
    const Repeated& repeated = counts.failures.find(failure)->second;
    text += fmt::format("Do not: {} ({} attempts, the last #{})\n",
                        OneLine(failure, kDoNotWidth), repeated.times,
                        repeated.last.value());
  }
  return text;
}

std::string CountsText(const Counts& counts) {
  std::vector<std::string> outcomes, categories;
  for (const auto& [outcome, count] : counts.outcomes) {
    outcomes.push_back(fmt::format("{} {}", count, Name(outcome)));
  }
  for (const auto& [category, tally] : counts.categories) {
    categories.push_back(fmt::format("{} {} ({} improved)", tally.attempts,
                                     category, tally.improved));
  }
  std::string text = fmt::format("Outcomes: {}\n", Listed(outcomes, 500));
  if (!categories.empty()) {
    text += fmt::format("Categories: {}\n", Listed(categories, 500));
  }
  return text;
}

// The chain's best versions, the best first.
std::vector<AttemptId> Top(const State& state,
                           const std::vector<AttemptId>& finished) {
  const SolutionTree& tree = state.tree();
  const int sign = spec::Sign(state.spec().metric.direction);
  std::vector<std::pair<double, AttemptId>> values;
  for (AttemptId done : finished) {
    const Attempt& attempt = *tree.FindAttempt(done);
    if (!attempt.node || !attempt.outcome || !MayBeImproved(*attempt.outcome)) {
      continue;
    }
    if (const std::optional<double>& value = tree[*attempt.node].value) {
      values.emplace_back(-sign * *value, done);
    }
  }
  const std::size_t count = std::min(kTopShown, values.size());
  std::ranges::partial_sort(
      values, values.begin() + static_cast<std::ptrdiff_t>(count));
  std::vector<AttemptId> top;
  for (std::size_t i = 0; i < count; ++i) top.push_back(values[i].second);
  return top;
}

}  // namespace

std::string DigestText(const State& state, AttemptId attempt) {
  const std::vector<AttemptId>& finished =
      state.tree().Finished(state.Info(attempt)->selected.chain);
  if (finished.empty()) return "";
  const Counts counts = Count(state, finished);
  std::string text = DoNots(counts) + CountsText(counts);
  const std::vector<AttemptId> top = Top(state, finished);
  if (!top.empty()) text += "Best versions:\n";
  for (const std::string& story : StoriesOf(state, top)) text += story;
  const auto history = std::min(
      finished.size(),
      static_cast<std::size_t>(std::max(0, state.spec().search.history)));
  if (history > 0) {
    text += "Latest attempts:\n";
    const std::size_t taken = std::min(kDigestCap, text.size() + kFrameRoom);
    text += LastThatFit(
        StoriesOf(state, {finished.end() - static_cast<std::ptrdiff_t>(history),
                          finished.end()}),
        kDigestCap - taken);
  }
  return DataSection("Digest of the search so far", text, kDigestCap);
}

}  // namespace coppice::search

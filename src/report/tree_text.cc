#include "report/tree_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"

// A line an attempt, deepest first, with a stack of our own: a linear search
// of 10,000 kept steps is 10,000 levels deep. From kDeepest on, lines are no
// longer indented further and say their depth instead.

namespace coppice::report {
namespace {

constexpr std::size_t kDeepest = 16;

// One line below a node: an attempt, or a run of attempts told as one.
using Item = std::vector<AttemptId>;

class TreeWriter {
 public:
  TreeWriter(const search::State& state, const TreeStyle& style)
      : state_(state), style_(style), best_(BestAttempt(state)) {
    for (AttemptId attempt : Attempts(state)) {
      const std::vector<AttemptId> parents = ParentsOf(state, attempt);
      if (parents.empty()) continue;
      children_[parents[0]].push_back(attempt);
      used_.insert(parents.begin(), parents.end());
    }
  }

  std::string Write() {
    Line("", AttemptId(0), 0);
    Push(AttemptId(0), "", 1);
    while (!stack_.empty()) {
      Level& level = stack_.back();
      if (level.next == level.items.size()) {
        stack_.pop_back();
        continue;
      }
      const Item item = level.items[level.next++];
      const bool last = level.next == level.items.size();
      WriteItem(item, level.prefix, level.depth, last);
    }
    return std::move(text_);
  }

 private:
  struct Level {
    std::vector<Item> items;
    std::size_t next = 0;
    std::string prefix;
    std::size_t depth = 0;
  };

  void Push(AttemptId attempt, std::string prefix, std::size_t depth) {
    auto found = children_.find(attempt);
    if (found == children_.end()) return;
    stack_.push_back(Level{.items = Items(found->second),
                           .prefix = std::move(prefix),
                           .depth = depth});
  }

  void WriteItem(const Item& item, const std::string& prefix, std::size_t depth,
                 bool last) {
    const std::string branch = prefix + (last ? "└─ " : "├─ ");
    if (item.size() > 1) {
      text_ += branch + Summary(item) + "\n";
      return;
    }
    Line(branch, item[0], depth);
    const bool deep = depth >= kDeepest;
    std::string below = deep ? prefix : prefix + (last ? "   " : "│  ");
    Push(item[0], std::move(below), depth + 1);
  }

  // Not kept, nothing grew from it, and it has ended.
  bool IsDull(AttemptId attempt) const {
    const std::optional<Outcome> outcome = OutcomeOf(state_, attempt);
    return outcome && StatusOf(*outcome) != Status::kKeep && attempt != best_ &&
           !used_.contains(attempt);
  }

  std::vector<Item> Items(const std::vector<AttemptId>& attempts) const {
    std::vector<Item> items;
    Item run;
    auto flush = [&] {
      if (style_.collapse > 0 && run.size() > style_.collapse) {
        items.push_back(run);
      } else {
        for (AttemptId attempt : run) items.push_back({attempt});
      }
      run.clear();
    };
    for (AttemptId attempt : attempts) {
      if (IsDull(attempt)) {
        run.push_back(attempt);
        continue;
      }
      flush();
      items.push_back({attempt});
    }
    flush();
    return items;
  }

  std::string Summary(const Item& run) const {
    std::map<Outcome, int> counts;
    for (AttemptId attempt : run) ++counts[*OutcomeOf(state_, attempt)];
    std::string list;
    for (const auto& [outcome, count] : counts) {
      list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count,
                          Name(outcome));
    }
    return fmt::format("… {} without a gain, {} to {}: {}",
                       Count(std::ssize(run), "attempt"), NodeName(run.front()),
                       NodeName(run.back()), list);
  }

  std::string_view MarkOf(AttemptId attempt) const {
    if (attempt == best_) return "*";
    const std::optional<Outcome> outcome = OutcomeOf(state_, attempt);
    return outcome ? Mark(*outcome) : "~";
  }

  // Value and change of a node that may be compared, else its outcome.
  std::string ResultOf(AttemptId attempt) const {
    const std::optional<Outcome> outcome = OutcomeOf(state_, attempt);
    const std::optional<double> value = ComparableValue(state_, attempt);
    if (!outcome) return "under way";
    if (!value) return std::string(Name(*outcome));
    if (attempt.value() == 0) return FormatShort(*value);
    return FormatShort(*value) + "  " + ChangeText(state_, value);
  }

  void Line(const std::string& branch, AttemptId attempt, std::size_t depth) {
    std::string line = fmt::format(
        "{}{} {} {}  {}  ", branch, MarkOf(attempt), NodeName(attempt),
        OperatorWord(state_, attempt), ResultOf(attempt));
    if (depth > kDeepest) line += fmt::format("(depth {})  ", depth);
    const std::vector<AttemptId> parents = ParentsOf(state_, attempt);
    for (std::size_t i = 1; i < parents.size(); ++i) {
      line += fmt::format("with {}  ", NodeName(parents[i]));
    }
    if (attempt == best_) line += "best  ";
    const std::size_t used = Columns(line);
    const std::size_t room =
        style_.width > used + 24 ? style_.width - used : 24;
    line += Safe(StoryOf(state_, attempt), room);
    text_ += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }

  const search::State& state_;
  const TreeStyle style_;
  const AttemptId best_;
  std::unordered_map<AttemptId, std::vector<AttemptId>> children_;
  std::unordered_set<AttemptId> used_;  // parents of something
  std::vector<Level> stack_;
  std::string text_;
};

}  // namespace

std::string TreeText(const search::State& state, const TreeStyle& style) {
  if (state.tree().empty()) return "no node yet\n";
  return TreeWriter(state, style).Write();
}

OrderedJson TreeJson(const search::State& state) {
  OrderedJson nodes = OrderedJson::array();
  std::vector<AttemptId> attempts = Attempts(state);
  if (!state.tree().empty()) attempts.insert(attempts.begin(), AttemptId(0));
  const std::optional<double> baseline = ValueOf(state, AttemptId(0));
  for (AttemptId attempt : attempts) {
    OrderedJson node = {{"node", attempt.value()},
                        {"parents", OrderedJson::array()},
                        {"op", OperatorWord(state, attempt)},
                        {"outcome", OutcomeWord(state, attempt)},
                        {"value", nullptr},
                        {"gain_pct", nullptr},
                        {"idea", Safe(IdeaOf(state, attempt))}};
    for (AttemptId parent : ParentsOf(state, attempt)) {
      node["parents"].push_back(parent.value());
    }
    if (auto value = ComparableValue(state, attempt)) {
      node["value"] = *value;
      if (baseline) {
        if (auto gain = Gain(state, *value, *baseline)) {
          node["gain_pct"] = 100 * *gain;
        }
      }
    }
    nodes.push_back(std::move(node));
  }
  return {{"run", state.run()},
          {"best", BestAttempt(state).value()},
          {"nodes", std::move(nodes)}};
}

}  // namespace coppice::report

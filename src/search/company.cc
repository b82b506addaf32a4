#include "search/company.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/digest.h"
#include "search/state.h"

namespace coppice::search {

int ChildIndex(const State& state, AttemptId attempt) {
  const Choice selected = state.Info(attempt)->selected;
  const SolutionTree& tree = state.tree();
  const ObjectId from = tree[*tree.Find(selected.parents.front())].tree;
  std::set<AttemptId> holders;
  for (const ChainState& chain : state.chains()) {
    auto found = chain.trees.find(from);
    if (found != chain.trees.end()) holders.insert(found->second);
  }
  holders.insert(selected.parents.front());
  std::ptrdiff_t index = 0;
  for (AttemptId holder : holders) {
    const std::vector<AttemptId>& grown = state.AttemptsFrom(holder);
    index += std::ranges::lower_bound(grown, attempt) - grown.begin();
  }
  return static_cast<int>(index);
}

std::string QuestionOf(const State& state, AttemptId attempt,
                       const llm::Asked& asked) {
  const Choice selected = state.Info(attempt)->selected;
  const SolutionTree& tree = state.tree();
  std::string text = fmt::format(
      "{} {} {}\n", tree[*tree.Find(selected.parents.front())].tree.Hex(),
      ChildIndex(state, attempt), asked.model);
  for (const llm::Utterance& said : asked.prompt) {
    text += fmt::format("{} {}\n{}\n", static_cast<int>(said.speaker),
                        said.text.size(), said.text);
  }
  return Sha256Hex(text);
}

}  // namespace coppice::search

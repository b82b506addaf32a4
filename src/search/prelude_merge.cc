#include "search/prelude_merge.h"

#include <algorithm>
#include <limits>

#include "search/policy_index.h"
#include "search/visits.h"

// Changes are compared from where the two nodes parted, not step by step: git
// merges trees, and a conflict may lie in any step. A node that shares no file
// with the best comes before one that shares some (git may still merge them,
// or the conflict is noted); one that changed no other file is no partner.
//
// What a node shares with the best depends on the two alone. One pass in the
// order of ids, parents first, finds it for all nodes when the best is new;
// later nodes are added to it. The greatest gain of a possible partner is
// remembered: while it does not exceed τ the answer costs nothing.

namespace coppice::search {
namespace {

constexpr std::size_t kBits = 64;
constexpr std::uint32_t kNoRow = std::numeric_limits<std::uint32_t>::max();
constexpr double kNothing = -std::numeric_limits<double>::infinity();

}  // namespace

void MergePartners::Changed(NodeId node) {
  const std::size_t index = node.value();
  if (index >= has_changed_.size()) has_changed_.resize(index + 1);
  if (has_changed_[index]) return;
  has_changed_[index] = true;
  changed_.push_back(node);
}

std::optional<NodeId> MergePartners::Find(const ChainView& view) {
  AddRows(view.tree);
  const bool comparable = files_.size() <= words_ * kBits;
  if (best_ != view.best || !comparable) {
    Compare(view.tree, view.best);
    most_gain_ = -kNothing;
  } else {
    most_gain_ = std::max(most_gain_, MostGain(view.tree));
  }
  for (NodeId node : changed_) has_changed_[node.value()] = false;
  changed_.clear();
  if (most_gain_ <= view.tau) return std::nullopt;
  return Search(view);
}

void MergePartners::AddRows(const SolutionTree& tree) {
  row_of_.resize(tree.size(), kNoRow);
  for (; looked_at_ < tree.size(); ++looked_at_) {
    NodeId node(static_cast<std::uint32_t>(looked_at_));
    if (node != tree.root() && tree[node].chain != chain_) continue;
    Row row{.node = node};
    if (node != tree.root()) {
      row.parent = row_of_[tree.FirstParent(node)->value()];
    }
    KnowList(tree, node);
    row_of_[node.value()] = static_cast<std::uint32_t>(rows_.size());
    rows_.push_back(row);
    if (!best_ || files_.size() > words_ * kBits) continue;
    since_.resize(rows_.size() * words_);
    Place(tree, rows_.size() - 1);
  }
}

// Nodes that change the same files share a list, and so a set.
void MergePartners::KnowList(const SolutionTree& tree, NodeId node) {
  const std::uint32_t list = tree[node].files;
  if (list < known_.size() && known_[list] != nullptr) return;
  if (list >= known_.size()) known_.resize(list + 1);
  known_[list] = &tree.Files(node);
  for (const std::string& file : *known_[list]) {
    files_.try_emplace(file, files_.size());
  }
  if (words_ == 0 || files_.size() > words_ * kBits) return;
  lists_.resize(known_.size() * words_);
  FillList(list);
}

void MergePartners::FillList(std::uint32_t list) {
  for (const std::string& file : *known_[list]) {
    const std::size_t bit = files_.at(file);
    lists_[list * words_ + bit / kBits] |= std::uint64_t{1} << (bit % kBits);
  }
}

MergePartners::Row* MergePartners::RowOf(NodeId node) {
  const bool known =
      node.value() < row_of_.size() && row_of_[node.value()] != kNoRow;
  return known ? &rows_[row_of_[node.value()]] : nullptr;
}

void MergePartners::Compare(const SolutionTree& tree, NodeId best) {
  best_ = best;
  if (const std::size_t words = files_.size() / kBits + 1; words != words_) {
    words_ = words;
    lists_.assign(known_.size() * words_, 0);
    for (std::uint32_t list = 0; list < known_.size(); ++list) {
      if (known_[list] != nullptr) FillList(list);
    }
  }
  for (Row& row : rows_) {
    row = Row{
        .node = row.node, .parent = row.parent, .value = tree[row.node].value};
  }
  for (NodeId node : tree.Ancestors(best)) {
    RowOf(node)->related = true;
  }
  Row& own = *RowOf(best);
  own.related = own.below = true;

  const std::vector<NodeId> path = tree.PathToRoot(best);
  before_.assign((path.size() + 1) * words_, 0);
  for (std::size_t step = 0; step < path.size(); ++step) {
    RowOf(path[step])->parted = static_cast<std::uint32_t>(step);
    std::uint64_t* below = &before_[step * words_];
    std::uint64_t* next = below + words_;
    std::copy(below, next, next);
    AddFiles(tree, path[step], next);
  }
  since_.assign(rows_.size() * words_, 0);
  for (std::size_t row = 0; row < rows_.size(); ++row) Place(tree, row);
}

// A merge's files are those against its first parent and so hold all of the
// second: first parents are enough.
void MergePartners::Place(const SolutionTree& tree, std::size_t index) {
  Row& row = rows_[index];
  if (row.related) return;
  const Row& parent = rows_[row.parent];
  for (NodeId other : tree.Parents(row.node)) {
    row.below |= RowOf(other)->below;
  }
  row.related = row.below;
  row.parted = parent.parted;
  std::uint64_t* since = &since_[index * words_];
  const std::uint64_t* above = &since_[row.parent * words_];
  std::copy(above, above + words_, since);
  AddFiles(tree, row.node, since);
  const std::uint64_t* best = &before_[row.parted * words_];
  bool shared = false;
  bool others = false;
  for (std::size_t w = 0; w < words_; ++w) {
    shared |= (since[w] & best[w]) != 0;
    others |= (since[w] & ~best[w]) != 0;
  }
  row.overlap =
      !others ? Overlap::kAll : (shared ? Overlap::kSome : Overlap::kNone);
}

void MergePartners::AddFiles(const SolutionTree& tree, NodeId node,
                             std::uint64_t* set) const {
  const std::uint64_t* changed = &lists_[tree[node].files * words_];
  for (std::size_t w = 0; w < words_; ++w) set[w] |= changed[w];
}

std::optional<double> MergePartners::Gain(const SolutionTree& tree,
                                          const Row& row) const {
  const Node& node = tree[row.node];
  if (row.related || row.overlap == Overlap::kAll || !MayGrow(node)) {
    return std::nullopt;
  }
  const std::optional<double>& before = tree[Anchor(tree, row.node)].value;
  if (!before || tree.MergeTried(row.node, *best_)) return std::nullopt;
  return sign_ * (*node.value - *before);
}

// A node counts by its gain over its anchor: with its value, or whether it
// failed, the gains of those below it change too.
double MergePartners::MostGain(const SolutionTree& tree) {
  double most = kNothing;
  auto look = [&](NodeId node) {
    const Row* row = RowOf(node);
    if (row == nullptr) return;
    most = std::max(most, Gain(tree, *row).value_or(kNothing));
  };
  for (NodeId node : changed_) {
    look(node);
    Row* row = RowOf(node);
    if (row == nullptr) continue;
    const bool same =
        row->value == tree[node].value && row->failed == Failed(tree[node]);
    if (same) continue;
    row->value = tree[node].value;
    row->failed = Failed(tree[node]);
    VisitChildren(tree, node.value(),
                  [&](std::uint32_t child) { look(NodeId(child)); });
  }
  return most;
}

std::optional<NodeId> MergePartners::Search(const ChainView& view) {
  const Row* chosen = nullptr;
  double best = 0;
  most_gain_ = kNothing;
  for (const Row& row : rows_) {
    const std::optional<double> gain = Gain(view.tree, row);
    if (!gain) continue;
    most_gain_ = std::max(most_gain_, *gain);
    if (*gain <= view.tau) continue;
    const double score = sign_ * *view.tree[row.node].value;
    const bool better = !chosen || (row.overlap != chosen->overlap
                                        ? row.overlap < chosen->overlap
                                        : score >= best);
    if (!better) continue;
    chosen = &row;
    best = score;
  }
  if (!chosen) return std::nullopt;
  return chosen->node;
}

}  // namespace coppice::search

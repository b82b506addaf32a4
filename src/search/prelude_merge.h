#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "search/policy.h"
#include "search/tree.h"

namespace coppice::search {

// Finds whom to merge the best of one chain with (SPEC §10): the best-valued
// node that is neither ancestor nor descendant of it, gained more than τ over
// its own parent and changed other files.
class MergePartners {
 public:
  MergePartners(int chain, int sign) : chain_(chain), sign_(sign) {}

  void Changed(NodeId node);
  std::optional<NodeId> Find(const ChainView& view);

 private:
  // How much the changes of a node and of the best overlap, since they parted.
  enum class Overlap { kNone, kSome, kAll };
  // A node of the chain. Rows stand in the order of ids, the root first.
  struct Row {
    NodeId node;
    std::uint32_t parent = 0;  // row of the first parent
    // When it was looked at last:
    std::optional<double> value;
    bool failed = false;
    // Seen from the best:
    std::uint32_t parted = 0;  // steps from the best up to where they parted
    bool related = false;      // ancestor, descendant or itself
    bool below = false;
    Overlap overlap = Overlap::kAll;
  };
  using Words = std::vector<std::uint64_t>;  // sets of files, a row each

  void AddRows(const SolutionTree& tree);
  void Compare(const SolutionTree& tree, NodeId best);
  void Place(const SolutionTree& tree, std::size_t row);
  void AddFiles(const SolutionTree& tree, NodeId node,
                std::uint64_t* set) const;
  void KnowList(const SolutionTree& tree, NodeId node);
  void FillList(std::uint32_t list);
  Row* RowOf(NodeId node);  // none: of another chain
  std::optional<double> Gain(const SolutionTree& tree, const Row& row) const;
  double MostGain(const SolutionTree& tree);  // of those changed
  std::optional<NodeId> Search(const ChainView& view);

  const int chain_;
  const int sign_;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> row_of_;  // by node
  std::size_t looked_at_ = 0;          // nodes of the tree
  std::unordered_map<std::string, std::size_t> files_;
  // Lists of files by their number in the tree (Node::files); of other chains:
  // none.
  std::vector<const std::vector<std::string>*> known_;
  std::vector<NodeId> changed_;    // since the last Find
  std::vector<bool> has_changed_;  // by node: stands there

  std::optional<NodeId> best_;  // that the rows are compared with
  std::size_t words_ = 0;       // of one set
  Words lists_;                 // by list of files, as known_
  Words since_;   // by row: files changed since it parted from the best
  Words before_;  // by step: files that the best changed below that step
  double most_gain_ = 0;  // no possible partner gained more
};

}  // namespace coppice::search

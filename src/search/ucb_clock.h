#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "search/tree.h"

namespace coppice::search {

// Progress of one chain, told in finished attempts (SEARCH §2.1): when the
// best last rose by more than eps of what was gained so far, and how the best
// of each lineage grew. A function of the sequence of finished attempts and
// of the values their nodes have now; live search and replay agree.
class UcbClock {
 public:
  UcbClock(int chain, int sign, double eps)
      : chain_(chain), sign_(sign), eps_(eps) {}

  void Changed(const SolutionTree& tree, NodeId node);
  // Takes in what finished since; call before asking.
  void CatchUp(const SolutionTree& tree);

  // Finished attempts, and how many there were at the last progress.
  int finished() const { return static_cast<int>(scores_.size()); }
  int last_progress() const { return last_progress_; }
  // What the lineage's best gained in its last `attempts` finished attempts;
  // over the baseline, if it is younger.
  double Gain(NodeId lineage, std::size_t attempts) const;
  // Another number: the gain of any lineage may have changed.
  int edition() const { return edition_; }

 private:
  static constexpr std::uint32_t kNotTaken = ~std::uint32_t{0};
  // A node that was taken in, and where its score went.
  struct Taken {
    std::uint32_t position = kNotTaken;
    std::uint32_t in_lineage = 0;
    NodeId lineage;
  };
  struct History {
    std::vector<double> scores;  // by finished attempt of the lineage
    std::vector<double> bests;   // greatest so far
  };

  void Restart(const SolutionTree& tree);
  void Take(const SolutionTree& tree, AttemptId attempt);
  void Advance(double score);
  void Recount();
  double Score(const SolutionTree& tree, NodeId node) const;

  const int chain_;
  const int sign_;
  const double eps_;

  bool restart_ = true;
  bool recount_ = false;
  int edition_ = 0;
  double baseline_ = 0;
  std::vector<Taken> taken_;    // by node
  std::vector<double> scores_;  // by finished attempt
  std::map<NodeId, History> lineages_;

  // Follows from baseline_ and scores_.
  int counted_ = 0;
  int last_progress_ = 0;
  double start_ = 0;
  double best_ = 0;
  double reference_ = 0;
};

}  // namespace coppice::search

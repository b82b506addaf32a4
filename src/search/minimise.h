#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

namespace coppice::search {

// What a part of a change showed when it was judged by itself.
enum class Ablation {
  kGood,    // as good as the whole
  kWorse,   // works, and has lost what the whole gains
  kBroken,  // does not build, pass or measure: says nothing of the gain
};

// Which units of a change matter: asks for one part after another to be
// judged, none twice, and ends with a part that is good and of which no unit
// can go. A function of the number of units and the answers, so that it goes on
// where it was from answers on record.
class Minimiser {
 public:
  explicit Minimiser(std::size_t units);

  // Units of the part to judge next, ascending; nothing when all is known.
  // Never empty, never all of them.
  std::optional<std::vector<std::size_t>> Next() const;
  void Answer(Ablation answer);

  // The smallest part that is known to be good, ascending; at first all.
  const std::vector<std::size_t>& kept() const { return kept_; }
  // Units that may still go, at most.
  std::size_t undecided() const;

 private:
  std::vector<std::size_t> Group() const;
  void Apply(Ablation answer);
  void Blame(std::vector<std::size_t> group, Ablation why);
  void Settle();

  const std::size_t most_at_once_;
  std::vector<std::size_t> kept_;
  std::vector<std::size_t> untried_;  // in the order of their turn
  std::vector<std::size_t> blamed_;   // one of these at least cannot go
  Ablation why_ = Ablation::kWorse;   // they are blamed
  std::vector<std::size_t> broken_;   // could not go so far
  bool second_look_ = false;          // something went since then
  std::map<std::vector<std::size_t>, Ablation> answers_;
};

}  // namespace coppice::search

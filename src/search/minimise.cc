#include "search/minimise.h"

#include <algorithm>
#include <cstddef>
#include <utility>

// Delta debugging (Zeller & Hildebrandt, IEEE TSE 28(2), 2002) in its form
// "reduce to complement", with its three answers: a part that works as well, a
// part that has lost it, and one that says nothing because it is broken.
//
// ddmin asks again at every granularity and may need n² + 3n answers. Where
// leaving out a group fails exactly if the group holds a unit that matters,
// which is what a measured gain mostly does, the question is that of group
// testing, and halving (Hwang, JASA 67, 1972) answers it: a group that cannot
// go is halved until the one unit in it is found, and what was not looked at
// goes back to those untried. A proof by an oracle takes k + 1 answers where k
// of n units matter (that the k suffice, and that each is needed), or n where
// all do; for five units this takes at most twice as many, whichever they are
// (a test asks for all 31 cases). For that no more than half of the units are
// left out at once, which is ddmin's coarsest granularity.
//
// A broken part is different: it breaks because what is left out is used by
// what is kept, and may go once that has gone. Such units get a second look,
// as long as each round lets something go. The last units come first, since
// code mostly uses what stands above it.

namespace coppice::search {
namespace {

void Remove(std::vector<std::size_t>& from,
            const std::vector<std::size_t>& units) {
  std::erase_if(from, [&](std::size_t unit) {
    return std::ranges::find(units, unit) != units.end();
  });
}

}  // namespace

Minimiser::Minimiser(std::size_t units)
    : most_at_once_(units - units / 2), kept_(units) {
  for (std::size_t i = 0; i < units; ++i) kept_[i] = i;
  untried_.assign(kept_.rbegin(), kept_.rend());
  Settle();
}

std::vector<std::size_t> Minimiser::Group() const {
  const bool halving = !blamed_.empty();
  const std::vector<std::size_t>& from = halving ? blamed_ : untried_;
  const std::size_t count =
      halving ? from.size() / 2 : std::min(from.size(), most_at_once_);
  return {from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::optional<std::vector<std::size_t>> Minimiser::Next() const {
  const std::vector<std::size_t> group = Group();
  if (group.empty()) return std::nullopt;
  std::vector<std::size_t> part = kept_;
  Remove(part, group);
  return part;
}

void Minimiser::Answer(Ablation answer) {
  answers_[*Next()] = answer;
  Apply(answer);
  while (auto part = Next()) {
    const auto known = answers_.find(*part);
    if (known == answers_.end()) break;
    Apply(known->second);
  }
}

void Minimiser::Apply(Ablation answer) {
  std::vector<std::size_t> group = Group();
  if (answer == Ablation::kGood) {
    Remove(kept_, group);
    Remove(untried_, group);
    Remove(blamed_, group);
    if (!broken_.empty()) second_look_ = true;
  } else {
    Blame(std::move(group), answer);
  }
  Settle();
}

void Minimiser::Blame(std::vector<std::size_t> group, Ablation why) {
  Remove(untried_, group);
  Remove(blamed_, group);
  untried_.insert(untried_.begin(), blamed_.begin(), blamed_.end());
  blamed_ = std::move(group);
  why_ = why;
}

// A round that has asked about all may be followed by another. Where all that
// is left is open, one of it cannot go; a lone unit that is blamed is found.
void Minimiser::Settle() {
  for (bool more = true; more;) {
    more = false;
    if (blamed_.size() == 1) {
      if (why_ == Ablation::kBroken) broken_.push_back(blamed_.front());
      blamed_.clear();
    }
    if (blamed_.empty() && untried_.empty() && second_look_) {
      untried_ = std::exchange(broken_, {});
      second_look_ = false;
    }
    if (blamed_.empty() && !untried_.empty() &&
        untried_.size() == kept_.size()) {
      blamed_ = std::exchange(untried_, {});
      why_ = Ablation::kWorse;
      more = true;
    }
  }
}

std::size_t Minimiser::undecided() const {
  return untried_.size() + blamed_.size();
}

}  // namespace coppice::search

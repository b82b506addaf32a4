#include "search/chain_plan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <tuple>

// Chains take turns: of those that may start, the one with the fewest attempts
// goes first. Which may:
//
//   even     each until it has its share of the budget.
//   luby     the i-th chain has 16·l(i) attempts, l = 1 1 2 1 1 2 4 ... (Luby,
//            Sinclair and Zuckerman, Optimal speedup of Las Vegas algorithms,
//            1993, §2); as many as search.chains run side by side, and when one
//            has started all of its attempts the next begins.
//   halving  successive halving (Karnin, Koren and Somekh, Almost optimal
//            exploration in multi-armed bandits, 2013, algorithm 3): every rung
//            has an equal part of the budget, its chains share it evenly, and
//            when all their attempts have ended the better half goes on, until
//            one chain is left. Without search.chains there are √budget.
//
// Who survived a rung is not remembered but read from the attempts: a chain
// that has started more than the rung allows went on, and places that nobody
// took yet go to the best of the others.

namespace coppice::search {
namespace {

constexpr int kLubyUnit = 16;

std::vector<int> Everybody(std::size_t count) {
  std::vector<int> all(count);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

const ChainStanding& At(std::span<const ChainStanding> chains, int chain) {
  return chains[static_cast<std::size_t>(chain)];
}

std::vector<int> Even(std::optional<int> budget,
                      std::span<const ChainStanding> chains) {
  std::vector<int> open = Everybody(chains.size());
  if (!budget) return open;
  const int count = static_cast<int>(chains.size());
  std::erase_if(open, [&](int chain) {
    const int share = *budget / count + (chain < *budget % count ? 1 : 0);
    return At(chains, chain).started >= share;
  });
  return open;
}

std::vector<int> Side(int width, std::span<const ChainStanding> chains) {
  std::vector<int> open;
  for (int chain : Everybody(chains.size())) {
    if (static_cast<int>(open.size()) == width) break;
    if (At(chains, chain).started < kLubyUnit * Luby(chain + 1)) {
      open.push_back(chain);
    }
  }
  return open;
}

int Rungs(int chains) {
  int rungs = 1;
  for (; chains > 1; chains = (chains + 1) / 2) ++rungs;
  return rungs;
}

std::vector<int> Halving(int budget, std::span<const ChainStanding> chains) {
  std::vector<int> alive = Everybody(chains.size());
  int allowed = 0;  // attempts of a chain, up to this rung
  for (int rungs = Rungs(static_cast<int>(alive.size()));; --rungs) {
    const int count = static_cast<int>(alive.size());
    allowed += budget / rungs / count;
    budget -= budget / rungs / count * count;
    const bool ended = std::ranges::all_of(alive, [&](int chain) {
      return At(chains, chain).finished >= allowed;
    });
    if (!ended || rungs == 1) break;
    std::ranges::sort(alive, {}, [&](int chain) {
      const ChainStanding& standing = At(chains, chain);
      return std::tuple(standing.started <= allowed, -standing.score, chain);
    });
    alive.resize((alive.size() + 1) / 2);
  }
  std::erase_if(
      alive, [&](int chain) { return At(chains, chain).started >= allowed; });
  return alive;
}

}  // namespace

int Luby(int i) {
  auto n = static_cast<std::uint32_t>(i);
  while (!std::has_single_bit(n + 1)) n -= std::bit_floor(n) - 1;
  return static_cast<int>((n + 1) / 2);
}

int CountChains(const spec::Search& search, std::optional<int> max_nodes) {
  const int asked = std::max(1, search.chains);
  if (!max_nodes) return asked;
  if (search.chain_budget == spec::ChainBudget::kHalving && asked == 1) {
    return std::max(1, static_cast<int>(std::ceil(std::sqrt(*max_nodes))));
  }
  if (search.chain_budget != spec::ChainBudget::kLuby) return asked;
  int chains = 0;
  for (int left = *max_nodes; left > 0; left -= kLubyUnit * Luby(chains)) {
    ++chains;
  }
  return std::max(asked, chains);
}

std::vector<int> ChainsToAsk(const spec::Search& search,
                             std::optional<int> max_nodes,
                             std::span<const ChainStanding> chains) {
  std::vector<int> open;
  if (search.chain_budget == spec::ChainBudget::kLuby) {
    open = Side(std::max(1, search.chains), chains);
  } else if (search.chain_budget == spec::ChainBudget::kHalving && max_nodes) {
    open = Halving(*max_nodes, chains);
  } else {
    open = Even(max_nodes, chains);
  }
  std::ranges::sort(open, {}, [&](int chain) {
    return std::pair(At(chains, chain).started, chain);
  });
  return open;
}

}  // namespace coppice::search

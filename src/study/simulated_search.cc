#include "study/simulated_search.h"

#ifdef COPPICE_COMPUTE_ASIO
#include <atomic>
#include <thread>
#else
#include <tbb/parallel_for.h>
#endif

#include <algorithm>
#include <cmath>
#include <queue>
#include <utility>

#include "base/rng.h"

// A search without its waiting: whenever a worker is free the chain that has
// started least selects, and what it selects ends after a drawn time. Changes
// reach the tree and the policy as they do in search/state.cc, in the same
// order. All draws come from streams of their own (of an attempt, of a
// solution), so that no draw depends on what else happens.

namespace coppice::study {
namespace {

using search::ChainView;
using search::Expansion;
using search::Node;
using search::Policy;
using search::SolutionTree;

struct Chain {
  ChainView view;
  int started = 0;
  int quota = 0;
};

class Simulator {
 public:
  explicit Simulator(const SimulationOptions& options)
      : options_(options),
        sign_(spec::Sign(options.spec.metric.direction)),
        policy_(options.policy ? options.policy()
                               : search::MakePolicy(options.spec).value()) {
    PlantRoot();
    const int count = std::max(1, options.spec.search.chains);
    for (int c = 0; c < count; ++c) {
      chains_.push_back(Chain{
          .view =
              {.tree = tree(), .chain = c, .tau = options.tau, .sign = sign_},
          .quota = options.nodes / count + (c < options.nodes % count)});
    }
  }

  Simulated Run() {
    while (true) {
      while (static_cast<int>(running_.size()) < options_.workers && Start()) {
      }
      if (running_.empty()) break;
      Finish();
    }
    result_.best = Best();
    return std::move(result_);
  }

 private:
  struct Running {
    double until = 0;
    AttemptId attempt;
    friend auto operator<=>(const Running&, const Running&) = default;
  };

  SolutionTree& tree() { return result_.tree; }

  void Tell(NodeId node) { policy_->Changed(tree(), node); }

  double Metric(const Truth& truth) const {
    Rng rng = Rng::Stream(truth.key, 0, "noise");
    const double shown = truth.quality + options_.noise * rng.Normal();
    return options_.metric ? options_.metric(shown) : sign_ * shown;
  }

  void PlantRoot() {
    result_.truths.push_back(options_.landscape->Root(options_.seed));
    NodeId root = tree().Commit(AttemptId(0), Node(), {});
    tree().Finish(AttemptId(0), Outcome::kBaseline, "", {});
    tree().SetValue(root, Metric(result_.truths.front()));
    Tell(root);
  }

  // False: no chain has anything to start now.
  bool Start() {
    std::vector<Chain*> waiting;
    for (Chain& chain : chains_) {
      if (chain.started < chain.quota) waiting.push_back(&chain);
    }
    std::ranges::sort(waiting, {}, [](const Chain* chain) {
      return std::pair(chain->started, chain->view.chain);
    });
    const auto number = static_cast<std::int64_t>(result_.selected.size()) + 1;
    for (Chain* chain : waiting) {
      Rng rng = Rng::Stream(options_.seed, number, "policy");
      if (auto expansion = policy_->Select(chain->view, rng)) {
        Begin(*chain, AttemptId(number), std::move(*expansion));
        return true;
      }
    }
    return false;
  }

  void Begin(Chain& chain, AttemptId attempt, Expansion expansion) {
    ++chain.started;
    ++chain.view.in_flight;
    if (expansion.op == Operator::kMerge) ++chain.view.merges_since_best;
    if (expansion.op == Operator::kTune) ++chain.view.tunes_since_best;
    if (expansion.op == Operator::kDraft && expansion.history_withheld) {
      ++chain.view.restarts_since_best;
    }
    std::vector<Truth> parents;
    for (NodeId parent : expansion.parents) {
      parents.push_back(result_.truths[parent.value()]);
    }
    const int index = tree()[expansion.parents.front()].attempts;
    Truth made = options_.landscape->Grow(expansion.op, parents, index);

    tree().Select(attempt, {.op = expansion.op,
                            .parents = expansion.parents,
                            .chain = chain.view.chain,
                            .history_withheld = expansion.history_withheld});
    for (NodeId parent : expansion.parents) Tell(parent);
    Rng rng = Rng::Stream(made.key, 0, "file");
    Node node{.op = expansion.op, .chain = chain.view.chain};
    node.files = {"file" + std::to_string(rng.Below(
                               static_cast<std::uint64_t>(options_.files)))};
    NodeId id = tree().Commit(attempt, std::move(node), expansion.parents);
    result_.truths.push_back(made);
    result_.selected.push_back(std::move(expansion));
    TellAll(id);
    running_.push({.until = now_ + Duration(attempt), .attempt = attempt});
  }

  double Duration(AttemptId attempt) const {
    Rng rng = Rng::Stream(options_.seed, attempt.value(), "duration");
    const double time = std::exp(options_.spread * rng.Normal());
    return rng.Chance(options_.straggler_share)
               ? time * options_.straggler_factor
               : time;
  }

  void TellAll(NodeId id) {
    for (NodeId parent : tree().Parents(id)) Tell(parent);
    Tell(id);
  }

  void Finish() {
    const Running next = running_.top();
    running_.pop();
    now_ = next.until;
    const NodeId id = *tree().Find(next.attempt);
    const Truth& truth = result_.truths[id.value()];
    Chain& chain = chains_[static_cast<std::size_t>(tree()[id].chain)];
    --chain.view.in_flight;
    ++chain.view.finished;
    ++chain.view.since_best;
    if (truth.works) {
      const double value = Metric(truth);
      const double best = *tree()[chain.view.best].value;
      const bool improved = sign_ * (value - best) > std::max(0., options_.tau);
      tree().Finish(next.attempt,
                    improved ? Outcome::kImproved : Outcome::kValid, "", {});
      tree().SetValue(id, value);
      TellAll(id);
      if (improved) NewBest(chain.view, id);
    } else {
      tree().Finish(next.attempt, Outcome::kBuggy, "broken", {});
      TellAll(id);
    }
    Note();
  }

  static void NewBest(ChainView& view, NodeId id) {
    view.best = id;
    view.since_best = 0;
    view.merges_since_best = 0;
    view.tunes_since_best = 0;
    view.restarts_since_best = 0;
    view.merges_off = false;
  }

  NodeId Best() const {
    auto score = [&](const Chain& chain) {
      return sign_ * *result_.tree[chain.view.best].value;
    };
    return std::ranges::max_element(chains_, {}, score)->view.best;
  }

  void Note() {
    const double quality = result_.truths[Best().value()].quality;
    result_.progress.push_back({.time = now_, .quality = quality});
    if (!result_.Solved() && quality >= options_.landscape->target) {
      result_.solved_after = static_cast<int>(result_.progress.size());
    }
  }

  const SimulationOptions& options_;
  const int sign_;
  const std::unique_ptr<Policy> policy_;
  Simulated result_;
  std::vector<Chain> chains_;
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
  double now_ = 0;
};

}  // namespace

#ifdef COPPICE_COMPUTE_ASIO
// Debian's libtbb carries no annotations for ThreadSanitizer.
void SideBySide(std::size_t count,
                const std::function<void(std::size_t)>& body) {
  std::atomic<std::size_t> next = 0;
  auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) body(i);
  };
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < std::max(2U, std::thread::hardware_concurrency());
       ++t) {
    threads.emplace_back(work);
  }
}
#else
void SideBySide(std::size_t count,
                const std::function<void(std::size_t)>& body) {
  tbb::parallel_for(std::size_t{0}, count, body);
}
#endif

Simulated Simulate(const SimulationOptions& options) {
  return Simulator(options).Run();
}

}  // namespace coppice::study

#include "study/simulated_search.h"

#ifdef COPPICE_COMPUTE_ASIO
#include <atomic>
#include <thread>
#else
#include <tbb/parallel_for.h>
#endif

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>
#include <utility>

#include "base/rng.h"
#include "search/chain_plan.h"
#include "study/recorded.h"
#include "study/simulated_final.h"

// A search without its waiting: whenever there is room the chain whose turn it
// is selects, and what it selects is proposed, waits for a slot and
// is evaluated, all for drawn times. Changes reach the tree and the policy as
// they do in search/state.cc, in the same order; proposals run ahead of the
// slots as Search::Lookahead has it. All draws come from streams of their own
// (of an attempt, of a solution), so that no draw depends on what else
// happens.

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
};

// An attempt under way, and what will have become of it.
struct Running {
  double until = 0;
  AttemptId attempt;
  int chain = 0;
  bool proposed = false;
  Truth made;

  friend bool operator>(const Running& a, const Running& b) {
    return std::pair(a.until, a.attempt) > std::pair(b.until, b.attempt);
  }
};

class Simulator {
 public:
  explicit Simulator(const SimulationOptions& options)
      : options_(options),
        sign_(spec::Sign(options.spec.metric.direction)),
        noise_(options.landscape->Noise(options.seed).value_or(options.noise)),
        nodes_(options.nodes - FinalBudget(options)),
        ahead_(Ahead(options)),
        policy_(options.policy ? options.policy()
                               : search::MakePolicy(options.spec).value()) {
    PlantRoot();
    const int count = search::CountChains(options.spec.search, nodes_);
    for (int c = 0; c < count; ++c) {
      chains_.push_back(Chain{
          .view = {
              .tree = tree(), .chain = c, .tau = options.tau, .sign = sign_}});
    }
  }

  Simulated Run() {
    while (true) {
      while (Room() && Start()) {
      }
      if (running_.empty()) break;
      Running next = running_.top();
      running_.pop();
      Pass(next.until);
      if (next.proposed) {
        --evaluating_;
        Finish(next);
      } else {
        --proposing_;
        Proposed(std::move(next));
      }
      FillSlots();
    }
    result_.best = Best();
    result_.claimed = QualityShown(result_.best);
    return std::move(result_);
  }

 private:
  SolutionTree& tree() { return result_.tree; }

  void Pass(double until) {
    const double busy = evaluating_ * (until - now_);
    now_ = until;
    result_.evaluating += busy;
    if (result_.selected.size() < static_cast<std::size_t>(nodes_)) {
      result_.busy_while_selecting += busy;
      result_.last_selection = now_;
    }
  }

  void Tell(NodeId node) { policy_->Changed(tree(), node); }

  static int Ahead(const SimulationOptions& options) {
    constexpr double kShort = .1;
    double wanted = options.workers * options.proposing;
    if (wanted > kShort) wanted += options.slack * std::sqrt(wanted);
    return std::clamp(static_cast<int>(std::ceil(wanted - kShort)), 0,
                      options.requests);
  }

  // The quality that a measurement shows.
  double Shown(const Truth& truth) const {
    Rng rng = Rng::Stream(truth.key, 0, "noise");
    return truth.quality + noise_ * rng.Normal();
  }
  double QualityShown(NodeId node) const {
    return Shown(result_.truths[node.value()]);
  }
  double Metric(const Truth& truth) const {
    const double shown = Shown(truth);
    return options_.metric ? options_.metric(shown) : sign_ * shown;
  }

  void PlantRoot() {
    result_.truths.push_back(options_.landscape->Root(options_.seed));
    NodeId root = tree().Commit(AttemptId(0), Node(), {});
    tree().Finish(AttemptId(0), Outcome::kBaseline);
    tree().SetValue(root, Metric(result_.truths.front()));
    Tell(root);
  }

  bool Room() const {
    const int in_flight =
        proposing_ + static_cast<int>(waiting_.size()) + evaluating_;
    return in_flight < options_.workers + ahead_ &&
           (options_.proposing == 0 || proposing_ < options_.requests);
  }

  // False: no chain has anything to start now.
  bool Start() {
    if (result_.selected.size() == static_cast<std::size_t>(nodes_)) {
      return false;
    }
    const auto number = static_cast<std::int64_t>(result_.selected.size()) + 1;
    for (int c : ChainsToAsk(options_.spec.search, nodes_, Standings())) {
      Chain& chain = chains_[static_cast<std::size_t>(c)];
      Rng rng = Rng::Stream(options_.seed, number, "policy");
      if (auto expansion = policy_->Select(chain.view, rng)) {
        Begin(chain, AttemptId(number), std::move(*expansion));
        return true;
      }
    }
    return false;
  }

  std::vector<search::ChainStanding> Standings() const {
    std::vector<search::ChainStanding> standings;
    for (const Chain& chain : chains_) {
      standings.push_back(
          {.started = chain.started,
           .finished = chain.view.finished,
           .score = sign_ * *result_.tree[chain.view.best].value});
    }
    return standings;
  }

  void Begin(Chain& chain, AttemptId attempt, Expansion expansion) {
    ++chain.started;
    ++chain.view.in_flight;
    if (expansion.op == Operator::kMerge) ++chain.view.merges_since_best;
    if (expansion.op == Operator::kTune) ++chain.view.tunes_since_best;
    if (expansion.op == Operator::kDraft && expansion.history_withheld) {
      ++chain.view.restarts_since_best;
    }
    Running begun{.attempt = attempt,
                  .chain = chain.view.chain,
                  .made = Outcome(attempt, expansion)};
    tree().Select(attempt, {.op = expansion.op,
                            .parents = expansion.parents,
                            .chain = chain.view.chain,
                            .history_withheld = expansion.history_withheld});
    for (NodeId parent : expansion.parents) Tell(parent);
    result_.selected.push_back(std::move(expansion));
    begun.until = now_ + Proposing(begun);
    if (begun.until > now_) {
      ++proposing_;
      running_.push(std::move(begun));
    } else {
      Proposed(std::move(begun));
      FillSlots();
    }
  }

  // What will become of an attempt: known at once, seen when it has finished.
  Truth Outcome(AttemptId attempt, const Expansion& expansion) {
    std::vector<Truth> parents;
    for (NodeId parent : expansion.parents) {
      parents.push_back(result_.truths[parent.value()]);
    }
    const Node& parent = tree()[expansion.parents.front()];
    Truth made =
        options_.landscape->Grow(expansion.op, parents, parent.attempts);
    const double alone =
        std::pow(1 - options_.landscape->duplicates, parent.in_flight);
    Rng rng = Rng::Stream(options_.seed, attempt.value(), "duplicate");
    if (alone < 1 && !rng.Chance(alone)) {
      made.works = false;
      made.failure = coppice::Outcome::kDuplicate;
    }
    return made;
  }

  double Proposing(const Running& begun) const {
    if (options_.landscape->recorded) {
      return options_.landscape->recorded->of(begun.made).proposing;
    }
    if (options_.proposing == 0) return 0;
    return options_.proposing * Drawn(begun.attempt, "proposing");
  }

  double Evaluating(const Running& begun) const {
    if (options_.landscape->recorded) {
      return options_.landscape->recorded->of(begun.made).evaluating;
    }
    // Without a proposal's time an attempt's is all in one.
    if (options_.proposing > 0 && Rejected(begun.made)) return 0;
    return Drawn(begun.attempt, "duration");
  }

  double Drawn(AttemptId attempt, std::string_view purpose) const {
    Rng rng = Rng::Stream(options_.seed, attempt.value(), purpose);
    const double time = std::exp(options_.spread * rng.Normal());
    return rng.Chance(options_.straggler_share)
               ? time * options_.straggler_factor
               : time;
  }

  static bool Rejected(const Truth& made) {
    return !made.works && IsRejection(made.failure);
  }

  void Proposed(Running attempt) {
    attempt.proposed = true;
    if (!Rejected(attempt.made)) Commit(attempt);
    waiting_.push_back(std::move(attempt));
  }

  void Commit(const Running& attempt) {
    const Expansion& expansion =
        result_.selected[static_cast<std::size_t>(attempt.attempt.value()) - 1];
    Node node;
    node.op = expansion.op;
    node.chain = attempt.chain;
    std::vector<std::string> changed;
    if (options_.spec.search.merge > 0) {
      Rng rng = Rng::Stream(attempt.made.key, 0, "file");
      const auto files = static_cast<std::uint64_t>(options_.files);
      changed = {"file" + std::to_string(rng.Below(files))};
    }
    NodeId id = tree().Commit(attempt.attempt, std::move(node),
                              expansion.parents, changed);
    result_.truths.push_back(attempt.made);
    TellAll(id);
  }

  void FillSlots() {
    while (!waiting_.empty() && evaluating_ < options_.workers) {
      Running next = std::move(waiting_.front());
      waiting_.pop_front();
      next.until = now_ + Evaluating(next);
      ++evaluating_;
      running_.push(std::move(next));
    }
  }

  void TellAll(NodeId id) {
    for (NodeId parent : tree().Parents(id)) Tell(parent);
    Tell(id);
  }

  void Finish(const Running& ended) {
    Chain& chain = chains_[static_cast<std::size_t>(ended.chain)];
    --chain.view.in_flight;
    ++chain.view.finished;
    ++chain.view.since_best;
    const std::optional<NodeId> id = tree().Find(ended.attempt);
    if (ended.made.works) {
      Measured(chain.view, ended, *id);
    } else {
      tree().Finish(ended.attempt, ended.made.failure);
      if (id) TellAll(*id);
      if (!id) TellParents(ended.attempt);
    }
    Note();
  }

  void TellParents(AttemptId attempt) {
    for (NodeId parent : tree().FindAttempt(attempt)->parents) Tell(parent);
  }

  void Measured(ChainView& view, const Running& ended, NodeId id) {
    const double value = Metric(ended.made);
    const double best = *tree()[view.best].value;
    const bool improved = sign_ * (value - best) > std::max(0., options_.tau);
    tree().Finish(ended.attempt, improved ? coppice::Outcome::kImproved
                                          : coppice::Outcome::kValid);
    tree().SetValue(id, value);
    TellAll(id);
    if (improved) NewBest(view, id);
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
  const double noise_;
  const int nodes_;  // without those of the final
  const int ahead_;  // proposals beyond the slots
  const std::unique_ptr<Policy> policy_;
  Simulated result_;
  std::vector<Chain> chains_;
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
  std::deque<Running> waiting_;  // proposed, without a slot
  int proposing_ = 0;
  int evaluating_ = 0;
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

int FinalBudget(const SimulationOptions& options) {
  return static_cast<int>(options.nodes * options.final_share);
}

Simulated Simulate(const SimulationOptions& options) {
  Simulated run = Simulator(options).Run();
  if (options.final_share > 0) Race(options, FinalBudget(options), run);
  return run;
}

}  // namespace coppice::study

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <deque>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "search/policy.h"
#include "study/landscape.h"

// What a policy costs: one search on a landscape, straight through the tree and
// the policy, eight attempts in flight. Timed are the choice and the telling of
// every change (Select, Apply), in processor time over the last tenth before
// each size. Growing the landscape is not.
//
//   coppice_bench_policies [--landscape NAME] [--million] [POLICY...]

namespace coppice {
namespace {

using search::ChainView;
using search::Expansion;
using search::Policy;
using search::SolutionTree;

constexpr std::size_t kInFlight = 8;

// Of this thread: other programs do not count. Asking costs about 1 µs a node.
std::chrono::nanoseconds Processor() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

double Megabytes() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return static_cast<double>(resident) *
         static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

class Run {
 public:
  Run(const std::string& policy, const std::string& landscape)
      : landscape_(*study::FindLandscape(landscape).value()) {
    spec::Spec spec;
    spec.search.policy = policy;
    spec.metric.direction = spec::Direction::kMaximize;
    policy_ = search::MakePolicy(spec).value();
    truths_.push_back(landscape_.Root(1));
    tree_.Commit(AttemptId(0), search::Node(), {});
    tree_.Finish(AttemptId(0), Outcome::kBaseline);
    tree_.SetValue(NodeId(0), truths_.front().quality);
    policy_->Changed(tree_, NodeId(0));
  }

  void GrowTo(std::size_t nodes) {
    while (tree_.size() < nodes) Step();
  }

  // Microseconds of one node, up to this many.
  double CostAt(std::size_t nodes) {
    GrowTo(nodes - nodes / 10);
    busy_ = {};
    const std::size_t before = tree_.size();
    GrowTo(nodes);
    return std::chrono::duration<double, std::micro>(busy_).count() /
           static_cast<double>(tree_.size() - before);
  }

  int Depth() const {
    int depth = 0;
    for (std::uint32_t id = 0; id < tree_.size(); ++id) {
      depth = std::max(depth, tree_[NodeId(id)].depth);
    }
    return depth;
  }
  // Of the landscape, which no search has.
  double TruthMegabytes() const {
    return static_cast<double>(truths_.capacity() * sizeof(study::Truth)) / 1e6;
  }
  int Drafts() const { return tree_.RootAttempts(0); }

 private:
  template <class F>
  auto Timed(F work) {
    const auto begin = Processor();
    auto result = work();
    busy_ += Processor() - begin;
    return result;
  }

  void TellAll(NodeId id) {
    for (NodeId parent : tree_.Parents(id)) policy_->Changed(tree_, parent);
    policy_->Changed(tree_, id);
  }

  void Step() {
    if (running_.size() == kInFlight) Finish();
    const AttemptId attempt(tree_.attempts() + 1);
    Rng rng = Rng::Stream(1, attempt.value(), "policy");
    std::optional<Expansion> next =
        Timed([&] { return policy_->Select(view_, rng); });
    if (!next) return Finish();
    std::vector<study::Truth> parents;
    for (NodeId parent : next->parents) {
      parents.push_back(truths_[parent.value()]);
    }
    truths_.push_back(landscape_.Grow(next->op, parents,
                                      tree_[next->parents.front()].attempts));
    Timed([&] {
      ++view_.in_flight;
      if (next->op == Operator::kMerge) ++view_.merges_since_best;
      if (next->history_withheld) ++view_.restarts_since_best;
      tree_.Select(attempt, {.op = next->op, .parents = next->parents});
      for (NodeId parent : next->parents) policy_->Changed(tree_, parent);
      TellAll(tree_.Commit(attempt, search::Node{.op = next->op}, next->parents,
                           {"src/main.cc"}));
      return 0;
    });
    running_.push_back(attempt);
  }

  void Finish() {
    const AttemptId attempt = running_.front();
    running_.pop_front();
    const NodeId id = *tree_.Find(attempt);
    const study::Truth& truth = truths_[id.value()];
    Timed([&] {
      --view_.in_flight;
      ++view_.finished;
      ++view_.since_best;
      tree_.Finish(attempt, truth.works ? Outcome::kValid : Outcome::kBuggy);
      if (truth.works) tree_.SetValue(id, truth.quality);
      TellAll(id);
      return 0;
    });
    if (!truth.works || truth.quality <= *tree_[view_.best].value) return;
    view_.best = id;
    view_.since_best = view_.merges_since_best = view_.restarts_since_best = 0;
  }

  const study::Landscape& landscape_;
  SolutionTree tree_;
  ChainView view_{.tree = tree_};
  std::unique_ptr<Policy> policy_;
  std::vector<study::Truth> truths_;
  std::deque<AttemptId> running_;
  std::chrono::nanoseconds busy_{};
};

double Median(std::vector<double> values) {
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

void Table(const std::vector<std::string>& policies,
           const std::string& landscape, bool million) {
  fmt::print("{}: µs a node at 10^3, 10^4, 10^5; 10^5 to 10^3; depth, drafts\n",
             landscape);
  for (const std::string& policy : policies) {
    // Below 10^4 one search is over too soon to be timed.
    std::vector<double> small, middle, large;
    int depth = 0;
    int drafts = 0;
    for (int i = 0; i < 21; ++i) {
      Run run(policy, landscape);
      small.push_back(run.CostAt(1000));
      if (i < 5) middle.push_back(run.CostAt(10000));
      if (i >= 3) continue;
      large.push_back(run.CostAt(100000));
      depth = run.Depth();
      drafts = run.Drafts();
    }
    fmt::print("{:10} {:7.2f} {:7.2f} {:7.2f}  {:5.2f}  {:5} {:6}", policy,
               Median(small), Median(middle), Median(large),
               Median(large) / Median(small), depth, drafts);
    if (million) {
      malloc_trim(0);
      const double before = Megabytes();
      Run grown(policy, landscape);
      grown.GrowTo(1000000);
      fmt::print("  10^6 nodes: {:5.0f} MB",
                 Megabytes() - before - grown.TruthMegabytes());
    }
    fmt::print("\n");
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace coppice

int main(int argc, char** argv) {
  std::string landscape = "tunnel";
  bool million = false;
  std::vector<std::string> policies;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--million") {
      million = true;
    } else if (word == "--landscape" && i + 1 < argc) {
      landscape = argv[++i];
    } else {
      policies.push_back(word);
    }
  }
  if (policies.empty()) {
    policies = {"ucb",  "beam", "greedy", "linear", "best_of_n",
                "rank", "uct",  "puct",   "abmcts"};
  }
  coppice::Table(policies, landscape, million);
}

#include "study/side_by_side.h"

#include <algorithm>

namespace coppice::study {
namespace {

constexpr int kNeedsUser = 5;
constexpr int kSignalled = 128;

Task<void> RunOne(std::vector<Runner>& all, Runner& one,
                  std::optional<search::Ending>& stopped) {
  search::Ending ending = co_await one.search->Run();
  one.ended = true;
  one.place->Leave();
  if (IsWhole(ending.exit)) co_return;
  if (!stopped) stopped = ending;
  for (const Runner& other : all) {
    if (!other.ended) other.search->Drain("study", kNeedsUser);
  }
}

Task<bool> SampleOnce(search::Search& search, AttemptId node, int wanted) {
  const auto taken = FreshSamples(search.state(), node).size();
  if (static_cast<int>(taken) >= wanted) co_return true;
  co_return co_await search.Sample(node);
}

}  // namespace

bool IsWhole(int exit) { return exit != kNeedsUser && exit < kSignalled; }

Task<std::optional<search::Ending>> RunTogether(asio::any_io_executor executor,
                                                std::vector<Runner> runners) {
  std::optional<search::Ending> stopped;
  TaskGroup group(executor);
  // What those have paid that have ended counts, too.
  for (Runner& runner : runners) {
    runner.place->Enter(runner.search->state());
    if (runner.ended) runner.place->Leave();
  }
  for (Runner& runner : runners) {
    if (!runner.ended) group.Spawn(RunOne(runners, runner, stopped));
  }
  co_await group.Join();
  co_return stopped;
}

std::vector<search::Sampled> FreshSamples(const search::State& state,
                                          AttemptId node) {
  std::vector<search::Sampled> samples = state.samples_of(node);
  std::erase_if(samples, [](const search::Sampled& s) {
    return s.sample.phase != SamplePhase::kConfirm || s.versus;
  });
  return samples;
}

// What was measured afresh stays the winner, whatever that brought.
AttemptId WinnerOf(const search::State& state) {
  const search::SolutionTree& tree = state.tree();
  for (std::uint32_t i = 1; i < tree.size(); ++i) {
    const AttemptId attempt = tree[NodeId(i)].attempt;
    if (!FreshSamples(state, attempt).empty()) return attempt;
  }
  return tree[state.best()].attempt;
}

Task<bool> MeasureWinners(std::vector<search::Search*> searches, int samples) {
  const AttemptId base(0);
  std::vector<AttemptId> winners;
  for (search::Search* search : searches) {
    winners.push_back(WinnerOf(search->state()));
  }
  bool taken = true;
  for (int i = 0; i < samples && taken; ++i) {
    taken = co_await SampleOnce(*searches.front(), base, i + 1);
    for (std::size_t k = 0; k < searches.size() && taken; ++k) {
      const std::size_t at =
          (k + static_cast<std::size_t>(i)) % searches.size();
      taken = co_await SampleOnce(*searches[at], winners[at], i + 1);
    }
  }
  for (search::Search* search : searches) search->Rest();
  co_return taken;
}

}  // namespace coppice::study

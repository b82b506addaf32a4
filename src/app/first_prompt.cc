#include "app/first_prompt.h"

#include "search/expander.h"
#include "search/state.h"

namespace coppice::app {
namespace {

// The records with which a run begins, up to its first attempt.
Result<void> BeginState(search::State& state, Project& project,
                        Workbench& bench, const Baseline& baseline,
                        const std::string& arm) {
  Result<ObjectId> tree = project.store->TreeIdOf(project.base);
  if (!tree) return tree.error();
  search::Started started;
  started.run = "check";
  started.spec_json = project.loaded.merged_json;
  started.base = project.base;
  started.seed = project.spec().search.seed;
  search::Committed root;
  root.commit = project.base;
  root.tree = *tree;
  root.plan.idea = "baseline";
  std::vector<search::Event> events{started, root};
  for (const eval::Sample& sample : baseline.samples) {
    search::Sampled sampled;
    sampled.sample = sample;
    events.emplace_back(sampled);
  }
  search::Evaluated evaluated;
  evaluated.outcome = Outcome::kBaseline;
  evaluated.value = baseline.report.median;
  events.emplace_back(evaluated);
  search::Selected selected;
  selected.attempt = AttemptId(1);
  selected.parents = {AttemptId(0)};
  selected.arm = arm;
  events.emplace_back(selected);
  search::Record record;
  record.at = bench.clock().Wall();
  for (search::Event& event : events) {
    ++record.seq;
    record.event = std::move(event);
    Result<void> applied = state.Apply(record);
    if (!applied) return applied;
  }
  return Ok();
}

}  // namespace

Result<std::string> FirstPrompt(Project& project, Workbench& bench,
                                const Baseline& baseline) {
  std::vector<search::Arm> arms;
  for (const llm::NamedProposer& proposer : bench.proposers()) {
    if (proposer.proposer->style() == llm::PromptStyle::kNone) continue;
    arms.push_back({.name = proposer.name,
                    .proposer = proposer.proposer.get(),
                    .max_prompt_kb = proposer.proposal.max_prompt_kb});
  }
  if (arms.empty()) return std::string();
  search::State state;
  Result<void> begun =
      BeginState(state, project, bench, baseline, arms.front().name);
  if (!begun) return begun.error();
  search::Expander expander({bench.compute(), *project.store, state,
                             project.scope, arms, bench.clock(),
                             search::Templates::BuiltIn()});
  std::optional<Result<llm::Request>> request;
  auto make = [&]() -> Task<void> {
    request = co_await expander.MakeRequest(AttemptId(1));
  };
  bench.Run(make(), [](int, int) {});
  if (!*request) return request->error();
  std::string text;
  for (const llm::PromptSection& section : (*request)->prompt) {
    text += section.text + "\n";
  }
  return text;
}

}  // namespace coppice::app

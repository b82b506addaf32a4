#include "llm/make_proposer.h"

#include <utility>
#include <variant>

#include "llm/agent.h"
#include "llm/edits.h"
#include "llm/model_arm.h"

namespace coppice::llm {
namespace {

using Made = Result<std::unique_ptr<Proposer>>;

// The visible table: one line a kind; models are made with their endpoints.
struct Make {
  const ProposerParts& parts;

  Made operator()(const spec::EditsArm& arm) const {
    return MakeEditsProposer(arm, parts.compute);
  }
  Made operator()(const spec::CommandArm& arm) const {
    return MakeCommandProposer(arm, parts.commands);
  }
  Made operator()(const spec::AgentArm& arm) const {
    // Its program is not needed to read what it left behind.
    if (parts.offline) {
      spec::CommandArm record;
      record.command = arm.agent;
      return MakeCommandProposer(record, parts.commands);
    }
    return MakeAgentProposer(arm, std::nullopt, {parts.commands});
  }
  Made operator()(const spec::ModelArm&) const {
    return Error{.code = ErrorCode::kInternal, .what = "models are made apart"};
  }
};

Result<NamedProposer> MakeOne(const spec::Spec& spec,
                              const spec::Proposer& entry,
                              const ProposerParts& parts) {
  if (std::holds_alternative<spec::ModelArm>(entry.arm)) {
    return MakeModelArm(spec, entry, parts);
  }
  Made made = std::visit(Make{parts}, entry.arm);
  if (!made) return made.error();
  NamedProposer named;
  named.name = entry.name;
  named.weight = entry.weight;
  named.operators = entry.operators;
  named.proposal = entry.proposal;
  named.proposer = std::move(*made);
  return named;
}

}  // namespace

Result<std::vector<NamedProposer>> MakeProposers(const spec::Spec& spec,
                                                 const ProposerParts& parts) {
  std::vector<NamedProposer> all;
  for (const spec::Proposer& entry : spec.proposers) {
    Result<NamedProposer> made = MakeOne(spec, entry, parts);
    if (!made) return made.error();
    all.push_back(std::move(*made));
  }
  if (parts.offline) return all;
  Result<void> priced = CheckPrices(spec, all);
  if (!priced) return priced.error();
  return all;
}

}  // namespace coppice::llm

#include "llm/make_proposer.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "llm/edits.h"

namespace coppice::llm {
namespace {

using Made = Result<std::unique_ptr<Proposer>>;

Error NotYet(std::string_view kind, std::string_view what) {
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("proposers: {} {} is not in this version",
                                   kind, what),
               .next = "use `edits` or `command` proposers"};
}

// The visible table: one line a kind.
struct Make {
  const ProposerParts& parts;

  Made operator()(const spec::EditsArm& arm) const {
    return MakeEditsProposer(arm, parts.compute);
  }
  Made operator()(const spec::CommandArm& arm) const {
    return MakeCommandProposer(arm, parts.commands);
  }
  Made operator()(const spec::ModelArm& arm) const {
    return NotYet("model", arm.model);
  }
  Made operator()(const spec::AgentArm& arm) const {
    return NotYet("agent", arm.agent);
  }
};

}  // namespace

Result<std::vector<NamedProposer>> MakeProposers(const spec::Spec& spec,
                                                 const ProposerParts& parts) {
  std::vector<NamedProposer> all;
  for (const spec::Proposer& entry : spec.proposers) {
    Made made = std::visit(Make{parts}, entry.arm);
    if (!made) return made.error();
    all.push_back(
        {entry.name, entry.weight, entry.operators, std::move(*made)});
  }
  return all;
}

}  // namespace coppice::llm

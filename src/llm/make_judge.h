#pragma once

#include <memory>
#include <string>
#include <vector>

#include "llm/judge.h"
#include "llm/make_proposer.h"

namespace coppice::llm {

struct MadeJudge {
  std::unique_ptr<Judge> judge;
  // For people: "openai/x at https://..., 3/15 USD per million tokens", of a
  // panel one after the other.
  std::string description;
};

// The judge of a spec that has one. `rubric` and those of the strata are texts
// ("@file" read); `drawn` is what the baseline was judged by, or empty where
// the first Score is the baseline's. `spec` and what `parts` refers to must
// outlive it. Errors (kUsage, kCheck): an unknown provider, a missing key, a
// wrong URL, a price that nobody knows under a cap in dollars.
Result<MadeJudge> MakeJudge(const spec::Spec& spec, const ProposerParts& parts,
                            std::string rubric,
                            std::vector<std::string> strata_rubrics,
                            Draws drawn);

}  // namespace coppice::llm

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/outcome.h"
#include "base/result.h"
#include "spec/spec.h"

// The variables of a command under evaluation (SPEC §6, MEASURE §7). They are
// built from nothing; the sandbox adds PATH, LANG, TZ, HOME and TMPDIR.

namespace coppice::eval {

using Variables = std::vector<std::pair<std::string, std::string>>;

// The caller's values of evaluation.pass_env; unset ones are left out. Names
// that hold secrets, or that change what a loader or an interpreter runs, are
// an error (kUsage).
Result<Variables> PassedVariables(
    const std::vector<std::string>& names,
    const std::function<std::optional<std::string>(const std::string&)>& get);

// COPPICE_SEED of a sample: equal for all nodes at the same number, different
// from sample to sample. Other phases use the first sample's.
std::uint32_t SampleSeed(const spec::Spec& spec, SamplePhase phase, int index);

struct CommandPlace {
  std::string run;
  EvalPhase phase = EvalPhase::kMeasure;
  int slot = 0;
  std::uint32_t seed = 0;
};

// evaluation.env with {slot}, {port} and {seed} filled in, what was passed,
// and COPPICE_*. Later entries win. Not the node's number: equal trees must
// measure equal.
Variables CommandVariables(const spec::Spec& spec, const Variables& passed,
                           const CommandPlace& place);

}  // namespace coppice::eval

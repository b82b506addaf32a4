#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/outcome.h"
#include "base/result.h"
#include "eval/evaluator.h"
#include "spec/spec.h"

// Failures of the machine rather than of the candidate (SET-07, MEA-30).

namespace coppice::eval {

inline constexpr std::string_view kEnvironmentPrefix = "environment:";

struct EnvironmentError {
  std::string kind;     // "missing module"
  std::string subject;  // "numpy"; may be empty
  std::string fix;      // a sentence

  // "environment:missing module:numpy"
  std::string Signature() const;
};

// The last line of `tail` that only a machine which lacks something prints.
std::optional<EnvironmentError> FindEnvironmentError(Verdict verdict,
                                                     int exit_code,
                                                     std::string_view tail);

// Why the baseline failed, as `check` tells it: the output's last lines, the
// log, and the likely cause. A file that the user's tree has and a slot has
// not, named in a command or in the output, is named with evaluation.copy.
// `tracked` are the files of the base commit.
Error ExplainBaselineFailure(const spec::Spec& spec, const Failure& failure,
                             const std::filesystem::path& user_tree,
                             const std::set<std::string>& tracked);

}  // namespace coppice::eval

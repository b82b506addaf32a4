#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "llm/endpoint.h"
#include "llm/judge.h"
#include "spec/spec.h"

namespace coppice::llm {

// `spec` has a judge and outlives this one, as all that is referred to does.
struct JudgeParts {
  const spec::Spec& spec;
  Clock& clock;
  Semaphore& requests;  // in flight, of proposers and judge together
  std::string rubric;
  std::vector<std::string> strata_rubrics;  // "" = the common one
  Draws drawn;                              // empty: the first Score draws
};

// A judge over HTTP: one endpoint for each of judge.model, in that order.
std::unique_ptr<Judge> MakeModelJudge(
    std::vector<std::unique_ptr<Endpoint>> endpoints, JudgeParts parts);

}  // namespace coppice::llm

#pragma once

#include <memory>
#include <string>

#include "base/compute.h"
#include "base/task.h"
#include "llm/endpoint.h"
#include "llm/proposer.h"
#include "spec/spec.h"

namespace coppice::llm {

// What model arms share; must outlive them.
struct ModelParts {
  Clock& clock;
  Compute& compute;
  Semaphore& requests;  // in flight, of all arms together
  bool allow_create = false;
  std::vector<std::string> mutable_patterns;
  std::vector<std::string> immutable_patterns;
  std::vector<std::string> tracked_files;
};

// A model over HTTP (SPEC §2 "Calls", PROVIDERS §4, §5): asks, waits, retries
// and repairs until there are edits or a reason why there are none. Every
// request is recorded before it is made, and every answer before it is used.
std::unique_ptr<Proposer> MakeModelProposer(spec::ModelArm arm,
                                            spec::Proposal proposal,
                                            std::unique_ptr<Endpoint> endpoint,
                                            const ModelParts& parts);

}  // namespace coppice::llm

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/compute.h"
#include "base/result.h"
#include "llm/command.h"
#include "llm/endpoint.h"
#include "llm/keys.h"
#include "llm/proposer.h"
#include "spec/models.h"
#include "spec/spec.h"

namespace coppice::llm {

// A proposer of the search, with its name and share as the spec says.
struct NamedProposer {
  std::string name;
  double weight = 1;
  std::vector<std::string> operators;  // [] = all it can do
  std::string shared;                  // one key, one value
  spec::Proposal proposal;
  // For people: "anthropic/x at https://..., 3/15 USD per million tokens
  // (models.yaml 2026-11-01)"; empty for arms without a server.
  std::string description;
  std::unique_ptr<Proposer> proposer;
  Endpoint* endpoint = nullptr;  // of a model, for `check`'s probe
};

// Must outlive the proposers. `gates` has one a key, made as needed.
struct ProposerParts {
  Compute& compute;
  CommandParts commands;
  Clock& clock;
  HttpClient& http;
  Semaphore& requests;
  const Keys& keys;
  Redactor& redact;
  const spec::PriceFile* prices = nullptr;
  // Every path of the base: new files may not take their places.
  std::vector<std::string> tracked_files;
  std::map<std::string, std::unique_ptr<RateGate>>& gates;
  // Nobody will be asked (a replay): neither keys nor programs are needed.
  bool offline = false;
  // Answers come from a cassette: keys are not needed.
  bool keyless = false;
};

// One a `proposers` entry, in order. Errors (kUsage, kCheck), before anything
// is spent: an unknown provider, a missing or broken key, a wrong URL, a price
// that nobody knows under a dollar budget, a program that is not installed.
Result<std::vector<NamedProposer>> MakeProposers(const spec::Spec& spec,
                                                 const ProposerParts& parts);

}  // namespace coppice::llm

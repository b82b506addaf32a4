#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/console.h"
#include "base/clock.h"
#include "llm/cassette.h"
#include "llm/make_proposer.h"
#include "spec/load.h"

namespace coppice::app {

// Takes the keys of all known providers and agents, and those the spec names,
// out of the environment. Before any thread is started.
void TakeKeys(const spec::Spec* spec);

// The model to ask when the spec names no proposer: the default of the first
// provider whose key is set (SPEC §2 "No proposer given").
struct DefaultModel {
  std::string model;
  std::string variable;  // where its key is
};
std::optional<DefaultModel> FindDefaultModel();
// No key at all.
Error NoProposer();

// The variables of this process, for clients that honour proxies.
std::map<std::string, std::string> Environment();

// What all model arms of a process share: connections, keys, prices, limits.
class ModelService {
 public:
  // Errors (kUsage, kIo): --prices or --cassette cannot be read.
  static Result<std::unique_ptr<ModelService>> Make(
      const ModelFlags& flags, const asio::any_io_executor& executor,
      Clock& clock, int requests);

  llm::HttpClient& http() { return *client_; }
  Semaphore& requests() { return *requests_; }
  llm::Redactor& redact() { return redact_; }
  const spec::PriceFile* prices() const {
    return prices_ ? &*prices_ : nullptr;
  }
  // Answers come from a cassette: no key is needed.
  bool replays() const { return replays_; }
  // What a cassette was asked in vain; empty if all went well.
  const std::vector<std::string>& misses() const;
  // What it holds and was never asked for.
  std::vector<std::string> unused() const;
  std::map<std::string, std::unique_ptr<llm::RateGate>>& gates() {
    return gates_;
  }

 private:
  ModelService() = default;

  std::unique_ptr<llm::HttpClient> network_;
  std::unique_ptr<llm::Cassette> cassette_;
  bool replays_ = false;
  llm::HttpClient* client_ = nullptr;
  std::unique_ptr<Semaphore> requests_;
  llm::Redactor redact_;
  std::optional<spec::PriceFile> prices_;
  std::map<std::string, std::unique_ptr<llm::RateGate>> gates_;
};

// One small call to every model, side by side; the first error, naming model,
// URL and the variable of the key.
Task<Result<void>> ProbeModels(const std::vector<llm::NamedProposer>& arms);

}  // namespace coppice::app

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "llm/breaker.h"
#include "llm/codec.h"
#include "llm/rate_gate.h"

namespace coppice::llm {

// One model at one server: what is known of it while the program runs (which
// parameters it refuses, how dense its tokens are, whether it is out), and one
// request at a time to it. Conductor thread; several requests at once.
class Endpoint {
 public:
  // Borrowed; they outlive the endpoint.
  struct Parts {
    HttpClient& http;
    Clock& clock;
    const Redactor& redact;
    RateGate& gate;                            // of the key
    Duration idle{std::chrono::seconds(120)};  // between bytes of a response
  };
  Endpoint(spec::ModelProfile profile, std::string base_url,
           Credentials credentials, Parts parts);

  // What one request brought: a reply or an error, and what it costs.
  struct Exchange {
    std::optional<Reply> reply;
    ApiError error;  // meaningful without a reply
    // Who must pay: the usage (of reply or error), the reservation, or nobody.
    enum class Charge { kUsage, kReservation, kNothing };
    Charge charge = Charge::kNothing;
    double seconds = 0;
    std::string request_id;
  };
  // One HTTP request, for at most `limit`. The caller has waited for the gate.
  Task<Exchange> Send(const Call& call, Duration limit);

  // Takes the rung of the drop ladder that the error names.
  bool Drop(const ApiError& error, const Call& call);
  // Waits that a refusal stated close the gate for all calls of the key.
  void Heed(const ApiError& error, double jitter_seconds);

  RateGate& gate() { return parts_.gate; }
  Breaker& breaker() { return breaker_; }
  TokenEstimator& estimator() { return estimator_; }
  const spec::ModelProfile& profile() const { return profile_; }
  const Credentials& credentials() const { return credentials_; }
  const std::string& base_url() const { return base_url_; }
  // Three bad requests in a row switch an arm off.
  int bad_requests = 0;

 private:
  Task<void> Settle();

  spec::ModelProfile profile_;
  std::string base_url_;
  Credentials credentials_;
  Parts parts_;
  Dropped dropped_;
  Breaker breaker_;
  TokenEstimator estimator_;
  bool settled_ = false;  // is a local server Ollama?
};

}  // namespace coppice::llm

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "base/task.h"
#include "llm/endpoint.h"
#include "llm/proposer.h"

namespace coppice::llm {

// What asking has come to: an answer, or one of three reasons for none.
struct Heard {
  std::string text;
  std::string stop;  // of an answer, as in Answered; empty without one
  std::optional<Unavailable> unavailable;
  std::optional<ApiError> too_long;  // for the server: less of it might do
  std::string refusal;               // "deadline", "bad_request: ..."
};

// The requests of one conversation with one model (SPEC §2 "Calls", PROVIDERS
// §4, §5): taken from the record if they stand there, else made. Each waits
// for the gate of its key, is reserved and recorded before it is made, and
// settled and recorded before anything is made of its answer. Those that fail
// are repeated as their failure asks for, within one deadline. Conductor
// thread; one call at a time.
class Asking {
 public:
  struct Parts {
    Endpoint& endpoint;
    Clock& clock;
    Semaphore& requests;  // in flight, of all conversations together
    CallLog& log;
    std::string model;  // as the spec names it
    Duration request_limit;
    Instant deadline;  // of the whole conversation
    Rng backoff;
  };
  // `call` without its messages; its output is cut to what the model can.
  Asking(Parts parts, Call call);

  Task<Heard> Ask(std::vector<Utterance> parts, std::string role);

  // Tokens of the last request, as estimated.
  std::int64_t estimated_input() const { return call_.estimated_input; }

 private:
  Task<std::optional<Heard>> AskOnce(const std::vector<Utterance>& parts,
                                     const std::string& role);
  Task<std::optional<Heard>> TakeOver(Answered known,
                                      const std::vector<Utterance>& parts,
                                      const std::string& role,
                                      std::int64_t tokens);
  Task<std::optional<Heard>> PassGate(std::int64_t tokens);
  Task<std::optional<Heard>> React(const ApiError& error);
  Task<std::optional<Heard>> WaitToRetry(const ApiError& error, bool again);
  Task<void> SleepUntil(Instant when);
  Asked Reservation(const std::vector<Utterance>& parts,
                    const std::string& role, std::int64_t tokens) const;
  Answered Settled(const Endpoint::Exchange& exchange, std::int64_t bytes,
                   double reserve, std::int64_t reserve_tokens);
  bool Clipped(const TokenUsage& usage) const;
  Heard BadRequest(const ApiError& error) const;
  Heard SwitchedOff(const ApiError& error) const;
  Heard Outage(std::string_view what) const;

  Parts parts_;
  Call call_;
  int turn_ = 0;
  int retries_ = 0, rungs_ = 0;
};

}  // namespace coppice::llm

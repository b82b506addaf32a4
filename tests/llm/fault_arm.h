#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/compute.h"
#include "base/task.h"
#include "llm/codec.h"
#include "llm/http.h"
#include "llm/model_proposer.h"
#include "support/fault_server.h"
#include "support/memory_call_log.h"

// One arm from end to end in real time: proposer, endpoint, codec and
// transport as they are, against a server that misbehaves.

namespace coppice::llm {

// What the arms of a test case share. Arms that are started together wait
// together.
class Conductor {
 public:
  explicit Conductor(HttpSettings settings = {});

  asio::io_context& io() { return io_; }
  Clock& clock() { return *clock_; }
  HttpClient& http() { return *http_; }
  Compute& compute() { return *compute_; }
  Semaphore& requests() { return requests_; }

  // Until every arm that was started has come to its end.
  void Run();
  void RunFor(std::chrono::milliseconds time);

  int under_way = 0;

 private:
  asio::io_context io_;
  std::unique_ptr<Clock> clock_ = MakeRealClock();
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<Compute> compute_ = MakeInlineCompute();
  Semaphore requests_{io_.get_executor(), 64};
};

class Arm {
 public:
  using Scripts = std::vector<coppice::testing::Script>;

  Arm(Conductor& conductor, Scripts scripts,
      spec::Codec codec = spec::Codec::kOpenAiChat,
      coppice::testing::FaultServer::Options options = {});
  // Answers with the given bytes, request by request.
  Arm(Conductor& conductor, std::vector<std::string> responses,
      spec::Codec codec = spec::Codec::kOpenAiChat)
      : Arm(conductor,
            Scripts{coppice::testing::Answering(std::move(responses))}, codec) {
  }

  // Asks for one attempt; `made` is there when the conductor has run.
  void Start();
  const Proposed& Ask() {
    Start();
    conductor_.Run();
    return made;
  }

  int seen() const { return static_cast<int>(server.requests().size()); }
  // The stop on record of a turn, "" if it has none.
  std::string stop(std::size_t turn) const;
  // That the turn brought no text and its whole reservation was charged.
  bool IsLost(std::size_t turn) const;
  // The new content of the one file, "" without a proposal.
  std::string content() const;

  coppice::testing::FaultServer server;
  spec::ModelProfile profile;
  spec::ModelArm arm;
  spec::Proposal proposal;
  Duration idle{std::chrono::seconds(120)};
  Request request;
  coppice::testing::MemoryCallLog log;
  Proposed made;
  Duration took{0};

 private:
  Task<void> Propose();

  Conductor& conductor_;
  Redactor redact_;
  RateGate gate_;
  std::unique_ptr<Proposer> proposer_;
};

// An answer whose edit makes `word` of the first line of a.txt.
std::string Edit(std::string_view word);
// A reply of openai_chat that is not streamed.
std::string WholeReply(std::string_view text, std::string_view finish = "stop");

// A streamed reply in one codec's dialect.
struct Streamed {
  std::string type;
  std::string begun;   // all of the text, in chunks
  std::string marker;  // what makes it complete, in chunks

  std::string head() const { return coppice::testing::ChunkedHead(type); }
  std::string whole() const {
    return head() + begun + marker + std::string(coppice::testing::kLastChunk);
  }
  // In good order, but for the marker.
  std::string unfinished() const {
    return head() + begun + std::string(coppice::testing::kLastChunk);
  }
};
Streamed Stream(spec::Codec codec, std::string_view text);

// tests/llm/golden/<codec>/<name>.http as it goes over the wire.
std::string Golden(spec::Codec codec, std::string_view name);

// One connection: a request, these bytes, and the end.
coppice::testing::Script AnswerAndClose(std::string bytes);

}  // namespace coppice::llm

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/simulation.h"
#include "llm/model_judge.h"
#include "support/memory_call_log.h"
#include "support/scripted_http.h"

namespace coppice::llm {

// "q0" to "q<count - 1>", worth 0 to 9, in the buckets even and odd.
std::vector<JudgeItem> Items(int count);

// The texts between the fences of a prompt, in order.
std::vector<std::string> TextsIn(const std::string& prompt);
// The same of pairs: A and B.
std::vector<std::pair<std::string, std::string>> PairsIn(
    const std::string& prompt);
// What a text that begins "worth 7" is worth.
double Worth(const std::string& text);

// The judge in virtual time: real prompts, endpoint and rules; a model in
// memory that reads what it is sent.
class JudgeWorld {
 public:
  JudgeWorld();

  Judge& judge();
  Judged Score(std::vector<JudgeItem> items, bool fresh = true, int sample = 0);

  Simulation simulation;
  testing::ScriptedHttp http;
  spec::Spec spec;
  std::vector<std::string> replies;  // "" = the honest one
  std::vector<std::string> prompts;
  std::vector<std::string> rules;  // the system's part of each prompt
  double off = 0;                  // of all that the honest one scores
  // Instead of the honest one: from the model's name and the prompt.
  std::function<std::string(const std::string&, const std::string&)> answer;
  testing::MemoryCallLog log;
  Redactor redact;
  RateGate gate;
  Semaphore requests{simulation.io().get_executor(), 8};

 private:
  testing::ScriptedHttp::Response Answer(const HttpRequest& request);
  std::unique_ptr<Endpoint> EndpointOf(const std::string& model);

  std::unique_ptr<Judge> made_;
};

}  // namespace coppice::llm

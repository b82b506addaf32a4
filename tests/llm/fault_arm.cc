#include "llm/fault_arm.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "llm/codec_fixture.h"

namespace coppice::llm {
namespace {

using coppice::testing::Chunk;
using coppice::testing::Peer;
using coppice::testing::Script;
using nlohmann::json;

std::string Event(const json& data) {
  return Chunk("data: " + data.dump() + "\n\n");
}
std::string Event(std::string_view name, json data) {
  data["type"] = name;
  return Chunk(fmt::format("event: {}\ndata: {}\n\n", name, data.dump()));
}
std::string Line(const json& data) { return Chunk(data.dump() + "\n"); }

Streamed Chat(const json& text) {
  const json delta = {{"index", 0}, {"delta", {{"content", text}}}};
  const json stop = {
      {"index", 0}, {"delta", json::object()}, {"finish_reason", "stop"}};
  const json usage = {{"prompt_tokens", 1000}, {"completion_tokens", 100}};
  return {.begun = Event({{"choices", {delta}}}) +
                   Event({{"choices", {stop}}}) +
                   Event({{"choices", json::array()}, {"usage", usage}}),
          .marker = Chunk("data: [DONE]\n\n")};
}

Streamed Responses(const json& text) {
  const json part = {{"type", "output_text"}, {"text", text}};
  const json message = {{"type", "message"}, {"content", {part}}};
  const json usage = {{"input_tokens", 1000}, {"output_tokens", 100}};
  const json response = {
      {"status", "completed"}, {"output", {message}}, {"usage", usage}};
  return {.begun = Event("response.output_text.delta", {{"delta", text}}),
          .marker = Event("response.completed", {{"response", response}})};
}

Streamed Anthropic(const json& text) {
  const json usage = {{"input_tokens", 1000}, {"output_tokens", 1}};
  const json message = {{"content", json::array()}, {"usage", usage}};
  const json block = {{"type", "text"}, {"text", ""}};
  const json delta = {{"type", "text_delta"}, {"text", text}};
  return {
      .begun = Event("message_start", {{"message", message}}) +
               Event("content_block_start",
                     {{"index", 0}, {"content_block", block}}) +
               Event("content_block_delta", {{"index", 0}, {"delta", delta}}) +
               Event("content_block_stop", {{"index", 0}}) +
               Event("message_delta", {{"delta", {{"stop_reason", "end_turn"}}},
                                       {"usage", {{"output_tokens", 100}}}}),
      .marker = Event("message_stop", json::object())};
}

Streamed Gemini(const json& text) {
  const json part = {{"text", text}};
  const json usage = {{"promptTokenCount", 1000},
                      {"candidatesTokenCount", 100}};
  const json first = {{"content", {{"parts", {part}}}}};
  const json last = {{"finishReason", "STOP"}};
  return {.begun = Event({{"candidates", {first}}}),
          .marker = Event({{"candidates", {last}}, {"usageMetadata", usage}})};
}

Streamed Ollama(const json& text) {
  return {.begun = Line({{"message", {{"content", text}}}, {"done", false}}),
          .marker = Line({{"done", true},
                          {"done_reason", "stop"},
                          {"prompt_eval_count", 3000},
                          {"eval_count", 100}})};
}

std::string UrlFor(const coppice::testing::FaultServer& server,
                   spec::Codec codec) {
  const bool versioned = codec == spec::Codec::kOpenAiChat ||
                         codec == spec::Codec::kOpenAiResponses;
  return server.Url(versioned ? "/v1" : "");
}

}  // namespace

Conductor::Conductor(HttpSettings settings)
    : http_(MakeHttpClient(io_.get_executor(), *clock_, std::move(settings))) {}

void Conductor::Run() {
  io_.restart();
  const auto busy = asio::make_work_guard(io_);
  while (under_way > 0) io_.run_one();
}

void Conductor::RunFor(std::chrono::milliseconds time) {
  io_.restart();
  const auto busy = asio::make_work_guard(io_);
  io_.run_for(time);
}

Arm::Arm(Conductor& conductor, Scripts scripts, spec::Codec codec,
         coppice::testing::FaultServer::Options options)
    : server(std::move(scripts), std::move(options)), conductor_(conductor) {
  profile.provider = "test";
  profile.model = "m";
  profile.codec = codec;
  profile.max_tokens_field = "max_tokens";
  profile.system_role = "system";
  spec::TokenPrice price;
  price.input = 1'000'000;  // a dollar a million
  price.output = 10'000'000;
  profile.price = price;
  arm.model = "test/m";
  arm.max_output_tokens = 1000;
  proposal.request_timeout_seconds = 10;
  proposal.deadline_seconds = 20;
  auto file = std::make_shared<SourceFile>();
  file->path = "a.txt";
  file->text = "one\ntwo\n";
  file->digest = "d";
  file->mutable_file = true;
  request.attempt = AttemptId(1);
  request.files = {file};
  request.prompt = {
      {.name = "rules", .text = "Rules.", .system = true},
      {.name = "digest", .text = std::string(4000, 'd'), .keep = 0},
      {.name = "task", .text = "Do it."}};
}

void Arm::Start() {
  if (proposer_ == nullptr) {
    Credentials credentials{.key = "sk-test-canary-1234",
                            .variable = "TEST_API_KEY"};
    redact_.Hold(credentials.key);
    auto endpoint = std::make_unique<Endpoint>(
        profile, UrlFor(server, profile.codec), std::move(credentials),
        Endpoint::Parts{conductor_.http(), conductor_.clock(), redact_, gate_,
                        idle});
    proposer_ = MakeModelProposer(arm, proposal, std::move(endpoint),
                                  {.clock = conductor_.clock(),
                                   .compute = conductor_.compute(),
                                   .requests = conductor_.requests(),
                                   .mutable_patterns = {"a.txt"}});
  }
  ++conductor_.under_way;
  asio::co_spawn(conductor_.io(), Propose(), [this](std::exception_ptr thrown) {
    --conductor_.under_way;
    if (thrown) std::rethrow_exception(thrown);
  });
}

Task<void> Arm::Propose() {
  const Instant start = conductor_.clock().Now();
  made = co_await proposer_->Propose(request, log);
  took = conductor_.clock().Now() - start;
}

std::string Arm::stop(std::size_t turn) const {
  return turn < log.answered.size() ? log.answered[turn].stop : "";
}

bool Arm::IsLost(std::size_t turn) const {
  if (turn >= log.answered.size()) return false;
  const Answered& answered = log.answered[turn];
  const double reserved = log.asked[turn].reserve_usd;
  return answered.text.empty() && answered.usage.estimated && reserved > 0 &&
         answered.usage.usd == reserved;
}

std::string Arm::content() const {
  if (!made.proposal || made.proposal->changes.size() != 1) return "";
  return made.proposal->changes[0].content.value_or("");
}

std::string Edit(std::string_view word) {
  return fmt::format(
      "IDEA: another word\n\n"
      "a.txt\n<<<<<<< SEARCH\none\n=======\n{}\n>>>>>>> REPLACE\n",
      word);
}

std::string WholeReply(std::string_view text, std::string_view finish) {
  const json message = {{"role", "assistant"}, {"content", text}};
  const json choice = {{"message", message}, {"finish_reason", finish}};
  const json usage = {{"prompt_tokens", 1000}, {"completion_tokens", 100}};
  return coppice::testing::Response(
      200, json{{"choices", {choice}}, {"usage", usage}}.dump());
}

Streamed Stream(spec::Codec codec, std::string_view text) {
  Streamed streamed;
  const json words = std::string(text);
  switch (codec) {
    case spec::Codec::kOpenAiChat:
      streamed = Chat(words);
      break;
    case spec::Codec::kOpenAiResponses:
      streamed = Responses(words);
      break;
    case spec::Codec::kAnthropic:
      streamed = Anthropic(words);
      break;
    case spec::Codec::kGemini:
      streamed = Gemini(words);
      break;
    case spec::Codec::kOllama:
      streamed = Ollama(words);
      break;
  }
  streamed.type = codec == spec::Codec::kOllama ? "application/x-ndjson"
                                                : "text/event-stream";
  return streamed;
}

std::string Golden(spec::Codec codec, std::string_view name) {
  const testing::Response golden = testing::LoadResponse(codec, name);
  return coppice::testing::Response(golden.head.status, golden.body,
                                    golden.head.headers);
}

Script AnswerAndClose(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    peer.ReadRequest();
    peer.Send(bytes);
  };
}

}  // namespace coppice::llm

#include "llm/judge_world.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace coppice::llm {
namespace {

using nlohmann::json;
using testing::ChatReply;

spec::Spec SpecWithJudge() {
  spec::Spec spec;
  spec.metric.name = "judge_score";
  spec.metric.direction = spec::Direction::kMaximize;
  spec.judge.emplace();
  spec.judge->models = {"openai/gpt-5"};
  spec.judge->rubric = "The more it is worth the better.";
  spec.judge->items = "out.json";
  spec.judge->sample_size = 6;
  spec.judge->batch_size = 4;
  return spec;
}

std::vector<std::string> FencedIn(const std::string& prompt,
                                  const std::string& kind) {
  const std::string open = "<<<" + kind + ' ';
  const std::string close = "\n>>>" + kind + ' ';
  std::vector<std::string> texts;
  for (std::size_t at = prompt.find(open); at != std::string::npos;
       at = prompt.find(open, at + 1)) {
    const std::size_t begin = prompt.find('\n', at) + 1;
    texts.push_back(prompt.substr(begin, prompt.find(close, begin) - begin));
  }
  return texts;
}

// "worth 7" scores 7 + `off`.
std::string HonestAnswer(const std::string& prompt, double off) {
  json scores = json::array();
  for (const std::string& text : TextsIn(prompt)) {
    scores.push_back({{"item", scores.size() + 1},
                      {"reason", "as it says"},
                      {"clarity", 5},
                      {"score", Worth(text) + off}});
  }
  return json{{"scores", scores}}.dump();
}

}  // namespace

std::vector<JudgeItem> Items(int count) {
  std::vector<JudgeItem> items;
  for (int i = 0; i < count; ++i) {
    items.push_back({fmt::format("q{}", i), i % 2 == 0 ? "even" : "odd",
                     fmt::format("worth {}", i % 10)});
  }
  return items;
}

std::vector<std::string> TextsIn(const std::string& prompt) {
  return FencedIn(prompt, "item");
}

std::vector<std::pair<std::string, std::string>> PairsIn(
    const std::string& prompt) {
  const std::vector<std::string> texts = FencedIn(prompt, "pair");
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) {
    pairs.emplace_back(texts[i], texts[i + 1]);
  }
  return pairs;
}

double Worth(const std::string& text) { return std::stod(text.substr(6)); }

JudgeWorld::JudgeWorld() : http(simulation.clock()), spec(SpecWithJudge()) {
  http.otherwise = [this](const HttpRequest& request) {
    return Answer(request);
  };
}

testing::ScriptedHttp::Response JudgeWorld::Answer(const HttpRequest& request) {
  const json body = json::parse(request.body);
  const json& messages = body.at("messages");
  rules.push_back(messages.at(0).at("content"));
  prompts.push_back(messages.at(1).at("content"));
  if (!replies.empty()) {
    const std::string reply = replies.front();
    replies.erase(replies.begin());
    if (!reply.empty()) return ChatReply(reply);
  }
  if (answer) return ChatReply(answer(body.at("model"), prompts.back()));
  return ChatReply(HonestAnswer(prompts.back(), off));
}

Judge& JudgeWorld::judge() {
  if (made_ != nullptr) return *made_;
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  for (const std::string& model : spec.judge->models) {
    endpoints.push_back(EndpointOf(model));
  }
  made_ = MakeModelJudge(
      std::move(endpoints),
      {.spec = spec,
       .clock = simulation.clock(),
       .requests = requests,
       .rubric = spec.judge->rubric,
       .strata_rubrics = std::vector<std::string>(spec.judge->strata.size()),
       .drawn = {}});
  return *made_;
}

Judged JudgeWorld::Score(std::vector<JudgeItem> items, bool fresh, int sample) {
  Judged judged;
  auto score = [&]() -> Task<void> {
    judged = co_await judge().Score(
        {.items = std::move(items), .sample = sample, .fresh = fresh}, log);
  };
  log = testing::MemoryCallLog();
  simulation.Run(score());
  return judged;
}

std::unique_ptr<Endpoint> JudgeWorld::EndpointOf(const std::string& model) {
  spec::ModelProfile profile;
  profile.provider = "openai";
  profile.model = model;
  profile.codec = spec::Codec::kOpenAiChat;
  profile.max_tokens_field = "max_tokens";
  profile.system_role = "system";
  profile.stream = false;
  spec::TokenPrice price;
  price.input = 1'000'000;  // a dollar a million
  price.output = 10'000'000;
  profile.price = price;
  return std::make_unique<Endpoint>(
      profile, "http://127.0.0.1:1/v1", Credentials{.key = "k"},
      Endpoint::Parts{http, simulation.clock(), redact, gate});
}

}  // namespace coppice::llm

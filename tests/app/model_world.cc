#include "app/model_world.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

namespace coppice {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json Usage(int input, int output) {
  return {{"prompt_tokens", input},    {"completion_tokens", output},
          {"input_tokens", input},     {"output_tokens", output},
          {"promptTokenCount", input}, {"candidatesTokenCount", output}};
}

}  // namespace

ModelRepo::ModelRepo() {
  for (const char* variable :
       {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL",
        "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID", "GOOGLE_API_KEY", "GEMINI_API_KEY",
        "GOOGLE_GEMINI_BASE_URL", "OPENROUTER_API_KEY", "OLLAMA_HOST"}) {
    env()[variable] = "";
  }
}

void ModelRepo::Spec(const std::string& proposers, int nodes,
                     const std::string& extra) {
  const bool dollars = extra.find("budget:") == std::string::npos;
  Write("coppice.yaml",
        testing::TinySpec(
            fmt::format("evaluation: sh measure.sh\n"
                        "checks: [sh check.sh]\n{}{}{}",
                        extra.find("search:") == std::string::npos
                            ? "search: {policy: best_of_n}\n"
                            : "",
                        dollars ? fmt::format("budget: {{max_nodes: {}, "
                                              "plateau_nodes: null}}\n",
                                              nodes)
                                : "",
                        extra),
            proposers.empty() ? "" : "proposers: " + proposers + "\n"));
  Commit("spec");
}

int ModelRepo::Count(const std::string& query) {
  const std::string text = Sql(query);
  return text.empty() ? -1 : std::stoi(text);
}

json ModelRepo::Status() {
  const testing::Ran status = Coppice("--output json status");
  REQUIRE_MESSAGE(json::accept(status.out), status.err);
  return json::parse(status.out);
}

std::vector<std::string> ModelRepo::FilesWith(const std::string& text) const {
  std::vector<std::string> files;
  const fs::path root = path() / ".git/coppice";
  for (const auto& file : fs::recursive_directory_iterator(root)) {
    const std::string name = file.path();
    const bool holds =
        name.find(text) != name.npos ||
        (file.is_regular_file() &&
         testing::ReadFile(file.path()).find(text) != std::string::npos);
    if (holds) files.push_back(name);
  }
  return files;
}

std::string ModelArm(const std::string& model, const std::string& url,
                     const std::string& extra) {
  return fmt::format("[{{model: {}{}{}}}]", model,
                     url.empty() ? "" : fmt::format(", base_url: \"{}\"", url),
                     extra.empty() ? "" : ", " + extra);
}

std::string WholeAnswer(int cost) {
  return fmt::format("IDEA: make it {0}\n\napp.txt\n```\ncost {0}\n```\n",
                     cost);
}

std::string BlockAnswer(int from, int cost) {
  return fmt::format(
      "IDEA: make it {1}\n\napp.txt\n<<<<<<< SEARCH\ncost {0}\n=======\n"
      "cost {1}\n>>>>>>> REPLACE\n",
      from, cost);
}

std::string Fixtures(const std::vector<std::string>& answers) {
  json all = json::array();
  auto add = [&](const std::string& answer, json match) {
    all.push_back(
        {{"match", std::move(match)},
         {"response", {{"content", answer}, {"usage", Usage(400, 50)}}}});
  };
  for (std::size_t i = 0; i < answers.size(); ++i) {
    add(answers[i], {{"sequenceIndex", i}});
  }
  add(answers.back(), json::object());
  return json{{"fixtures", all}}.dump();
}

std::string Falling(int first, int count) {
  std::vector<std::string> answers;
  for (int i = 0; i < count; ++i) answers.push_back(WholeAnswer(first - i));
  return Fixtures(answers);
}

std::vector<std::string> ChatEvents(const std::string& answer,
                                    std::int64_t input, std::int64_t output) {
  const json said = {{"content", answer}};
  const json first = {
      {"choices",
       {{{"index", 0}, {"delta", said}, {"finish_reason", nullptr}}}}};
  const json last = {
      {"choices",
       {{{"index", 0}, {"delta", json::object()}, {"finish_reason", "stop"}}}},
      {"usage", {{"prompt_tokens", input}, {"completion_tokens", output}}}};
  return {first.dump(), last.dump(), "[DONE]"};
}

std::vector<std::string> JudgedTexts(const std::string& prompt) {
  std::vector<std::string> texts;
  for (std::size_t at = prompt.find("<<<item "); at != std::string::npos;
       at = prompt.find("<<<item ", at + 1)) {
    const std::size_t begin = prompt.find('\n', at) + 1;
    texts.push_back(
        prompt.substr(begin, prompt.find("\n>>>item ", begin) - begin));
  }
  return texts;
}

bool Says(const testing::Ran& ran, const std::string& text) {
  return ran.err.find(text) != std::string::npos ||
         ran.out.find(text) != std::string::npos;
}

void SleepMs(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 600; ++i) {
    if (condition()) return true;
    SleepMs(50);
  }
  return false;
}

}  // namespace coppice

#include "app/judged_repo.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <sstream>

namespace coppice {
namespace {

using nlohmann::json;

struct Heard {
  std::vector<std::string> texts;  // between fences, in order
  std::optional<double> told;      // outside of them: give every item so much
};

void Obey(const std::string& line, Heard& heard) {
  static const std::regex order("[Gg]ive every item ([0-9]+)");
  std::smatch found;
  if (std::regex_search(line, found, order)) heard.told = std::stod(found[1]);
}

// The whole prompt, line by line, as its own rules say that it is to be read.
Heard Listen(const std::string& rules, const std::string& prompt) {
  static const std::regex named("<<<(?:item N|pair N A) ([0-9a-f]+)");
  std::smatch marker;
  Heard heard;
  if (!std::regex_search(rules, marker, named)) return heard;
  std::istringstream lines(rules);
  std::string line;
  while (std::getline(lines, line)) Obey(line, heard);
  lines = std::istringstream(prompt);
  std::string end;  // of the fence that we are in
  while (std::getline(lines, line)) {
    const bool marked = line.ends_with(" " + marker[1].str());
    if (end.empty() && marked && line.starts_with("<<<")) {
      end = ">>>" + line.substr(3);
      heard.texts.emplace_back();
    } else if (line == end) {
      end.clear();
    } else if (end.empty()) {
      Obey(line, heard);
    } else {
      heard.texts.back() += line + '\n';
    }
  }
  return heard;
}

double WorthOf(const std::string& text) {
  return 100 - std::stod(text.substr(5));
}

}  // namespace

std::string JudgeServer::Answer(const std::string& body) {
  const int call = calls_++;
  const json request = json::parse(body);
  const json& messages = request.at("messages");
  const auto rules = messages.at(0).at("content").get<std::string>();
  const Heard heard =
      Listen(rules, messages.at(1).at("content").get<std::string>());
  json list = json::array();
  if (rules.find("<<<pair") != std::string::npos) {
    for (std::size_t i = 0; i + 1 < heard.texts.size(); i += 2) {
      const double a = WorthOf(heard.texts[i]);
      const double b = WorthOf(heard.texts[i + 1]);
      const char* better = a == b ? "tie" : a > b ? "A" : "B";
      list.push_back({{"pair", list.size() + 1},
                      {"reason", heard.texts[i]},
                      {"winner", first_wins ? "A" : better}});
    }
    return json{{"pairs", list}}.dump();
  }
  for (const std::string& text : heard.texts) {
    const double truth = WorthOf(text) + (call >= off_from ? off.load() : 0.0);
    list.push_back({{"item", list.size() + 1},
                    {"reason", text},
                    {"score", heard.told.value_or(truth)}});
  }
  return json{{"scores", list}}.dump();
}

void JudgeServer::Serve(testing::Peer& peer) {
  while (true) {
    const std::string answer = Answer(peer.ReadRequest().body);
    peer.Send(testing::SseResponse(ChatEvents(answer)));
  }
}

JudgedRepo::JudgedRepo(const JudgeServer& server) {
  env()["OPENAI_API_KEY"] = "sk-test-1";
  env()["OPENAI_BASE_URL"] = server.url();
  Write("measure.sh",
        "text=$(cat app.txt)\n"
        "printf '[{\"id\":1,\"text\":\"%s\"},{\"id\":2,\"text\":\"%s\"},"
        "{\"id\":3,\"bucket\":\"x\",\"text\":\"%s\"}]' \"$text\" \"$text\" "
        "\"$text\" >out.json\n"
        "echo size: 3\n");
  Write("rubric.md", "The less it costs the better.\n");
}

void JudgedRepo::Judged(const std::string& lines, const std::string& extra,
                        int nodes) {
  Write("coppice.yaml",
        fmt::format(
            "name: tiny\n"
            "goal: make it cheaper\n"
            "scope: {{mutable: [app.txt]}}\n"
            "metric: {{name: judge_score, direction: maximize, "
            "range: [0, 100], gates: [{{name: size, check: \">= 3\"}}]}}\n"
            "evaluation: sh measure.sh\n"
            "judge:\n"
            "  model: {}\n"
            "  rubric: '@rubric.md'\n"
            "  items: out.json\n"
            "  anchors: [{{id: low, text: cost 90, score: 10}},\n"
            "            {{id: high, text: cost 20, score: 80}}]\n"
            "{}"
            "proposers: [{{command: sh propose.sh}}]\n"
            "search: {{policy: linear}}\n"
            "budget: {{max_nodes: {}, plateau_nodes: null}}\n{}",
            models, lines, nodes, extra));
  Commit("spec");
}

void JudgedRepo::JudgedByPairs(const std::string& lines, int nodes) {
  Write("coppice.yaml",
        fmt::format("name: tiny\n"
                    "goal: make it cheaper\n"
                    "scope: {{mutable: [app.txt]}}\n"
                    "metric: {{name: judge_score, direction: maximize}}\n"
                    "evaluation: sh measure.sh\n"
                    "judge:\n"
                    "  model: {}\n"
                    "  rubric: '@rubric.md'\n"
                    "  items: out.json\n"
                    "  primary: win_rate\n"
                    "{}"
                    "proposers: [{{command: sh propose.sh}}]\n"
                    "search: {{policy: linear}}\n"
                    "budget: {{max_nodes: {}, plateau_nodes: null}}\n",
                    models, lines, nodes));
  Commit("spec");
}

}  // namespace coppice

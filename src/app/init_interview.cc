#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "app/console.h"
#include "app/init_text.h"
#include "base/text.h"

// init --interactive (SET-03): eight questions at most, the first whether
// there is a number at all. The end of the input keeps every default.

namespace coppice::app {
namespace {

class Terminal {
 public:
  // The answer, or `otherwise` where nothing is said.
  std::string Ask(const std::string& question, const std::string& otherwise) {
    std::fputs(fmt::format("{}. {}{}: ", ++asked_, question,
                           otherwise.empty() ? "" : " [" + otherwise + "]")
                   .c_str(),
               stderr);
    std::string answer;
    for (int c; !ended_ && (c = std::getchar()) != '\n';) {
      if (c == EOF) {
        ended_ = true;
        std::fputc('\n', stderr);
      } else {
        answer += static_cast<char>(c);
      }
    }
    answer = std::string(Trim(Sanitize(answer)));
    return answer.empty() ? otherwise : answer;
  }

 private:
  int asked_ = 0;
  bool ended_ = false;
};

// "a.c, b.c" as guesses of the user's.
std::vector<Guess> Listed(const std::string& text) {
  std::vector<Guess> guesses;
  std::string rest = text + ",";
  for (std::size_t comma; (comma = rest.find(',')) != std::string::npos;
       rest.erase(0, comma + 1)) {
    const std::string one(Trim(std::string_view(rest).substr(0, comma)));
    if (!one.empty()) guesses.push_back({one, "", ""});
  }
  return guesses;
}

std::string Joined(const std::vector<Guess>& guesses) {
  std::string text;
  for (const Guess& guess : guesses) {
    text += (text.empty() ? "" : ", ") + guess.value;
  }
  return text;
}

bool Starts(const std::string& answer, char letter) {
  return !answer.empty() && (answer[0] | 0x20) == letter;
}

void AskMetric(Terminal& terminal, SpecDraft& draft) {
  const std::string metric = terminal.Ask(
      "What number, and is less or more of it better? (seconds less)",
      draft.metric.value +
          (draft.direction.value == "minimize" ? " less" : " more"));
  const std::size_t blank = metric.find_last_of(" \t");
  draft.metric = {metric.substr(0, metric.find_first_of(" \t,")), "", ""};
  if (blank != std::string::npos) {
    const std::string word = metric.substr(blank + 1);
    draft.direction = {
        Starts(word, 'm') && word != "minimize" ? "maximize" : "minimize", "",
        ""};
  }
  Say("   A number that only goes along with what you want will be raised "
      "without it: measure the thing itself.");
}

}  // namespace

void Interview(SpecDraft& draft, std::string& name) {
  Terminal terminal;
  const bool judged = Starts(
      terminal.Ask("A number, or a judgement of texts? (number/judgement)",
                   "number"),
      'j');
  if (judged) {
    name = "judge";
    draft.metric = {"judge_score", "", ""};
    draft.direction = {"maximize", "", ""};
  } else {
    AskMetric(terminal, draft);
    const std::string target =
        terminal.Ask("A value at which it is good enough? (none)", "none");
    if (ParseNumber(target)) draft.target = target;
  }
  draft.mutable_files = Listed(terminal.Ask(
      "Which files may change? (with commas)", Joined(draft.mutable_files)));
  if (!judged) {
    const std::string command =
        terminal.Ask("What command prints the number?", draft.command.value);
    if (command != draft.command.value) draft.command = {command, "", ""};
  }
  const std::string checks =
      terminal.Ask("What command must pass? (none)",
                   draft.checks.empty() ? "none" : draft.checks.front().value);
  draft.checks.clear();
  if (checks != "none") draft.checks = {{checks, "", ""}};
  if (!judged) {
    const std::string holdout = terminal.Ask(
        "A command on data that no proposal may see? (none)", "none");
    if (holdout != "none") draft.holdout = holdout;
  }
  const std::string usd = terminal.Ask("How many dollars at most?", "10");
  if (ParseNumber(usd)) {
    draft.budget =
        fmt::format("{{max_nodes: 40, max_hours: 8, max_cost_usd: {}}}", usd);
  }
}

}  // namespace coppice::app

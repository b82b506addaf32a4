#include <fmt/format.h>

#include "app/commands.h"
#include "app/simulate_answer.h"
#include "app/simulate_question.h"
#include "report/views.h"

namespace coppice::app {
namespace {

void PrintLandscapes() {
  for (const study::Landscape& landscape : study::Landscapes()) {
    const std::string names =
        landscape.alias.empty()
            ? landscape.name
            : fmt::format("{} ({})", landscape.name, landscape.alias);
    Print(fmt::format("{:24} {}\n{:24} target {}, optimum {}; {}", names,
                      landscape.about, "", landscape.target, landscape.optimum,
                      landscape.ancestry));
  }
}

}  // namespace

int Simulate(const Global& global, const SimulateOptions& options) {
  if (options.list) {
    PrintLandscapes();
    return kDone;
  }
  Result<Asked> asked = QuestionOf(global, options);
  if (!asked) return Fail(global, asked.error());
  const study::Answer answer = study::Ask(asked->question);
  if (global.output == OutputMode::kJson) {
    Print(AnswerJson(*asked, answer));
  } else {
    Print(AnswerText(*asked, answer, options.plot));
  }
  if (options.svg.empty()) return kDone;
  Result<void> written =
      report::WriteWhole(options.svg, AnswerSvg(*asked, answer));
  if (!written) return Fail(global, written.error());
  return kDone;
}

}  // namespace coppice::app

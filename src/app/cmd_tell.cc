#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/run_reader.h"
#include "base/text.h"

// tell: a word to a run, live or stopped. It waits in the run's inbox, where
// the owner finds it within a second, or the next resume.

namespace coppice::app {

int Tell(const Global& global, const TellOptions& options) {
  // A single word may be the run or the text; a text is told more often.
  std::string run = options.run;
  std::string text = options.text;
  if (text.empty() && options.idea.empty()) std::swap(run, text);
  if (text.empty() && options.idea.empty()) {
    return Fail(global, Error{.code = ErrorCode::kUsage,
                              .what = "nothing to tell",
                              .next = "coppice tell \"avoid SIMD\", or coppice "
                                      "tell --idea \"hoist the mask\""});
  }
  Result<ReadRun> read = OpenRun(global, run);
  if (!read) return Fail(global, read.error());
  Json directive = Json::object();
  if (!text.empty()) directive["text"] = Sanitize(text);
  if (!options.idea.empty()) {
    directive["idea"] = OneLine(options.idea, 400);
    directive["source"] = "tell";
  }
  if (!options.at.empty()) {
    Result<AttemptId> node = read->Node(options.at);
    if (!node) return Fail(global, node.error());
    if (!read->state->tree().Find(*node)) {
      return Fail(global,
                  Error{.code = ErrorCode::kNotFound,
                        .what = fmt::format("attempt {} left no commit to grow "
                                            "from",
                                            node->value()),
                        .next = "see `coppice tree`"});
    }
    directive["at"] = node->value();
  }
  const std::unique_ptr<Clock> clock = MakeRealClock();
  Result<void> sent = search::SendToInbox(read->place.journal(), clock->Wall(),
                                          DumpCanonical(directive));
  if (!sent) return Fail(global, sent.error());
  if (global.output == OutputMode::kJson) {
    Print(DumpCanonical(Json{{"run", read->place.id}, {"told", directive}}));
  } else {
    Print(
        fmt::format("told {}; it is read within a second, or by `coppice "
                    "resume`",
                    read->place.id));
  }
  return kDone;
}

}  // namespace coppice::app

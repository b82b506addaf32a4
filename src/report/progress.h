#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "report/node_record.h"
#include "search/event.h"
#include "search/state.h"

// What a running search says (RUN-14): a line for each record that is news to
// a person, nothing for the others. `state` has the record applied.

namespace coppice::report {

struct ProgressStyle {
  bool colour = false;
  std::size_t width = 100;
};

// One line for each finished attempt, the baseline, pause, resumption, final,
// export, stop and note; a pause has a second one with the way out. Without a
// final newline.
std::optional<std::string> ProgressLine(const search::State& state,
                                        const search::Record& record,
                                        const ProgressStyle& style = {});

// The same news as one JSON object for `--output json`: "event" (the kind),
// "seq", "at", then what the event is about; for a finished attempt the node
// record and the best so far.
std::optional<OrderedJson> ProgressJson(const search::State& state,
                                        const search::Record& record);

// "seconds 12.41 -> 9.87 (-20.5%), gain 20.5% on fresh samples, n 10+10, ..."
// of the final race; says it plainly when nothing was confirmed.
std::string FinalText(const search::State& state, const search::Final& final);

// A gain over the baseline, "+20.5%"; in the metric's unit where the baseline
// is 0 and has no hundredth.
std::string GainText(const search::State& state, double gain);

// Where the final decided otherwise than the search: which node the search had
// for its best, at which the curve ends, and why that is not the result. ""
// where they agree.
std::string OverruledText(const search::State& state);

}  // namespace coppice::report

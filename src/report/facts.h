#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/outcome.h"
#include "search/state.h"

// What several views say about a search, said once. Everything is read from
// State; nothing here decides. Values are those of now, in the metric's unit.

namespace coppice::report {

// The node the decision rule points at; 0 until something was confirmed.
AttemptId BestAttempt(const search::State& state);
// Every attempt ever selected, in order; the baseline excluded.
std::vector<AttemptId> Attempts(const search::State& state);

// "$0.41"; "unknown", never "$0", where no call had a price.
std::string SpentText(const search::Consumption& used);
// Nodes that were measured and may be compared: the best, then the others
// from the best value to the worst; equal values in the order of attempts.
// A node that failed or has no value is not among them.
std::vector<AttemptId> Ranking(const search::State& state);

const search::Node* NodeOf(const search::State& state, AttemptId attempt);
// "a.c +1 -2, b.c +3 -0"
std::string FilesText(const search::AttemptInfo& info);
std::optional<double> ValueOf(const search::State& state, AttemptId attempt);
// The value of a node that may be compared with others; nothing for one that
// failed, whatever it printed.
std::optional<double> ComparableValue(const search::State& state,
                                      AttemptId attempt);
// Nothing while the attempt is under way.
std::optional<Outcome> OutcomeOf(const search::State& state, AttemptId attempt);
// "baseline", "improved", ..., "pending".
std::string_view OutcomeWord(const search::State& state, AttemptId attempt);
// "draft", "improve", ...; "baseline" for attempt 0.
std::string_view OperatorWord(const search::State& state, AttemptId attempt);
std::string ReasonOf(const search::State& state, AttemptId attempt);
// What the attempt tried: its plan, else the user's idea; empty if it ended
// before it had one. Raw text.
std::string IdeaOf(const search::State& state, AttemptId attempt);
// What is worth a glance: the idea of an attempt that was measured; the reason
// of one that failed, with its idea behind it. Raw text.
std::string StoryOf(const search::State& state, AttemptId attempt);
std::vector<AttemptId> ParentsOf(const search::State& state, AttemptId attempt);
// Samples behind the node's value, and all of them.
int SamplesOf(const search::State& state, AttemptId attempt);
// Every number that the node's deciding samples gave, aggregated.
std::map<std::string, double> NumbersOf(const search::State& state,
                                        AttemptId attempt);
// Flags of the commit and of its evaluation, each once. Raw text.
std::vector<std::string> FlagsOf(const search::AttemptInfo& info);
// Propose, build, checks and measure together.
double SecondsOf(const search::AttemptInfo& info);

// How much better `value` is than `reference`, as a fraction; positive =
// better. Nothing if the reference is 0.
std::optional<double> Gain(const search::State& state, double value,
                           double reference);
// The change of the metric against the baseline, as people write it:
// "-20.5%", or "+3" where the baseline is 0; empty without values.
std::string ChangeText(const search::State& state, std::optional<double> value);

// The gain of a node against the baseline in words (RES-07).
struct Confidence {
  double gain = 0;       // fraction
  double noise = 0;      // in the metric's unit, at the node's value
  double ratio = 0;      // |gain| / noise; 0 when there is no noise
  std::string word;      // high, moderate, noise, overfit
  std::string sentence;  // "high confidence: the gain is 21 times the noise"
};
std::optional<Confidence> ConfidenceOf(const search::State& state,
                                       AttemptId attempt);

// σ as people read it: "0.5%" of the value, or in the metric's unit.
std::string NoiseText(const search::State& state);
// "seconds 12.41 -> 9.87 (-20.5%)"; the baseline alone while nothing is
// better.
std::string ResultText(const search::State& state);

// Why the search stopped, in a few words; the word on record where it is not
// one of ours. Empty while it goes on.
std::string StopText(const search::State& state);

// The path from the baseline to `attempt` along first parents.
std::vector<AttemptId> Lineage(const search::State& state, AttemptId attempt);

}  // namespace coppice::report

#pragma once

#include <string>
#include <vector>

#include "search/state.h"

// What became of one attempt, in a line; for the sections of a prompt. Words of
// models and programs are cut to one line each.

namespace coppice::search {

// "+4.9%" of `from`, positive = better; the difference itself where that is 0.
std::string GainText(const State& state, double value, double from);
// "11.8 (+4.9% on the baseline)", or nothing without a value.
std::string ValueText(const State& state, AttemptId attempt);
// "improved, 11.8 (...)", "buggy, make -j4: exit 2", "under way".
std::string ResultText(const State& state, AttemptId attempt);
// The idea in quotes with its category: "\"hoist the mask\" [memory]".
std::string IdeaText(const State& state, AttemptId attempt);
// "#4 debug \"...\" [memory]: improved, ..." and what later attempts learned
// from it, as a line of its own.
std::string StoryOf(const State& state, AttemptId attempt);

// Stories of some attempts. One whose idea is much like that of an earlier one
// among them, in the same category, says so.
std::vector<std::string> StoriesOf(const State& state,
                                   const std::vector<AttemptId>& attempts);

// Is it a measurement on held-out data that spoke? That never enters a prompt.
bool TellsOfHoldout(const AttemptInfo& info);

}  // namespace coppice::search

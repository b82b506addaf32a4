#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "eval/baseline_lock.h"
#include "eval/evaluator.h"
#include "spec/spec.h"

// How many evaluations at once are honest (MEA-29), from samples alone.

namespace coppice::app {

// Is the metric a time, or the rate of something? It is if its unit is one of
// time, if a word of its name says so ("milliseconds", "p99_latency",
// "throughput"), or if it follows the wall time of its own samples (|r| >= 0.9
// over at least eight that differ by more than 5 %). With weights: any of them.
bool MeasuresTime(const spec::Metric& metric,
                  const std::map<std::string, std::string>& units,
                  std::span<const eval::Sample> samples);

// What `rounds`, each of as many samples as there were sessions, say of the
// base measured alone. Honest: no sample failed; a metric that never differs
// alone does not differ now, any other has a median within the noise. For a
// time (`times`) 2 % more or less is agreement too, and the samples' wall time
// must not grow beyond that either.
eval::LoadLevel JudgeLoad(const spec::Spec& spec,
                          std::span<const eval::Sample> solo,
                          std::span<const std::vector<eval::Sample>> rounds,
                          bool times);

// The numbers that follow for `parallel.evaluations`.
// What `auto` may come to at the most: 4, cores / cpus; 1 with any lock.
int MostAtOnce(const spec::Spec& spec);
// What a probe has to try before the first parallel run.
int WantedAtOnce(const spec::Spec& spec);
// As written, or min(honest, MostAtOnce).
int AtOnce(const spec::Spec& spec, const eval::SlotsTried& slots);
// More at once than is honest, of something that is a time.
bool NeedsTimingLock(const spec::Spec& spec, const eval::SlotsTried& slots);
// The named locks around a sample.
std::set<std::string> LocksTaken(const spec::Spec& spec,
                                 const eval::SlotsTried& slots);

// What a probe found, in a few words: "2 at once; seconds is 0.2 alone, 0.201
// with 2; not 4: ..." and why not.
std::string SlotsText(const spec::Spec& spec, const eval::SlotsTried& slots);
// What to know of `parallel.evaluations: N` above what is honest; "" else.
std::string DishonestSlots(const spec::Spec& spec,
                           const eval::SlotsTried& slots);

}  // namespace coppice::app

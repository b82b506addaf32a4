#include "app/export_verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "report/facts.h"
#include "search/decide.h"

namespace coppice::app {
namespace {

// What the gain may fall short of the record by. One that is hardly above the
// threshold has to be there by half at least.
double Slack(double gain, double threshold) {
  return std::min(threshold, gain / 2);
}

class Verification {
 public:
  Verification(ExportBench& bench, const ExportPlan& plan)
      : bench_(bench), plan_(plan) {}

  Task<Result<Evidence>> Run(ObjectId commit) {
    after_ =
        co_await OpenContestant(bench_, plan_.node, commit, Checkout::kClean);
    if (after_.failure) co_return Failed(after_);
    before_ = co_await OpenContestant(bench_, AttemptId(0), plan_.onto,
                                      Checkout::kSlot);
    if (before_.failure) co_return Failed(before_);
    const int repeats = state().noise().repeats;
    std::optional<Error> doubt;
    // A second look at what a first calls in question.
    for (int look = 0; look < (repeats > 1 ? 2 : 1); ++look) {
      co_await SampleInTurns(bench_, before_, after_, repeats,
                             SamplePhase::kFinal);
      if (after_.failure) co_return Failed(after_);
      if (before_.failure) co_return Failed(before_);
      doubt = Doubt();
      if (!doubt) break;
    }
    if (doubt) co_return *doubt;
    Evidence evidence{FreshOf(), std::nullopt};
    if (state().spec().evaluation.holdout) {
      Result<FreshSamples> held = co_await Hold(repeats);
      if (!held) co_return held.error();
      evidence.holdout = std::move(*held);
    }
    co_return evidence;
  }

 private:
  const search::State& state() const { return bench_.state(); }

  FreshSamples FreshOf() const {
    return {before_.scores, after_.scores, ScoreOf(state(), before_),
            ScoreOf(state(), after_)};
  }

  // The same two, in the same checkouts, on what no search was shown.
  Task<Result<FreshSamples>> Hold(int repeats) {
    for (Contestant* contestant : {&before_, &after_}) {
      contestant->scores.clear();
      contestant->numbers.clear();
    }
    co_await SampleInTurns(bench_, before_, after_, std::max(1, repeats),
                           SamplePhase::kHoldout);
    if (after_.failure) co_return Failed(after_);
    if (before_.failure) co_return Failed(before_);
    FreshSamples held = FreshOf();
    const spec::Metric& metric = state().spec().metric;
    search::NoiseModel noise = state().noise();
    noise.sigma = state().measurements().HoldoutSigma();
    const double lost =
        spec::Sign(metric.direction) * (held.before_value - held.after_value);
    const double allowed = search::Threshold(metric, noise, held.before_value,
                                             std::max(1, repeats));
    if (!plan_.gain || lost <= allowed) co_return held;
    co_return Error{
        .code = ErrorCode::kIo,
        .what = fmt::format(
            "on the holdout the exported commit measures {} where {} measures "
            "{}: {} is lost, {} would be noise",
            FormatShort(held.after_value, 5), plan_.onto_name,
            FormatShort(held.before_value, 5), FormatShort(lost, 3),
            FormatShort(allowed, 3)),
        .cause = "the gain is one of the data that was searched on",
        .next =
            "no branch was made; `coppice remeasure best base --holdout` "
            "measures both again"};
  }

  std::optional<Error> Doubt() const {
    if (auto rule = FailedRule(state(), after_)) {
      return Error{
          .code = ErrorCode::kIo,
          .what = "the exported commit fails in a clean checkout: " + *rule,
          .next =
              "no branch was made; `coppice show --why` shows "
              "what was measured"};
    }
    if (!plan_.gain) return std::nullopt;
    const double before = ScoreOf(state(), before_);
    const double after = ScoreOf(state(), after_);
    const spec::Metric& metric = state().spec().metric;
    const double now = spec::Sign(metric.direction) * (after - before);
    const double tau =
        search::Threshold(metric, state().noise(), before,
                          static_cast<int>(after_.scores.size()));
    const double needed =
        plan_.moved ? tau : *plan_.gain - Slack(*plan_.gain, tau);
    if (now > 0 && now >= needed) return std::nullopt;
    return Error{
        .code = ErrorCode::kIo,
        .what = fmt::format(
            "in a clean checkout the exported commit measures {} where {} "
            "measures {}: {} was gained, {} is needed",
            FormatShort(after, 5), plan_.onto_name, FormatShort(before, 5),
            FormatShort(now, 3), FormatShort(needed, 3)),
        .cause = plan_.moved
                     ? fmt::format("what {} changed since takes the gain away",
                                   plan_.onto_name)
                     : "the gain came from what an earlier build left behind, "
                       "or the machine has changed",
        .next =
            "no branch was made; `coppice remeasure best base` measures "
            "both again, `coppice show --why` shows the evidence"};
  }

  Error Failed(const Contestant& contestant) const {
    const eval::Failure& failure = *contestant.failure;
    const std::string who =
        &contestant == &after_
            ? "the exported commit does not pass in a clean checkout: "
            : plan_.onto_name + " itself does not pass: ";
    return Error{.code = failure.outcome ? ErrorCode::kIo : ErrorCode::kLost,
                 .what = who + failure.reason,
                 .where = failure.log,
                 .cause = failure.tail,
                 .next = "no branch was made; look at the log"};
  }

  ExportBench& bench_;
  const ExportPlan& plan_;
  Contestant before_, after_;
};

// Does the commit build and pass its checks, and what measures it?
Task<Result<bool>> Passes(ExportBench& bench, const ExportPlan& plan,
                          const Place& place, ObjectId part) {
  Result<ObjectId> commit = place(part);
  if (!commit) {
    // There already: it will be no commit.
    if (commit.error().code == ErrorCode::kUsage) co_return true;
    co_return commit.error();
  }
  Contestant contestant =
      co_await OpenContestant(bench, plan.node, *commit, Checkout::kSlot);
  if (!contestant.failure) {
    co_await Sample(bench, contestant, SamplePhase::kScreen);
  }
  if (!contestant.failure) {
    co_return !FailedRule(bench.state(), contestant).has_value();
  }
  if (contestant.failure->outcome) co_return false;
  co_return Error{.code = ErrorCode::kLost,
                  .what = "a commit of the export could not be measured: " +
                          contestant.failure->reason,
                  .where = contestant.failure->log,
                  .cause = contestant.failure->tail,
                  .next = "no branch was made; the same command tries again"};
}

// Both in one.
void Join(ExportPart& part, ExportPart other) {
  std::vector<std::size_t> hunks;
  std::ranges::set_union(part.hunks, other.hunks, std::back_inserter(hunks));
  part.hunks = std::move(hunks);
  for (AttemptId attempt : other.attempts) {
    if (std::ranges::count(part.attempts, attempt) == 0) {
      part.attempts.push_back(attempt);
    }
  }
  std::ranges::sort(part.attempts);
  part.to = other.to;
}

}  // namespace

Task<Result<Evidence>> Verify(ExportBench& bench, const ExportPlan& plan,
                              ObjectId commit) {
  Verification verification(bench, plan);
  co_return co_await verification.Run(commit);
}

Task<Result<std::vector<ExportPart>>> FoldBroken(ExportBench& bench,
                                                 const ExportPlan& plan,
                                                 std::vector<ExportPart> parts,
                                                 Place place) {
  std::vector<ExportPart> folded;
  bool open = false;  // the last of them does not pass yet
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (open) {
      Join(folded.back(), parts[i]);
    } else {
      folded.push_back(parts[i]);
    }
    open = false;
    if (i + 1 == parts.size()) break;  // verified in a clean checkout
    Result<bool> passes = co_await Passes(bench, plan, place, parts[i].to);
    if (!passes) co_return passes.error();
    open = !*passes;
  }
  co_return folded;
}

Task<Result<std::vector<ExportPart>>> JoinBroken(ExportBench& bench,
                                                 const ExportPlan& plan,
                                                 const vcs::Hunks& hunks,
                                                 std::vector<ExportPart> parts,
                                                 Place place) {
  auto all_in_one = [&]() -> Result<std::vector<ExportPart>> {
    ExportPart all = parts.front();
    for (std::size_t i = 1; i < parts.size(); ++i) Join(all, parts[i]);
    Result<vcs::Hunks::Part> composed = hunks.Compose(all.hunks);
    if (!composed) return composed.error();
    all.to = composed->commit;
    return std::vector{std::move(all)};
  };
  std::vector<ExportPart> alone, broken;
  for (const ExportPart& part : parts) {
    Result<bool> passes = co_await Passes(bench, plan, place, part.to);
    if (!passes) co_return passes.error();
    (*passes ? alone : broken).push_back(part);
  }
  if (broken.empty()) co_return alone;
  if (broken.size() == 1 || alone.empty()) co_return all_in_one();
  ExportPart together = broken.front();
  for (std::size_t i = 1; i < broken.size(); ++i) Join(together, broken[i]);
  Result<vcs::Hunks::Part> composed = hunks.Compose(together.hunks);
  if (!composed) co_return composed.error();
  together.to = composed->commit;
  Result<bool> passes = co_await Passes(bench, plan, place, together.to);
  if (!passes) co_return passes.error();
  if (!*passes) co_return all_in_one();
  alone.push_back(std::move(together));
  co_return alone;
}

}  // namespace coppice::app

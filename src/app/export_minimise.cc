#include "app/export_minimise.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/export_ablations.h"
#include "base/text.h"
#include "report/words.h"
#include "search/decide.h"
#include "search/minimise.h"

// A part is good if its loss against the whole, over R fresh pairs, is at most
// τ(R) (SPEC §5), and at most half of the gain: where the gain is not much
// above the threshold, "within the threshold" would let all of it go. Losses
// do not add up, since every part is compared with the whole.

namespace coppice::app {
namespace {

// Of one export; what it has learnt is kept, and the next goes on from there.
constexpr int kMostEvaluations = 40;
constexpr auto kLongest = std::chrono::hours(1);

struct Judgement {
  search::Ablation answer = search::Ablation::kGood;
  std::string why;
};

std::string Place(const vcs::HunkSpan& hunk) {
  const std::string path = report::Safe(hunk.path, 60);
  return hunk.whole_file ? path
                         : fmt::format("{}:{}", path, hunk.old_begin + 1);
}

// The hunks that are in `kept` and not in `part`, by place.
std::string LeftOut(const vcs::Hunks& hunks,
                    const std::vector<std::size_t>& kept,
                    const std::vector<std::size_t>& part) {
  constexpr std::size_t kShown = 3;
  std::vector<std::size_t> out;
  std::ranges::set_difference(kept, part, std::back_inserter(out));
  std::string text;
  for (std::size_t i = 0; i < std::min(out.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + Place(hunks.all()[out[i]]);
  }
  if (out.size() > kShown) {
    text += fmt::format(" and {} more", out.size() - kShown);
  }
  return text;
}

class Ablations {
 public:
  Ablations(ExportBench& bench, const ExportPlan& plan, const vcs::Hunks& hunks,
            AblationLog log)
      : bench_(bench), plan_(plan), hunks_(hunks), log_(std::move(log)) {}

  Task<Result<Minimised>> Run(std::function<void(const std::string&)> say) {
    const Instant begin = bench_.bench().clock().Now();
    search::Minimiser minimiser(hunks_.all().size());
    Minimised result;
    while (auto part = minimiser.Next()) {
      const bool late = bench_.bench().clock().Now() - begin > kLongest;
      Result<vcs::Hunks::Part> composed = hunks_.Compose(*part);
      if (!composed && composed.error().code != ErrorCode::kConflict) {
        co_return composed.error();
      }
      const std::string without = LeftOut(hunks_, minimiser.kept(), *part);
      if (!composed) {
        minimiser.Answer(search::Ablation::kBroken);
      } else if (auto known = log_.Find(composed->tree)) {
        ++result.known;
        minimiser.Answer(*known);
      } else if (late || result.evaluated == kMostEvaluations) {
        break;
      } else {
        Result<Judgement> judged = co_await Judge(composed->commit);
        if (!judged) co_return judged.error();
        ++result.evaluated;
        log_.Add(composed->tree, judged->answer, judged->why);
        say(fmt::format("  without {}: {}", without, judged->why));
        minimiser.Answer(judged->answer);
      }
    }
    result.kept = minimiser.kept();
    result.undecided = minimiser.undecided();
    co_return result;
  }

 private:
  const search::State& state() const { return bench_.state(); }

  // The most that a part may lose.
  double Allowed() const {
    const search::NoiseModel noise = state().noise();
    const auto& value = state().tree()[*state().tree().Find(plan_.node)].value;
    return std::min(
        *plan_.gain / 2,
        search::Threshold(state().spec().metric, noise, *value, noise.repeats));
  }

  double LossOf(double whole, double part) const {
    return spec::Sign(state().spec().metric.direction) * (whole - part);
  }

  Task<Result<void>> OpenWhole() {
    if (whole_.session) co_return Ok();
    whole_ = co_await OpenContestant(bench_, plan_.node, plan_.commit,
                                     Checkout::kSlot);
    if (whole_.failure) co_return WholeFailed();
    co_return Ok();
  }

  Error WholeFailed() const {
    return Error{
        .code = ErrorCode::kIo,
        .what = fmt::format("node {} fails when measured again: {}",
                            plan_.node.value(), whole_.failure->reason),
        .where = whole_.failure->log,
        .cause = whole_.failure->tail,
        .next =
            "no branch was made; `coppice show --log` has what "
            "it did during the run"};
  }

  static Error Lost(const eval::Failure& failure) {
    return Error{
        .code = ErrorCode::kLost,
        .what = "a part of the change could not be measured: " + failure.reason,
        .where = failure.log,
        .cause = failure.tail,
        .next =
            "no branch was made; the same command goes on where "
            "it was, and --no-minimise leaves this out"};
  }

  Task<Result<Judgement>> Judge(ObjectId commit) {
    Result<void> ready = co_await OpenWhole();
    if (!ready) co_return ready.error();
    Contestant part =
        co_await OpenContestant(bench_, plan_.node, commit, Checkout::kSlot);
    whole_.scores.clear();
    const double allowed = Allowed();
    auto hopeless = [&] {
      if (part.scores.size() < 2) return false;
      for (std::size_t i = 0; i < part.scores.size(); ++i) {
        if (LossOf(whole_.scores[i], part.scores[i]) <= allowed) return false;
      }
      return true;
    };
    if (!part.failure) {
      co_await SampleInTurns(bench_, whole_, part, state().noise().repeats,
                             SamplePhase::kConfirm, hopeless);
    }
    if (whole_.failure) {
      if (!whole_.failure->outcome) co_return Lost(*whole_.failure);
      co_return WholeFailed();
    }
    if (part.failure) {
      if (!part.failure->outcome) co_return Lost(*part.failure);
      co_return Judgement{search::Ablation::kBroken,
                          "broken, " + OneLine(part.failure->reason, 60)};
    }
    if (auto rule = FailedRule(state(), part)) {
      co_return Judgement{search::Ablation::kBroken, "breaks " + *rule};
    }
    const double whole = ScoreOf(state(), whole_);
    const double measured = ScoreOf(state(), part);
    const bool good = LossOf(whole, measured) <= allowed;
    co_return Judgement{
        good ? search::Ablation::kGood : search::Ablation::kWorse,
        fmt::format("{}, {} against {}", good ? "as good" : "worse",
                    FormatShort(measured), FormatShort(whole))};
  }

  ExportBench& bench_;
  const ExportPlan& plan_;
  const vcs::Hunks& hunks_;
  AblationLog log_;
  Contestant whole_;
};

}  // namespace

Task<Result<Minimised>> Minimise(ExportBench& bench, const ExportPlan& plan,
                                 const vcs::Hunks& hunks,
                                 std::function<void(const std::string&)> say) {
  Result<ObjectId> tree = bench.store().TreeIdOf(plan.commit);
  if (!tree) co_return tree.error();
  const std::string measuring =
      bench.bench().measuring_digest() +
      eval::EnvironmentDigest(bench.bench().environment());
  Result<AblationLog> log = AblationLog::Open(
      bench.directory() / "ablations.jsonl", *tree, measuring);
  if (!log) co_return log.error();
  Ablations ablations(bench, plan, hunks, std::move(*log));
  co_return co_await ablations.Run(std::move(say));
}

}  // namespace coppice::app

#include "app/judged_evaluator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "spec/models.h"

namespace coppice::app {
namespace {

class JudgedSession final : public eval::Session {
 public:
  JudgedSession(std::unique_ptr<eval::Session> session, llm::Judge& judge,
                llm::CallLog& calls, bool fresh)
      : session_(std::move(session)),
        judge_(judge),
        calls_(calls),
        fresh_(fresh) {}

  int slot() const override { return session_->slot(); }
  Task<eval::Diagnosis> Diagnose() override {
    co_return co_await session_->Diagnose();
  }

  Task<eval::Sample> Measure(eval::SampleRequest request) override {
    eval::Sample sample = co_await session_->Measure(request);
    if (sample.failure) co_return sample;
    llm::Judged judged = co_await judge_.Score(
        {.items = sample.items, .sample = sample.index, .fresh = fresh_},
        calls_);
    if (judged.metrics.empty()) {
      eval::Failure failure;
      failure.verdict = Verdict::kLost;
      failure.reason = judged.cause == "budget"
                           ? "the judge's cap is reached: raise "
                             "judge.max_cost_usd or budget.max_cost_usd"
                           : judged.lost;
      failure.log = sample.log;
      sample.verdict = Verdict::kLost;
      sample.failure = std::move(failure);
    }
    for (const auto& [name, number] : judged.metrics) {
      sample.metrics[name] = number;
    }
    sample.items.clear();
    co_return sample;
  }

 private:
  const std::unique_ptr<eval::Session> session_;
  llm::Judge& judge_;
  llm::CallLog& calls_;
  const bool fresh_;
};

class JudgedEvaluator final : public eval::Evaluator {
 public:
  JudgedEvaluator(eval::Evaluator& evaluator, llm::Judge& judge,
                  llm::CallLog& calls, bool fresh)
      : evaluator_(evaluator), judge_(judge), calls_(calls), fresh_(fresh) {}

  Task<eval::Opened> Open(const eval::Target& target) override {
    eval::Opened opened = co_await evaluator_.Open(target);
    if (opened.session) {
      opened.session = std::make_unique<JudgedSession>(
          std::move(opened.session), judge_, calls_, fresh_);
    }
    co_return opened;
  }

 private:
  eval::Evaluator& evaluator_;
  llm::Judge& judge_;
  llm::CallLog& calls_;
  const bool fresh_;
};

}  // namespace

PreflightCalls::PreflightCalls(const spec::Spec& spec)
    : purse_(*spec.judge), budget_(spec.budget) {}

Task<bool> PreflightCalls::Ask(llm::Asked asked) {
  if (closed_) co_return false;
  const std::int64_t worst = spec::ToPicodollars(asked.reserve_usd);
  search::Consumption used;
  used.picodollars = picodollars_;
  used.tokens = usage_.input + usage_.output;
  using Grant = search::Budget::Grant;
  if (purse_.Affords(picodollars_, 0, worst) != Grant::kYes ||
      budget_.Affords(used, worst, asked.reserve_tokens).grant != Grant::kYes) {
    co_return false;
  }
  transcript_ += fmt::format("== call {} ({}) ==\n", ++calls_, asked.model);
  for (const llm::Utterance& part : asked.prompt) {
    transcript_ += part.text + '\n';
  }
  co_return true;
}

void PreflightCalls::Answer(llm::Answered answered) {
  const llm::CallUsage& usage = answered.usage;
  usage_.input += usage.input;
  usage_.output += usage.output;
  usage_.cached += usage.cached;
  usage_.seconds += usage.seconds;
  usage_.usd_unknown = usage_.usd_unknown || usage.usd_unknown;
  usage_.estimated = usage_.estimated || usage.estimated;
  picodollars_ += spec::ToPicodollars(usage.usd);
  usage_.usd = spec::ToUsd(picodollars_);
  transcript_ += fmt::format("-- {} --\n{}\n\n", answered.stop, answered.text);
}

std::unique_ptr<eval::Evaluator> MakeJudgedEvaluator(eval::Evaluator& evaluator,
                                                     llm::Judge& judge,
                                                     llm::CallLog& calls,
                                                     bool fresh) {
  return std::make_unique<JudgedEvaluator>(evaluator, judge, calls, fresh);
}

std::pair<search::Asked, search::Answered> JudgedOnce(
    const std::vector<std::string>& models, const eval::JudgedBase& judged) {
  search::Asked asked;
  asked.arm = asked.role = search::kJudgeRole;
  asked.model = fmt::format("{}", fmt::join(models, " and "));
  asked.reserve_usd = judged.usd;
  asked.reserve_tokens = judged.input + judged.output;
  search::Answered answered;
  answered.usage.usd = judged.usd;
  answered.usage.input = judged.input;
  answered.usage.output = judged.output;
  answered.stop = "complete";
  return {std::move(asked), std::move(answered)};
}

}  // namespace coppice::app

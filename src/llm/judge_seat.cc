#include "llm/judge_seat.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/rng.h"

// A batch is one conversation, or two for pairs, which are asked for in both
// orders. An answer that does not hold what was asked for is asked for once
// more. A batch in which the hidden anchors are judged wrongly is asked once
// more from the start, in another order; then the judge is not to be believed,
// and the sample is lost. Nothing of a lost sample counts but its price.

namespace coppice::llm {
namespace {

constexpr std::chrono::seconds kBatchLimit{300};
constexpr int kBatchTries = 2;
constexpr int kOutputTokens = 4000;  // a model may think first
constexpr int kTokensPerItem = 250;

}  // namespace

Task<BatchEnd> JudgeSeat::Judge(JudgeTask task, std::vector<BatchEntry> entries,
                                JudgeCalls& log) {
  const Instant deadline = parts_.clock.Now() + kBatchLimit;
  BatchEnd end;
  for (int tries = 0; tries < kBatchTries; ++tries) {
    // A list read backwards is another order for every pair in it; the scores
    // are put back.
    if (tries > 0) std::ranges::reverse(entries);
    if (task.pairs) {
      end = co_await AskBothWays(task, entries, log, deadline);
    } else {
      end = co_await AskOnce(task, entries, log, deadline);
    }
    if (end.scores.empty()) co_return end;
    const auto off = task.pairs ? PairsOff(entries, end.scores, task.scale)
                                : AnchorsOff(entries, end.scores, task.scale);
    if (tries > 0) std::ranges::reverse(end.scores);
    if (!off) co_return end;
    end.scores.clear();
    end.lost = fmt::format("the judge is not to be believed: {}", *off);
  }
  co_return end;
}

Task<BatchEnd> JudgeSeat::AskBothWays(const JudgeTask& task,
                                      const std::vector<BatchEntry>& entries,
                                      JudgeCalls& log, Instant deadline) {
  BatchEnd one = co_await AskOnce(task, entries, log, deadline);
  if (one.scores.empty()) co_return one;
  std::vector<BatchEntry> swapped = entries;
  for (BatchEntry& entry : swapped) entry.against_first = !entry.against_first;
  BatchEnd other = co_await AskOnce(task, swapped, log, deadline);
  if (!other.scores.empty()) other.scores = BothWays(one.scores, other.scores);
  co_return other;
}

// One conversation: the question, and once more if the answer is none.
Task<BatchEnd> JudgeSeat::AskOnce(const JudgeTask& task,
                                  const std::vector<BatchEntry>& entries,
                                  JudgeCalls& log, Instant deadline) {
  log.Begin();
  Call call;
  call.temperature = 0;
  call.schema = AnswerSchema(task);
  call.max_output_tokens =
      kOutputTokens + kTokensPerItem * static_cast<int>(entries.size());
  const auto seed = static_cast<std::uint64_t>(parts_.seed);
  Asking asking({.endpoint = *endpoint_,
                 .clock = parts_.clock,
                 .requests = parts_.requests,
                 .log = log,
                 .model = parts_.model,
                 .request_limit = kBatchLimit,
                 .deadline = deadline,
                 .backoff = Rng::Stream(seed, 0, "judge backoff")},
                std::move(call));
  std::vector<Utterance> said = JudgePrompt(task, entries);
  BatchEnd end;
  for (int tries = 0; tries < 2; ++tries) {
    const Heard heard = co_await Hear(asking, said, log, deadline);
    if (heard.unavailable) {
      end.cause = heard.unavailable->cause;
      end.lost = fmt::format("the judge cannot be asked: {} {}", end.cause,
                             heard.unavailable->reason);
      co_return end;
    }
    if (heard.too_long || !heard.refusal.empty()) {
      end.lost = fmt::format(
          "the judge gives no answer: {}",
          heard.too_long ? "its context is too short for a batch; lower "
                           "judge.batch_size"
                         : heard.refusal);
      co_return end;
    }
    std::string wrong = fmt::format("it is {}", heard.stop);
    if (heard.stop == "complete") {
      auto scores = ReadScores(heard.text, task, entries);
      if (auto* all = std::get_if<std::vector<ItemScore>>(&scores)) {
        end.scores = std::move(*all);
        co_return end;
      }
      wrong = std::get<std::string>(scores);
    }
    end.lost = fmt::format("the judge gives no valid answer: {}", wrong);
    if (!heard.text.empty()) said.push_back({Speaker::kAssistant, heard.text});
    said.push_back({Speaker::kUser,
                    fmt::format("That is no valid answer: {}. Answer again "
                                "with the whole JSON object and nothing else.",
                                wrong)});
  }
  co_return end;
}

// An outage is waited for as long as the batch may take.
Task<Heard> JudgeSeat::Hear(Asking& asking, const std::vector<Utterance>& said,
                            CallLog& log, Instant deadline) {
  while (true) {
    Heard heard = co_await asking.Ask(said, "judge");
    const bool out = heard.unavailable && heard.unavailable->cause == "outage";
    if (!out || log.closed()) co_return heard;
    const auto next = endpoint_->breaker().RestsUntil(parts_.clock.Now());
    if (!next || *next >= deadline) co_return heard;
    while (parts_.clock.Now() < *next && !log.closed()) {
      co_await parts_.clock.SleepFor(std::chrono::seconds(1));
    }
  }
}

}  // namespace coppice::llm

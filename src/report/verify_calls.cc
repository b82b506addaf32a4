#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "report/verify_audit.h"
#include "spec/load.h"
#include "spec/spec.h"

// Questions, answers and money (SPEC §2 "Calls", RUN-06). What is charged is
// what the answers say; what is under way counts as its reservation. An answer
// that came is never asked for again: the same words by the same arm in the
// same attempt, unless the answer before was a failure of the line.

namespace coppice::report {
namespace {

constexpr double kHour = 3.6e9;  // in µs

struct Call {
  double usd = 0;
  std::int64_t tokens = 0;
};

class CallAudit final : public Audit {
 public:
  explicit CallAudit(const Court& court) : court_(court) {}

  void See(const AuditRow& see) override {
    seq_ = see.row.seq;
    const std::string& kind = see.row.kind;
    const std::int64_t attempt = see.row.attempt.value_or(-1);
    if (kind == "started") Start(see);
    if (kind == "resumed") Adopt(TextAt(court_, see.body, "spec"));
    if (kind == "told") Tell(WordAt(see.body, "directive"));
    if (kind == "asked") Ask(attempt, see.body);
    if (kind == "answered") Answer(attempt, see.body);
    if (kind == "selected") Select(see, attempt);
    if (kind == "sampled") Measure(see.body);
    if (kind == "rejected") Reject(attempt, see.body);
    if (kind == "evaluated") Evaluate(attempt, see.body);
  }

 private:
  void Wrong(const char* check, std::string what) const {
    court_.Blame(seq_, check, std::move(what));
  }

  void Start(const AuditRow& see) {
    started_at_ = see.row.at;
    study_ = !WordAt(see.body, "study").empty();
    Adopt(TextAt(court_, see.body, "spec"));
  }

  void Adopt(const std::string& merged) {
    if (merged.empty()) return;
    Result<spec::Spec> spec = spec::SpecFromJson(merged);
    if (!spec) return Wrong("texts", "the spec cannot be read");
    merged_ = Json::parse(merged);
    limits_ = spec->budget;
  }

  void Tell(const std::string& directive) {
    const Json told = Json::parse(directive, nullptr, false);
    if (!told.is_object() || !told.contains("budget")) return;
    Json merged = merged_;
    for (const auto& [key, value] : told["budget"].items()) {
      merged["budget"][key] = value;
    }
    if (spec::SpecFromJson(merged.dump())) Adopt(merged.dump());
  }

  void Ask(std::int64_t attempt, const Json& body) {
    ++court_.verdict.calls;
    const std::int64_t turn = IntegerAt(body, "turn", -1);
    if (turn != turns_[attempt]++) {
      Wrong("calls", fmt::format("turn {} is out of order", turn));
    }
    const std::string words = fmt::format(
        "{} {} {} {} {}", attempt, WordAt(body, "arm"), WordAt(body, "model"),
        WordAt(body, "role"), body.value("prompt", Json()).dump());
    if (auto before = answered_.find(words); before != answered_.end()) {
      Wrong("calls", fmt::format("asked twice: record {} has the answer",
                                 before->second));
    }
    open_words_[{attempt, turn}] = words;
    const Call call{NumberAt(body, "reserve_usd"),
                    IntegerAt(body, "reserve_tokens")};
    open_[{attempt, turn}] = call;
    if (attempt == 0) return;  // of the baseline, before there was a budget
    double usd = usd_;
    std::int64_t tokens = tokens_;
    for (const auto& [key, other] : open_) {
      usd += other.usd;
      tokens += other.tokens;
    }
    constexpr double kDust = 1e-9;
    if (limits_.max_cost_usd && call.usd > 0 &&
        usd > *limits_.max_cost_usd + kDust) {
      Wrong("budget", fmt::format("${:.6f} spent or reserved of max_cost_usd "
                                  "{}",
                                  usd, *limits_.max_cost_usd));
    }
    if (limits_.max_tokens && call.tokens > 0 && tokens > *limits_.max_tokens) {
      Wrong("budget", fmt::format("{} tokens spent or reserved of max_tokens "
                                  "{}",
                                  tokens, *limits_.max_tokens));
    }
  }

  void Answer(std::int64_t attempt, const Json& body) {
    const std::pair key{attempt, IntegerAt(body, "turn", -1)};
    auto call = open_.find(key);
    if (call == open_.end()) {
      return Wrong("calls", fmt::format("an answer to turn {}, which is not "
                                        "open",
                                        key.second));
    }
    const double usd = NumberAt(body, "usd");
    const Json usage = body.value("usage", Json::object());
    usd_ += usd;
    spent_[attempt] += usd;
    tokens_ += IntegerAt(usage, "input") + IntegerAt(usage, "output");
    if (usd > call->second.usd * (1 + 1e-9) && call->second.usd > 0) {
      court_.verdict.notes.push_back(
          fmt::format("record {}: a call cost ${:.6f}, ${:.6f} were reserved",
                      seq_, usd, call->second.usd));
    }
    open_.erase(call);
    auto words = open_words_.extract(key);
    if (!WordAt(body, "stop").starts_with("failed")) {
      answered_.emplace(words.mapped(), seq_);
    }
  }

  void Select(const AuditRow& see, std::int64_t attempt) {
    ++in_flight_;
    // `step` makes the attempt that it was asked for, whatever the budget.
    if (WordAt(see.body, "arm") == "patch" || study_) return;
    if (limits_.max_nodes && finished_ + in_flight_ > *limits_.max_nodes) {
      Wrong(
          "budget",
          fmt::format("attempt {} is beyond max_nodes {}: {} had ended and "
                      "{} were under way",
                      attempt, *limits_.max_nodes, finished_, in_flight_ - 1));
    }
    const double hours = static_cast<double>(see.row.at - started_at_) / kHour;
    if (limits_.max_hours && hours > *limits_.max_hours) {
      Wrong("budget", fmt::format("selected after {:.2f} of max_hours {}",
                                  hours, *limits_.max_hours));
    }
    const double measured = evaluation_seconds_ / 3600;
    if (limits_.max_evaluation_hours &&
        measured > *limits_.max_evaluation_hours) {
      Wrong("budget",
            fmt::format("selected after {:.3f} of max_evaluation_hours {}",
                        measured, *limits_.max_evaluation_hours));
    }
  }

  // A sample that is taken again under its number is charged once.
  void Measure(const Json& body) {
    if (FlagAt(body, "cached") && !study_) return;
    const std::string key = fmt::format(
        "{} {} {} {}", IntegerAt(body, "node"), WordAt(body, "phase"),
        IntegerAt(body, "sample"), IntegerAt(body, "versus", -1));
    if (!sampled_.insert(key).second) return;
    evaluation_seconds_ += NumberAt(body, "ms") / 1000;
  }

  void Reject(std::int64_t attempt, const Json& body) {
    Finish(attempt);
    const double said = NumberAt(body, "usd");
    if (std::abs(said - spent_[attempt]) > 1e-9) {
      Wrong("calls", fmt::format("the attempt cost ${:.6f}, its answers "
                                 "${:.6f}",
                                 said, spent_[attempt]));
    }
  }

  void Evaluate(std::int64_t attempt, const Json& body) {
    if (attempt == 0 || !Finish(attempt)) return;
    const Json seconds = body.value("seconds", Json::object());
    evaluation_seconds_ +=
        NumberAt(seconds, "build") + NumberAt(seconds, "checks");
  }

  // An attempt that is opened again takes no further room.
  bool Finish(std::int64_t attempt) {
    if (!ended_.insert(attempt).second) return false;
    ++finished_;
    --in_flight_;
    return true;
  }

  const Court court_;
  std::int64_t seq_ = 0;
  std::int64_t started_at_ = 0;
  bool study_ = false;
  Json merged_;
  spec::Budget limits_;

  std::map<std::int64_t, std::int64_t> turns_;
  std::map<std::pair<std::int64_t, std::int64_t>, Call> open_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::string> open_words_;
  std::map<std::string, std::int64_t> answered_;  // words -> its record
  std::map<std::int64_t, double> spent_;          // by attempt
  double usd_ = 0;
  std::int64_t tokens_ = 0;

  std::set<std::int64_t> ended_;
  std::set<std::string> sampled_;
  double evaluation_seconds_ = 0;
  int finished_ = 0;
  int in_flight_ = 0;
};

}  // namespace

std::unique_ptr<Audit> AuditCalls(const Court& court) {
  return std::make_unique<CallAudit>(court);
}

}  // namespace coppice::report

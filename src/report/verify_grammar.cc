#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "report/verify_audit.h"

// What may follow what (SPEC §3, §4). An attempt is selected, asked about
// (each question answered before the next), and either rejected or committed,
// sampled and evaluated: it ends once, and opens again only by an approval or
// when a broken environment was repaired. A run that has stopped does nothing
// more until it is resumed.

namespace coppice::report {
namespace {

struct Life {
  bool committed = false;
  bool ended = false;
  bool rejected = false;
  bool asking = false;  // a question without an answer
  int judging = 0;      // the same, of the judge
  std::string outcome;
  std::set<std::string> needs;
};

class GrammarAudit final : public Audit {
 public:
  explicit GrammarAudit(const Court& court) : court_(court) {}

  void See(const AuditRow& see) override {
    seq_ = see.row.seq;
    const std::string& kind = see.row.kind;
    if (seq_ == 1 && kind != "started") Wrong("a journal begins with started");
    if (seq_ != 1 && kind == "started") Wrong("the run started twice");
    if (kind == "resumed") return Resume();
    if (asleep_ && Works(kind)) {
      Wrong(kind + " though the run had ended and was not resumed");
      asleep_ = false;
    }
    const std::int64_t attempt = see.row.attempt.value_or(-1);
    if (kind == "started") Start(see.body);
    if (kind == "selected") Select(attempt, see.body);
    if (kind == "asked") Ask(attempt, see.body);
    if (kind == "answered") Answer(attempt, see.body);
    if (kind == "rejected") Reject(attempt, see.body);
    if (kind == "committed") Commit(attempt, see.body);
    if (kind == "sampled") Sample(attempt, see.body);
    if (kind == "evaluated") Evaluate(attempt, see.body);
    if (kind == "approved") Approve(WordAt(see.body, "dependency"));
    if (kind == "noted" && WordAt(see.body, "kind") == "environment_ok") {
      broken_.clear();
    }
    if (kind == "paused") Pause(see.body);
    if (kind == "stopped") Stop(see.body);
  }

  void End() override {
    if (!court_.options.whole || !finished_) return;
    for (const auto& [attempt, life] : lives_) {
      if (life.ended || (unasked_ && !life.committed)) continue;
      court_.Blame(
          0, "grammar",
          fmt::format("attempt {} is open though the run has ended", attempt));
    }
  }

 private:
  void Wrong(std::string what) const {
    court_.Blame(seq_, "grammar", std::move(what));
  }
  static bool Works(const std::string& kind) {
    static const std::set<std::string> kWork{
        "selected", "asked", "answered", "rejected", "committed", "evaluated"};
    return kWork.contains(kind);
  }

  // The attempt, which must have been selected.
  Life* Find(std::int64_t attempt) {
    auto found = lives_.find(attempt);
    if (found != lives_.end()) return &found->second;
    Wrong(fmt::format("attempt {} was not selected", attempt));
    return nullptr;
  }
  void MustBeOpen(const Life& life, const char* what) const {
    if (life.ended) Wrong(fmt::format("{} after the attempt had ended", what));
  }

  void Start(const Json& body) {
    if (IntegerAt(body, "format") != 1) Wrong("unknown format");
    lives_[0];  // nobody selects the baseline
  }

  void Select(std::int64_t attempt, const Json& body) {
    if (attempt != last_ + 1) {
      Wrong(fmt::format("attempt {} follows {}", attempt, last_));
    }
    if (lives_.contains(attempt)) Wrong("selected twice");
    last_ = std::max(last_, attempt);
    lives_[attempt];
    ++court_.verdict.attempts;
    const Json parents = body.value("parents", Json::array());
    const bool merge = WordAt(body, "op") == "merge";
    if (parents.size() != (merge ? 2U : 1U)) Wrong("a wrong number of parents");
    for (const Json& parent : parents) {
      auto found = lives_.find(parent.get<std::int64_t>());
      const bool node = found != lives_.end() && found->second.committed;
      if (!node) Wrong(fmt::format("parent {} is no node", parent.dump()));
    }
  }

  void Ask(std::int64_t attempt, const Json& body) {
    Life* life = Find(attempt);
    if (life == nullptr) return;
    if (WordAt(body, "role") == "judge") {
      if (!life->committed) Wrong("judged before it was committed");
      ++life->judging;
      return;
    }
    if (life->asking) Wrong("asked before the last question was answered");
    if (life->committed || life->ended) Wrong("asked after it was made");
    life->asking = true;
  }

  void Answer(std::int64_t attempt, const Json&) {
    Life* life = Find(attempt);
    if (life == nullptr) return;
    if (life->committed && life->judging > 0) {
      --life->judging;
    } else if (!life->asking) {
      Wrong("an answer to no question");
    }
    if (!life->committed) life->asking = false;
  }

  void Reject(std::int64_t attempt, const Json& body) {
    Life* life = Find(attempt);
    if (life == nullptr) return;
    MustBeOpen(*life, "rejected");
    if (life->committed) Wrong("rejected after it was committed");
    if (life->asking) Wrong("rejected before it was answered");
    life->ended = life->rejected = true;
    life->outcome = WordAt(body, "outcome");
  }

  void Commit(std::int64_t attempt, const Json& body) {
    Life* life = Find(attempt);
    if (life == nullptr) return;
    MustBeOpen(*life, "committed");
    if (life->committed) Wrong("committed twice");
    if (life->asking) Wrong("committed before it was answered");
    life->committed = true;
    ++court_.verdict.nodes;
    for (const Json& need : body.value("needs", Json::array())) {
      life->needs.insert(need.get<std::string>());
    }
  }

  void Sample(std::int64_t attempt, const Json& body) {
    ++court_.verdict.samples;
    Life* life = Find(attempt);
    if (life == nullptr) return;
    if (!life->committed) Wrong("sampled before it was committed");
    const std::string phase = WordAt(body, "phase");
    if (phase == "screen" && life->ended) Wrong("screened after it had ended");
    if (phase == "baseline" && attempt != 0) {
      Wrong("a baseline sample of another node");
    }
    auto versus = body.find("versus");
    if (versus == body.end()) return;
    auto other = lives_.find(versus->get<std::int64_t>());
    if (other == lives_.end() || !other->second.committed) {
      Wrong("measured against what is no node");
    }
  }

  void Evaluate(std::int64_t attempt, const Json& body) {
    Life* life = Find(attempt);
    if (life == nullptr) return;
    if (!life->committed) Wrong("evaluated before it was committed");
    if (life->judging > 0) Wrong("evaluated before it was judged");
    MustBeOpen(*life, "evaluated");
    life->ended = true;
    life->outcome = WordAt(body, "outcome");
    const bool baseline = life->outcome == "baseline";
    if (baseline != (attempt == 0)) Wrong("the baseline is attempt 0, alone");
    if (WordAt(body, "signature").starts_with("environment:")) {
      broken_.insert(attempt);
    }
  }

  void Approve(const std::string& dependency) {
    approved_.insert(dependency);
    for (auto& [attempt, life] : lives_) {
      if (life.outcome != "deferred" || !life.ended) continue;
      bool all = true;
      for (const std::string& need : life.needs) {
        all = all && approved_.contains(need);
      }
      if (all) life.ended = false;
    }
  }

  void Resume() {
    asleep_ = finished_ = outage_ = unasked_ = false;
    for (std::int64_t attempt : std::exchange(broken_, {})) {
      lives_[attempt].ended = false;
    }
  }

  void Pause(const Json& body) {
    asleep_ = WordAt(body, "class") == "needs_user" &&
              WordAt(body, "cause") != "user";
    outage_ = WordAt(body, "class") == "outage";
  }

  void Stop(const Json& body) {
    asleep_ = true;
    const std::int64_t exit = IntegerAt(body, "exit");
    const std::string reason = WordAt(body, "reason");
    const bool told =
        reason == "stopped" || reason == "evaluated" || reason == "remeasured";
    finished_ = !told && (exit == 0 || exit == 3 || exit == 4);
    unasked_ = unasked_ || outage_ || reason == "max_cost_usd" ||
               reason == "max_tokens" || reason == "share";
  }

  const Court court_;
  std::int64_t seq_ = 0;
  std::int64_t last_ = 0;
  std::map<std::int64_t, Life> lives_;
  std::set<std::int64_t> broken_;  // by their environment
  std::set<std::string> approved_;
  bool asleep_ = false;    // ended or paused for the user
  bool finished_ = false;  // ended by itself: nothing may be open
  bool outage_ = false;    // nobody could be asked
  bool unasked_ = false;   // what could not be asked or paid waits
};

}  // namespace

std::unique_ptr<Audit> AuditGrammar(const Court& court) {
  return std::make_unique<GrammarAudit>(court);
}

}  // namespace coppice::report

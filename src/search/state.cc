#include "search/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "spec/load.h"
#include "spec/models.h"

// The fold. Every record is applied by one On(): it updates the tree, the
// measurements and a few counters. What can be recomputed from attempts and
// samples is recomputed; counters change only when an attempt changes between
// open and finished, which Finish and Reopen alone decide, so that a repeated
// record counts nothing twice.

namespace coppice::search {
namespace {

Error Broken(const Record& record, std::string what) {
  return Error{
      .code = ErrorCode::kIo,
      .what = fmt::format("record {} ({}) cannot follow the ones before: {}",
                          record.seq, KindOf(record.event), what),
      .cause = "the journal is torn or of another run",
      .next = "look with `coppice replay RUN --until " +
              std::to_string(record.seq - 1) + "`; nothing was changed"};
}

bool IsEnvironment(const std::string& signature) {
  return signature.starts_with("environment:");
}

}  // namespace

Result<void> State::Apply(const Record& record) {
  changed_.clear();
  if (!started() && !std::holds_alternative<Started>(record.event)) {
    return Broken(record, "the run was never started");
  }
  Result<void> applied = std::visit(
      [&](const auto& event) { return On(event, record); }, record.event);
  if (!applied) return applied;
  last_seq_ = std::max(last_seq_, record.seq);
  last_at_ = std::max(last_at_, record.at);
  infos_.Settle([&](AttemptId attempt) { return !open_.contains(attempt); });
  return Ok();
}

Result<void> State::On(const Started& e, const Record& r) {
  Result<spec::Spec> spec = spec::SpecFromJson(e.spec_json);
  if (!spec) return spec.error();
  spec_ = std::make_unique<spec::Spec>(std::move(*spec));
  measurements_ = std::make_unique<Measurements>(*spec_);
  merged_spec_ = e.spec_json;
  start_ = e;
  run_ = e.run;
  base_ = e.base;
  started_at_ = r.at;
  chains_.clear();
  AddChains();
  return Ok();
}

// As many as the budget in force asks for.
void State::AddChains() {
  ChainState fresh;
  if (!tree_.empty()) {
    fresh.trees.emplace(tree_[tree_.root()].tree, AttemptId(0));
  }
  const int count = CountChains(spec_->search, spec_->budget.max_nodes);
  while (static_cast<int>(chains_.size()) < count) chains_.push_back(fresh);
}

Result<void> State::On(const Selected& e, const Record& r) {
  if (infos_.Find(e.attempt) != nullptr) return Ok();
  if (e.chain < 0 || e.chain >= static_cast<int>(chains_.size())) {
    return Broken(r, fmt::format("chain {} does not exist", e.chain));
  }
  Attempt attempt;
  attempt.op = e.op;
  attempt.chain = e.chain;
  attempt.history_withheld = e.history_withheld;
  if (e.parents.size() > kMostParents) {
    return Broken(r, fmt::format("{} parents", e.parents.size()));
  }
  for (AttemptId parent : e.parents) {
    std::optional<NodeId> node = tree_.Find(parent);
    if (!node) {
      return Broken(r, fmt::format("parent {} is no node", parent.value()));
    }
    attempt.parents.push_back(*node);
  }
  changed_.assign(attempt.parents.begin(), attempt.parents.end());
  tree_.Select(e.attempt, std::move(attempt));

  AttemptInfo& info = infos_[e.attempt];
  info.selected = Choice(e);
  info.selected_at = r.at;
  info.selected_seq = r.seq;
  ChainState& chain = chains_[static_cast<std::size_t>(e.chain)];
  ++chain.started;
  ++chain.in_flight;
  if (e.op == Operator::kMerge) ++chain.merges_since_best;
  if (e.op == Operator::kTune) ++chain.tunes_since_best;
  if (e.op == Operator::kDraft && e.history_withheld) {
    ++chain.restarts_since_best;
  }
  if (!e.arm.empty()) ++arms_[e.arm].given;
  if (!e.parents.empty()) from_[e.parents.front()].push_back(e.attempt);
  if (!e.idea.empty()) {
    auto idea = std::ranges::find_if(
        ideas_, [&](const Idea& i) { return !i.tried && i.text == e.idea; });
    if (idea != ideas_.end()) idea->tried = e.attempt;
  }
  open_.insert(e.attempt);
  next_attempt_ = std::max(next_attempt_, AttemptId(e.attempt.value() + 1));
  race_.clear();
  race_samples_.clear();
  race_holdout_.clear();
  final_.reset();
  return Ok();
}

Result<void> State::On(const Asked& e, const Record& r) {
  AttemptInfo* found = infos_.Find(e.attempt);
  if (found == nullptr) return Broken(r, "the attempt was not selected");
  AttemptInfo& info = *found;
  if (info.asked_seq == 0) info.asked_seq = r.seq;
  info.calls_seq = r.seq;
  if (!info.turns.empty() && info.turns.back().turn >= e.turn) return Ok();
  info.turns.push_back({.turn = e.turn,
                        .arm = e.arm,
                        .role = e.role,
                        .reserve_usd = e.reserve_usd,
                        .reserve_tokens = e.reserve_tokens,
                        .asked_seq = r.seq});
  reserved_[e.attempt] = {spec::ToPicodollars(e.reserve_usd), e.reserve_tokens};
  price_unknown_ = price_unknown_ || e.price_unknown;
  return Ok();
}

Result<void> State::On(const Answered& e, const Record& r) {
  AttemptInfo* found = infos_.Find(e.attempt);
  if (found == nullptr) return Broken(r, "the attempt was not selected");
  AttemptInfo& info = *found;
  auto turn = std::ranges::find(info.turns, e.turn, &Turn::turn);
  if (turn == info.turns.end()) return Broken(r, "nothing was asked");
  reserved_.erase(e.attempt);
  if (turn->answered_seq != 0) return Ok();
  turn->answered = std::make_shared<const Answered>(e);
  turn->answered_seq = r.seq;
  info.calls_seq = r.seq;
  info.usd += e.usage.usd;
  info.input_tokens += e.usage.input;
  info.output_tokens += e.usage.output;
  picodollars_ += spec::ToPicodollars(e.usage.usd);
  tokens_ += e.usage.input + e.usage.output;
  if (turn->role == kJudgeRole) {
    // A part of the measurement, not of what an arm proposed.
    ledger_[{kJudgeRole, info.selected.op, kJudgeRole}].Add(e);
    return Ok();
  }
  info.propose_seconds += e.usage.seconds;
  propose_seconds_ += e.usage.seconds;
  if (e.turn == 0) ++answers_;
  arms_[info.selected.arm].usd += e.usage.usd;
  ledger_[{info.selected.arm, info.selected.op, turn->role}].Add(e);
  return Ok();
}

Result<void> State::On(const Rejected& e, const Record& r) {
  AttemptInfo* found = infos_.Find(e.attempt);
  if (found == nullptr) return Broken(r, "the attempt was not selected");
  AttemptInfo& info = *found;
  if (info.rejected) return Ok();
  info.rejected = true;
  reserved_.erase(e.attempt);
  Finish(e.attempt, e.outcome, e.reason, r.at);
  CountAnswer(info, e.outcome);
  CountStreak(info, e.outcome,
              fmt::format("{}: {}", Name(e.outcome), OneLine(e.reason, 120)));
  const Choice& selected = info.selected;
  if (selected.op == Operator::kMerge) {
    chains_[static_cast<std::size_t>(selected.chain)].merges_off = true;
  }
  return Ok();
}

Result<void> State::On(const Committed& e, const Record& r) {
  if (tree_.Find(e.attempt)) return Ok();
  const bool root = e.attempt.value() == 0;
  if (!root && infos_.Find(e.attempt) == nullptr) {
    return Broken(r, "the attempt was not selected");
  }
  AttemptInfo& info = infos_[e.attempt];
  info.plan = PlanNote(e.plan);
  info.files.assign(e.files.begin(), e.files.end());
  info.needs = e.needs;
  if (!e.matched.empty()) info.matched = e.matched;
  info.flags = e.flags;
  info.committed_seq = r.seq;
  if (!root) CountAnswer(info, Outcome::kValid);
  if (!e.plan.lesson.empty() && !info.selected.parents.empty()) {
    lessons_[info.selected.parents.front()] = e.attempt;
  }

  Node node;
  node.attempt = e.attempt;
  node.commit = e.commit;
  node.tree = e.tree;
  node.op = info.selected.op;
  node.chain = info.selected.chain;
  std::vector<std::string> files;
  for (const FileStat& file : e.files) {
    node.added += file.added;
    node.removed += file.removed;
    files.push_back(file.path);
  }
  std::vector<NodeId> parents;
  for (AttemptId parent : info.selected.parents) {
    parents.push_back(*tree_.Find(parent));
  }
  const NodeId id = tree_.Commit(e.attempt, std::move(node), parents, files);
  changed_ = parents;
  changed_.push_back(id);
  if (root) {
    info.selected_at = r.at;
    for (ChainState& chain : chains_) chain.trees.emplace(e.tree, e.attempt);
  } else {
    chains_[static_cast<std::size_t>(info.selected.chain)].trees.emplace(
        e.tree, e.attempt);
  }
  return Ok();
}

Result<void> State::On(const Sampled& e, const Record& r) {
  std::optional<NodeId> node = tree_.Find(e.node);
  if (!node) return Broken(r, "the sampled node does not exist");
  if (samples_.Add(e)) {
    if (spec_->judge && !e.sample.failure && !e.sample.cached) {
      ++judged_samples_;
    }
    const bool charged = !e.sample.cached || !start_.study.empty();
    evaluation_seconds_ += charged ? e.sample.seconds : 0;
    infos_[e.node].measure_seconds += charged ? e.sample.seconds : 0;
    if (e.sample.phase == SamplePhase::kScreen ||
        e.sample.phase == SamplePhase::kConfirm) {
      ++search_samples_;
    }
  }
  measurements_->Add(e.node, e.sample);
  // What the judge answered is in it.
  for (Turn& turn : std::views::reverse(infos_[e.node].turns)) {
    if (turn.role != kJudgeRole || !turn.answered) break;
    turn.answered.reset();
  }
  if (e.sample.phase == SamplePhase::kFinal && e.sample.failure) {
    std::erase(race_, e.node);  // a racer that fails now is out
  } else if (e.sample.phase == SamplePhase::kFinal) {
    if (auto score = measurements_->Score(e.sample.metrics)) {
      race_samples_[e.node].push_back(*score);
    }
  } else if (!race_.empty() && e.sample.phase == SamplePhase::kHoldout) {
    if (auto score = measurements_->Score(e.sample.metrics)) {
      race_holdout_[e.node].push_back(*score);
    }
  }
  if (tree_[*node].value) {
    tree_.SetValue(*node, measurements_->Value(e.node));
  }
  changed_ = {*node};
  return Ok();
}

Result<void> State::On(const Evaluated& e, const Record& r) {
  std::optional<NodeId> node = tree_.Find(e.node);
  if (!node) return Broken(r, "the evaluated node does not exist");
  AttemptInfo& info = infos_[e.node];
  const bool first = !info.evaluated.has_value();
  if (first) {
    ++measured_nodes_;
    evaluation_seconds_ += e.seconds.build + e.seconds.checks;
  }
  info.evaluated = Finding(e, r.seq);
  Finish(e.node, e.outcome, e.reason, r.at);
  if (e.value) {
    std::optional<double> value = measurements_->Value(e.node);
    tree_.SetValue(*node, value ? value : e.value);
  } else {
    tree_.SetValue(*node, std::nullopt);
  }
  const ParentIds& parents = tree_.Parents(*node);
  changed_.assign(parents.begin(), parents.end());
  changed_.push_back(*node);
  Reward(info, e.outcome, *node);
  if (e.node.value() != 0) CountStreak(info, e.outcome, e.signature);
  if (IsEnvironment(e.signature)) environment_failures_.push_back(e.node);
  if (e.outcome == Outcome::kImproved && !tree_[*node].pruned) {
    NewBest(e.node, *node);
  }
  return Ok();
}

Result<void> State::On(const Approved& e, const Record&) {
  if (!approved_.insert(e.dependency).second) return Ok();
  const std::vector<AttemptId> finished = finished_;
  for (AttemptId attempt : finished) {
    if (tree_.FindAttempt(attempt)->outcome != Outcome::kDeferred) continue;
    auto allowed = [&](const std::string& need) {
      return approved_.contains(need) ||
             std::ranges::count(spec_->dependencies.approved, need) > 0;
    };
    if (std::ranges::all_of(Info(attempt)->needs, allowed)) Reopen(attempt);
  }
  return Ok();
}

Result<void> State::On(const Noted& e, const Record& r) {
  if (r.seq <= last_seq_) return Ok();
  notes_.push_back(e);
  if (e.kind == "race") {
    race_.clear();
    for (std::int64_t attempt : Json::parse(e.text)) {
      race_.emplace_back(attempt);
    }
    race_samples_.clear();
    race_holdout_.clear();
  } else if (e.kind == "race_out" && e.attempt) {
    std::erase(race_, *e.attempt);
  } else if (e.kind == "diagnosis" && e.attempt) {
    if (!e.text.empty()) infos_[*e.attempt].diagnosis = e.text;
  } else if (e.kind == "environment_ok") {
    environment_failures_.clear();
  } else if (e.kind == "arm" && e.attempt) {
    AttemptInfo& info = infos_[*e.attempt];
    --arms_[info.selected.arm].given;
    ++arms_[e.text].given;
    info.selected.arm = e.text;
  } else if (e.kind == "arm_off" || e.kind == "format") {
    Result<Json> json = ParseJson(e.text, e.kind);
    if (!json) return Broken(r, json.error().what);
    const std::string arm = json->value("arm", "");
    if (e.kind == "format") {
      formats_[arm] = json->value("format", "");
      arms_[arm].failed_in_row = 0;
    } else {
      off_[arm] = {json->value("cause", ""), json->value("reason", "")};
    }
  }
  return Ok();
}

Result<void> State::On(const Paused& e, const Record&) {
  paused_ = e;
  return Ok();
}

Result<void> State::On(const Resumed& e, const Record& r) {
  paused_.reset();
  stopped_.reset();
  streak_ = 0;
  streak_signature_.clear();
  // What the user had to repair may be repaired.
  std::erase_if(off_,
                [](const auto& arm) { return arm.second.cause != "failures"; });
  for (AttemptId attempt : std::exchange(environment_failures_, {})) {
    Reopen(attempt);
  }
  if (e.budget_json.empty()) return Ok();
  Result<spec::Spec> spec = spec::SpecFromJson(e.budget_json);
  if (!spec) return Broken(r, spec.error().Text());
  merged_spec_ = e.budget_json;
  // Only what may change within a run (SPEC §2 "Keys").
  spec_->budget = spec->budget;
  spec_->parallel = spec->parallel;
  spec_->instructions = spec->instructions;
  spec_->proposers = spec->proposers;
  spec_->hooks = spec->hooks;
  AddChains();
  return Ok();
}

Result<void> State::On(const Final& e, const Record&) {
  final_ = e;
  race_.clear();
  race_samples_.clear();
  race_holdout_.clear();
  return Ok();
}

Result<void> State::On(const Exported& e, const Record&) {
  exports_.push_back(e);
  return Ok();
}

Result<void> State::On(const Stopped& e, const Record&) {
  stopped_ = e;
  return Ok();
}

}  // namespace coppice::search

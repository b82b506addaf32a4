#include "report/verify_best.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "report/facts.h"
#include "report/leaderboard.h"
#include "report/report_md.h"
#include "report/status.h"
#include "report/top.h"
#include "report/tree_text.h"

// A chain's best is its last `improved` node. The run's is the best of those,
// chosen anew whenever one of them changes, until a final says whom fresh
// samples confirm; the next selection opens the question again. A pruned best
// gives way to the best improved node that is left.

namespace coppice::report {

void CheckedBest::Start(const spec::Spec& spec) {
  sign_ = spec::Sign(spec.metric.direction);
}

void CheckedBest::See(const AuditRow& see, const CheckedScores& scores) {
  seq_ = see.row.seq;
  const std::string& kind = see.row.kind;
  if (kind == "started") run_ = WordAt(see.body, "run");
  if (kind == "selected") {
    Node& node = nodes_[IntegerAt(see.body, "attempt")];
    node.chain = static_cast<int>(IntegerAt(see.body, "chain"));
    for (const Json& parent : see.body.value("parents", Json::array())) {
      node.parents.push_back(parent.get<std::int64_t>());
    }
    final_.reset();
  }
  if (kind == "committed") {
    Node& node = nodes_[IntegerAt(see.body, "attempt")];
    node.committed = true;
    node.commit = WordAt(see.body, "commit");
    for (std::int64_t parent : node.parents) {
      node.pruned = node.pruned || nodes_[parent].pruned;
    }
  }
  if (kind == "sampled") {
    Node& node = nodes_[IntegerAt(see.body, "node")];
    if (node.value) {
      node.value = scores.Value(IntegerAt(see.body, "node"));
    }
  }
  if (kind == "evaluated") Evaluate(see.body, scores);
  if (kind == "told") Tell(WordAt(see.body, "directive"));
  if (kind == "final") {
    final_ = FlagAt(see.body, "confirmed") ? IntegerAt(see.body, "winner") : 0;
  }
  Fold(see);
}

void CheckedBest::Evaluate(const Json& body, const CheckedScores& scores) {
  const std::int64_t attempt = IntegerAt(body, "node");
  Node& node = nodes_[attempt];
  const std::string outcome = WordAt(body, "outcome");
  node.improved = outcome == "improved";
  node.value.reset();
  if (body.contains("value") && body["value"].is_number()) {
    node.value = scores.Value(attempt);
    if (!node.value) node.value = NumberAt(body, "value");
  }
  if (attempt == 0) measured_ = true;
  if (!node.improved || node.pruned) return;
  chains_[node.chain] = attempt;
  best_ = BestOfChains(attempt);
}

double CheckedBest::Worth(std::int64_t node) const {
  auto found = nodes_.find(node);
  return found == nodes_.end() ? 0 : sign_ * found->second.value.value_or(0);
}

std::int64_t CheckedBest::BestOfChains(std::int64_t first) const {
  std::int64_t best = first;
  for (const auto& [chain, node] : chains_) {
    if (Worth(node) > Worth(best)) best = node;
  }
  return best;
}

void CheckedBest::Tell(const std::string& directive) {
  const Json told = Json::parse(directive, nullptr, false);
  if (!told.is_object()) return;
  const std::int64_t top = IntegerAt(told, "prune");
  if (top > 0 && nodes_.contains(top) && nodes_[top].committed) Prune(top);
}

void CheckedBest::Prune(std::int64_t top) {
  nodes_[top].pruned = true;
  for (auto& [attempt, node] : nodes_) {  // parents come before children
    if (!node.committed) continue;
    for (std::int64_t parent : node.parents) {
      node.pruned = node.pruned || nodes_[parent].pruned;
    }
  }
  for (auto& [chain, best] : chains_) {
    if (!nodes_[best].pruned) continue;
    best = 0;
    for (const auto& [attempt, node] : nodes_) {
      const bool stands =
          node.improved && !node.pruned && node.value && node.chain == chain;
      if (stands && Worth(attempt) > Worth(best)) best = attempt;
    }
  }
  auto first = chains_.find(0);
  best_ = BestOfChains(first == chains_.end() ? 0 : first->second);
}

std::int64_t CheckedBest::OfChainOf(std::int64_t node) const {
  auto found = nodes_.find(node);
  if (found == nodes_.end()) return 0;
  auto chain = chains_.find(found->second.chain);
  return chain == chains_.end() ? 0 : chain->second;
}

std::int64_t CheckedBest::OfRun() const { return final_.value_or(best_); }

// The record as the program reads it, and what it makes of it.
void CheckedBest::Fold(const AuditRow& see) {
  if (!folds_) return;
  const search::FindText text =
      [this](const std::string& name) -> Result<std::string> {
    Result<std::optional<std::string>> found = court_.evidence.Text(name);
    if (!found) return found.error();
    if (*found) return **found;
    return Error{.code = ErrorCode::kIo, .what = "no text " + name};
  };
  const search::EncodedEvent row{.kind = see.row.kind,
                                 .attempt = see.row.attempt,
                                 .body = see.row.body,
                                 .texts = {}};
  Result<search::Event> event = search::Decode(row, text);
  Result<void> applied = Ok();
  if (event) {
    applied =
        state_->Apply({.seq = see.row.seq,
                       .at = WallTime(std::chrono::microseconds(see.row.at)),
                       .event = std::move(*event)});
  }
  if (!event || !applied) {
    folds_ = false;
    court_.Blame(seq_, "fold",
                 event ? applied.error().Text() : event.error().Text());
    return;
  }
  if (!measured_) return;
  const std::int64_t mine = OfRun();
  const std::int64_t theirs = BestAttempt(*state_).value();
  if (theirs != mine) {
    folds_ = false;
    return Blame(
        fmt::format("the program says node {}, the records {}", theirs, mine));
  }
  if (shown_ != mine) CompareViews(mine);
}

void CheckedBest::CompareViews(std::int64_t mine) {
  shown_ = mine;
  const WallTime now = state_->last_at();
  auto compare = [&](const char* view, std::int64_t theirs) {
    if (theirs == mine) return;
    Blame(fmt::format("{} says node {}, the records {}", view, theirs, mine));
  };
  auto find = [&](const char* view, const std::string& page,
                  const std::string& text) {
    if (page.find(text) != std::string::npos) return;
    Blame(fmt::format("{} does not name node {}", view, mine));
  };
  compare("status", IntegerAt(Json(StatusJson(*state_, now, {})), "best_step"));
  compare("tree", IntegerAt(Json(TreeJson(*state_)), "best"));
  compare("top", IntegerAt(Json(TopJson(*state_, {})), "best"));
  find("leaderboard", Leaderboard(*state_), fmt::format("| 1 | {} |", mine));
  find("report", ReportMarkdown(*state_, {.now = now, .diff = ""}),
       mine == 0 ? "## No improvement"
                 : fmt::format("## Why node {} won", mine));
}

void CheckedBest::End() {
  if (!folds_ || !measured_) return;
  CompareViews(OfRun());
  if (court_.options.whole && !court_.options.live) CompareRef();
}

// Written when the best changes, after the record: a process that was killed
// in between leaves it behind until the next one.
void CheckedBest::CompareRef() {
  Result<std::optional<std::string>> ref = court_.evidence.BestRef(run_);
  if (!ref) return Blame(ref.error().Text());
  const std::string& mine = nodes_[OfRun()].commit;
  if (*ref && **ref == mine) return;
  if (!state_->stopped() || state_->stopped()->exit >= 128) return;
  seq_ = 0;
  Blame(fmt::format("refs/best/{} is {}, node {} is {}", run_,
                    *ref ? **ref : "not there", OfRun(), mine));
}

}  // namespace coppice::report

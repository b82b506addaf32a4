#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "report/verify_audit.h"
#include "report/verify_scores.h"
#include "search/state.h"

namespace coppice::report {

// Who is best, from the records alone, and whether the program says the same
// everywhere (AC-52): its fold at every record, its views whenever the best has
// changed and at the end, refs/best at the end.
class CheckedBest {
 public:
  explicit CheckedBest(const Court& court) : court_(court) {}

  void Start(const spec::Spec& spec);
  // After the samples of the row are in the scores.
  void See(const AuditRow& row, const CheckedScores& scores);
  void End();

  // What a node has to beat.
  std::int64_t OfChainOf(std::int64_t node) const;
  std::int64_t OfRun() const;

 private:
  struct Node {
    int chain = 0;
    bool committed = false;
    bool improved = false;
    bool pruned = false;
    std::optional<double> value;
    std::vector<std::int64_t> parents;
    std::string commit;
  };

  void Blame(std::string what) const { court_.Blame(seq_, "best", what); }
  void Evaluate(const Json& body, const CheckedScores& scores);
  void Tell(const std::string& directive);
  void Prune(std::int64_t top);
  std::int64_t BestOfChains(std::int64_t first) const;
  double Worth(std::int64_t node) const;
  void Fold(const AuditRow& row);
  void CompareViews(std::int64_t mine);
  void CompareRef();

  const Court court_;
  std::int64_t seq_ = 0;
  int sign_ = 1;
  std::string run_;
  std::map<std::int64_t, Node> nodes_;
  std::map<int, std::int64_t> chains_;  // their bests; the base if not there
  std::int64_t best_ = 0;               // of the chains' bests
  std::optional<std::int64_t> final_;   // what the last final has chosen
  bool measured_ = false;               // the baseline has its value

  // The program's own account.
  std::unique_ptr<search::State> state_ = std::make_unique<search::State>();
  bool folds_ = true;
  std::optional<std::int64_t> shown_;  // the best that views were compared at
};

}  // namespace coppice::report

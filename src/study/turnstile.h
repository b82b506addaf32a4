#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "search/company.h"
#include "search/state.h"
#include "spec/study.h"
#include "study/answers.h"

namespace coppice::study {

// Of a search so far, from the baseline on: attempts with an outcome, and what
// was spent on them and on those that have none yet. Hours are hours of work:
// proposing, evaluating and judging, whether or not at the same time.
struct Spending {
  int nodes = 0;
  double usd = 0;
  std::int64_t tokens = 0;
  double hours = 0;

  double Of(spec::Equalize resource) const;
};
Spending SpendingOf(const search::State& state);
// Of one attempt.
double WorkHours(const search::AttemptInfo& info);

// Lets the searches of one seed advance together: who has had least of what
// they get alike is measured next, and who is ahead of another by more than an
// attempt selects nothing. Conductor thread; outlives the searches.
class Turnstile {
 public:
  struct Options {
    asio::any_io_executor executor;
    int seats = 1;  // nodes measured at once, of all searches
    spec::Equalize resource = spec::Equalize::kNodes;
    double total = 0;
    // What may still be spent by all together. None: no matter.
    std::optional<double> usd_left;
    std::function<void()> spent;  // called when that was refused
  };
  class Place;

  explicit Turnstile(Options options);
  ~Turnstile();
  // A further search. `shared` tells what an arm (proposer) is, so that equal
  // questions to equal ones are known as such.
  Place& Add(std::map<std::string, std::string> shared);
  Answers& answers() { return answers_; }

 private:
  struct Waiting;
  class Taken;
  double Share(const Place& place) const;
  double Unit(const Place& place) const;
  bool IsAhead(const Place& place) const;
  void Grant();
  void Tell();

  const Options options_;
  Answers answers_;
  Signal granted_;
  std::list<std::unique_ptr<Place>> places_;
  std::list<Waiting*> waiting_;
  int free_;
};

// One search's view of it.
class Turnstile::Place final : public search::Company {
 public:
  Place(Turnstile& owner, std::map<std::string, std::string> shared)
      : owner_(owner), shared_(std::move(shared)) {}

  // To be told of every record of the search.
  void Observe(const search::State& state, const search::Record& record);
  // The search has had what stands in `state`, and goes on.
  void Enter(const search::State& state);
  // It has ended: nobody waits for it.
  void Leave();
  const Spending& spending() const { return spending_; }

  Turn MaySelect(const search::State& state) override;
  void OnNews(std::function<void()> wake) override { wake_ = std::move(wake); }
  Task<std::unique_ptr<Seat>> Sit() override;
  search::Budget::Grant Affords(double usd) override;
  Task<std::optional<llm::Answered>> Recall(std::string arm,
                                            std::string question) override;
  void Learn(const std::string& arm, const std::string& question,
             const llm::Answered& answer) override;
  void Forget(const std::string& arm, const std::string& question) override;

 private:
  friend class Turnstile;
  std::string Whole(const std::string& arm, const std::string& question) const;
  bool HasHadEnough(const search::State& state) const;

  Turnstile& owner_;
  const std::map<std::string, std::string> shared_;
  Spending spending_;
  double longest_ = 0;  // attempt so far, in hours
  double reserved_usd_ = 0;
  int seated_ = 0;
  bool inside_ = false;
  bool held_ = false;
  bool short_of_money_ = false;
  std::function<void()> wake_;
};

}  // namespace coppice::study

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/task.h"
#include "llm/proposer.h"
#include "search/budget.h"

namespace coppice::search {

class State;

// The other searches of a study, that run beside this one (SPEC §8): who may go
// on, and what one of them was answered already. One such object a search,
// which it outlives. Conductor thread.
class Company {
 public:
  enum class Turn {
    kGo,
    kWait,  // the others are behind; there will be news
    kEnd    // the search has had its share
  };
  // Held while a node is measured.
  struct Seat {
    virtual ~Seat() = default;
  };

  virtual ~Company() = default;

  // May a further attempt be selected?
  virtual Turn MaySelect(const State& state) = 0;
  // `wake` is called when that may have changed; nothing: nobody listens.
  virtual void OnNews(std::function<void()> wake) = 0;
  // The next seat, when it is this search's turn.
  virtual Task<std::unique_ptr<Seat>> Sit() = 0;
  // May a call that costs this at worst be made? kWait: not now, but calls of
  // the company in flight may settle for less, and then there is news. kNo: the
  // study is over for now.
  virtual Budget::Grant Affords(double usd) = 0;

  // What this question to an arm has brought a search of the company; waits
  // while one of them is being told. Nothing: the caller asks, and then says
  // Learn or Forget.
  virtual Task<std::optional<llm::Answered>> Recall(std::string arm,
                                                    std::string question) = 0;
  virtual void Learn(const std::string& arm, const std::string& question,
                     const llm::Answered& answer) = 0;
  virtual void Forget(const std::string& arm, const std::string& question) = 0;
};

// The how-manieth attempt on a tree this is, whichever nodes hold that tree.
// Searches of one seed that grow a tree for the n-th time draw alike.
int ChildIndex(const State& state, AttemptId attempt);

// A name for what a call asks: the tree it grows from, the index of the child,
// the model and every word.
std::string QuestionOf(const State& state, AttemptId attempt,
                       const llm::Asked& asked);

}  // namespace coppice::search

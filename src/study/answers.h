#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/task.h"
#include "llm/proposer.h"

namespace coppice::study {

// What models said to the searches of one seed, by question: arms that ask the
// same get the same (SEARCH.md §4 "Pairing"). Conductor thread.
class Answers {
 public:
  explicit Answers(asio::any_io_executor executor) : news_(executor) {}

  // Waits while somebody is being told. Nothing: the caller asks, and says
  // Learn or Forget.
  Task<std::optional<llm::Answered>> Recall(std::string question);
  void Learn(const std::string& question, const llm::Answered& answer);
  void Forget(const std::string& question);

  int shared() const { return shared_; }  // answers given a second time

 private:
  // Nothing: somebody is asking.
  std::map<std::string, std::optional<llm::Answered>> known_;
  Signal news_;
  int shared_ = 0;
};

}  // namespace coppice::study

#include "study/answers.h"

namespace coppice::study {

Task<std::optional<llm::Answered>> Answers::Recall(std::string question) {
  while (true) {
    const auto [known, fresh] = known_.try_emplace(question);
    if (fresh) co_return std::nullopt;
    if (known->second) {
      ++shared_;
      co_return known->second;
    }
    co_await news_.Wait();
  }
}

void Answers::Learn(const std::string& question, const llm::Answered& answer) {
  known_[question] = answer;
  news_.Notify();
}

void Answers::Forget(const std::string& question) {
  auto known = known_.find(question);
  if (known != known_.end() && !known->second) known_.erase(known);
  news_.Notify();
}

}  // namespace coppice::study

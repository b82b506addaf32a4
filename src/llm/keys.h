#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coppice::llm {

// The keys of model servers. They come from the environment alone, and leave
// it when they are taken: no child process, crash report or /proc entry shows
// them from then on (PROVIDERS §7 "Secrets").
class Keys {
 public:
  // Takes the variables that are set and not empty. Call it before any thread
  // is started; each variable once.
  void Take(const std::vector<std::string>& variables);

  // The value of a variable that was taken; other variables are read from the
  // environment.
  std::optional<std::string> Find(std::string_view variable) const;
  const std::map<std::string, std::string, std::less<>>& all() const {
    return values_;
  }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// Of this process. Filled once, in main's thread.
Keys& ProcessKeys();

}  // namespace coppice::llm

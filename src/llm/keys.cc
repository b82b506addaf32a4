#include "llm/keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

namespace coppice::llm {

void Keys::Take(const std::vector<std::string>& variables) {
  for (const std::string& variable : variables) {
    char* value = getenv(variable.c_str());
    if (value == nullptr || *value == '\0') continue;
    std::string& held = values_[variable];
    held = value;
    // Kept out of swap as far as the system lets us.
    mlock(held.data(), held.size());
    explicit_bzero(value, strlen(value));
    unsetenv(variable.c_str());
  }
}

std::optional<std::string> Keys::Find(std::string_view variable) const {
  if (auto found = values_.find(variable); found != values_.end()) {
    return found->second;
  }
  const char* value = getenv(std::string(variable).c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Keys& ProcessKeys() {
  static Keys keys;
  return keys;
}

}  // namespace coppice::llm

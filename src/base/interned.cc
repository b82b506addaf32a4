#include "base/interned.h"

#include <mutex>
#include <set>

namespace coppice {
namespace {

const std::string* Shared(std::string_view name) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>>& names =
      *new std::set<std::string, std::less<>>;  // outlives every thread
  const std::scoped_lock lock(mutex);
  auto known = names.find(name);
  if (known == names.end()) known = names.emplace(name).first;
  return &*known;
}

}  // namespace

Interned::Interned() {
  static const std::string* const kEmpty = Shared("");
  name_ = kEmpty;
}

Interned::Interned(std::string_view name) : name_(Shared(name)) {}

}  // namespace coppice

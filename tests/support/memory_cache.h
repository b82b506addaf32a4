#pragma once

#include <unordered_map>
#include <vector>

#include "search/cache.h"

namespace coppice::testing {

// A measurement cache in memory.
class MemoryCache final : public search::MeasurementCache {
 public:
  std::vector<eval::Sample> Find(ObjectId tree) override {
    auto found = samples_.find(tree);
    if (found == samples_.end()) return {};
    std::vector<eval::Sample> samples = found->second;
    for (eval::Sample& sample : samples) sample.cached = true;
    return samples;
  }
  void Store(ObjectId tree, const std::vector<eval::Sample>& samples) override {
    samples_[tree] = samples;
  }

 private:
  std::unordered_map<ObjectId, std::vector<eval::Sample>> samples_;
};

}  // namespace coppice::testing

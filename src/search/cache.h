#pragma once

#include <vector>

#include "base/ids.h"
#include "eval/evaluator.h"

namespace coppice::search {

// What trees measured, in this run or another, under one evaluation and in
// one environment. A help, never the truth: what it does not know, or cannot
// read, is measured. Conductor thread; several processes may share one.
class MeasurementCache {
 public:
  virtual ~MeasurementCache() = default;
  // Marked as cached; empty where nothing is known.
  virtual std::vector<eval::Sample> Find(ObjectId tree) = 0;
  // Replaces what is known of the tree.
  virtual void Store(ObjectId tree,
                     const std::vector<eval::Sample>& samples) = 0;
};

}  // namespace coppice::search

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sandbox.h"
#include "eval/line_pattern.h"
#include "eval/metrics_stream.h"
#include "spec/spec.h"

namespace coppice::eval {

// The patterns of evaluation.abort_on.
Result<std::vector<LinePattern>> CompileAbortRules(
    const std::vector<spec::AbortRule>& rules);

// Watches one sample for a sign that it is hopeless. What it is made from
// must outlive it.
class AbortWatch {
 public:
  AbortWatch(const std::vector<spec::AbortRule>& rules,
             const std::vector<LinePattern>& patterns)
      : rules_(rules), patterns_(patterns) {}

  // True from the chunk on with which a rule applies.
  bool Feed(OutputStream stream, std::string_view chunk);
  const std::string& reason() const { return reason_; }

 private:
  void Look(std::string_view line);

  const std::vector<spec::AbortRule>& rules_;
  const std::vector<LinePattern>& patterns_;
  LineStream out_, err_;
  int lines_ = 0;
  std::string reason_;
};

}  // namespace coppice::eval

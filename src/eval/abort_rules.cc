#include "eval/abort_rules.h"

#include <fmt/format.h>

#include "base/text.h"

namespace coppice::eval {
namespace {

bool Holds(double value, spec::Comparison comparison, double bound) {
  switch (comparison) {
    case spec::Comparison::kGe:
      return value >= bound;
    case spec::Comparison::kLe:
      return value <= bound;
    case spec::Comparison::kGt:
      return value > bound;
    case spec::Comparison::kLt:
      return value < bound;
    case spec::Comparison::kEq:
      return value == bound;
    case spec::Comparison::kNe:
      return value != bound;
  }
  return false;
}

}  // namespace

Result<std::vector<LinePattern>> CompileAbortRules(
    const std::vector<spec::AbortRule>& rules) {
  std::vector<LinePattern> patterns;
  for (const spec::AbortRule& rule : rules) {
    Result<LinePattern> pattern = LinePattern::Make(rule.pattern);
    if (!pattern) return pattern.error();
    patterns.push_back(std::move(*pattern));
  }
  return Result<std::vector<LinePattern>>(boost::system::in_place_value,
                                          std::move(patterns));
}

bool AbortWatch::Feed(OutputStream stream, std::string_view chunk) {
  if (rules_.empty()) return false;
  LineStream& lines = stream == OutputStream::kStdout ? out_ : err_;
  lines.Feed(chunk, [this](std::string_view line) { Look(line); });
  return !reason_.empty();
}

void AbortWatch::Look(std::string_view line) {
  ++lines_;
  if (!reason_.empty()) return;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const spec::AbortRule& rule = rules_[i];
    if (lines_ <= rule.after_lines) continue;
    const std::optional<std::string> text = patterns_[i].Find(line);
    if (!text) continue;
    const std::optional<double> value = ParseNumber(Trim(*text));
    if (!value || !Holds(*value, rule.comparison, rule.bound)) continue;
    reason_ = fmt::format("abort_on `{}`: {} {}", rule.pattern,
                          FormatShort(*value), rule.check);
    return;
  }
}

}  // namespace coppice::eval

#include "spec/knobs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <variant>
#include <vector>

namespace coppice::spec {
namespace {

constexpr std::size_t kMostMatches = 6;

Error Refusal(const Knob& knob, std::string_view why) {
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("knob \"{}\": {}", knob.name, why),
               .where = knob.file};
}

auto LineAt(std::string_view text, std::size_t offset) {
  return 1 + std::count(text.begin(),
                        text.begin() + static_cast<std::ptrdiff_t>(offset),
                        '\n');
}

}  // namespace

Result<Span> FindKnob(const Knob& knob, std::string_view text) {
  const auto groups = FindGroups(knob.pattern, text, kMostMatches);
  if (!groups) return groups.error();
  if (groups->size() == 1) return groups->front();
  if (groups->empty()) {
    return Refusal(knob, fmt::format("`{}` matches nothing", knob.pattern));
  }
  std::vector<std::string> lines;
  for (const Span& group : *groups) {
    lines.push_back(fmt::format("{}", LineAt(text, group.begin)));
  }
  return Refusal(knob,
                 fmt::format("`{}` matches on lines {}{}; it must match "
                             "exactly once",
                             knob.pattern, fmt::join(lines, ", "),
                             lines.size() == kMostMatches ? ", ..." : ""));
}

Result<void> CheckKnobs(const Spec& spec, const ReadText& read) {
  for (const Proposer& proposer : spec.proposers) {
    const auto* arm = std::get_if<EditsArm>(&proposer.arm);
    if (arm == nullptr) continue;
    for (const Knob& knob : arm->knobs) {
      const std::optional<std::string> text = read(knob.file);
      if (!text) return Refusal(knob, "there is no such file");
      const Result<Span> found = FindKnob(knob, *text);
      if (!found) return found.error();
    }
  }
  return Ok();
}

}  // namespace coppice::spec

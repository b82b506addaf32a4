#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "spec/load.h"

// What the schema knows and this version does not do. Only what differs from
// its default is refused: a key that is written out with its default asks for
// nothing.

namespace coppice::spec {
namespace {

class Refusals {
 public:
  // `key` cannot be `value` yet; `next` is what to write instead.
  void Add(std::string key, std::string next) {
    errors_.push_back({.code = ErrorCode::kUsage,
                       .what = fmt::format("{}: not in this version yet", key),
                       .next = std::move(next)});
  }
  void If(bool used, std::string key, std::string next) {
    if (used) Add(std::move(key), std::move(next));
  }
  std::vector<Error> Take() { return std::move(errors_); }

 private:
  std::vector<Error> errors_;
};

void Measuring(const Spec& spec, Refusals& refusals) {
  const Evaluation& e = spec.evaluation;
  refusals.If(e.backend != "local", "evaluation.backend: " + e.backend,
              "leave it out; evaluations run on this machine");
  refusals.If(e.slurm != Slurm{}, "evaluation.slurm",
              "leave it out; evaluations run on this machine");
}

}  // namespace

std::vector<Error> Unsupported(const Loaded& loaded) {
  Refusals refusals;
  Measuring(loaded.spec, refusals);
  return refusals.Take();
}

}  // namespace coppice::spec

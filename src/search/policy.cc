#include "search/policy.h"

#include <fmt/format.h>

#include "search/abmcts.h"
#include "search/beam.h"
#include "search/best_of_n.h"
#include "search/greedy.h"
#include "search/linear.h"
#include "search/puct.h"
#include "search/rank.h"
#include "search/ucb.h"
#include "search/uct.h"

namespace coppice::search {
namespace {

struct Entry {
  std::string_view name;
  std::unique_ptr<Policy> (*make)(const spec::Spec&);
};

constexpr Entry kPolicies[] = {
    {"ucb",
     [](const spec::Spec& spec) {
       return MakeUcb(spec, UcbOptionsOf(spec.search));
     }},
    {"beam", MakeBeam},
    {"greedy", MakeGreedy},
    {"linear", [](const spec::Spec& spec) { return MakeLinear(spec); }},
    {"best_of_n", MakeBestOfN},
    {"abmcts", MakeAbmcts},
    {"rank", MakeRank},
    {"uct", [](const spec::Spec& spec) { return MakeUct(spec); }},
    {"puct", [](const spec::Spec& spec) { return MakePuct(spec); }},
};

}  // namespace

Result<std::unique_ptr<Policy>> MakePolicy(const spec::Spec& spec) {
  std::string known;
  for (const Entry& entry : kPolicies) {
    if (entry.name == spec.search.policy) return entry.make(spec);
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
  }
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("this version has no policy \"{}\"",
                                   spec.search.policy),
               .where = "search.policy",
               .next = "use one of " + known};
}

}  // namespace coppice::search

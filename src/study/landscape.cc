#include "study/landscape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"
#include "study/nk.h"
#include "study/recorded.h"

// The families of SEARCH.md §3 and the traps of §5. All families break 15 % of
// changes, 30 % of drafts and half of the new beginnings; a repair works in 60
// of 100 cases and shows what was hidden; a sibling in flight is the same
// change in 3 of 100 cases. The traps do none of that.

namespace coppice::study {
namespace {

constexpr std::array kNoises{0., .02, .05, .1};  // meta draws one

Landscape Family(Landscape landscape) {
  landscape.draft_breaks = .3;
  landscape.change_breaks = .15;
  landscape.bold_breaks = .5;
  landscape.repair_works = .6;
  landscape.duplicates = .03;
  return landscape;
}

std::vector<Landscape> Families() {
  return {
      {.name = "plain",
       .alias = "smooth",
       .about = "one ceiling for all; steady gains",
       .ancestry = "a unimodal hill (OneMax-like), gains a share of what is "
                   "left",
       .model = Climb{.ceiling_low = 1, .ceiling_span = 0, .pivot = 0}},
      {.name = "tunnel",
       .about = "a draft fixes how far its descendants can get",
       .ancestry = "tunnel vision (ParaThinker, arXiv 2509.04475); ceilings "
                   "as in max-k-armed bandits",
       .target = .68,
       .model = Climb{}},
      {.name = "deceptive",
       .alias = "decept",
       .about = "what can get far starts low and slowly",
       .ancestry = "deceptive problems (Goldberg 1987); late bloomers",
       .target = .55,
       .model = Climb{.start_low = 0,
                      .start_span = .12,
                      .start_fixed = .29,
                      .start_slope = -.16,
                      .slow_shape = 8,
                      .slow_above = .5}},
      {.name = "hierarchical",
       .alias = "hier",
       .about = "gains open or close further gains",
       .ancestry = "hierarchical building blocks (Watson, Hornby and Pollack "
                   "1998): 30 % of gains move the ceiling",
       .target = .75,
       .model = Climb{.shift_chance = .3}},
      {.name = "valley",
       .about = "two losses in a row before each gain",
       .ancestry = "Jump functions (Droste, Jansen and Wegener 2002), gap 2; "
                   "Wright's valleys (1932)",
       .target = .6,
       .model = Valley{}},
      {.name = "nk",
       .alias = "rugged",
       .about = "many local optima, by interacting parts",
       .ancestry = "Kauffman's NK, N = 32, K = 4, adjacent; exact optimum "
                   "(Weinberger 1996)",
       .target = .8,
       .model = Nk{}},
      {.name = "heavy",
       .about = "rare gains are huge and nothing saturates",
       .ancestry = "Pareto(1.1) gains: max-k-armed bandits (Cicirello and "
                   "Smith 2005)",
       .optimum = 3,
       .target = 1.2,
       .model = HeavyTail{}},
      {.name = "quantised",
       .alias = "plateau",
       .about = "tunnel, seen in steps of .05",
       .ancestry = "neutral networks: NKq (Newman and Engelhardt 1998)",
       .target = .65,
       .model = Climb{.step = .05}},
      {.name = "shallow",
       .about = "two or three steps and nothing is left: drafts decide",
       .ancestry = "repeated sampling (Large Language Monkeys, arXiv "
                   "2407.21787)",
       .target = .55,
       .model = Climb{.ceiling_low = .05,
                      .ceiling_span = .75,
                      .start_low = .6,
                      .start_span = .3,
                      .gain_shape = .7,
                      .pivot = .03}},
      {.name = "meta",
       .about = "constants and noise drawn anew for every seed",
       .ancestry = "SEARCH.md \"meta\": a guard against tuning to families",
       .target = .7,
       .model = Meta{}},
      {.name = "needle",
       .about = "nothing guides; one attempt in 400 finds it",
       .ancestry = "needle in a haystack (Hinton and Nowlan 1987)",
       .model = Needle{}},
  };
}

std::vector<Landscape> Traps() {
  return {
      {.name = "trap-mild",
       .about = "four of five drafts start ahead and end at .62",
       .ancestry = "SEARCH.md §5, exactly",
       .model = Trap{.ahead_start = .50,
                     .ahead_spread = .05,
                     .ahead_ceiling = .62,
                     .behind_start = .42,
                     .behind_spread = .04}},
      {.name = "trap-2",
       .about = "as many start twice as good and end at .70",
       .ancestry = "SEARCH.md §5, exactly",
       .model = Trap{.ahead_start = .55,
                     .ahead_spread = .05,
                     .ahead_ceiling = .70,
                     .behind_start = .28,
                     .behind_spread = .04}},
      {.name = "dead-end",
       .about = "every other draft is good at once, and its children broken",
       .ancestry = "SEARCH.md §5, exactly",
       .model = Trap{.ahead = .5,
                     .ahead_start = .60,
                     .behind_start = .30,
                     .dead_end = true}},
      {.name = "first-trap",
       .about = "the first draft is good, and its children much worse",
       .ancestry = "autoresearch issue 206: the greedy first step is a dead "
                   "end",
       .model = FirstTrap{}},
  };
}

const std::vector<Landscape>& All() {
  static const std::vector<Landscape> all = [] {
    std::vector<Landscape> made;
    for (Landscape& family : Families()) {
      made.push_back(Family(std::move(family)));
    }
    for (Landscape& trap : Traps()) {
      trap.trap = true;
      made.push_back(std::move(trap));
    }
    return made;
  }();
  return all;
}

// Half of the merges add up, the others fall between the two. The better one
// decides what can become of them.
void Merge(Truth& made, const Truth& a, const Truth& b, Rng& rng) {
  const Truth& better = a.quality >= b.quality ? a : b;
  made.ceiling = better.ceiling;
  made.dead_end = better.dead_end;
  made.below = better.below;
  if (rng.Chance(.5)) {
    const double least = std::max(better.quality, better.ceiling);
    made.quality = .8 * better.quality + .2 * least;
  } else {
    made.quality = (a.quality + b.quality) / 2;
  }
}

}  // namespace

Truth Landscape::Root(std::uint64_t seed) const {
  Truth root{.quality = start,
             .world = seed,
             .key = Rng::Stream(seed, 0, "landscape").Next(),
             .root = true};
  if (std::holds_alternative<Nk>(model)) root.ceiling = NkOptimum(seed);
  return root;
}

Truth Landscape::Grow(Operator op, std::span<const Truth> parents,
                      int index) const {
  const Truth& parent = parents.front();
  const bool merge = op == Operator::kMerge && parents.size() > 1;
  const bool repair = op == Operator::kDebug;
  Rng rng =
      Rng::Stream(merge ? parent.key ^ (parents[1].key << 1) : parent.key,
                  index, merge ? "merge" : (repair ? "repair" : "change"));
  Truth made = parent;
  made.key = rng.Next();
  made.works = true;
  made.root = false;
  ++made.depth;
  if (recorded) {
    recorded->Grow(op, parents, made, rng);
  } else if (merge) {
    if (const Nk* nk = std::get_if<Nk>(&model)) {
      nk->Merge(made, parent, parents[1], rng);
    } else {
      Merge(made, parent, parents[1], rng);
    }
  } else if (repair) {
    made.works = rng.Chance(repair_works);
  } else {
    const Boldness boldness = std::visit(
        [&](const auto& m) {
          return parent.root ? m.Draft(made, index, rng)
                             : m.Change(made, parent, index, rng);
        },
        model);
    const double breaks = parent.root                   ? draft_breaks
                          : boldness == Boldness::kBold ? bold_breaks
                                                        : change_breaks;
    if (rng.Chance(breaks)) made.works = false;
  }
  if (outliers > 0 && rng.Chance(outliers)) made.quality = -100;
  return made;
}

std::optional<double> Landscape::Noise(std::uint64_t seed) const {
  if (!std::holds_alternative<Meta>(model)) return std::nullopt;
  return kNoises[Rng::Stream(seed, 0, "meta noise").Below(kNoises.size())];
}

std::span<const Landscape> Landscapes() { return All(); }

Result<const Landscape*> FindLandscape(std::string_view name) {
  std::vector<std::string> known;
  for (const Landscape& landscape : All()) {
    if (landscape.name == name) return &landscape;
    known.push_back(landscape.name);
    if (landscape.alias.empty()) continue;
    if (landscape.alias == name) return &landscape;
    known.push_back(landscape.alias);
  }
  const std::optional<std::string> nearest = Nearest(name, known);
  return Error{
      .code = ErrorCode::kUsage,
      .what = fmt::format(
          "there is no landscape \"{}\"{}", name,
          nearest ? fmt::format("; did you mean \"{}\"?", *nearest) : ""),
      .next = fmt::format("use one of {}", fmt::join(known, ", "))};
}

}  // namespace coppice::study

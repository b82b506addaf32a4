#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/compact_string.h"
#include "base/ids.h"
#include "base/outcome.h"
#include "search/event.h"
#include "search/packing.h"

namespace coppice::search {

// The samples of all nodes, as recorded. Those of a node under evaluation stand
// as they are; the others are packed. Conductor thread.
class SampleStore {
 public:
  // Takes a sample in and says whether it is new: the same (phase, index) of a
  // node again takes the place of the earlier one.
  bool Add(const Sampled& sampled);
  // The node has an outcome: what its failed samples printed is let go.
  void Settle(AttemptId node);
  // It has none again.
  void Reopen(AttemptId node);

  // In the order of their coming.
  std::vector<Sampled> Of(AttemptId node) const;
  // The index of the next sample of that phase.
  int NextIndex(AttemptId node, SamplePhase phase) const;

  // Samples of kBaseline, kConfirm and kHoldout against that opponent, in
  // order. The base of a long run has thousands of others.
  struct Met {
    int index = 0;
    double seconds = 0;
  };
  const std::vector<Met>& Against(
      AttemptId node, SamplePhase phase,
      std::optional<AttemptId> versus = std::nullopt) const;

 private:
  static constexpr std::size_t kPhases = 7;
  // A node without an outcome, or one that gets samples after it.
  struct Growing {
    std::string packed;
    std::vector<Sampled> open;
    std::array<int, kPhases> next{};  // NextIndex
    bool settled = false;             // nothing is open
    bool lasting = false;             // more has come after an outcome
  };
  using Meeting = std::tuple<AttemptId, SamplePhase, std::optional<AttemptId>>;

  Growing& Lift(AttemptId node);
  std::string_view Settled(AttemptId node) const;
  void Pack(const Sampled& sampled, std::string& out);
  std::vector<Sampled> Unpacked(AttemptId node, std::string_view packed) const;

  NameTable names_;
  std::unordered_map<AttemptId, Growing> growing_;
  std::deque<CompactString> settled_;  // the others, by number
  std::map<Meeting, std::vector<Met>> meetings_;
};

}  // namespace coppice::search

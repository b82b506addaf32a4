#include "search/sample_store.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include "base/interned.h"

// The samples of a node with an outcome are packed, one after the other.

namespace coppice::search {
namespace {

// Every field of a sample but its node, in one order for both directions.
template <class Io, class S>
void Fields(Io& io, S& sampled) {
  const AttemptId node = sampled.node;
  auto& s = sampled.sample;
  io.Number(s.index);
  io.Number(s.phase);
  io.Number(s.seconds);
  io.Number(s.cpu_seconds);
  io.Number(s.rss_kb);
  io.Number(s.slot);
  io.Number(s.host.load);
  io.Number(s.host.pressure);
  io.Path(s.log, node);
  std::vector<std::pair<Interned, double>> metrics(s.metrics.begin(),
                                                   s.metrics.end());
  io.Each(metrics, [&](auto& metric) {
    io.Name(metric.first);
    io.Number(metric.second);
  });
  if constexpr (!std::is_const_v<S>) {
    s.metrics = {metrics.begin(), metrics.end()};
  }
  io.Number(s.verdict);
  io.Number(s.exit_code);
  io.Number(s.signal);
  io.Maybe(s.failure, [&](auto& failure) {
    io.Maybe(failure.outcome, [&](auto& outcome) { io.Number(outcome); });
    io.Number(failure.verdict);
    io.Number(failure.phase);
    io.Text(failure.reason);
    io.Text(failure.signature);
    io.Text(failure.tail);
    io.Path(failure.log, node);
  });
  io.Maybe(sampled.versus, [&](auto& versus) { io.Number(versus); });
  io.Flag(s.cached);
  io.Flag(s.leaked);
  io.Flag(s.truncated);
  io.Flag(s.noisy_host);
  io.Number(s.host.steal);
  io.Number(s.host.swap_ins);
  io.Number(s.host.throttled);
}

bool IsMeeting(SamplePhase phase) {
  return phase == SamplePhase::kBaseline || phase == SamplePhase::kConfirm ||
         phase == SamplePhase::kHoldout;
}

}  // namespace

void SampleStore::Pack(const Sampled& sampled, std::string& out) {
  Packer packer(names_);
  Fields(packer, sampled);
  packer.AppendTo(out);
}

std::vector<Sampled> SampleStore::Unpacked(AttemptId node,
                                           std::string_view packed) const {
  std::vector<Sampled> samples;
  while (!packed.empty()) {
    Sampled& sampled = samples.emplace_back();
    sampled.node = node;
    Unpacker unpacker(names_, packed);
    Fields(unpacker, sampled);
  }
  return samples;
}

bool SampleStore::Add(const Sampled& sampled) {
  const eval::Sample& sample = sampled.sample;
  Growing& node = Lift(sampled.node);
  int& next = node.next[static_cast<std::size_t>(sample.phase)];
  auto same = [&](const Sampled& s) {
    return s.sample.phase == sample.phase && s.sample.index == sample.index;
  };
  std::vector<Met>* meeting =
      IsMeeting(sample.phase)
          ? &meetings_[{sampled.node, sample.phase, sampled.versus}]
          : nullptr;
  if (sample.index < next) {
    const bool settled = node.settled;
    Reopen(sampled.node);
    auto known = std::ranges::find_if(node.open, same);
    const bool found = known != node.open.end();
    if (found) *known = sampled;
    if (settled) Settle(sampled.node);
    if (found && meeting != nullptr) {
      auto met = std::ranges::find(*meeting, sample.index, &Met::index);
      if (met != meeting->end()) met->seconds = sample.seconds;
    }
    if (found) return false;
  }
  next = std::max(next, sample.index + 1);
  if (meeting != nullptr) {
    meeting->push_back({.index = sample.index, .seconds = sample.seconds});
  }
  if (node.settled) {
    Pack(sampled, node.packed);
  } else {
    node.open.push_back(sampled);
  }
  return true;
}

// What is known of a node, where more may join it.
SampleStore::Growing& SampleStore::Lift(AttemptId node) {
  auto [found, added] = growing_.try_emplace(node);
  Growing& growing = found->second;
  const auto index = static_cast<std::size_t>(node.value());
  if (!added || index >= settled_.size() || settled_[index].empty()) {
    return growing;
  }
  growing.settled = growing.lasting = true;
  growing.packed = std::exchange(settled_[index], {}).str();
  for (const Sampled& s : Unpacked(node, growing.packed)) {
    int& next = growing.next[static_cast<std::size_t>(s.sample.phase)];
    next = std::max(next, s.sample.index + 1);
  }
  return growing;
}

void SampleStore::Settle(AttemptId node) {
  auto found = growing_.find(node);
  if (found == growing_.end()) return;
  Growing& growing = found->second;
  for (Sampled& one : growing.open) {
    if (one.sample.failure) one.sample.failure->tail.clear();
    Pack(one, growing.packed);
  }
  growing.open = std::vector<Sampled>();
  growing.settled = true;
  if (growing.lasting) return;
  const auto index = static_cast<std::size_t>(node.value());
  if (index >= settled_.size()) settled_.resize(index + 1);
  settled_[index] = CompactString(growing.packed);
  growing_.erase(found);
}

void SampleStore::Reopen(AttemptId node) {
  Growing& growing = Lift(node);
  std::vector<Sampled> packed =
      Unpacked(node, std::exchange(growing.packed, std::string()));
  growing.open.insert(growing.open.begin(),
                      std::make_move_iterator(packed.begin()),
                      std::make_move_iterator(packed.end()));
  growing.settled = false;
}

std::vector<Sampled> SampleStore::Of(AttemptId node) const {
  auto found = growing_.find(node);
  if (found == growing_.end()) return Unpacked(node, Settled(node));
  std::vector<Sampled> samples = Unpacked(node, found->second.packed);
  std::ranges::copy(found->second.open, std::back_inserter(samples));
  return samples;
}

std::string_view SampleStore::Settled(AttemptId node) const {
  const auto index = static_cast<std::size_t>(node.value());
  return index < settled_.size() ? settled_[index].view() : "";
}

int SampleStore::NextIndex(AttemptId node, SamplePhase phase) const {
  auto found = growing_.find(node);
  if (found != growing_.end()) {
    return found->second.next[static_cast<std::size_t>(phase)];
  }
  int next = 0;
  for (const Sampled& s : Unpacked(node, Settled(node))) {
    if (s.sample.phase == phase) next = std::max(next, s.sample.index + 1);
  }
  return next;
}

const std::vector<SampleStore::Met>& SampleStore::Against(
    AttemptId node, SamplePhase phase, std::optional<AttemptId> versus) const {
  static const std::vector<Met> kNone;
  auto met = meetings_.find({node, phase, versus});
  return met == meetings_.end() ? kNone : met->second;
}

}  // namespace coppice::search

#include "search/sample_store.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/interned.h"

// A packed sample is its size, a word with a bit for each of its fields, and
// those fields whose bit is set: most are 0 in most samples.

namespace coppice::search {
namespace {

class Writer {
 public:
  template <class T>
  void Number(const T& x) {
    if (!Has(x != T{})) return;
    body_.append(reinterpret_cast<const char*>(&x), sizeof x);
  }
  void Text(const std::string& text) {
    if (!Has(!text.empty())) return;
    const auto size = static_cast<std::uint32_t>(text.size());
    body_.append(reinterpret_cast<const char*>(&size), sizeof size);
    body_ += text;
  }
  void Metrics(const std::map<std::string, double>& metrics) {
    std::string text;
    for (const auto& [name, value] : metrics) {
      const Interned shared(name);
      text.append(reinterpret_cast<const char*>(&shared), sizeof shared);
      text.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    Text(text);
  }

  void AppendTo(std::string& out) const {
    const auto size = static_cast<std::uint32_t>(body_.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out.append(reinterpret_cast<const char*>(&mask_), sizeof mask_);
    out += body_;
  }

 private:
  bool Has(bool set) {
    mask_ |= static_cast<std::uint32_t>(set) << bit_++;
    return set;
  }

  std::uint32_t mask_ = 0;
  int bit_ = 0;
  std::string body_;
};

class Reader {
 public:
  // Takes the first sample off `packed`.
  explicit Reader(std::string_view& packed) : rest_(packed) {
    std::uint32_t size = 0;
    Raw(size);
    Raw(mask_);
    packed = rest_.substr(size);
  }

  template <class T>
  void Number(T& x) {
    x = {};  // whatever the default of the field is
    if (Has()) Raw(x);
  }
  void Text(std::string& text) {
    if (!Has()) return;
    std::uint32_t size = 0;
    Raw(size);
    text = rest_.substr(0, size);
    rest_.remove_prefix(size);
  }
  void Metrics(std::map<std::string, double>& metrics) {
    std::string text;
    Text(text);
    std::string_view all = text;
    std::swap(all, rest_);
    while (!rest_.empty()) {
      Interned name;
      double value = 0;
      Raw(name);
      Raw(value);
      metrics.emplace(name, value);
    }
    std::swap(all, rest_);
  }

 private:
  bool Has() { return (mask_ >> bit_++ & 1) != 0; }
  template <class T>
  void Raw(T& x) {
    std::memcpy(&x, rest_.data(), sizeof x);
    rest_.remove_prefix(sizeof x);
  }

  std::string_view rest_;
  std::uint32_t mask_ = 0;
  int bit_ = 0;
};

// Every field of a sample but its node, in one order for both directions. At
// most 32.
template <class Io, class S>
void Fields(Io& io, S& sampled) {
  auto& s = sampled.sample;
  io.Number(s.index);
  io.Number(s.phase);
  io.Number(s.verdict);
  io.Number(s.exit_code);
  io.Number(s.signal);
  io.Number(s.seconds);
  io.Number(s.cpu_seconds);
  io.Number(s.rss_kb);
  io.Number(s.slot);
  io.Number(s.cached);
  io.Number(s.leaked);
  io.Number(s.truncated);
  io.Number(s.noisy_host);
  io.Number(s.host.steal);
  io.Number(s.host.pressure);
  io.Number(s.host.swap_ins);
  io.Number(s.host.throttled);
  io.Number(s.host.load);
  io.Text(s.log);
  io.Metrics(s.metrics);
}

template <class Io, class F>
void FailureFields(Io& io, F& failure) {
  io.Number(failure.outcome);
  io.Number(failure.verdict);
  io.Number(failure.phase);
  io.Text(failure.reason);
  io.Text(failure.signature);
  io.Text(failure.tail);
  io.Text(failure.log);
}

void Pack(const Sampled& sampled, std::string& out) {
  Writer writer;
  Fields(writer, sampled);
  writer.Number(sampled.versus);
  writer.Number(sampled.sample.failure.has_value());
  if (sampled.sample.failure) {
    FailureFields(writer, *sampled.sample.failure);
  }
  writer.AppendTo(out);
}

Sampled Unpack(AttemptId node, std::string_view& packed) {
  Sampled sampled;
  sampled.node = node;
  Reader reader(packed);
  Fields(reader, sampled);
  reader.Number(sampled.versus);
  bool failed = false;
  reader.Number(failed);
  if (failed) FailureFields(reader, sampled.sample.failure.emplace());
  return sampled;
}

bool IsMeeting(SamplePhase phase) {
  return phase == SamplePhase::kBaseline || phase == SamplePhase::kConfirm ||
         phase == SamplePhase::kHoldout;
}

}  // namespace

bool SampleStore::Add(const Sampled& sampled) {
  const eval::Sample& sample = sampled.sample;
  Kept& kept = nodes_[sampled.node];
  int& next = kept.next[static_cast<std::size_t>(sample.phase)];
  auto same = [&](const Sampled& s) {
    return s.sample.phase == sample.phase && s.sample.index == sample.index;
  };
  std::vector<Met>* meeting =
      IsMeeting(sample.phase)
          ? &meetings_[{sampled.node, sample.phase, sampled.versus}]
          : nullptr;
  if (sample.index < next) {
    const bool settled = kept.settled;
    Reopen(sampled.node);
    auto known = std::ranges::find_if(kept.open, same);
    const bool found = known != kept.open.end();
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
  if (kept.settled) {
    Pack(sampled, kept.packed);
  } else {
    kept.open.push_back(sampled);
  }
  return true;
}

void SampleStore::Settle(AttemptId node) {
  auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  Kept& kept = found->second;
  for (Sampled& one : kept.open) {
    if (one.sample.failure) one.sample.failure->tail.clear();
    Pack(one, kept.packed);
  }
  kept.open = {};
  kept.packed.shrink_to_fit();
  kept.settled = true;
}

void SampleStore::Reopen(AttemptId node) {
  auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  found->second.open = Of(node);
  found->second.packed = {};
  found->second.settled = false;
}

std::vector<Sampled> SampleStore::Of(AttemptId node) const {
  auto found = nodes_.find(node);
  if (found == nodes_.end()) return {};
  std::vector<Sampled> samples;
  std::string_view packed = found->second.packed;
  while (!packed.empty()) samples.push_back(Unpack(node, packed));
  std::ranges::copy(found->second.open, std::back_inserter(samples));
  return samples;
}

int SampleStore::NextIndex(AttemptId node, SamplePhase phase) const {
  auto found = nodes_.find(node);
  return found == nodes_.end()
             ? 0
             : found->second.next[static_cast<std::size_t>(phase)];
}

const std::vector<SampleStore::Met>& SampleStore::Against(
    AttemptId node, SamplePhase phase, std::optional<AttemptId> versus) const {
  static const std::vector<Met> kNone;
  auto met = meetings_.find({node, phase, versus});
  return met == meetings_.end() ? kNone : met->second;
}

}  // namespace coppice::search

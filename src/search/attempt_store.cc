#include "search/attempt_store.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace coppice::search {
namespace {

// Every field, in one order for both directions; those that most attempts have
// come first, for the mask of what there is is written without its zeros.
template <class Io, class Info>
void Fields(Io& io, AttemptId attempt, WallTime origin, Info& info) {
  auto& selected = info.selected;
  io.Number(selected.op);
  io.Each(selected.parents, [&](auto& parent) { io.Number(parent); });
  io.Name(selected.arm);
  io.Near(info.selected_at, origin);
  io.Number(info.selected_seq);
  io.Near(info.asked_seq, info.selected_seq);
  io.Near(info.calls_seq, info.selected_seq);
  io.Near(info.committed_seq, info.selected_seq);
  io.Near(info.finished_at, info.selected_at);
  io.Each(info.turns, [&](auto& turn) {
    io.Number(turn.turn);
    io.Name(turn.arm);
    io.Name(turn.role);
    io.Number(turn.reserve_usd);
    io.Number(turn.reserve_tokens);
    io.Near(turn.asked_seq, info.selected_seq);
    io.Near(turn.answered_seq, turn.asked_seq);
  });
  io.Number(info.usd);
  io.Number(info.input_tokens);
  io.Number(info.output_tokens);
  io.Number(info.propose_seconds);
  io.Number(info.measure_seconds);
  io.Number(info.reward);
  io.Text(info.reason);
  io.Text(info.plan.idea);
  io.Each(info.files, [&](auto& file) {
    io.Name(file.path);
    io.Number(file.added);
    io.Number(file.removed);
    io.Flag(file.created);
    io.Flag(file.deleted);
  });
  io.Maybe(info.evaluated, [&](auto& found) {
    io.Number(found.outcome);
    io.Near(found.seq, info.selected_seq);
    io.Maybe(found.value, [&](auto& value) { io.Number(value); });
    io.Maybe(found.gain, [&](auto& gain) {
      io.Number(gain.parent);
      io.Number(gain.best);
      io.Number(gain.baseline);
    });
    io.Path(found.log, attempt);
    io.Number(found.seconds.build);
    io.Number(found.seconds.checks);
    io.Flag(found.printed);
    io.Text(found.signature);
    io.Number(found.sigma);
    io.Each(found.flags, [&](auto& flag) { io.Text(flag); });
  });
  io.Number(selected.chain);
  io.Flag(info.rejected);
  io.Name(info.plan.category);
  io.Text(info.plan.bottleneck);
  io.Text(info.plan.alternatives);
  io.Text(info.plan.expect);
  io.Text(info.plan.risk);
  io.Text(info.plan.lesson);
  io.Each(info.plan.needs, [&](auto& need) { io.Text(need); });
  io.Each(info.needs, [&](auto& need) { io.Text(need); });
  io.Each(info.flags, [&](auto& flag) { io.Text(flag); });
  io.Text(info.matched);
  io.Text(info.diagnosis);
  io.Text(selected.idea);
  io.Flag(selected.history_withheld);
}

}  // namespace

bool AttemptStore::IsPacked(AttemptId attempt) const {
  const auto index = static_cast<std::size_t>(attempt.value());
  return index < packed_.size() && !packed_[index].empty();
}

AttemptInfo AttemptStore::Unpacked(AttemptId attempt) const {
  AttemptInfo info;
  std::string_view packed =
      packed_[static_cast<std::size_t>(attempt.value())].view();
  Unpacker unpacker(names_, packed);
  Fields(unpacker, attempt, origin_, info);
  return info;
}

InfoView AttemptStore::Of(AttemptId attempt) const {
  auto open = open_.find(attempt);
  if (open != open_.end()) return InfoView(open->second);
  if (!IsPacked(attempt)) return nullptr;
  return InfoView(std::make_shared<const AttemptInfo>(Unpacked(attempt)));
}

AttemptInfo* AttemptStore::Find(AttemptId attempt) {
  auto open = open_.find(attempt);
  if (open == open_.end() && !IsPacked(attempt)) return nullptr;
  return &(*this)[attempt];
}

AttemptInfo& AttemptStore::operator[](AttemptId attempt) {
  auto [open, added] = open_.try_emplace(attempt);
  if (added && IsPacked(attempt)) {
    open->second = std::make_shared<AttemptInfo>(Unpacked(attempt));
    packed_[static_cast<std::size_t>(attempt.value())] = {};
  } else if (added) {
    open->second = std::make_shared<AttemptInfo>();
  }
  given_.push_back(attempt);
  return *open->second;
}

void AttemptStore::Pack(AttemptId attempt) {
  auto open = open_.find(attempt);
  if (open == open_.end()) return;
  const AttemptInfo& info = *open->second;
  const bool wanted = std::ranges::any_of(
      info.turns, [](const Turn& turn) { return turn.answered != nullptr; });
  if (wanted) return;
  if (packed_.empty()) origin_ = info.selected_at;
  Packer packer(names_);
  Fields(packer, attempt, origin_, info);
  std::string packed;
  packer.AppendTo(packed);
  const auto index = static_cast<std::size_t>(attempt.value());
  if (index >= packed_.size()) packed_.resize(index + 1);
  packed_[index] = CompactString(packed);
  open_.erase(open);
}

}  // namespace coppice::search

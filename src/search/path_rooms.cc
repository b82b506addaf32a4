#include "search/path_rooms.h"

#include <algorithm>

namespace coppice::search {

std::uint32_t PathRooms::Add(std::uint32_t parent, int room) {
  links_.push_back({.up = parent, .room = room, .least = room});
  return static_cast<std::uint32_t>(links_.size() - 1);
}

bool PathRooms::IsTop(std::uint32_t node) const {
  const std::uint32_t up = links_[node].up;
  return up == kNone || (links_[up].left != node && links_[up].right != node);
}

void PathRooms::TakeAll(std::uint32_t node, int taken) {
  if (node == kNone) return;
  links_[node].room -= taken;
  links_[node].least -= taken;
  links_[node].owed += taken;
}

void PathRooms::Push(std::uint32_t node) {
  Link& link = links_[node];
  if (link.owed == 0) return;
  TakeAll(link.left, link.owed);
  TakeAll(link.right, link.owed);
  link.owed = 0;
}

void PathRooms::Pull(std::uint32_t node) {
  Link& link = links_[node];
  link.least = link.room;
  if (link.left != kNone) {
    link.least = std::min(link.least, links_[link.left].least);
  }
  if (link.right != kNone) {
    link.least = std::min(link.least, links_[link.right].least);
  }
}

void PathRooms::Rotate(std::uint32_t node) {
  const std::uint32_t parent = links_[node].up;
  const std::uint32_t above = links_[parent].up;
  if (!IsTop(parent)) {
    Link& link = links_[above];
    (link.left == parent ? link.left : link.right) = node;
  }
  Link& own = links_[node];
  Link& down = links_[parent];
  const bool left = down.left == node;
  const std::uint32_t between = left ? own.right : own.left;
  (left ? down.left : down.right) = between;
  (left ? own.right : own.left) = parent;
  if (between != kNone) links_[between].up = parent;
  down.up = node;
  own.up = above;
  Pull(parent);
}

void PathRooms::Splay(std::uint32_t node) {
  above_.assign(1, node);
  while (!IsTop(above_.back())) above_.push_back(links_[above_.back()].up);
  while (!above_.empty()) {
    Push(above_.back());
    above_.pop_back();
  }
  while (!IsTop(node)) {
    const std::uint32_t parent = links_[node].up;
    if (!IsTop(parent)) {
      const Link& above = links_[links_[parent].up];
      const bool straight =
          (above.left == parent) == (links_[parent].left == node);
      Rotate(straight ? parent : node);
    }
    Rotate(node);
  }
  Pull(node);
}

void PathRooms::Access(std::uint32_t node) {
  std::uint32_t below = kNone;
  for (std::uint32_t at = node; at != kNone; at = links_[at].up) {
    Splay(at);
    links_[at].right = below;
    Pull(at);
    below = at;
  }
  Splay(node);
}

std::uint32_t PathRooms::FirstFull(std::uint32_t top) {
  while (true) {
    Push(top);
    const Link& link = links_[top];
    if (link.left != kNone && links_[link.left].least <= 0) {
      top = link.left;
    } else if (link.room <= 0) {
      return top;
    } else {
      top = link.right;
    }
  }
}

std::vector<std::uint32_t> PathRooms::Path(std::uint32_t node) {
  Access(node);
  std::vector<std::uint32_t> path;
  std::vector<std::uint32_t> open;
  for (std::uint32_t at = node; at != kNone || !open.empty();) {
    if (at != kNone) {
      Push(at);
      open.push_back(at);
      at = links_[at].left;
      continue;
    }
    path.push_back(open.back());
    at = links_[open.back()].right;
    open.pop_back();
  }
  return path;
}

}  // namespace coppice::search

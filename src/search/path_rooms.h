#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace coppice::search {

// Trees that grow by leaves, in which every node has room for so many more
// visits. A visit takes room from a node and from all above it; who has none
// left is told. O(log n) amortised however deep the tree is: a link-cut tree
// without cuts (Sleator and Tarjan, Self-adjusting binary search trees, 1985).
class PathRooms {
 public:
  static constexpr std::uint32_t kNone =
      std::numeric_limits<std::uint32_t>::max();

  // Its number: 0, 1, ... kNone as parent: the root of a tree of its own.
  std::uint32_t Add(std::uint32_t parent, int room);

  // Takes from the room of a node and of all above it. full(node, room) is
  // called for every one whose room is 0 or less then, and gives its new room,
  // which is more.
  template <class Full>
  void Take(std::uint32_t node, int taken, Full full) {
    Access(node);
    TakeAll(node, taken);
    std::uint32_t top = node;
    while (links_[top].least <= 0) {
      top = FirstFull(top);
      Splay(top);
      links_[top].room = full(top, links_[top].room);
      Pull(top);
    }
  }
  // Calls renew(node, room) for a node and all above it; gives the new room.
  template <class Renew>
  void RenewPath(std::uint32_t node, Renew renew) {
    for (std::uint32_t at : Path(node)) {
      Splay(at);
      links_[at].room = renew(at, links_[at].room);
      Pull(at);
    }
  }

 private:
  // A path to the root is held as a splay tree, what lies nearer to the root
  // on the left. The top of one names the node below which its path ends.
  struct Link {
    std::uint32_t up = kNone;
    std::uint32_t left = kNone;
    std::uint32_t right = kNone;
    int room = 0;
    int least = 0;  // room in its part of the splay tree
    int owed = 0;   // to be taken from the parts below
  };

  bool IsTop(std::uint32_t node) const;
  void TakeAll(std::uint32_t node, int taken);
  void Push(std::uint32_t node);
  void Pull(std::uint32_t node);
  void Rotate(std::uint32_t node);
  void Splay(std::uint32_t node);
  // Makes the path from the root to the node one splay tree, with it on top.
  void Access(std::uint32_t node);
  std::uint32_t FirstFull(std::uint32_t top);
  std::vector<std::uint32_t> Path(std::uint32_t node);  // root first

  std::vector<Link> links_;
  std::vector<std::uint32_t> above_;  // space
};

}  // namespace coppice::search

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/interned.h"

// Records that are kept by the hundred thousand and looked at now and then, as
// few bytes. One description of the fields serves both directions: it is
// called with a Packer and the record, or with an Unpacker and an empty one.

namespace coppice::search {

// Names by number. One owner.
class NameTable {
 public:
  std::uint64_t NumberOf(Interned name);
  Interned At(std::uint64_t number) const {
    return names_[static_cast<std::size_t>(number)];
  }

 private:
  std::vector<Interned> names_;
  std::unordered_map<const std::string*, std::uint64_t> numbers_;
};

void PutWhole(std::string& out, std::uint64_t x);
std::uint64_t TakeWhole(std::string_view& in);
// What has few decimals takes few bytes; every bit comes back.
void PutReal(std::string& out, double x);
double TakeReal(std::string_view& in);

// Numbers of either sign as such without one: 0, -1, 1, -2, ...
constexpr std::uint64_t Folded(std::int64_t x) {
  return static_cast<std::uint64_t>(x) << 1 ^
         static_cast<std::uint64_t>(x >> 63);
}
constexpr std::int64_t Unfolded(std::uint64_t x) {
  return static_cast<std::int64_t>(x >> 1) ^ -static_cast<std::int64_t>(x & 1);
}

// Integers, enums, ids and times as integers, and back.
template <class T>
std::int64_t AsWhole(const T& x) {
  if constexpr (requires { x.time_since_epoch(); }) {
    return x.time_since_epoch().count();
  } else if constexpr (requires { x.value(); }) {
    return static_cast<std::int64_t>(x.value());
  } else {
    return static_cast<std::int64_t>(x);
  }
}
template <class T>
T FromWhole(std::int64_t x) {
  if constexpr (requires(T t) { t.time_since_epoch(); }) {
    return T(typename T::duration(x));
  } else if constexpr (requires(T t) { t.value(); }) {
    return T(static_cast<decltype(std::declval<T>().value())>(x));
  } else {
    return static_cast<T>(x);
  }
}

// Where the logs of an attempt are, below the run's directory.
std::string NodeFolder(AttemptId attempt);

// What is absent, false, empty or 0 costs one bit, at most 64 of a record;
// within a list a byte.
class Packer {
 public:
  explicit Packer(NameTable& names) : names_(names) {}

  bool Flag(bool x) {
    if (dense_) {
      fields_ += static_cast<char>(x);
    } else {
      mask_ |= static_cast<std::uint64_t>(x) << bit_++;
    }
    return x;
  }
  template <class T>
  void Number(const T& x) {
    if (!Has(x != T{})) return;
    if constexpr (std::is_floating_point_v<T>) {
      PutReal(fields_, x);
    } else {
      PutWhole(fields_, Folded(AsWhole(x)));
    }
  }
  // A number that lies near another, unless it is 0.
  template <class T>
  void Near(const T& x, const T& other) {
    if (!Has(x != T{})) return;
    PutWhole(fields_, Folded(AsWhole(x) - AsWhole(other)));
  }
  void Text(std::string_view text) {
    if (!Has(!text.empty())) return;
    PutWhole(fields_, text.size());
    fields_ += text;
  }
  void Name(Interned name) {
    if (Has(!name.empty())) PutWhole(fields_, names_.NumberOf(name));
  }
  // A path that is mostly one of a few files in the attempt's folder.
  void Path(std::string_view path, AttemptId attempt);
  template <class M, class See>
  void Maybe(const M& what, See see) {
    if (Flag(what.has_value())) see(*what);
  }
  template <class List, class See>
  void Each(const List& list, See see) {
    if (!Has(!list.empty())) return;
    PutWhole(fields_, list.size());
    const bool before = std::exchange(dense_, true);
    for (const auto& one : list) see(one);
    dense_ = before;
  }

  void AppendTo(std::string& out) const {
    PutWhole(out, mask_);
    out += fields_;
  }

 private:
  bool Has(bool set) { return dense_ || Flag(set); }

  NameTable& names_;
  std::uint64_t mask_ = 0;
  int bit_ = 0;
  bool dense_ = false;  // within a list
  std::string fields_;
};

// Takes one record off `packed`.
class Unpacker {
 public:
  Unpacker(const NameTable& names, std::string_view& packed)
      : names_(names), rest_(packed), mask_(TakeWhole(packed)) {}

  bool Flag(bool& x) {
    if (dense_) {
      x = rest_.front() != 0;
      rest_.remove_prefix(1);
    } else {
      x = (mask_ >> bit_++ & 1) != 0;
    }
    return x;
  }
  template <class T>
  void Number(T& x) {
    x = {};  // whatever the default of the field is
    if (!Has()) return;
    if constexpr (std::is_floating_point_v<T>) {
      x = TakeReal(rest_);
    } else {
      x = FromWhole<T>(Unfolded(TakeWhole(rest_)));
    }
  }
  template <class T>
  void Near(T& x, const T& other) {
    x = {};
    if (!Has()) return;
    x = FromWhole<T>(AsWhole(other) + Unfolded(TakeWhole(rest_)));
  }
  template <class T>
  void Text(T& text) {
    if (Has()) text = T(View());
  }
  void Name(Interned& name) {
    if (Has()) name = names_.At(TakeWhole(rest_));
  }
  template <class T>
  void Path(T& path, AttemptId attempt) {
    bool below = false;
    if (!Flag(below)) return Text(path);
    path = T(NodeFolder(attempt) + names_.At(TakeWhole(rest_)).str());
  }
  template <class M, class See>
  void Maybe(M& what, See see) {
    bool has = false;
    if (Flag(has)) see(what.emplace());
  }
  template <class List, class See>
  void Each(List& list, See see) {
    if (!Has()) return;
    list.resize(static_cast<std::size_t>(TakeWhole(rest_)));
    const bool before = std::exchange(dense_, true);
    for (auto& one : list) see(one);
    dense_ = before;
  }

 private:
  bool Has() {
    bool has = true;
    return dense_ || Flag(has);
  }
  std::string_view View() {
    const auto size = static_cast<std::size_t>(TakeWhole(rest_));
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

  const NameTable& names_;
  std::string_view& rest_;
  std::uint64_t mask_;
  int bit_ = 0;
  bool dense_ = false;
};

}  // namespace coppice::search

#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "base/lifetime.h"

namespace coppice {

// A std::optional that takes the room of a pointer while it is empty, for what
// few of many objects have. Copies are deep.
template <class T>
class Boxed {
 public:
  Boxed() = default;
  Boxed(std::nullopt_t) {}
  Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Boxed(std::optional<T> value) {
    if (value) value_ = std::make_unique<T>(*std::move(value));
  }
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(Boxed&&) noexcept = default;
  Boxed(const Boxed& other)
      : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Boxed& operator=(const Boxed& other) { return *this = Boxed(other); }

  operator std::optional<T>() const& {
    return value_ ? std::optional<T>(*value_) : std::nullopt;
  }
  operator std::optional<T>() && {
    return value_ ? std::optional<T>(*std::move(value_)) : std::nullopt;
  }

  explicit operator bool() const { return value_ != nullptr; }
  bool has_value() const { return value_ != nullptr; }
  T& operator*() & { return *value_; }
  const T& operator*() const& COPPICE_LIFETIMEBOUND { return *value_; }
  T&& operator*() && { return std::move(*value_); }
  T* operator->() { return value_.get(); }
  const T* operator->() const COPPICE_LIFETIMEBOUND { return value_.get(); }
  T& emplace() { return *(value_ = std::make_unique<T>()); }
  void reset() { value_.reset(); }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace coppice

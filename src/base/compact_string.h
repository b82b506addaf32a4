#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/lifetime.h"

namespace coppice {

// A text that takes the room of a pointer while it is empty, and four bytes
// more than its own when it is not: for what is kept by the hundred thousand.
// Below 4 GiB.
class CompactString {
 public:
  CompactString() = default;
  CompactString(std::string_view text) {
    if (text.empty()) return;
    const auto size = static_cast<std::uint32_t>(text.size());
    data_ = std::make_unique_for_overwrite<char[]>(sizeof(size) + size);
    std::memcpy(data_.get(), &size, sizeof(size));
    std::memcpy(data_.get() + sizeof(size), text.data(), size);
  }
  CompactString(const std::string& text)
      : CompactString(std::string_view(text)) {}
  CompactString(const char* text) : CompactString(std::string_view(text)) {}
  CompactString(CompactString&&) noexcept = default;
  CompactString& operator=(CompactString&&) noexcept = default;
  CompactString(const CompactString& other) : CompactString(other.view()) {}
  CompactString& operator=(const CompactString& other) {
    return *this = CompactString(other);
  }

  bool empty() const { return data_ == nullptr; }
  std::string_view view() const COPPICE_LIFETIMEBOUND {
    if (!data_) return {};
    std::uint32_t size = 0;
    std::memcpy(&size, data_.get(), sizeof(size));
    return {data_.get() + sizeof(size), size};
  }
  std::string str() const { return std::string(view()); }
  operator std::string_view() const COPPICE_LIFETIMEBOUND { return view(); }

  friend bool operator==(const CompactString& a, std::string_view b) {
    return a.view() == b;
  }

 private:
  std::unique_ptr<char[]> data_;  // the size, then the text
};

}  // namespace coppice

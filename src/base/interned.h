#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace coppice {

// A name of which there are few but which stands in many places: an arm, a
// role, a metric, a path. Equal ones share one string, which lives as long as
// the process. Any thread.
class Interned {
 public:
  Interned();
  Interned(std::string_view name);
  Interned(const std::string& name) : Interned(std::string_view(name)) {}
  Interned(const char* name) : Interned(std::string_view(name)) {}

  const std::string& str() const { return *name_; }
  operator const std::string&() const { return *name_; }
  operator std::string_view() const { return *name_; }
  bool empty() const { return name_->empty(); }

  friend bool operator==(Interned a, Interned b) { return a.name_ == b.name_; }
  template <class Text>
    requires(std::convertible_to<const Text&, std::string_view> &&
             !std::same_as<Text, Interned>)
  friend bool operator==(Interned a, const Text& b) {
    return *a.name_ == std::string_view(b);
  }

 private:
  const std::string* name_;
};

}  // namespace coppice

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

// Values as they were written, before anybody decides which of them counts.

namespace coppice::eval {

using NameSet = std::set<std::string, std::less<>>;

struct Reading {
  enum class Kind {
    kNumber,
    kNotANumber,  // nan, inf, null, 1,5
    kOutOfRange,  // 1e999
    kText,        // a word; yields to a number of the same name
  };
  Kind kind = Kind::kText;
  double value = 0;  // of kNumber
  std::string unit;  // as written; empty if none
  std::string text;  // as written, for messages

  bool IsNumber() const { return kind == Kind::kNumber; }
};

Reading NumberReading(double value);
// Classifies one token by the grammar of MEASURE §9.
Reading ReadToken(std::string_view token);

// `value` in `from`, expressed in `to`; nothing if they are not of one kind.
// Units: ns us ms s min, B KB KiB MB MiB GB GiB, %; others equal themselves.
std::optional<double> ConvertUnit(double value, std::string_view from,
                                  std::string_view to);

// All values of one source.
class Readings {
 public:
  struct Entry {
    Reading first;
    Reading last;
    std::optional<Reading> other;  // the first that differs from `first`
  };

  // Undeclared names beyond a cap are dropped: output may invent any number.
  explicit Readings(const NameSet* declared) : declared_(declared) {}

  bool Declares(std::string_view name) const {
    return declared_->contains(name);
  }
  void Add(std::string_view name, Reading reading);
  // Entries of `weaker` under names that are not here yet.
  void Merge(Readings weaker);
  void DropUndeclared();

  const Entry* Find(std::string_view name) const;
  const std::map<std::string, Entry, std::less<>>& entries() const {
    return entries_;
  }

 private:
  static constexpr std::size_t kMostUndeclared = 1000;

  const NameSet* declared_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace coppice::eval

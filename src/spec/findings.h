#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// Where every value of a spec came from, and what is wrong with it. Values are
// named by JSON pointers (RFC 6901) kept as text: "/evaluation/copy/0".

namespace coppice::spec {

std::string Child(std::string_view pointer, std::string_view key);
std::string Child(std::string_view pointer, std::size_t index);
// "evaluation.copy[0]"; "the spec" for the root.
std::string Spoken(std::string_view pointer);

struct Place {
  int line = 0;      // orders what is found
  std::string text;  // "coppice.yaml:14", "--set budget.max_nodes"
};

class Source {
 public:
  // The place of the value, and of those below it that have none of their own.
  void Set(const std::string& pointer, Place place);
  // A value that gives way to another takes along what is known below it.
  void Forget(const std::string& pointer);
  Place Where(std::string_view pointer) const;

  // A plain scalar as it was written: "1.50", "007".
  void SetLiteral(const std::string& pointer, std::string literal);
  std::optional<std::string> Literal(const std::string& pointer) const;

 private:
  std::map<std::string, Place, std::less<>> places_;
  std::map<std::string, std::string> literals_;
};

class Findings {
 public:
  void Add(Place place, std::string what);
  void AddAll(Findings others);
  bool empty() const { return by_line_.empty(); }
  // All of them as one kUsage error, one a line, in the order of lines;
  // what is said twice of one line is told once.
  Error ToError() const;

 private:
  struct Finding {
    std::string where;
    std::string what;

    friend bool operator==(const Finding&, const Finding&) = default;
  };
  std::multimap<int, Finding> by_line_;
};

}  // namespace coppice::spec

#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "spec/spec.h"

// Fields whose keys are written in another form than they are kept in. Each
// borrows its field, writes it as JSON and reads it back; the JSON has passed
// the schema.

namespace coppice::spec {

// Nothing is written as "auto".
struct Auto {
  std::optional<int>& value;
  Json Write() const;
  void Read(const Json& json) const;
};

// Paths are kept in one form.
struct PathText {
  std::string& value;
  Json Write() const;
  void Read(const Json& json) const;
};

struct PathList {
  std::vector<std::string>& value;
  Json Write() const;
  void Read(const Json& json) const;
};

struct Manifests {
  std::optional<std::vector<std::string>>& value;
  Json Write() const;
  void Read(const Json& json) const;
};

// "cpp", ".cpp" and "*.cpp" are one type.
struct Extensions {
  std::vector<std::string>& value;
  Json Write() const;
  void Read(const Json& json) const;
};

// One text, or a list of them.
struct OneOrMore {
  std::vector<std::string>& value;
  Json Write() const;
  void Read(const Json& json) const;
};

// Texts that may be written as numbers or truth values.
struct Texts {
  std::vector<std::string>& value;
  Json Write() const;
  void Read(const Json& json) const;
};

struct TextMap {
  std::map<std::string, std::string>& value;
  Json Write() const;
  void Read(const Json& json) const;
};

// ">= 0.95", kept as written and parsed.
struct CheckText {
  std::string& text;
  Comparison& comparison;
  double& bound;
  Json Write() const;
  void Read(const Json& json) const;
};

struct Regression {
  Guard& guard;
  Json Write() const;
  void Read(const Json& json) const;
};

struct Improvement {
  MinImprovement& least;
  Json Write() const;
  void Read(const Json& json) const;
};

struct Output {
  Evaluation& evaluation;
  Json Write() const;
  void Read(const Json& json) const;
};

// One of two words, kept as a bool.
struct Choice {
  bool& value;
  const char* if_true;
  const char* if_false;
  Json Write() const;
  void Read(const Json& json) const;
};

}  // namespace coppice::spec

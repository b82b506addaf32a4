#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "spec/findings.h"
#include "spec/models.h"

// The values of a models.yaml, one at a time; what is wrong with one goes to
// the findings and reads as if it were not there.

namespace coppice::spec {

// A value and where it stands.
struct Written {
  const Json& value;
  std::string pointer;
  const Source& source;
  Findings& findings;

  // "openai.codec is 3; it must be <what>".
  void Wrong(const std::string& must_be) const;
  Written At(const std::string& key) const;
  bool IsMap() const;  // or says so

  std::optional<std::string> Text() const;
  std::optional<std::string> OneOf(const std::vector<std::string>& words) const;
  std::optional<bool> Flag() const;
  std::optional<std::int64_t> Count() const;  // at least 1
  // USD per million tokens.
  std::optional<Picodollars> Cost() const;
  std::vector<std::string> Texts() const;
  std::optional<std::string> Date() const;  // 2026-11-01
};

// Sets the profile key of that name; false if there is none.
bool SetProfileKey(const std::string& name, const Written& written,
                   ModelProfile& profile);
std::optional<TokenPrice> ReadPrice(const Written& written);
void UnknownKey(const Written& map, const std::string& key,
                std::vector<std::string> known);
// The names that SetProfileKey takes.
std::vector<std::string> ProfileKeys();

}  // namespace coppice::spec

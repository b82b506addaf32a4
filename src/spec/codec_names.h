#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "spec/spec.h"

namespace coppice::spec {

// Names of enumerators, as the spec writes them.
template <class E>
struct Names;

template <>
struct Names<Direction> {
  static constexpr std::array<std::pair<std::string_view, Direction>, 2> kAll{
      {{"minimize", Direction::kMinimize}, {"maximize", Direction::kMaximize}}};
};

template <>
struct Names<Aggregation> {
  static constexpr std::array<std::pair<std::string_view, Aggregation>, 4> kAll{
      {{"median", Aggregation::kMedian},
       {"mean", Aggregation::kMean},
       {"min", Aggregation::kMin},
       {"max", Aggregation::kMax}}};
};

template <>
struct Names<OutputFormat> {
  static constexpr std::array<std::pair<std::string_view, OutputFormat>, 4>
      kAll{{{"auto", OutputFormat::kAuto},
            {"file", OutputFormat::kFile},
            {"json", OutputFormat::kJson},
            {"lines", OutputFormat::kLines}}};
};

template <>
struct Names<EditKind> {
  static constexpr std::array<std::pair<std::string_view, EditKind>, 5> kAll{
      {{"delete", EditKind::kDelete},
       {"copy", EditKind::kCopy},
       {"swap", EditKind::kSwap},
       {"replace", EditKind::kReplace},
       {"number", EditKind::kNumber}}};
};

template <>
struct Names<EditUnit> {
  static constexpr std::array<std::pair<std::string_view, EditUnit>, 2> kAll{
      {{"line", EditUnit::kLine}, {"statement", EditUnit::kStatement}}};
};

template <>
struct Names<ChainBudget> {
  static constexpr std::array<std::pair<std::string_view, ChainBudget>, 3> kAll{
      {{"even", ChainBudget::kEven},
       {"luby", ChainBudget::kLuby},
       {"halving", ChainBudget::kHalving}}};
};

template <class E>
std::string_view NameOf(E value) {
  for (const auto& [name, known] : Names<E>::kAll) {
    if (known == value) return name;
  }
  return {};
}

template <class E>
E ValueOf(std::string_view name) {
  for (const auto& [known, value] : Names<E>::kAll) {
    if (known == name) return value;
  }
  return E{};
}

}  // namespace coppice::spec

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "spec/spec.h"

// Moves of declared parameters. Where they stand in a file, spec/knobs.h
// knows.

namespace coppice::llm {

// Another value than `current`, each as likely; nothing if there is none.
std::optional<std::string> OtherValue(const spec::Knob& knob,
                                      std::string_view current, Rng& rng);
// One step up or down from `current`: the value before or behind it in the
// list, or a tenth of the range (whole numbers: or one).
std::optional<std::string> NeighbourValue(const spec::Knob& knob,
                                          std::string_view current, Rng& rng);

}  // namespace coppice::llm

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "spec/pattern.h"
#include "spec/spec.h"

namespace coppice::spec {

// Where the value of a knob stands in the text of its file. An error unless
// the pattern matches exactly once.
Result<Span> FindKnob(const Knob& knob, std::string_view text);

// Every knob of every arm, in the files of the base commit; nothing from
// `read` means that there is no such file.
using ReadText =
    std::function<std::optional<std::string>(const std::string& path)>;
Result<void> CheckKnobs(const Spec& spec, const ReadText& read);

}  // namespace coppice::spec

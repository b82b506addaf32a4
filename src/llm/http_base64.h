#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace coppice::llm {

// RFC 4648 with padding, without line breaks.
std::string EncodeBase64(std::string_view bytes);
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace coppice::llm

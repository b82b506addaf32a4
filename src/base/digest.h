#pragma once

#include <string>
#include <string_view>

namespace coppice {

// SHA-256 in lower-case hexadecimal.
std::string Sha256Hex(std::string_view data);

}  // namespace coppice

#include "base/digest.h"

// libmd's header needs the C integer types first.
#include <sha2.h>
#include <sys/types.h>

#include <array>

namespace coppice {

std::string Sha256Hex(std::string_view data) {
  std::array<char, SHA256_DIGEST_STRING_LENGTH> hex;
  SHA256Data(reinterpret_cast<const std::uint8_t*>(data.data()), data.size(),
             hex.data());
  return hex.data();
}

}  // namespace coppice

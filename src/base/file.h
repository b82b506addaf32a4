#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

// Reading of files. Blocking.

namespace coppice {

// kIo: "cannot WHAT (PATH): strerror(errno)".
Error DiskError(std::string_view what, const std::filesystem::path& path);

enum class Links { kFollow, kRefuse };

// The content of a file, read to its end: streams throw where /proc loses a
// process between open and read. kRefuse: a regular file, and no link at its
// name.
Result<std::string> ReadWhole(const std::filesystem::path& path,
                              Links links = Links::kFollow);

// The same, where a file that cannot be read is as good as an empty one.
std::string ReadWholeOrNothing(const std::filesystem::path& path);

}  // namespace coppice

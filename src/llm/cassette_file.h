#pragma once

#include <filesystem>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "llm/cassette_entry.h"

namespace coppice::llm {

// A cassette that is being recorded: one writer, lines appended whole and
// synced.
class CassetteWriter {
 public:
  struct Opened;
  // Makes the file if there is none; cuts off a last line that is not whole.
  static Result<Opened> Open(const std::filesystem::path& path);

  Result<void> Append(std::string_view line);

 private:
  CassetteWriter(std::filesystem::path path, UniqueFd fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}

  std::filesystem::path path_;
  UniqueFd fd_;  // locked
};

struct CassetteWriter::Opened {
  CassetteWriter writer;
  CassetteFile before;
};

Result<CassetteFile> ReadCassette(const std::filesystem::path& path);

}  // namespace coppice::llm

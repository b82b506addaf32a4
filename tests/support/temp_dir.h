#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace coppice::testing {

// A directory of its own for one test case, removed with everything below it
// when the case ends; kept when COPPICE_KEEP_TEMP is set, to be looked at.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

// Writes `text` to `path`, making the directories above it.
void WriteFile(const std::filesystem::path& path, std::string_view text);
std::string ReadFile(const std::filesystem::path& path);

}  // namespace coppice::testing

#pragma once

#include <filesystem>

#include "base/result.h"
#include "base/task.h"

namespace coppice::eval {

// A directory that only this process uses, removed with it; what a killed
// process left is removed by the next one.
class PrivateDirectory {
 public:
  // In `parent`; empty: in the system's temporary directory.
  static Result<PrivateDirectory> Make(std::filesystem::path parent);
  PrivateDirectory(PrivateDirectory&& other) noexcept;
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  ~PrivateDirectory();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit PrivateDirectory(std::filesystem::path path)
      : path_(std::move(path)) {}

  std::filesystem::path path_;
};

// HOME and TMPDIR of one command where there is no bwrap to make them.
class PrivateHomes {
 public:
  explicit PrivateHomes(const std::filesystem::path& root);

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path home() const { return root_ / "home"; }
  std::filesystem::path temp() const { return root_ / "tmp"; }

  // A command may leave much; then a program of its own removes it.
  Task<void> Remove();

 private:
  std::filesystem::path root_;
};

}  // namespace coppice::eval

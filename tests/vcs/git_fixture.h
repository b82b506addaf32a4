#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "support/temp_dir.h"

namespace coppice::testing {

// The value; an error fails the test and is shown.
template <class T>
T Must(Result<T> result) {
  REQUIRE_MESSAGE(result.has_value(), result.error().Text());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// A real repository of a user, made and looked at with the `git` program,
// without the configuration of whoever runs the tests.
class GitFixture {
 public:
  GitFixture();

  std::filesystem::path repo() const { return temp_ / "repo"; }
  std::filesystem::path store() const {
    return repo() / ".git/coppice/store.git";
  }
  std::filesystem::path scratch(std::string_view name) const {
    return temp_ / name;
  }

  // Standard output of `git ARGUMENTS` in the repository (or in `where`); a
  // failure fails the test.
  std::string Git(const std::string& arguments,
                  const std::filesystem::path& where = {}) const;
  // What git finds wrong with a repository; objects that no ref holds are not.
  std::string Fsck(const std::filesystem::path& where) const;
  // Adds and commits everything; returns the commit.
  std::string Commit(const std::string& message) const;
  void Write(const std::string& path, std::string_view text) const;
  std::string Read(const std::string& path) const;

  // Every byte that belongs to the user: the work tree, HEAD, index, refs
  // (but refs/coppice), configuration, hooks and logs.
  std::map<std::string, std::string> Fingerprint() const;

 private:
  TempDir temp_;
};

}  // namespace coppice::testing

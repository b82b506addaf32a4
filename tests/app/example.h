#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "support/cli.h"

namespace coppice {

// An example, copied into a fresh repository of its own.
class Example {
 public:
  explicit Example(const std::string& name)
      : dir_(repo_.path().parent_path() / name) {
    std::filesystem::copy(
        std::filesystem::path(COPPICE_SOURCE_DIR) / "examples" / name, dir_,
        std::filesystem::copy_options::recursive);
    In("git init -q && git add -A && git commit -qm example");
  }

  testing::Ran Coppice(const std::string& args) {
    return repo_.Coppice("--repo " + dir_.string() + " " + args);
  }
  // A shell command in it.
  testing::Ran In(const std::string& command) {
    return testing::Shell(command, dir_, repo_.env());
  }
  std::map<std::string, std::string>& env() { return repo_.env(); }

 private:
  testing::TinyRepo repo_;
  std::filesystem::path dir_;
};

}  // namespace coppice

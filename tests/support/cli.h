#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace coppice::testing {

struct Ran {
  int exit = -1;    // 128 + signal if one ended it
  std::string out;  // standard output
  std::string err;
};

// Runs a shell command in `dir` to its end, with `env` on top of this
// process's environment.
Ran Shell(const std::string& command, const std::filesystem::path& dir,
          const std::map<std::string, std::string>& env = {});

// A real repository with a small measurable program: `app.txt` holds a number
// ("cost 100"), `measure.sh` prints it as a metric, `check.sh` passes. Caches
// and the home directory are its own. The built coppice runs in it.
class TinyRepo {
 public:
  TinyRepo();

  // coppice ARGS in the repository.
  Ran Coppice(const std::string& args);
  Ran Git(const std::string& args);
  // Starts coppice ARGS in the background; its process id.
  pid_t Start(const std::string& args);
  // Waits for a process of Start: its exit code, or 128 + signal.
  static int Wait(pid_t pid);
  // What the last one has said so far, on both streams.
  std::string BackgroundOutput() const;

  void Write(const std::string& path, const std::string& text);
  std::string Read(const std::string& path) const;
  void Commit(const std::string& message);
  // Everything of the user's that coppice must not touch: files with content
  // and mode, index, HEAD, refs but refs/coppice, stashes, configuration,
  // hooks.
  std::string Fingerprint();

  // The latest run's directory.
  std::filesystem::path RunDir();
  std::string Sql(const std::string& query);  // on the latest journal
  // Processes that run below this repository's cache or refer to it.
  int Leftovers() const;

  std::filesystem::path path() const { return temp_ / "repo"; }
  std::filesystem::path cache() const { return temp_ / "cache"; }
  const std::map<std::string, std::string>& env() const { return env_; }
  std::map<std::string, std::string>& env() { return env_; }

 private:
  TempDir temp_;
  std::map<std::string, std::string> env_;
};

// A spec for TinyRepo with `extra` lines below; the proposer is a command that
// lowers the number by one each time unless `extra` brings another.
std::string TinySpec(
    const std::string& extra,
    const std::string& proposers = "proposers: [{command: sh propose.sh}]\n");

}  // namespace coppice::testing

#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "support/external_server.h"
#include "support/temp_dir.h"

namespace coppice::testing {

// `git http-backend` behind nginx: a bare repository that takes pushes over
// HTTP, and whose hook writes down what options came with them.
class GitServer {
 public:
  // Skips the test and is false where programs are missing.
  static bool Installed();
  GitServer();

  std::string url() const;
  std::filesystem::path repository() const { return temp_ / "owner/name.git"; }
  // A line an option, as the last push brought them.
  std::string Options() const;
  // From now on its hook turns every push down, saying this.
  void Refuse(const std::string& saying);
  void Config(const std::string& key, const std::string& value);
  std::string Git(const std::string& arguments) const;

 private:
  void WriteHook(const std::string& end);

  TempDir temp_;
  std::unique_ptr<ExternalServer> backend_, nginx_;
};

// What `gh` needs to see of a GitHub: the calls of `gh pr create`, over TLS by
// an authority of its own.
class GitHubServer {
 public:
  static bool Installed();
  // Pushes go to `git` all the same: its nginx knows both.
  explicit GitHubServer(const GitServer& git);

  // HOST:PORT
  std::string host() const;
  std::filesystem::path authority() const { return authority_.file(); }
  // Bodies of the requests so far, a line each.
  std::string Requests() const;
  // From now on it opens no pull request, saying this.
  void Refuse(const std::string& saying);
  void Allow();

 private:
  void WriteScript(const std::string& answer);

  TempDir temp_;
  Authority authority_;
  std::unique_ptr<ExternalServer> backend_, nginx_;
};

}  // namespace coppice::testing

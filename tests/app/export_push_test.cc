
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "export_world.h"
#include "git_server.h"

// EXP-05: what leaves this machine, and only when asked for.

namespace coppice {
namespace {

using testing::GitHubServer;
using testing::GitServer;
using testing::HunkRepo;
using testing::Ran;
using testing::Says;

// A finished run whose repository has been pushed to the server.
struct World {
  World() {
    repo.Finish();
    REQUIRE(repo.Git("remote add origin " + git.url()).exit == 0);
    REQUIRE(repo.Git("push -q origin main").exit == 0);
  }
  std::string Heads() const {
    return git.Git("for-each-ref --format='%(refname:short)' refs/heads");
  }
  std::string Branches() {
    return repo.Git("for-each-ref --format='%(refname:short)' refs/heads").out;
  }
  // git and gh of the user are to talk to the server of this test.
  void Know(const GitHubServer& github) {
    auto& env = repo.env();
    env["SSL_CERT_FILE"] = env["GIT_SSL_CAINFO"] = github.authority();
    env["GH_ENTERPRISE_TOKEN"] = "token-of-a-test";
    REQUIRE(repo.Git("remote set-url origin https://" + github.host() +
                     "/owner/name.git")
                .exit == 0);
  }

  GitServer git;
  HunkRepo repo;
};

}  // namespace

TEST_CASE("a push with --request gitlab opens a merge request by its options") {
  if (!GitServer::Installed()) return;
  World world;
  const Ran ran = world.repo.Coppice("export --push origin --request gitlab");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(world.Heads() == "main\noptimize/tiny\n");
  CHECK(world.git.Git("rev-parse optimize/tiny") ==
        world.repo.Git("rev-parse optimize/tiny").out);
  const std::string options = world.git.Options();
  CAPTURE(options);
  CHECK(
      options.starts_with("merge_request.create\n"
                          "merge_request.target=main\n"
                          "merge_request.title=lower the cost\n"
                          "merge_request.description=lower the cost\\n"));
  CHECK(options.find("| Before (") != std::string::npos);
  CHECK(options.find("\\n## How it was verified\\n") != std::string::npos);
  CHECK(std::ranges::count(options, '\n') == 4);
}

TEST_CASE("a push that nobody asked for does not happen") {
  if (!GitServer::Installed()) return;
  World world;
  REQUIRE(world.repo.Coppice("export").exit == 0);
  CHECK(world.Heads() == "main\n");
  const Ran ran = world.repo.Coppice("export --branch b --request gitlab");
  CHECK(ran.exit == 2);
  CHECK(Says(ran, "--push"));
  CHECK(world.Branches() == "main\noptimize/tiny\n");
}

TEST_CASE("a remote that refuses leaves no branch here or there") {
  if (!GitServer::Installed()) return;
  World world;
  world.git.Refuse("branches begin with feature");
  const Ran ran = world.repo.Coppice("export --push origin");
  CAPTURE(ran.err);
  CHECK(ran.exit == 1);
  CHECK(Says(ran, "branches begin with feature"));
  CHECK(Says(ran, "no branch was made, here or there"));
  CHECK(world.Heads() == "main\n");
  CHECK(world.Branches() == "main\n");
  CHECK(world.repo.Sql("select count(*) from events where kind='exported'") ==
        "0");
}

TEST_CASE("what a remote cannot do is found before anything is measured") {
  if (!GitServer::Installed()) return;
  World world;
  const std::string before = world.repo.Fingerprint();
  auto refused = [&](const std::string& args, const std::string& saying) {
    const Ran ran = world.repo.Coppice("export " + args);
    CAPTURE(args);
    CAPTURE(ran.err);
    CHECK(ran.exit != 0);
    CHECK(Says(ran, saying));
    CHECK_FALSE(Says(ran, "verifying"));
    CHECK(world.repo.Fingerprint() == before);
  };
  refused("--push nowhere", "git remote -v");
  refused("--push origin --request github --branch b", "gh");
  world.git.Git("branch optimize/tiny main");
  refused("--push origin", "has a branch optimize/tiny");
  world.git.Config("receive.advertisePushOptions", "false");
  refused("--push origin --request gitlab --branch b", "push options");
  world.git.Config("http.receivepack", "false");
  refused("--push origin --branch b", "nothing was made");
}

TEST_CASE("each branch of a split has a merge request of its own") {
  if (!GitServer::Installed()) return;
  const GitServer git;
  testing::FilesRepo repo;
  repo.Finish();
  REQUIRE(repo.Git("push -q " + git.url() + " main").exit == 0);
  const Ran ran = repo.Coppice("export --mode split --push " + git.url() +
                               " --request gitlab");
  CAPTURE(ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(git.Git("for-each-ref --format='%(refname:short)' refs/heads") ==
        "main\noptimize/tiny-1\noptimize/tiny-2\n");
  const std::string last = git.Options();
  CHECK(last.find("merge_request.title=lower the cost: b.txt and 1 more\n") !=
        std::string::npos);
  CHECK(last.find("- optimize/tiny-2 (this one)") != std::string::npos);
}

TEST_CASE("a push with --request github opens a pull request by gh") {
  if (!GitHubServer::Installed()) return;
  World world;
  const GitHubServer github(world.git);
  world.Know(github);
  // Signed out is found before anything is measured.
  world.repo.env().erase("GH_ENTERPRISE_TOKEN");
  const Ran out = world.repo.Coppice("export --push origin --request github");
  CHECK(out.exit == 2);
  CHECK(Says(out, "gh auth login"));
  CHECK_FALSE(Says(out, "verifying"));
  CHECK(world.Branches() == "main\n");
  world.Know(github);
  const Ran ran =
      world.repo.Coppice("--output json export --push origin --request github");
  CAPTURE(ran.out + ran.err);
  REQUIRE(ran.exit == 0);
  CHECK(world.Heads() == "main\noptimize/tiny\n");
  const auto said = nlohmann::json::parse(ran.out);
  CHECK(said["requests"][0] == "https://github.test/owner/name/pull/7");
  const std::string requests = github.Requests();
  const auto at = requests.rfind("{\"query\":\"\\n\\t\\tmutation");
  REQUIRE(at != std::string::npos);
  const auto input = nlohmann::json::parse(
      requests.substr(at, requests.find('\n', at) - at))["variables"]["input"];
  CHECK(input["title"] == "lower the cost");
  CHECK(input["headRefName"] == "optimize/tiny");
  CHECK(input["baseRefName"] == "main");
  const std::string body = input["body"];
  CHECK(body.find("\n## Measured\n") != std::string::npos);
}

TEST_CASE("a pull request that is refused leaves the branch and says the way") {
  if (!GitHubServer::Installed()) return;
  World world;
  GitHubServer github(world.git);
  world.Know(github);
  github.Refuse("no requests on Sundays");
  const Ran ran = world.repo.Coppice("export --push origin --request github");
  CAPTURE(ran.err);
  CHECK(ran.exit == 1);
  CHECK(Says(ran, "no requests on Sundays"));
  CHECK(Says(ran, "is pushed, but"));
  CHECK(Says(ran, "gh pr create --repo"));
  CHECK(world.repo.Sql("select count(*) from events where kind='exported'") ==
        "1");
  // The command that is named opens it, once it may be opened.
  const std::string next = ran.err.substr(ran.err.find("gh pr create"));
  github.Allow();
  const Ran by_hand = testing::Shell(
      "GH_HOST=" + github.host() + " " + next.substr(0, next.find('\n')),
      world.repo.path(), world.repo.env());
  CAPTURE(by_hand.err);
  CHECK(by_hand.exit == 0);
  CHECK(github.Requests().rfind("## Measured") != std::string::npos);
  CHECK(world.Heads() == "main\noptimize/tiny\n");
  CHECK(world.Branches() == "main\noptimize/tiny\n");
}

TEST_CASE("without gh the way to install it and to do without is named") {
  if (!GitServer::Installed()) return;
  World world;
  // A place with git and nothing else.
  const auto bin = world.repo.cache() / "bin";
  std::filesystem::create_directories(bin);
  for (const char* program : {"git", "sh", "sed", "grep", "env"}) {
    const Ran found = testing::Shell(std::string("command -v ") + program, bin);
    std::filesystem::create_symlink(found.out.substr(0, found.out.size() - 1),
                                    bin / program);
  }
  world.repo.env()["PATH"] = bin;
  const Ran ran = world.repo.Coppice("export --push origin --request github");
  CAPTURE(ran.err);
  CHECK(ran.exit == 2);
  CHECK(Says(ran, "apt-get install gh"));
  CHECK(Says(ran, "--request none"));
}

}  // namespace coppice

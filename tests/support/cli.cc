#include "support/cli.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "base/file.h"

extern char** environ;

namespace coppice::testing {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> Environment(
    const std::map<std::string, std::string>& env) {
  std::vector<std::string> all;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string entry = *e;
    if (!env.contains(entry.substr(0, entry.find('=')))) all.push_back(entry);
  }
  for (const auto& [name, value] : env) all.push_back(name + "=" + value);
  return all;
}

pid_t Spawn(const std::string& command, const fs::path& dir,
            const std::map<std::string, std::string>& env, const fs::path& out,
            const fs::path& err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, dir.c_str());
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0644);
  std::vector<std::string> words = Environment(env);
  std::vector<char*> envp;
  for (std::string& word : words) envp.push_back(word.data());
  envp.push_back(nullptr);
  std::string sh = "/bin/sh", c = "-c", text = command;
  char* argv[] = {sh.data(), c.data(), text.data(), nullptr};
  pid_t pid = -1;
  const int failed =
      posix_spawn(&pid, "/bin/sh", &actions, nullptr, argv, envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + command);
  return pid;
}

std::string Binary() {
  return std::string(COPPICE_BINARY_DIR) + "/bin/coppice";
}

}  // namespace

Ran Shell(const std::string& command, const fs::path& dir,
          const std::map<std::string, std::string>& env) {
  TempDir temp;
  Ran ran;
  ran.exit =
      TinyRepo::Wait(Spawn(command, dir, env, temp / "out", temp / "err"));
  ran.out = ReadFile(temp / "out");
  ran.err = ReadFile(temp / "err");
  return ran;
}

TinyRepo::TinyRepo() {
  fs::create_directories(path());
  fs::create_directories(temp_ / "home");
  env_ = {{"HOME", temp_ / "home"},
          {"XDG_CACHE_HOME", cache()},
          {"GIT_CONFIG_NOSYSTEM", "1"},
          {"GIT_AUTHOR_NAME", "A User"},
          {"GIT_AUTHOR_EMAIL", "user@example.org"},
          {"GIT_COMMITTER_NAME", "A User"},
          {"GIT_COMMITTER_EMAIL", "user@example.org"}};
  Git("init -q -b main");
  Git("config user.name 'A User'");
  Git("config user.email user@example.org");
  Write("app.txt", "cost 100\n");
  Write("measure.sh", "sed -n 's/^cost /cost: /p' app.txt\n");
  Write("check.sh", "grep -q '^cost ' app.txt\n");
  Write("propose.sh",
        "n=$(sed -n 's/^cost //p' app.txt)\n"
        "echo \"cost $((n - 1))\" >app.txt\n"
        "echo \"IDEA: cost $((n - 1))\"\n");
  Commit("start");
}

Ran TinyRepo::Coppice(const std::string& args) {
  return Shell(Binary() + " " + args, path(), env_);
}

Ran TinyRepo::Git(const std::string& args) {
  return Shell("git " + args, path(), env_);
}

pid_t TinyRepo::Start(const std::string& args) {
  return Spawn("exec " + Binary() + " " + args, path(), env_, temp_ / "bg.out",
               temp_ / "bg.err");
}

int TinyRepo::Wait(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) throw std::runtime_error("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string TinyRepo::BackgroundOutput() const {
  return ReadFile(temp_ / "bg.out") + ReadFile(temp_ / "bg.err");
}

void TinyRepo::Write(const std::string& name, const std::string& text) {
  WriteFile(path() / name, text);
}

std::string TinyRepo::Read(const std::string& name) const {
  return ReadFile(path() / name);
}

void TinyRepo::Commit(const std::string& message) {
  Git("add -A");
  Ran ran = Git("commit -qm '" + message + "'");
  if (ran.exit != 0) throw std::runtime_error("commit failed: " + ran.err);
}

std::string TinyRepo::Fingerprint() {
  // No git command that may write the index; content and modes by hand.
  return Shell(
             "find . -path ./.git/coppice -prune -o -path ./.git/objects "
             "-prune -o -path ./.git/refs/coppice -prune -o \\( -type f -o "
             "-type l \\) -print | LC_ALL=C sort | while read -r f; do "
             "stat -c '%n %a %s' \"$f\"; sha256sum <\"$f\"; done",
             path(), env_)
      .out;
}

fs::path TinyRepo::RunDir() {
  fs::path latest;
  if (!fs::exists(path() / ".git" / "coppice")) return latest;
  for (const auto& spec : fs::directory_iterator(path() / ".git" / "coppice")) {
    if (!spec.is_directory() || spec.path().filename() == "store.git") {
      continue;
    }
    for (const auto& run : fs::directory_iterator(spec.path())) {
      if (!fs::exists(run.path() / "journal.db")) continue;
      if (latest.empty() || run.path().filename() > latest.filename()) {
        latest = run.path();
      }
    }
  }
  return latest;
}

std::string TinyRepo::Sql(const std::string& query) {
  std::string text =
      Shell("sqlite3 -readonly " + (RunDir() / "journal.db").string() + " \"" +
                query + "\"",
            path(), env_)
          .out;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

int TinyRepo::Leftovers() const {
  int count = 0;
  for (const auto& process : fs::directory_iterator("/proc")) {
    const std::string pid = process.path().filename();
    if (!std::ranges::all_of(pid, [](char c) { return c >= '0' && c <= '9'; }))
      continue;
    if (pid == std::to_string(getpid())) continue;
    for (const char* file : {"cmdline", "mountinfo", "environ"}) {
      const std::string text = ReadWholeOrNothing(process.path() / file);
      if (text.find(temp_.path().string()) != std::string::npos) {
        ++count;
        break;
      }
    }
  }
  return count;
}

std::string TinySpec(const std::string& extra, const std::string& proposers) {
  return "name: tiny\n"
         "goal: lower the cost\n"
         "scope: {mutable: [app.txt]}\n"
         "metric: {name: cost, direction: minimize}\n" +
         proposers + extra;
}

}  // namespace coppice::testing

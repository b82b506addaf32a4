#include "vcs/git_fixture.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <git2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/text.h"

namespace coppice::testing {
namespace fs = std::filesystem;

namespace {

// libgit2 in this process reads no configuration but the repository's either.
void IgnoreCallersConfiguration() {
  git_libgit2_init();
  for (const int level :
       {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL,
        GIT_CONFIG_LEVEL_PROGRAMDATA}) {
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "/nonexistent");
  }
}

}  // namespace

GitFixture::GitFixture() {
  [[maybe_unused]] static const bool once =
      (IgnoreCallersConfiguration(), true);
  fs::create_directories(repo());
  Git("init -q -b main");
  Git("config user.name 'A User'");
  Git("config user.email user@example.com");
}

std::string GitFixture::Git(const std::string& arguments,
                            const fs::path& where) const {
  const fs::path at = where.empty() ? repo() : where;
  const std::string command = fmt::format(
      "env HOME={} GIT_CONFIG_NOSYSTEM=1 git -c core.fsync=none -C {} {} 2>&1",
      ShellQuote(temp_.path().string()), ShellQuote(at.string()), arguments);
  FILE* pipe = popen(command.c_str(), "re");
  REQUIRE(pipe != nullptr);
  std::string out;
  char buffer[4096];
  while (const std::size_t count = fread(buffer, 1, sizeof(buffer), pipe)) {
    out.append(buffer, count);
  }
  const int status = pclose(pipe);
  INFO("git ", arguments, "\n", out);
  REQUIRE(status == 0);
  return out;
}

std::string GitFixture::Fsck(const fs::path& where) const {
  const std::string found = Git("fsck --full --strict --no-dangling", where);
  std::string wrong;
  for (std::string_view line : SplitLines(found)) {
    if (!line.starts_with("notice:")) wrong += fmt::format("{}\n", line);
  }
  return wrong;
}

std::string GitFixture::Commit(const std::string& message) const {
  Git("add -A");
  Git("commit -q --allow-empty -m " + ShellQuote(message));
  return std::string(Trim(Git("rev-parse HEAD")));
}

void GitFixture::Write(const std::string& path, std::string_view text) const {
  WriteFile(repo() / path, text);
}

std::string GitFixture::Read(const std::string& path) const {
  return ReadFile(repo() / path);
}

std::map<std::string, std::string> GitFixture::Fingerprint() const {
  std::map<std::string, std::string> prints;
  for (fs::recursive_directory_iterator it(repo()), end; it != end; ++it) {
    const std::string path =
        it->path().lexically_relative(repo()).generic_string();
    if (path == ".git/coppice" || path == ".git/refs/coppice" ||
        path == ".git/objects") {
      it.disable_recursion_pending();
      continue;
    }
    struct stat status{};
    REQUIRE(lstat(it->path().c_str(), &status) == 0);
    std::string print = fmt::format("{:o}", status.st_mode);
    if (it->is_symlink()) {
      print += " -> " + fs::read_symlink(it->path()).string();
    } else if (it->is_regular_file()) {
      print += fmt::format(" {}.{} {}", status.st_mtim.tv_sec,
                           status.st_mtim.tv_nsec, ReadFile(it->path()));
    }
    prints[path] = std::move(print);
  }
  return prints;
}

}  // namespace coppice::testing

#include "base/file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "support/temp_dir.h"

namespace coppice {

TEST_CASE("a file is read to its end whatever size it shows") {
  testing::TempDir directory;
  const std::string content(200'000, 'x');
  testing::WriteFile(directory / "big", content);
  CHECK(ReadWhole(directory / "big").value() == content);
  testing::WriteFile(directory / "empty", "");
  CHECK(ReadWhole(directory / "empty").value().empty());
  CHECK(ReadWhole("/proc/self/stat").value().ends_with('\n'));
}

TEST_CASE("what cannot be read is an error and never an exception") {
  testing::TempDir directory;
  CHECK(ReadWhole(directory / "absent").error().cause ==
        "No such file or directory");
  CHECK(ReadWhole(directory.path()).error().cause == "Is a directory");
  CHECK(ReadWholeOrNothing(directory.path()).empty());
}

TEST_CASE("a process that has ended between two looks is nothing") {
  for (int round = 0; round < 200; ++round) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) _exit(0);
    const std::string directory = "/proc/" + std::to_string(child);
    while (waitpid(child, nullptr, WNOHANG) == 0) {
      ReadWholeOrNothing(directory + "/cmdline");
    }
    CHECK(ReadWholeOrNothing(directory + "/cmdline").empty());
  }
}

TEST_CASE("links and queues are refused where a file is asked for") {
  testing::TempDir directory;
  testing::WriteFile(directory / "file", "text");
  std::filesystem::create_symlink("file", directory / "link");
  REQUIRE(mkfifo((directory / "queue").c_str(), 0600) == 0);
  CHECK(ReadWhole(directory / "link").value() == "text");
  CHECK_FALSE(ReadWhole(directory / "link", Links::kRefuse).has_value());
  CHECK(ReadWhole(directory / "queue", Links::kRefuse).error().what ==
        "not a regular file");
}

}  // namespace coppice

#include "base/process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <optional>

#include "support/temp_dir.h"

namespace coppice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Runs a coroutine to its end on a conductor of its own.
template <class T>
T Await(asio::io_context& io, Task<T> task) {
  std::optional<T> value;
  std::exception_ptr failure;
  auto ended = [&](const std::exception_ptr& error, T result) {
    failure = error;
    value.emplace(std::move(result));
  };
  asio::co_spawn(io, std::move(task), std::move(ended));
  io.restart();
  while (!failure && !value && io.run_one() > 0) {
  }
  if (failure) std::rethrow_exception(failure);
  return std::move(*value);
}

Task<ProcessOutput> Checked(std::vector<std::string> argv,
                            ToolOptions options) {
  Result<ProcessOutput> output =
      co_await RunTool(std::move(argv), std::move(options));
  REQUIRE_MESSAGE(output.has_value(), output.error().Text());
  co_return std::move(*output);
}

ProcessOutput Tool(std::vector<std::string> argv, ToolOptions options = {}) {
  asio::io_context io;
  return Await(io, Checked(std::move(argv), std::move(options)));
}

ProcessOutput Shell(std::string command, ToolOptions options = {}) {
  return Tool({"sh", "-c", std::move(command)}, std::move(options));
}

int OpenDescriptors() {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    count += entry.path().empty() ? 0 : 1;
  }
  return count;
}

}  // namespace

TEST_CASE("a tool's output, errors and exit code come back") {
  const ProcessOutput done = Shell("echo out; echo err >&2; exit 3");
  CHECK(done.out == "out\n");
  CHECK(done.err == "err\n");
  CHECK(done.exit_code == 3);
  CHECK(done.signal == 0);
  CHECK_FALSE(done.ok());
}

TEST_CASE("exit 139 and a segmentation fault are different ends") {
  CHECK(Shell("exit 139").exit_code == 139);
  const ProcessOutput killed = Shell("kill -SEGV $$");
  CHECK(killed.exit_code == -1);
  CHECK(killed.signal == SIGSEGV);
}

TEST_CASE("a program that does not exist is an error that names it") {
  asio::io_context io;
  std::vector<std::string> argv{"/no/such/program"};
  const Result<ProcessOutput> result = Await(io, RunTool(std::move(argv)));
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().what == "cannot start /no/such/program");
  CHECK(result.error().cause == "No such file or directory");
}

TEST_CASE("standard input is the text, or empty") {
  CHECK(Tool({"cat"}).out.empty());
  const std::string text(300'000, 'x');
  CHECK(Tool({"cat"}, {.stdin_text = text}).out == text);
  // A reader that goes away does not hurt us.
  CHECK(Shell("head -c 1", {.stdin_text = text}).out == "x");
}

TEST_CASE("cwd and the environment are the child's own") {
  testing::TempDir dir;
  const ProcessOutput pwd = Shell("pwd -P", {.cwd = dir.path()});
  CHECK(pwd.out == std::filesystem::canonical(dir.path()).string() + "\n");

  setenv("COPPICE_TEST_CANARY", "caller", 1);
  CHECK(Shell("echo $COPPICE_TEST_CANARY").out == "caller\n");
  CHECK(Shell("echo $COPPICE_TEST_CANARY",
              {.env = {{"COPPICE_TEST_CANARY", "replaced"}}})
            .out == "replaced\n");
  const ProcessOutput empty = Tool(
      {"/usr/bin/env"}, {.base_env = BaseEnv::kEmpty, .env = {{"A", "b"}}});
  CHECK(empty.out == "A=b\n");
  unsetenv("COPPICE_TEST_CANARY");
}

TEST_CASE("output beyond the limit is dropped and said so") {
  const ProcessOutput done =
      Shell("yes | head -c 5000000", {.max_output = 1000});
  CHECK(done.out.size() == 1000);
  CHECK(done.truncated);
  CHECK(done.exit_code == 0);
}

TEST_CASE("a tool past its timeout is killed with its group") {
  const ProcessOutput done =
      Shell("trap '' TERM; echo begun; sleep 1000 & wait; sleep 1000",
            {.timeout = milliseconds(300)});
  CHECK(done.timed_out);
  CHECK(done.signal == SIGKILL);
  CHECK(done.out == "begun\n");
  CHECK_FALSE(done.ok());
}

TEST_CASE("a daemon that holds the pipe does not hold the tool") {
  const ProcessOutput done = Shell("setsid sleep 3 & echo done");
  CHECK(done.ok());
  CHECK(done.out == "done\n");
}

TEST_CASE("only the descriptors that are named get through") {
  // Somebody opened these without O_CLOEXEC, below and above the named one.
  UniqueFd low(open("/dev/null", O_RDONLY));
  UniqueFd high(dup2(low.get(), 250));
  Result<UniqueFd> text = MakeTextFile("passed on");
  REQUIRE(text.has_value());

  asio::io_context io;
  std::string out;
  ProcessOptions options{.argv = {"sh", "-c", "cat <&7; ls /proc/self/fd"}};
  options.fds = {InheritedFd{.ours = text->get(), .childs = 7}};
  options.on_stdout = [&out](std::string_view bytes) { out += bytes; };
  Result<std::unique_ptr<Process>> process =
      Process::Start(io.get_executor(), std::move(options));
  REQUIRE(process.has_value());
  io.run();
  CHECK((*process)->exit().exit_code() == 0);
  // ls has 3 open on the directory it lists.
  CHECK(out == "passed on0\n1\n2\n3\n7\n");
}

TEST_CASE("a process can be waited for in steps and signalled") {
  asio::io_context io;
  ProcessOptions options{.argv = {"sleep", "1000"}};
  Result<std::unique_ptr<Process>> started =
      Process::Start(io.get_executor(), std::move(options));
  REQUIRE(started.has_value());
  Process& process = **started;

  CHECK_FALSE(Await(io, process.WaitExit(milliseconds(20))));
  process.Wake();
  CHECK_FALSE(Await(io, process.WaitExit(seconds(1000))));
  process.Signal(SIGINT);
  CHECK(Await(io, process.WaitExit(seconds(1000))));
  CHECK(process.exit().signal() == SIGINT);
  process.Signal(SIGINT);  // too late, and harmless
}

TEST_CASE("a process that is dropped is killed and reaped") {
  asio::io_context io;
  ProcessOptions options{.argv = {"sleep", "1000"}};
  Result<std::unique_ptr<Process>> started =
      Process::Start(io.get_executor(), std::move(options));
  REQUIRE(started.has_value());
  const pid_t pid = (*started)->pid();
  started->reset();
  io.run();
  CHECK(kill(pid, 0) == -1);
  CHECK(errno == ESRCH);
}

TEST_CASE("a hundred tools leave no child and no descriptor") {
  Shell("true");
  const int before = OpenDescriptors();
  for (int n = 0; n < 100; ++n) CHECK(Shell("true").ok());
  CHECK(OpenDescriptors() == before);
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

}  // namespace coppice

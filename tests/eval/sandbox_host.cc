#include <stdio.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstring>

#include "eval/containment.h"

// sandbox_host none|bwrap TREE SCRATCH COMMAND: runs a command in the sandbox
// and shows its output, to be killed in the midst of it.
int main(int argc, char** argv) {
  using namespace coppice;
  if (argc != 5) return 2;
  eval::SandboxOptions options{.scratch = argv[3]};
  if (std::strcmp(argv[1], "none") == 0) {
    options.mode = eval::SandboxMode::kNone;
  }
  auto sandbox = eval::MakeSandbox(std::move(options));
  if (!sandbox) {
    fputs(sandbox.error().Text().c_str(), stderr);
    return 1;
  }
  CommandRequest request;
  request.command = argv[4];
  request.tree.root = argv[2];
  request.on_output = [](OutputStream, std::string_view bytes) {
    fwrite(bytes.data(), 1, bytes.size(), stdout);
    fflush(stdout);
    return false;
  };
  asio::io_context io(1);
  asio::co_spawn(io, (*sandbox)->Run(request), asio::detached);
  io.run();
  return 0;
}

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "support/cli.h"

// The manual page and the completions, by the tools that read them.

namespace coppice {
namespace {

using testing::Ran;
using testing::Shell;
using testing::TinyRepo;

const std::string kProgram = COPPICE_BINARY_DIR "/bin/coppice";

// What bash would offer behind these words, the last of them begun.
std::string Offered(const TinyRepo& repo, const std::string& words, int at) {
  return Shell(fmt::format("bash -c 'source <({} completion bash); "
                           "COMP_WORDS=({}); COMP_CWORD={}; _coppice; "
                           "echo ${{COMPREPLY[@]}}'",
                           kProgram, words, at),
               repo.path())
      .out;
}

}  // namespace

TEST_CASE("bash completes commands, their flags, and files") {
  TinyRepo repo;
  CHECK(Offered(repo, "coppice rep", 1) == "report replay\n");
  CHECK(Offered(repo, "coppice run --max-n", 2) == "--max-nodes\n");
  CHECK(Offered(repo, "coppice --output json stop --n", 4) == "--now\n");
  CHECK(Offered(repo, "coppice check app", 2) == "app.txt\n");
  CHECK(repo.Coppice("completion tcsh").exit == 2);
  CHECK(repo.Coppice("completion zsh").out.starts_with("#compdef coppice\n"));
  CHECK(repo.Coppice("completion fish").out.find("-l max-nodes") !=
        std::string::npos);
}

TEST_CASE("the manual names what the program takes") {
  TinyRepo repo;
  const Ran page = repo.Coppice("man");
  CHECK(page.exit == 0);
  for (const char* word : {".TH COPPICE 1", "coppice run", "coppice export",
                           "\\-\\-max\\-nodes", "EXIT STATUS"}) {
    CAPTURE(word);
    CHECK(page.out.find(word) != std::string::npos);
  }
  const Ran set = Shell("command -v groff >/dev/null || exit 77; " + kProgram +
                            " man | groff -man -Tutf8 -ww >/dev/null",
                        repo.path());
  if (set.exit == 77) return;
  CHECK(set.exit == 0);
  CHECK(set.err == "");
}

}  // namespace coppice

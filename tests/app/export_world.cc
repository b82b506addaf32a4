#include "export_world.h"

#include <doctest/doctest.h>

namespace coppice::testing {

HunkRepo::HunkRepo(const std::string& extra) {
  std::string text;
  for (int line = 1; line <= 100; ++line) {
    text += line == 50 ? "cost 100\n" : "line " + std::to_string(line) + "\n";
  }
  Write("app.txt", text);
  Write("propose.sh",
        "n=$(sed -n 's/^cost //p' app.txt)\n"
        "sed -i \"s/^cost .*/cost $((n - 10))/; s/^line 5$/noise 5/; "
        "s/^line 25$/noise 25/; s/^line 75$/noise 75/; "
        "s/^line 95$/noise 95/\" app.txt\n"
        "echo \"IDEA: cost $((n - 10))\"\n");
  Write("coppice.yaml",
        TinySpec("evaluation: sh measure.sh\nchecks: [sh check.sh]\n"
                 "search: {policy: linear}\n"
                 "budget: {max_nodes: 2, plateau_nodes: null}\n" +
                 extra));
  Commit("spec");
}

void HunkRepo::Finish() { REQUIRE(Coppice("run").exit == 0); }

int HunkRepo::HunksOf(const std::string& range) {
  const std::string diff = Diff(range);
  int count = 0;
  for (std::size_t at = 0; (at = diff.find("\n@@ ", at)) != std::string::npos;
       ++at) {
    ++count;
  }
  return count;
}

FilesRepo::FilesRepo() {
  Write("a.txt", "50\n");
  Write("b.txt", "50\n");
  Write("c.txt", "50\n");
  Write("measure.sh", "echo \"cost: $(($(cat a.txt) + $(cat b.txt)))\"\n");
  Write("check.sh", "cmp b.txt c.txt\n");
  Write("propose.sh",
        "a=$(($(cat a.txt) - 1)) b=$(($(cat b.txt) - 2))\n"
        "echo $a >a.txt; echo $b >b.txt; echo $b >c.txt\n"
        "echo \"IDEA: $a and $b\"\n");
  std::string spec = TinySpec(
      "evaluation: sh measure.sh\nchecks: [sh check.sh]\n"
      "search: {policy: linear}\n"
      "budget: {max_nodes: 2, plateau_nodes: null}\n");
  const std::string scope = "[app.txt]";
  spec.replace(spec.find(scope), scope.size(), "[a.txt, b.txt, c.txt]");
  Write("coppice.yaml", spec);
  Commit("files");
}

void FilesRepo::Finish() { REQUIRE(Coppice("run").exit == 0); }

bool Says(const Ran& ran, const std::string& text) {
  return ran.err.find(text) != std::string::npos ||
         ran.out.find(text) != std::string::npos;
}

}  // namespace coppice::testing

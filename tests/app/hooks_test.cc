#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/file.h"
#include "support/cli.h"
#include "support/fault_server.h"

// Hooks of a real run (RUN-17): what they are told, and that whatever they do
// is their own affair.

namespace coppice {
namespace {

using nlohmann::json;
using testing::Ran;
using testing::TinyRepo;
using testing::TinySpec;

constexpr const char* kShort =
    "evaluation: sh measure.sh\n"
    "budget: {max_nodes: 3, plateau_nodes: null}\n"
    "search: {policy: linear, merge: 0}\n";

bool Says(const Ran& ran, const std::string& text) {
  return (ran.out + ran.err).find(text) != std::string::npos;
}

Ran RunWith(TinyRepo& repo, const std::string& hooks) {
  repo.Write("coppice.yaml", TinySpec(std::string(kShort) + hooks));
  repo.Commit("spec");
  return repo.Coppice("--output plain run");
}

std::vector<json> LinesOf(const std::string& text) {
  std::vector<json> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(json::parse(text.substr(at, end - at)));
    at = end + 1;
  }
  return lines;
}

std::string Log(TinyRepo& repo) {
  return ReadWholeOrNothing(repo.RunDir() / "coppice.log");
}

}  // namespace

TEST_CASE("hooks are told of nodes, new bests and the end, a JSON line each") {
  TinyRepo repo;
  const std::string said = repo.cache() / "said";
  repo.env()["ANTHROPIC_API_KEY"] = "sk-ant-secret";
  repo.env()["SOME_TOKEN"] = "also-secret";
  const Ran run = RunWith(
      repo, fmt::format("hooks: {{on_node: 'cat >>{0}; env >>{0}.env', "
                        "on_new_best: 'cat >>{0}', on_finish: 'cat >>{0}'}}\n",
                        said));
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  const std::vector<json> lines = LinesOf(ReadWholeOrNothing(said));
  std::map<std::string, int> hooks;
  for (const json& line : lines) {
    ++hooks[line["hook"]];
    CHECK(line["run"] == repo.RunDir().filename().string());
    CHECK(line["name"] == "tiny");
  }
  CHECK(hooks == std::map<std::string, int>{
                     {"on_node", 3}, {"on_new_best", 3}, {"on_finish", 1}});
  CHECK(lines[0]["record"]["node"] == 1);
  CHECK(lines[0]["record"]["outcome"] == "improved");
  const std::string env = ReadWholeOrNothing(said + ".env");
  CHECK(env.find("COPPICE_RUN=") != std::string::npos);
  CHECK(env.find("secret") == std::string::npos);
}

TEST_CASE("hooks that fail, flood or die change nothing but the log") {
  TinyRepo repo;
  const Ran run =
      RunWith(repo,
              "hooks: {on_node: 'echo seen; exit 3', "
              "on_new_best: 'head -c 3000000 /dev/zero | tr \"\\0\" x', "
              "on_finish: 'kill -SEGV $$'}\n");
  CHECK(run.exit == 0);
  CHECK_FALSE(Says(run, "hook"));
  const std::string log = Log(repo);
  CHECK(log.find("hook on_node: seen") != std::string::npos);
  CHECK(log.find("hook on_node: exit 3") != std::string::npos);
  CHECK(log.find("hook on_finish: ended by signal 11") != std::string::npos);
  CHECK(log.size() < 100'000);
}

TEST_CASE("a hook that hangs delays neither the search nor its end by force") {
  TinyRepo repo;
  repo.Write("measure.sh", "sleep 0.1\nsed -n 's/^cost /cost: /p' app.txt\n");
  repo.Write("coppice.yaml",
             TinySpec("evaluation: sh measure.sh\n"
                      "budget: {max_nodes: 500, plateau_nodes: null}\n"
                      "hooks: {on_node: 'sleep 1000 & sleep 1000'}\n"));
  repo.Commit("spec");
  const pid_t pid = repo.Start("--output plain run");
  auto finished = [&] {
    return !repo.RunDir().empty() &&
           repo.Sql("select count(*)>5 from events where kind='evaluated'") ==
               "1";
  };
  for (int i = 0; i < 400 && !finished(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(finished());
  CHECK(repo.Coppice("stop --now").exit == 0);
  CHECK(TinyRepo::Wait(pid) == 143);
  CHECK(Log(repo).find("left untold") != std::string::npos);
  CHECK(repo.Leftovers() == 0);
}

TEST_CASE("a pause tells its hook, with the way out") {
  TinyRepo repo;
  const std::string said = repo.cache() / "said";
  repo.Write("propose.sh", "echo 'cost x' >app.txt; date +%N >>app.txt\n");
  repo.Write("measure.sh",
             "grep -q 'cost 100' app.txt || exit 7; echo cost: 100\n");
  repo.Write("coppice.yaml",
             TinySpec(fmt::format("evaluation: sh measure.sh\n"
                                  "budget: {{max_nodes: 60, plateau_nodes: "
                                  "null}}\nhooks: {{on_pause: 'cat >{}'}}\n",
                                  said)));
  repo.Commit("spec");
  CHECK(repo.Coppice("run").exit == 5);
  const std::vector<json> lines = LinesOf(ReadWholeOrNothing(said));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["hook"] == "on_pause");
  CHECK(lines[0]["cause"] == "signature");
}

TEST_CASE("a web hook gets the same lines, and is asked again when it fails") {
  TinyRepo repo;
  testing::FaultServer server(testing::Answering(
      {testing::Response(500, "{}"), testing::Response(200, "{}")}));
  const Ran run =
      RunWith(repo, fmt::format("hooks: {{webhook: '{}'}}\n",
                                server.Url("/services/T0/secret-path")));
  CAPTURE(run.err);
  CHECK(run.exit == 0);
  // 3 nodes, 3 bests, the end; the first was repeated.
  REQUIRE(server.WaitForRequests(8));
  const std::vector<testing::SeenRequest> requests = server.requests();
  REQUIRE(requests.size() == 8);
  CHECK(requests[0].method == "POST");
  CHECK(requests[0].target == "/services/T0/secret-path");
  CHECK(requests[0].body == requests[1].body);
  std::map<std::string, int> hooks;
  for (const testing::SeenRequest& request : requests) {
    ++hooks[json::parse(request.body)["hook"]];
    CHECK(request.Header("content-type") == "application/json");
  }
  CHECK(hooks["on_finish"] >= 1);
  CHECK(Log(repo).find("status 500") != std::string::npos);
  CHECK(Log(repo).find("secret-path") == std::string::npos);
}

TEST_CASE("a web hook that is refused or not there is given up, and logged") {
  TinyRepo repo;
  SUBCASE("refused") {
    testing::FaultServer server(
        testing::Answering({testing::Response(403, "{}")}));
    CHECK(RunWith(repo, fmt::format("hooks: {{webhook: '{}'}}\n", server.Url()))
              .exit == 0);
    CHECK(server.requests().size() == 7);
    CHECK(Log(repo).find("status 403") != std::string::npos);
  }
  SUBCASE("in the clear, to elsewhere") {
    for (const char* url : {"http://example.org/x", "ftp://a.b/c", "x",
                            "http://127.0.0.1.example.org/x"}) {
      CAPTURE(url);
      const Ran run =
          RunWith(repo, fmt::format("hooks: {{webhook: '{}'}}\n", url));
      CHECK(run.exit == 2);
      CHECK(Says(run, "hooks.webhook"));
    }
  }
}

}  // namespace coppice

#include "app/static_scan.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

namespace coppice::app {
namespace {

struct Scanned {
  spec::Spec spec;
  std::map<std::string, std::string> tracked;
  std::set<std::string> untracked;
  bool own_ports = false;

  ScanInput Input() const {
    return {.spec = spec,
            .own_ports = own_ports,
            .tracked =
                [this](const std::string& path) -> std::optional<std::string> {
              const auto found = tracked.find(path);
              if (found == tracked.end()) return std::nullopt;
              return found->second;
            },
            .untracked =
                [this](const std::string& path) {
                  return untracked.contains(path);
                }};
  }
  std::vector<std::string> Run() const { return ScanForCollisions(Input()); }
  // The only finding, or all of them.
  std::string Only() const {
    std::string all;
    for (const std::string& line : Run())
      all += (all.empty() ? "" : "\n") + line;
    return all;
  }
};

Scanned Command(const std::string& command) {
  Scanned scanned;
  scanned.spec.evaluation.command = command;
  return scanned;
}

Scanned File(const std::string& text) {
  Scanned scanned = Command("sh bench/run.sh");
  scanned.tracked["bench/run.sh"] = text;
  return scanned;
}

}  // namespace

TEST_CASE(
    "fixed ports are named with their line, unless slots have their own") {
  for (const char* line :
       {"curl http://localhost:8080/", "serve --port 8080", "serve --port=8080",
        "PORT=8080 ./serve", "port: 8080", "s.bind(('127.0.0.1', 8080))",
        "app.listen(8080)", "server = 0.0.0.0:8080"}) {
    CAPTURE(line);
    Scanned scanned = File(std::string("#!/bin/sh\n") + line + "\n");
    CHECK(scanned.Only().starts_with(
        "bench/run.sh:2 uses the fixed port 8080, which all slots share"));
    CHECK(scanned.Only().find("{port}") != std::string::npos);
    scanned.own_ports = true;
    CHECK(scanned.Run().empty());
  }
  Scanned in_env = Command("serve");
  in_env.spec.evaluation.env = {{"PORT", "8080"}, {"OTHER_PORT", "{port}"}};
  CHECK(
      in_env.Only().starts_with("evaluation.env.PORT is the fixed port 8080"));
}

TEST_CASE("what is no port is not taken for one") {
  for (const char* line :
       {"export REPORT=2024", "# localhost:8080", "import 8080", "report: 8080",
        "curl http://localhost:$COPPICE_PORT/", "http://example.org/port"}) {
    CAPTURE(line);
    CHECK(File(line).Only() == "");
  }
}

TEST_CASE("what the machine has once is named with its lock, once") {
  Scanned compose = Command("docker compose up -d && sh bench/run.sh");
  compose.tracked["bench/run.sh"] = "docker-compose exec app bench\n";
  CHECK(compose.Only() ==
        "evaluation.command uses docker compose, of which the machine has "
        "one; set evaluation.exclusive: [docker]");
  compose.spec.evaluation.exclusive = {"anything"};
  CHECK(compose.Run().empty());

  CHECK(Command("systemctl restart db").Only().find("[service]") !=
        std::string::npos);
  CHECK(Command("psql -c 'select 1'").Only().find("[postgres]") !=
        std::string::npos);
  Scanned cuda = File("model = model.to('cuda')\n");
  CHECK(cuda.Only().find("[gpu]") != std::string::npos);
  cuda.spec.evaluation.exclusive = {"cpu"};
  CHECK(cuda.Only().find("[gpu]") != std::string::npos);
  cuda.spec.evaluation.exclusive = {"cpu", "gpu"};
  CHECK(cuda.Run().empty());
}

TEST_CASE("a database is a finding only where slots would share it") {
  Scanned absolute = File("sqlite3 /var/lib/app/data.db 'select 1'\n");
  CHECK(absolute.Only().find("exclusive: [sqlite]") != std::string::npos);
  Scanned relative = File("db = sqlite3.connect('data/app.sqlite')\n");
  CHECK(relative.Only() == "");  // made by the evaluation itself
  relative.untracked = {"data/app.sqlite"};
  CHECK(relative.Only() ==
        "bench/run.sh:1 uses the database data/app.sqlite, which is not "
        "tracked; set evaluation.copy: [data/app.sqlite], one for each slot");
  relative.spec.evaluation.copy = {"data"};
  CHECK(relative.Run().empty());
}

TEST_CASE("the port of a slot counts as used where it is asked for") {
  Scanned none = Command("make bench");
  CHECK_FALSE(UsesPort(none.Input()));
  CHECK(UsesPort(Command("serve --port $COPPICE_PORT").Input()));
  CHECK(UsesPort(File("port = os.environ['COPPICE_PORT']\n").Input()));
  none.spec.evaluation.env = {{"PORT", "1{port}"}};
  CHECK(UsesPort(none.Input()));
}

TEST_CASE("a mutable file that prints the metric itself is found") {
  Scanned scanned;
  scanned.spec.metric.name = "val.loss";
  scanned.tracked = {{"train.py", "x = 1\nprint(f'val.loss: {x}')\n"},
                     {"model.py", "val_loss = 3\nlogits = val.loss\n"},
                     {"other.py", "print('valXloss: 3')\n"}};
  CHECK(
      PrintersOfMetric(scanned.Input(), {"model.py", "other.py", "train.py"}) ==
      std::vector<std::string>{"train.py:2"});
}

}  // namespace coppice::app

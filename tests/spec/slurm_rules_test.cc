#include "spec/slurm_rules.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "spec/samples.h"

namespace coppice::spec {
namespace {

const char* const kSlurm =
    "{mode: job, shared_dir: /shared, time: \"1:00:00\"}";

std::string Complaint(const std::string& slurm,
                      const std::string& backend = "slurm") {
  const Result<Loaded> loaded = Parse(
      kMinimal, {{"evaluation.backend", backend}, {"evaluation.slurm", slurm}});
  return loaded ? "" : loaded.error().Text();
}

TEST_CASE("time limits are read as sbatch reads them") {
  CHECK(SlurmSeconds("90") == 5400);
  CHECK(SlurmSeconds("90:30") == 5430);
  CHECK(SlurmSeconds("1:30:00") == 5400);
  CHECK(SlurmSeconds("2-12") == 2 * 86400 + 12 * 3600);
  CHECK(SlurmSeconds("2-12:30") == 2 * 86400 + 12 * 3600 + 30 * 60);
  CHECK(SlurmSeconds("2-12:30:05") == 2 * 86400 + 12 * 3600 + 30 * 60 + 5);
  CHECK(SlurmSeconds("UNLIMITED").value_or(0) > 1e9);
  for (const char* bad : {"", "1h", "1:2:3:4", "-1", "1--2", "1:", "x"}) {
    CAPTURE(bad);
    CHECK_FALSE(SlurmSeconds(bad).has_value());
  }
}

TEST_CASE("a cluster needs a directory that all of it sees") {
  CHECK(Complaint(kSlurm) == "");
  CHECK(Complaint("{mode: job}").find("needs evaluation.slurm.shared_dir") !=
        std::string::npos);
  CHECK(Complaint("{shared_dir: shared}").find("no absolute path") !=
        std::string::npos);
  CHECK(Complaint("{mode: job}", "local") == "");
}

TEST_CASE("values that sbatch would take for something else are refused") {
  for (const char* bad :
       {"{shared_dir: /s, partition: \"-x\"}",
        "{shared_dir: /s, partition: \"a b\"}", "{shared_dir: /s, time: soon}",
        "{shared_dir: /s, mem: lots}", "{shared_dir: /s, extra: [-p]}",
        "{shared_dir: /s, extra: [\"--array=1-9\"]}",
        "{shared_dir: /s, extra: [\"--export=ALL\"]}",
        "{shared_dir: /s, mode: allocation, gres: \"gpu:1\"}",
        "{shared_dir: /s, time: \"1\"}"}) {  // less than timeout_seconds
    CAPTURE(bad);
    CHECK(Complaint(bad).find("evaluation.slurm") != std::string::npos);
  }
  CHECK(Complaint("{shared_dir: /s, extra: [\"--qos=low\"], mem: 8G, gres: "
                  "\"gpu:2\"}") == "");
}

}  // namespace
}  // namespace coppice::spec

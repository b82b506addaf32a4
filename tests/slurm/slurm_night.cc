#include "slurm/slurm_night.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

namespace coppice::testing {
namespace {

constexpr int kNeedsUser = 5;

}  // namespace

std::string Gate::Script() const {
  return fmt::format(
      "if [ -e {0}/closed ]; then\n"
      "  echo $$ >>{0}/waiting\n"
      "  while [ -e {0}/closed ]; do sleep 0.1; done\n"
      "fi\n"
      "sed -n 's/^cost /cost: /p' app.txt\n",
      dir_.string());
}

void Gate::Close() const { WriteFile(dir_ / "closed", ""); }

void Gate::Open() const { std::filesystem::remove(dir_ / "closed"); }

int Gate::Came() const {
  if (!std::filesystem::exists(dir_ / "waiting")) return 0;
  const std::string lines = ReadFile(dir_ / "waiting");
  return static_cast<int>(std::ranges::count(lines, '\n'));
}

Night::Night(const std::string& mode,
             const std::function<void(Night&)>& furnish) {
  slurm.Join(repo);
  if (furnish) furnish(*this);
  // Every check leaves a line in the log that no other leaves.
  repo.Write("check.sh", "od -An -N8 -tx8 /dev/urandom | sed 's/^/drawn/'\n");
  repo.Write("measure.sh", gate.Script());
  repo.Write("coppice.yaml",
             TinySpec(slurm.Evaluation("sh measure.sh", mode) +
                      "  sandbox: none\n"
                      "checks: [sh check.sh]\n"
                      "search: {policy: greedy, num_drafts: 1, merge: 0}\n"
                      "parallel: {evaluations: 1}\n"
                      "budget: {max_nodes: 1, max_cost_usd: null}\n"));
  repo.Commit("spec");
  const Ran check = repo.Coppice("check");
  CAPTURE(check.out);
  CAPTURE(check.err);
  REQUIRE(check.exit == 0);
}

void Night::Begin() {
  gate.Close();
  search = repo.Start("run");
  AwaitMeasurement(1);
}

void Night::AwaitMeasurement(int count) {
  const bool waits = Eventually([&] { return gate.Came() >= count; });
  CAPTURE(repo.BackgroundOutput());
  REQUIRE(waits);
}

void Night::CheckEnd() {
  const int ended = TinyRepo::Wait(search);
  CAPTURE(repo.BackgroundOutput());
  CHECK(ended == 0);
  CHECK(repo.Sql("select count(*) from events where kind='evaluated' and "
                 "json_extract(body, '$.outcome') = 'improved'") == "1");
  const Ran verified = repo.Coppice("replay tiny --verify");
  CAPTURE(verified.out);
  CHECK(verified.exit == 0);
}

void Night::CheckPause(const std::string& words) {
  const int ended = TinyRepo::Wait(search);
  CAPTURE(repo.BackgroundOutput());
  CHECK(ended == kNeedsUser);
  const std::string pauses = Pauses();
  CAPTURE(pauses);
  CHECK(pauses.find(words) != std::string::npos);
  CHECK_FALSE(Scored());
}

bool Night::Logs(const std::string& words) {
  return ReadFile(repo.RunDir() / "coppice.log").find(words) !=
         std::string::npos;
}

std::string Night::Jobs() {
  return repo.Sql(
      "select json_extract(json_extract(body, '$.text'), '$.job') from "
      "events where kind='noted' and attempt=1 and json_extract(body, "
      "'$.kind') = 'slurm' and seq < (select coalesce(min(seq), 1000) from "
      "events where kind='sampled' and attempt=1)");
}

std::string Night::RunningJob() {
  std::string job;
  const bool runs = Eventually([&] {
    job = slurm.Slurm("squeue -h -r -t running -o %i").out;
    return !job.empty();
  });
  REQUIRE(runs);
  return job.substr(0, job.find('\n'));
}

std::string Night::NodeOfJob() {
  std::string node = slurm.Slurm("squeue -h -t running -o %N").out;
  return node.substr(0, node.find('\n'));
}

bool Night::Scored() {
  return repo.Sql(
             "select count(*) from events where kind in "
             "('evaluated', 'sampled') and attempt=1") != "0";
}

std::string Night::Pauses() {
  return repo.Sql(
      "select json_extract(body, '$.cause') || ': ' || json_extract(body, "
      "'$.detail') from events where kind='paused'");
}

}  // namespace coppice::testing

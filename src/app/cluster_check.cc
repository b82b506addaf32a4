#include "app/cluster_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/statvfs.h>

#include <cmath>
#include <set>

#include "base/text.h"
#include "eval/environment_facts.h"
#include "spec/slurm_rules.h"

namespace coppice::app {
namespace {

constexpr std::uint64_t kLeastRoom = std::uint64_t{256} << 20;
// Answers travel through files that are looked for twice a second.
constexpr double kClockSeconds = 30;

// One line of sinfo: partition|avail|nodes|state|cpus|memory|time limit.
struct PartitionLine {
  std::string name, avail, limit;
};

std::vector<PartitionLine> PartitionsOf(const std::string& text) {
  std::vector<PartitionLine> lines;
  for (std::string_view line : SplitLines(text)) {
    std::vector<std::string> fields;
    while (true) {
      const std::size_t bar = line.find('|');
      fields.emplace_back(Trim(line.substr(0, bar)));
      if (bar == line.npos) break;
      line.remove_prefix(bar + 1);
    }
    if (fields.size() == 7) {
      lines.push_back({fields[0], fields[1], fields[6]});
    }
  }
  return lines;
}

Error Unusable(std::string what, std::string next) {
  return Error{.code = ErrorCode::kCheck,
               .what = std::move(what),
               .next = std::move(next)};
}

Result<void> CheckRoom(const std::string& shared) {
  struct statvfs disk{};
  if (statvfs(shared.c_str(), &disk) != 0) return Ok();
  const std::uint64_t free =
      static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (free >= kLeastRoom) return Ok();
  Error error =
      Unusable(fmt::format("only {} MB are free in evaluation.slurm.shared_dir",
                           free >> 20),
               "make room there, or name another directory");
  error.where = shared;
  return error;
}

Result<void> CheckPartition(const spec::Spec& spec,
                            const std::vector<PartitionLine>& lines) {
  const spec::Slurm& slurm = spec.evaluation.slurm;
  if (lines.empty()) {
    return Unusable(
        slurm.partition
            ? fmt::format("Slurm knows no partition \"{}\"", *slurm.partition)
            : "Slurm has no partition",
        "evaluation.slurm.partition: one that `sinfo` lists");
  }
  const PartitionLine& line = lines.front();
  if (line.avail != "up") {
    return Unusable(fmt::format("partition {} is {}", line.name, line.avail),
                    "evaluation.slurm.partition: one that is up");
  }
  const auto limit = spec::SlurmSeconds(line.limit);
  const double wanted = slurm.time ? spec::SlurmSeconds(*slurm.time).value_or(0)
                                   : spec.evaluation.timeout_seconds;
  if (!limit || *limit >= wanted) return Ok();
  return Unusable(fmt::format("partition {} ends jobs after {}, and {} is {}",
                              line.name, line.limit,
                              slurm.time ? "evaluation.slurm.time"
                                         : "evaluation.timeout_seconds",
                              FormatDuration(wanted)),
                  "choose a partition with more time, or ask for less");
}

std::string NodeText(const Hello& hello) {
  const eval::EnvironmentFacts& e = hello.environment;
  return fmt::format("{} ({}, {} cores, {})", hello.host,
                     e.cpu.empty() ? "unknown processor" : e.cpu, e.cores,
                     e.kernel);
}

// A node's clock is known only up to the seconds that its word took to get
// here, so a difference of minutes is told in whole minutes.
double AsSurelyKnown(double seconds) {
  constexpr double kMinute = 60;
  return seconds < 2 * kMinute ? std::round(seconds)
                               : std::round(seconds / kMinute) * kMinute;
}

}  // namespace

Task<Result<void>> CheckCluster(const spec::Spec& spec) {
  eval::SlurmCluster cluster(spec.evaluation.slurm, "coppice-check");
  Result<std::string> said = co_await cluster.Describe();
  if (!said) {
    Error error = said.error();
    error.code = ErrorCode::kCheck;
    co_return error;
  }
  Result<void> fit = CheckPartition(spec, PartitionsOf(*said));
  if (!fit) co_return fit;
  co_return CheckRoom(*spec.evaluation.slurm.shared_dir);
}

std::vector<std::string> ClusterLines(const spec::Spec& spec,
                                      const Cluster& cluster) {
  const spec::Slurm& slurm = spec.evaluation.slurm;
  std::vector<std::string> lines{fmt::format(
      "{:<11}Slurm, partition {}, {}", "cluster",
      slurm.partition.value_or("(default)"),
      slurm.mode == "job" ? "a job an evaluation" : "steps of one allocation")};
  for (const auto& [host, hello] : cluster.nodes()) {
    lines.push_back(
        fmt::format("{:<11}the base ran on {}", "", NodeText(hello)));
  }
  if (!cluster.nodes().empty()) {
    lines.push_back(
        fmt::format("{:<11}noise is that of the nodes; what this machine does "
                    "beside has no part in it",
                    ""));
  }
  return lines;
}

std::vector<std::string> ClusterWarnings(const Cluster& cluster) {
  std::vector<std::string> warnings;
  std::set<std::string> processors;
  for (const auto& [host, hello] : cluster.nodes()) {
    processors.insert(hello.environment.cpu);
    const double ahead = cluster.ClockAhead(host);
    if (std::abs(ahead) > kClockSeconds) {
      warnings.push_back(fmt::format(
          "the clock of {} is about {} {} this machine's; no decision rests on "
          "it, but builds that compare times of files may err",
          host, FormatDuration(AsSurelyKnown(std::abs(ahead))),
          ahead > 0 ? "ahead of" : "behind"));
    }
  }
  if (processors.size() > 1) {
    warnings.push_back(fmt::format(
        "nodes have different processors ({}): times measured on them do not "
        "compare; name one kind by evaluation.slurm.partition or "
        "extra: [--constraint=...]",
        fmt::join(processors, "; ")));
  }
  return warnings;
}

}  // namespace coppice::app

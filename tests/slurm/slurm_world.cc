#include "slurm/slurm_world.h"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace coppice::testing {

SlurmWorld::SlurmWorld(int nodes, int cpus) {
  std::filesystem::create_directories(shared());
  Do(fmt::format("up {} {} {}", (temp_ / "slurm").string(), nodes, cpus));
}

SlurmWorld::~SlurmWorld() {
  Shell(fmt::format("{} down {}", COPPICE_SLURM_CLUSTER,
                    (temp_ / "slurm").string()),
        temp_.path());
}

void SlurmWorld::Do(const std::string& what) const {
  const Ran ran =
      Shell(fmt::format("{} {}", COPPICE_SLURM_CLUSTER, what), temp_.path());
  if (ran.exit != 0) {
    throw std::runtime_error("the cluster: " + ran.out + ran.err);
  }
}

void SlurmWorld::Join(TinyRepo& repo) const {
  repo.env()["SLURM_CONF"] = temp_ / "slurm" / "slurm.conf";
  repo.env()["COPPICE_SCRATCH"] = scratch();
}

std::string SlurmWorld::Evaluation(const std::string& command,
                                   const std::string& more) const {
  return fmt::format(
      "evaluation:\n"
      "  command: {}\n"
      "  backend: slurm\n"
      "  slurm: {{shared_dir: {}, poll_seconds: 1{}{}}}\n",
      command, shared().string(), more.empty() ? "" : ", ", more);
}

void SlurmWorld::Stop(const std::string& daemon) const {
  Do(fmt::format("stop {} {}", (temp_ / "slurm").string(), daemon));
}

void SlurmWorld::Start(const std::string& daemon) const {
  Do(fmt::format("start {} {}", (temp_ / "slurm").string(), daemon));
}

void SlurmWorld::Kill(const std::string& node) const {
  Do(fmt::format("down-node {} {}", (temp_ / "slurm").string(), node));
}

void SlurmWorld::Hide(const std::string& node) const {
  Stop(node);
  Do(fmt::format("hide {} {} {}", (temp_ / "slurm").string(), node,
                 shared().string()));
}

void SlurmWorld::Spoil(const std::string& node, const std::string& file) const {
  Stop(node);
  Do(fmt::format("spoil {} {} {}", (temp_ / "slurm").string(), node, file));
}

void SlurmWorld::Preload(const std::string& library) const {
  Do(fmt::format("preload {} {}", (temp_ / "slurm").string(), library));
}

void SlurmWorld::Forget() const {
  Do(fmt::format("forget {}", (temp_ / "slurm").string()));
}

Ran SlurmWorld::Slurm(const std::string& command) const {
  return Shell(command, temp_.path(),
               {{"SLURM_CONF", temp_ / "slurm" / "slurm.conf"}});
}

bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 1200; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return holds();
}

}  // namespace coppice::testing

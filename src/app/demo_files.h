#pragma once

#include <string>
#include <vector>

namespace coppice::app {

struct DemoFile {
  std::string path;
  std::string text;
};

// examples/hashtable, as compiled into the program.
const std::vector<DemoFile>& HashTableDemo();
// skills/coppice likewise.
const std::vector<DemoFile>& AgentSkill();

}  // namespace coppice::app

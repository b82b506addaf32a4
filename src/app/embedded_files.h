#pragma once

#include <string>
#include <vector>

namespace coppice::app {

// A text of the source tree as compiled into the program
// (cmake/embed_directory.cmake); the path is relative to its directory.
struct EmbeddedFile {
  std::string path;
  std::string text;
};

const std::vector<EmbeddedFile>& HashTableDemo();  // examples/hashtable
const std::vector<EmbeddedFile>& AgentSkill();     // skills/coppice
const std::vector<EmbeddedFile>& InitTemplates();  // configs/templates

}  // namespace coppice::app
